<?php

declare(strict_types=1);

namespace Countersign\Verify;

/** The verifier: whether a request that arrived is the one that was signed, and if not, why. */
final class Verifier
{
    private const DATE_HEADER = 'x-sdk-date';
    private const CONTENT_HEADER = 'x-sdk-content-sha256';
    private const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

    private Options $options;
    private \Closure $lookup;

    /**
     * @param callable(string $scheme, string $key): (string|iterable<string>|null) $lookup gives
     *        the secrets of a key: several while one replaces another, none where it is unknown
     */
    public function __construct(callable $lookup, ?Options $options = null)
    {
        $this->lookup = \Closure::fromCallable($lookup);
        $this->options = $options ?? new Options();
    }

    /** @throws Refused with the one reason why not */
    public function verify(Request $request, ?int $now = null): Verified
    {
        $headers = self::byName($request->headers);
        $claim = $this->readClaim($headers);
        $secrets = self::usable(($this->lookup)($claim->scheme, $claim->key));
        if ($secrets === []) {
            throw new Refused(
                Refused::UNKNOWN_KEY,
                'the verifier knows no secret for the key that the request names',
            );
        }
        if ($claim->scheme === 'Basic') {
            self::compare($claim, $secrets, static fn (string $secret): string => $secret);
            return new Verified($claim->key, $claim->scheme, false);
        }
        return $this->verifyHmac($request, $headers, $claim, $secrets, $now ?? time());
    }

    /** @param list<string> $secrets */
    private function verifyHmac(
        Request $request,
        array $headers,
        Claim $claim,
        array $secrets,
        int $now,
    ): Verified {
        $signed = $this->signedHeaders($headers, $claim);
        [$date, $signedAt] = $this->checkDate($signed, $now);
        $sentPayload = self::contentHeader($headers);
        $isSigned = $sentPayload !== self::UNSIGNED_PAYLOAD;
        if (!$isSigned && !$this->options->unsignedPayloadAllowed) {
            throw new Refused(
                Refused::UNSIGNED_PAYLOAD,
                'the signature does not cover the body, and this verifier asks that it does',
            );
        }
        $body = $isSigned ? $this->readBody($request) : null;
        $bodyHash = hash('sha256', $body ?? '');
        $payload = $sentPayload ?? $bodyHash;
        $canonical = Canonical::request($request->method, $request->target, $signed, $payload);
        $text = Canonical::stringToSign($date, $canonical);
        self::compare($claim, $secrets, static fn (string $secret): string =>
            hash_hmac('sha256', $text, $secret, true));
        if ($isSigned && strtolower($payload) !== $bodyHash) {
            throw new Refused(
                Refused::BODY_MISMATCH,
                'the body is not the one whose hash `' . self::CONTENT_HEADER . '` carries',
            );
        }
        $expiresAt = $signedAt + $this->options->clockSkewSecondsMax;
        $guard = $this->options->replayGuard;
        if ($guard !== null && !$guard($claim->key, bin2hex($claim->proof), $expiresAt)) {
            throw new Refused(Refused::REPLAYED, 'the signature was used before');
        }
        return new Verified($claim->key, $claim->scheme, $isSigned, $body);
    }

    /** @return array<string, list<string>> all values of each header, by its name in lower case */
    private static function byName(iterable $headers): array
    {
        $found = [];
        foreach ($headers as [$name, $value]) {
            $found[strtolower($name)][] = $value;
        }
        return $found;
    }

    private function readClaim(array $headers): Claim
    {
        $name = strtolower($this->options->signatureHeader);
        $values = $headers[$name] ?? [];
        if ($values === []) {
            throw new Refused(
                Refused::MISSING_AUTHORIZATION,
                "the request has no $name header; only requests through the gateway are accepted",
            );
        }
        $claim = count($values) === 1 ? Claim::parse($values[0]) : null;
        return $claim ?? throw new Refused(
            Refused::MALFORMED_AUTHORIZATION,
            "the $name header is sent twice, or is neither `SDK-HMAC-SHA256 Access=…, "
                . 'SignedHeaders=…, Signature=…` nor `Basic …`',
        );
    }

    /**
     * An empty secret, from a variable that is not set, would let everybody in.
     *
     * @return list<string>
     */
    private static function usable(mixed $secrets): array
    {
        $usable = [];
        foreach (is_iterable($secrets) ? $secrets : [$secrets ?? ''] as $secret) {
            if ($secret !== '') {
                $usable[] = $secret;
            }
        }
        return $usable;
    }

    /** @return list<array{string, string}> */
    private function signedHeaders(array $headers, Claim $claim): array
    {
        $signed = [];
        foreach ($claim->signedHeaders as $name) {
            $values = $headers[$name] ?? [];
            if (count($values) > 1) {
                throw self::repeated($name);
            }
            if ($values !== []) {
                $signed[] = [$name, $values[0]];
            } elseif ($name !== self::DATE_HEADER) { // whose absence has a reason of its own
                throw new Refused(
                    Refused::SIGNED_HEADER_MISSING,
                    "the header `$name` is among the signed headers, but the request does not carry it",
                );
            }
        }
        foreach (['host', ...$this->options->requiredHeaders] as $name) {
            if (!in_array(strtolower($name), $claim->signedHeaders, true)) {
                throw new Refused(
                    Refused::SIGNED_HEADER_MISSING,
                    "the header `$name` must be signed, but the signed headers do not name it",
                );
            }
        }
        return $signed;
    }

    /** @return array{string, int} the date as text and in Unix seconds */
    private function checkDate(array $signed, int $now): array
    {
        $value = array_column($signed, 1, 0)[self::DATE_HEADER] ?? null;
        if ($value === null) {
            throw new Refused(
                Refused::DATE_MISSING_OR_UNSIGNED,
                'the request carries no `' . self::DATE_HEADER . '`, or does not sign it',
            );
        }
        $date = Canonical::trim($value);
        $signedAt = Claim::parseDate($date) ?? throw new Refused(
            Refused::DATE_MALFORMED,
            'the `' . self::DATE_HEADER . '` is no moment in the form YYYYMMDDTHHMMSSZ',
        );
        $seconds = abs($signedAt - $now);
        $secondsMax = $this->options->clockSkewSecondsMax;
        if ($seconds > $secondsMax) {
            $side = $signedAt > $now ? 'ahead of this clock' : 'ago';
            throw new Refused(
                Refused::CLOCK_SKEW,
                "the request was signed $seconds s $side, more than the $secondsMax s allowed; "
                    . 'compare the clocks',
            );
        }
        return [$date, $signedAt];
    }

    private static function contentHeader(array $headers): ?string
    {
        $values = $headers[self::CONTENT_HEADER] ?? [];
        if (count($values) > 1) {
            throw self::repeated(self::CONTENT_HEADER);
        }
        return $values === [] ? null : Canonical::trim($values[0]);
    }

    private function readBody(Request $request): string
    {
        $bytesMax = $this->options->bodyBytesMax;
        $body = $request->body instanceof \Closure ? ($request->body)($bytesMax) : $request->body;
        if (strlen($body) > $bytesMax) {
            throw new Refused(Refused::BODY_TOO_LARGE, "the body is larger than $bytesMax bytes");
        }
        return $body;
    }

    /** @param list<string> $secrets */
    private static function compare(Claim $claim, array $secrets, callable $proofOf): void
    {
        foreach ($secrets as $secret) {
            if (hash_equals($proofOf($secret), $claim->proof)) {
                return;
            }
        }
        throw new Refused(
            Refused::SIGNATURE_MISMATCH,
            'the signature does not fit the request: the secret differs, or the method, path, '
                . 'query, a signed header or the body was changed on the way',
        );
    }

    private static function repeated(string $name): Refused
    {
        return new Refused(
            Refused::SIGNED_HEADER_REPEATED,
            "the header `$name` is sent twice, so it cannot be told which one was signed",
        );
    }
}

<?php
// The cases that every verifier is held to. Returns how many of them failed.

declare(strict_types=1);

use Countersign\Verify\Canonical;
use Countersign\Verify\Claim;
use Countersign\Verify\Options;
use Countersign\Verify\Refused;
use Countersign\Verify\Request;
use Countersign\Verify\Verifier;

/** One byte for each character below U+0100. */
function bytes(string $text): string
{
    $byte = static fn (array $found): string =>
        chr((ord($found[0][0]) & 3) << 6 | (ord($found[0][1]) & 0x3f));
    return preg_replace_callback('/[\xc2\xc3][\x80-\xbf]/', $byte, $text);
}

function pairs(array $case): array
{
    return array_map(static fn (array $pair): array => [$pair[0], bytes($pair[1])], $case['headers']);
}

function outcome(array $case, callable $lookup, string|Closure $body): array
{
    $named = [];
    foreach ($case['options'] as $name => $value) {
        $named[lcfirst(str_replace('_', '', ucwords($name, '_')))] = $value;
    }
    if (isset($case['options']['replay_guard_answers'])) {
        $answer = $named['replayGuardAnswers'];
        unset($named['replayGuardAnswers']);
        $named['replayGuard'] = static fn (): bool => $answer;
    }
    $request = new Request($case['method'], bytes($case['target']), pairs($case), $body);
    try {
        $verified = (new Verifier($lookup, new Options(...$named)))->verify($request, $case['now']);
    } catch (Refused $refused) {
        return ['refused' => $refused->reason()];
    }
    return [
        'key' => $verified->key,
        'payload_signed' => $verified->payloadSigned,
        'scheme' => $verified->scheme,
    ];
}

/** The texts on the way to the signature, from the parts that the claim names. */
function stages(array $case): array
{
    $values = [];
    foreach (pairs($case) as [$name, $value]) {
        $values[strtolower($name)] ??= $value;
    }
    $claim = Claim::parse($values[strtolower($case['options']['signature_header'] ?? 'authorization')]);
    $signed = array_map(static fn ($name): array => [$name, $values[$name]], $claim->signedHeaders);
    $hash = hash('sha256', base64_decode($case['body_b64']));
    $payload = $values['x-sdk-content-sha256'] ?? $hash;
    $canonical = Canonical::request($case['method'], bytes($case['target']), $signed, $payload);
    return [
        'canonical_request' => $canonical,
        'signature' => bin2hex($claim->proof),
        'string_to_sign' => Canonical::stringToSign(trim($values['x-sdk-date']), $canonical),
    ];
}

return (static function (): int {
    $file = json_decode(file_get_contents(__DIR__ . '/../../cases/cases.json'), true);
    $secrets = [];
    foreach ($file['keys'] as $entry) {
        $secrets[$entry['scheme'] . "\0" . $entry['key']] = $entry['secrets'];
    }
    $lookup = static fn (string $scheme, string $key) => $secrets["$scheme\0$key"] ?? null;
    $passed = $wanted = ['vector' => 0, 'accept' => 0, 'refuse' => 0];
    foreach ($file['cases'] as $case) {
        $wanted[$case['kind']]++;
        $body = base64_decode($case['body_b64']);
        $found = [
            outcome($case, $lookup, $body),
            outcome($case, $lookup, static fn (int $bytesMax): string => $body),
            isset($case['stages']) ? stages($case) : null,
        ];
        $stages = isset($case['stages']) ? array_map('bytes', $case['stages']) : null;
        if ($found === [$case['expected'], $case['expected'], $stages]) {
            $passed[$case['kind']]++;
        } else {
            echo "FAILED {$case['id']} ({$case['says']}): ", json_encode($found[0]), "\n";
        }
    }
    $tally = array_map(static fn (string $kind): string => "$passed[$kind]/$wanted[$kind]", array_keys($wanted));
    vprintf("CASES vectors=%s accepts=%s refusals=%s\n", $tally);
    return array_sum($wanted) - array_sum($passed) + ($wanted['refuse'] < 40 ? 1 : 0);
})();

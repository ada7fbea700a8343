<?php

declare(strict_types=1);

namespace Countersign\Verify;

/** The signature header and the date, read strictly. Never decides whether they are true. */
final class Claim
{
    private const FIELDS =
        '/\AAccess=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})\z/';
    private const NAME = '/\A[a-z0-9!#$%&\'*+\-.^_`|~]+\z/';
    private const DATE = '/\A([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z\z/';

    /** @param list<string> $signedHeaders */
    private function __construct(
        public string $scheme,
        public string $key,
        public string $proof,
        public array $signedHeaders = [],
    ) {
    }

    /** Reads a signature header in one of its two forms; anything else is null. */
    public static function parse(string $value): ?self
    {
        $value = Canonical::trim($value);
        if (!self::isUtf8($value)) {
            return null;
        }
        $length = strcspn($value, " \t");
        if ($length === strlen($value)) {
            return null;
        }
        $scheme = substr($value, 0, $length);
        $rest = Canonical::trim(substr($value, $length));
        return match (true) {
            $scheme === Canonical::ALGORITHM => self::parseHmac($rest),
            strtolower($scheme) === 'basic' => self::parseBasic($rest),
            default => null,
        };
    }

    /** The Unix seconds of `YYYYMMDDTHHMMSSZ`, where there is such a moment. */
    public static function parseDate(string $text): ?int
    {
        if (preg_match(self::DATE, $text, $found) !== 1) {
            return null;
        }
        [$year, $month, $day, $hour, $minute, $second] = array_map('intval', array_slice($found, 1));
        // PHP has no year 0, whose days are those of the year 400.
        if (!checkdate($month, $day, $year + 400) || $hour > 23 || $minute > 59 || $second > 59) {
            return null;
        }
        return self::days($year, $month, $day) * 86_400 + $hour * 3_600 + $minute * 60 + $second;
    }

    private static function parseHmac(string $text): ?self
    {
        if (preg_match(self::FIELDS, $text, $found) !== 1) {
            return null;
        }
        $names = explode(';', $found[2]);
        foreach ($names as $at => $name) {
            $isAscending = $at === 0 || strcmp($names[$at - 1], $name) < 0;
            if (!$isAscending || preg_match(self::NAME, $name) !== 1) {
                return null;
            }
        }
        $signature = (string) hex2bin($found[3]);
        return new self(Canonical::ALGORITHM, $found[1], $signature, $names);
    }

    private static function parseBasic(string $text): ?self
    {
        $credentials = base64_decode($text, true);
        // PHP forgives white space and stray bits; what is written again has none.
        if ($credentials === false || base64_encode($credentials) !== $text) {
            return null;
        }
        $parts = explode(':', $credentials, 2);
        if (count($parts) !== 2 || !self::isUtf8($parts[0])) {
            return null;
        }
        return new self('Basic', $parts[0], $parts[1]);
    }

    private static function isUtf8(string $text): bool
    {
        return preg_match('//u', $text) === 1;
    }

    /** Days since 1970, by a year that begins in March, so that the leap day comes last. */
    private static function days(int $year, int $month, int $day): int
    {
        $year += 400 - ($month <= 2 ? 1 : 0);
        $dayOfYear = intdiv(153 * (($month + 9) % 12) + 2, 5) + $day - 1;
        $leapDays = intdiv($year, 4) - intdiv($year, 100) + intdiv($year, 400);
        return $year * 365 + $leapDays + $dayOfYear - 719_468 - 146_097;
    }
}

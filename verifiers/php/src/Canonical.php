<?php

declare(strict_types=1);

namespace Countersign\Verify;

/** The canonical request and the string to sign. Never holds a secret. */
final class Canonical
{
    public const ALGORITHM = 'SDK-HMAC-SHA256';

    /** @param list<array{string, string}> $headers the signed ones, in lower case and ascending */
    public static function request(
        string $method,
        string $target,
        array $headers,
        string $payload,
    ): string {
        [$path, $query] = explode('?', $target, 2) + [1 => ''];
        $lines = '';
        foreach ($headers as [$name, $value]) {
            $lines .= $name . ':' . self::trim($value) . "\n";
        }
        $names = implode(';', array_column($headers, 0));
        $parts = [strtoupper($method), self::uri($path), self::query($query), $lines, $names];
        return implode("\n", [...$parts, $payload]);
    }

    public static function stringToSign(string $date, string $canonicalRequest): string
    {
        return implode("\n", [self::ALGORITHM, $date, hash('sha256', $canonicalRequest)]);
    }

    /** Without arguments of its own PHP would take NULs and vertical tabs too. */
    public static function trim(string $value): string
    {
        return trim($value, " \t\n\f\r");
    }

    private static function uri(string $path): string
    {
        $uri = str_replace('%2F', '/', rawurlencode(rawurldecode($path)));
        return str_ends_with($uri, '/') ? $uri : $uri . '/';
    }

    private static function query(string $query): string
    {
        $parameters = [];
        foreach (explode('&', $query) as $parameter) {
            [$name, $value] = explode('=', $parameter, 2) + [1 => ''];
            if ($name !== '') {
                $parameters[] = [rawurldecode($name), rawurldecode($value)];
            }
        }
        // By bytes: PHP would compare digits as numbers.
        usort($parameters, static fn (array $one, array $other): int =>
            strcmp($one[0], $other[0]) ?: strcmp($one[1], $other[1]));
        $written = static fn (array $pair): string =>
            rawurlencode($pair[0]) . '=' . rawurlencode($pair[1]);
        return implode('&', array_map($written, $parameters));
    }
}

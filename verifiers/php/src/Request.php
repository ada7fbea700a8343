<?php

declare(strict_types=1);

namespace Countersign\Verify;

/** A request as it arrived. */
final class Request
{
    /**
     * @param string $target path and query, nothing decoded
     * @param iterable<array{string, string}> $headers pairs in order, repeated ones repeated
     * @param string|\Closure(int $bytesMax): string $body bytes, or what reads them, which is
     *        called only if they are needed and all else is right
     */
    public function __construct(
        public string $method,
        public string $target,
        public iterable $headers,
        public string|\Closure $body = '',
    ) {
    }

    /** The request that PHP is answering. `php://input` can be read again afterwards. */
    public static function fromGlobals(): self
    {
        $read = static function (int $bytesMax): string {
            $input = fopen('php://input', 'rb');
            return (string) stream_get_contents($input, $bytesMax + 1);
        };
        return new self($_SERVER['REQUEST_METHOD'], $_SERVER['REQUEST_URI'], self::headers(), $read);
    }

    /**
     * A PSR-7 request. Its body is read from the beginning and rewound; one that cannot be
     * rewound is in `Verified::$body` afterwards.
     *
     * @param \Psr\Http\Message\RequestInterface $request
     */
    public static function fromPsr7(object $request): self
    {
        $headers = [];
        foreach ($request->getHeaders() as $name => $values) {
            foreach ($values as $value) {
                $headers[] = [(string) $name, $value];
            }
        }
        $read = static fn (int $bytesMax): string => self::readPsr7($request->getBody(), $bytesMax);
        return new self($request->getMethod(), $request->getRequestTarget(), $headers, $read);
    }

    /**
     * `$_SERVER` calls `X-User` and `X_User` alike: whoever adds the second to a request that signs
     * the first could make an application read what nobody signed. Where both came, each counts as
     * both.
     *
     * @return list<array{string, string}>
     */
    private static function headers(): array
    {
        $alike = [];
        foreach (PHP_SAPI === 'cli-server' ? self::serverHeaders() : getallheaders() as $name => $value) {
            $name = strtolower((string) $name);
            $alike[strtr($name, '_', '-')][] = [$name, $value];
        }
        $headers = [];
        foreach ($alike as $pairs) {
            foreach (array_unique(array_column($pairs, 0)) as $name) {
                foreach ($pairs as [, $value]) {
                    $headers[] = [$name, $value];
                }
            }
        }
        return $headers;
    }

    /**
     * What an application reads. PHP's own web server has freed, by the time `getallheaders` asks,
     * what it knew of a header that comes twice in different case (php-src, pull request 23721).
     */
    private static function serverHeaders(): iterable
    {
        foreach ($_SERVER as $name => $value) {
            if (str_starts_with($name, 'HTTP_')) {
                yield strtr(substr($name, 5), '_', '-') => $value;
            }
        }
    }

    private static function readPsr7(object $stream, int $bytesMax): string
    {
        if ($stream->isSeekable()) {
            $stream->rewind();
        }
        $body = '';
        while (!$stream->eof() && strlen($body) <= $bytesMax) {
            $body .= $stream->read(min(65_536, $bytesMax + 1 - strlen($body)));
        }
        if ($stream->isSeekable()) {
            $stream->rewind();
        }
        return $body;
    }
}

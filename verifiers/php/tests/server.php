<?php
// The sample server as a process, and what PHP's interfaces tell of a request. Returns how many
// checks failed.

declare(strict_types=1);

use Countersign\Verify\Canonical;
use Countersign\Verify\Request;
use Countersign\Verify\Verifier;

function signed(string $method, string $target, string $body, string $host): array
{
    $date = gmdate('Ymd\THis\Z');
    $headers = [['host', $host], ['x-sdk-date', $date]];
    $canonical = Canonical::request($method, $target, $headers, hash('sha256', $body));
    $signature = hash_hmac('sha256', Canonical::stringToSign($date, $canonical), 'signature_secret1');
    $names = 'SignedHeaders=host;x-sdk-date';
    $claim = "SDK-HMAC-SHA256 Access=signature_key1, $names, Signature=$signature";
    return [...$headers, ['authorization', $claim]];
}

/** Sends a request as it is, and gives the status and the answer. */
function exchange(string $host, string $start, array $headers, string $rest): array
{
    $socket = stream_socket_client("tcp://$host", $code, $message, 10);
    $lines = implode('', array_map(static fn ($pair): string => "$pair[0]: $pair[1]\r\n", $headers));
    fwrite($socket, "$start HTTP/1.1\r\nConnection: close\r\n$lines$rest");
    [$head, $answer] = explode("\r\n\r\n", stream_get_contents($socket), 2);
    return [(int) explode(' ', $head)[1], json_decode($answer, true)];
}

/** A PSR-7 stream, as far as a verifier needs one. */
final class Stream
{
    private int $at = 0;

    public function __construct(private string $bytes)
    {
    }

    public function isSeekable(): bool
    {
        return true;
    }

    public function rewind(): void
    {
        $this->at = 0;
    }

    public function eof(): bool
    {
        return $this->at >= strlen($this->bytes);
    }

    public function read(int $length): string
    {
        $piece = substr($this->bytes, $this->at, min($length, 2));
        $this->at += strlen($piece);
        return $piece;
    }
}

return (static function (): int {
    $failed = 0;
    $check = static function (string $what, mixed $found, mixed $wanted) use (&$failed): void {
        if ($found !== $wanted) {
            $failed++;
            echo "FAILED $what: ", json_encode($found), ' instead of ', json_encode($wanted), "\n";
        }
    };
    $file = tempnam(sys_get_temp_dir(), 'secret');
    file_put_contents($file, "signature_secret1\n");
    $command = [PHP_BINARY, __DIR__ . '/../sample-server.php', '--port', '0', '--key', 'signature_key1'];
    $server = proc_open([...$command, '--secret-file', $file], [1 => ['pipe', 'w'], 2 => ['file', '/dev/null', 'w']], $pipes);
    $host = trim(substr((string) fgets($pipes[1]), strlen('listening on ')));

    foreach (['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND'] as $method) {
        foreach (['/', '//a//b', '/a%2Fb%zz?x=+%20&&=y&x', '/a.css/b.php?q'] as $target) {
            $headers = signed($method, $target, '', $host);
            [$status, $answer] = exchange($host, "$method $target", $headers, "\r\n");
            $check("$method $target", [$status, $answer['target'] ?? $answer], [200, $target]);
        }
    }
    $body = str_repeat("a\0\xff\n", 262_144);
    $form = [['content-type', 'multipart/form-data; boundary=x']];
    foreach ([[], $form] as $more) {
        $headers = [...signed('POST', '/', $body, $host), ...$more];
        [$status, $answer] = exchange($host, 'POST /', $headers, "Content-Length: 1048576\r\n\r\n$body");
        $check('a large body', [$status, $answer['body_bytes'] ?? $answer], [200, 1_048_576]);
    }
    $chunks = "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
    [$status, $answer] = exchange($host, 'POST /', signed('POST', '/', 'abc', $host), $chunks);
    $check('chunks', [$status, $answer['body_bytes'] ?? $answer], [200, 3]);
    [$status, $answer] = exchange($host, 'GET /b', signed('GET', '/a', '', $host), "\r\n");
    $check('another path', [$status, $answer['reason']], [401, 'SIGNATURE_MISMATCH']);
    // An application reads these as the headers that are signed, so they are refused.
    foreach (['X_Sdk_Date: x', 'HOST: x', 'host: x', 'x-sdk-date: x', 'AUTHORIZATION: x'] as $line) {
        [$status, $answer] = exchange($host, 'GET /', signed('GET', '/', '', $host), "$line\r\n\r\n");
        $check("a second $line", [$status, $answer['verified']], [401, false]);
    }
    $unsigned = "X-Other: a\r\nX_Other: b\r\nx-other: c\r\n\r\n";
    [$status] = exchange($host, 'GET /', signed('GET', '/', '', $host), $unsigned);
    $check('headers that are not signed', $status, 200);
    proc_terminate($server);
    proc_close($server);
    unlink($file);

    $psr7 = new class (new Stream('abcdef')) {
        public function __construct(private Stream $body)
        {
        }

        public function getMethod(): string
        {
            return 'POST';
        }

        public function getRequestTarget(): string
        {
            return '/a?b=%20';
        }

        public function getHeaders(): array
        {
            $signed = signed('POST', '/a?b=%20', 'abcdef', 'backend');
            return array_map(static fn (array $pair): array => [$pair[1]], array_column($signed, null, 0));
        }

        public function getBody(): Stream
        {
            return $this->body;
        }
    };
    $verifier = new Verifier(static fn (): string => 'signature_secret1');
    $check('PSR-7', $verifier->verify(Request::fromPsr7($psr7))->key, 'signature_key1');
    $check('a PSR-7 body stays readable', $psr7->getBody()->read(2), 'ab');
    foreach ([null, '', [], ['']] as $none) {
        try {
            (new Verifier(static fn () => $none))->verify(Request::fromPsr7($psr7));
            $check('no secret', 'verified', 'refused');
        } catch (Countersign\Verify\Refused $refused) {
            $check('no secret', $refused->reason(), 'UNKNOWN_KEY');
        }
    }
    return $failed;
})();

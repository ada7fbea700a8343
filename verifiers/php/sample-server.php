<?php
// A sample backend on PHP's own web server: verifies every request, and answers with what it saw
// or with the reason.
//
//     php sample-server.php --port 9000 --key signature_key1 --secret-file secret

declare(strict_types=1);

require __DIR__ . '/autoload.php';

use Countersign\Verify\Options;
use Countersign\Verify\Refused;
use Countersign\Verify\Request;
use Countersign\Verify\Verified;
use Countersign\Verify\Verifier;

if (PHP_SAPI === 'cli-server') {
    answer();
} else {
    start();
}

/** Becomes PHP's web server, which runs this file again for each request. */
function start(): void
{
    $given = getopt('', ['port:', 'key:', 'secret-file:', 'allow-unsigned-payload']);
    if (!isset($given['key'], $given['secret-file']) || !is_readable($given['secret-file'])) {
        fwrite(STDERR, "usage: php sample-server.php --key KEY --secret-file FILE [--port PORT]\n");
        exit(2);
    }
    $address = '127.0.0.1:' . (((int) ($given['port'] ?? 9000)) ?: freePort());
    if (pcntl_fork() === 0) {
        tellWhenReady($address);
        exit(0);
    }
    pcntl_exec(PHP_BINARY, ['-q', '-d', 'enable_post_data_reading=0', '-S', $address, __FILE__], [
        'SAMPLE_KEY' => $given['key'],
        'SAMPLE_SECRET_FILE' => realpath($given['secret-file']),
        'SAMPLE_ALLOW_UNSIGNED' => isset($given['allow-unsigned-payload']) ? '1' : '',
    ]);
}

function freePort(): int
{
    $socket = stream_socket_server('tcp://127.0.0.1:0');
    return (int) substr(strrchr(stream_socket_get_name($socket, false), ':'), 1);
}

function tellWhenReady(string $address): void
{
    for ($tries = 0; $tries < 500; $tries++) {
        if (@stream_socket_client("tcp://$address") !== false) {
            echo "listening on $address\n";
            return;
        }
        usleep(20_000);
    }
}

function answer(): void
{
    // One line end at the end of the file is no part of the secret.
    $secret = preg_replace('/\r?\n\z/', '', file_get_contents(getenv('SAMPLE_SECRET_FILE')));
    $lookup = static fn (string $scheme, string $key): ?string =>
        $key === getenv('SAMPLE_KEY') ? $secret : null;
    $options = new Options(unsignedPayloadAllowed: getenv('SAMPLE_ALLOW_UNSIGNED') === '1');
    $request = Request::fromGlobals();
    try {
        $answer = seen($request, (new Verifier($lookup, $options))->verify($request));
    } catch (Refused $refused) {
        http_response_code($refused->status());
        $answer = $refused;
    }
    header('Content-Type: application/json');
    echo json_encode($answer, JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE), "\n";
}

/** Reads the body as if nobody had. */
function seen(Request $request, Verified $verified): array
{
    $body = file_get_contents('php://input');
    $shown = static fn (array $pair): array =>
        [$pair[0], preg_match('/\A\s*basic\s/i', $pair[1]) === 1 ? 'Basic (redacted)' : $pair[1]];
    return [
        'verified' => true,
        'key' => $verified->key,
        'scheme' => $verified->scheme,
        'payload_signed' => $verified->payloadSigned,
        'method' => $request->method,
        'target' => $request->target,
        'headers' => array_map($shown, $request->headers),
        'body_bytes' => strlen($body),
        'body_sha256' => hash('sha256', $body),
    ];
}

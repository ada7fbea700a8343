<?php
// The README's program, run as it stands there, with an autoloader in Composer's place. Returns how
// many checks failed.

declare(strict_types=1);

return (static function (): int {
    $folder = sys_get_temp_dir() . '/countersign-' . bin2hex(random_bytes(8));
    mkdir("$folder/vendor", 0700, true);
    preg_match('/^```php\n(.*?)^```$/ms', file_get_contents(__DIR__ . '/../README.md'), $found);
    file_put_contents("$folder/index.php", $found[1]);
    $autoload = var_export(realpath(__DIR__ . '/../autoload.php'), true);
    file_put_contents("$folder/vendor/autoload.php", "<?php require $autoload;\n");

    $socket = stream_socket_server('tcp://127.0.0.1:0');
    $host = stream_socket_get_name($socket, false);
    fclose($socket);
    $silent = ['file', '/dev/null', 'w'];
    $server = proc_open([PHP_BINARY, '-S', $host, 'index.php'], [1 => $silent, 2 => $silent], $pipes, $folder);
    set_error_handler(static fn (): bool => true);
    for ($tries = 0; $tries < 500 && stream_socket_client("tcp://$host") === false; $tries++) {
        usleep(20_000);
    }
    restore_error_handler();

    $target = '/orders?id=7&name=a%20b';
    $headers = signed('POST', $target, 'body', $host);
    $failed = 0;
    foreach (['body' => [200, 'hello, signature_key1'], 'bodx' => [401, 'SIGNATURE_MISMATCH']] as $body => $wanted) {
        $client = stream_socket_client("tcp://$host");
        $lines = implode('', array_map(static fn ($pair): string => "$pair[0]: $pair[1]\r\n", $headers));
        fwrite($client, "POST $target HTTP/1.1\r\nConnection: close\r\n{$lines}Content-Length: 4\r\n\r\n$body");
        $answer = stream_get_contents($client);
        if (!str_contains($answer, " $wanted[0] ") || !str_contains($answer, $wanted[1])) {
            $failed++;
            echo "FAILED the README's program with $body: $answer\n";
        }
    }
    proc_terminate($server);
    proc_close($server);
    array_map('unlink', ["$folder/index.php", "$folder/vendor/autoload.php"]);
    array_map('rmdir', ["$folder/vendor", $folder]);
    return $failed;
})();

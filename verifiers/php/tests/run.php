<?php
// Runs all tests; the status is 1 if one fails. They need nothing but PHP.

declare(strict_types=1);

// A notice is a failure too.
set_error_handler(static function (int $level, string $message, string $file, int $line): bool {
    throw new ErrorException($message, 0, $level, $file, $line);
});

require __DIR__ . '/../autoload.php';

$failed = require __DIR__ . '/cases.php';
$failed += require __DIR__ . '/server.php';
$failed += require __DIR__ . '/readme.php';
$failed += require __DIR__ . '/globals.php';
exit($failed === 0 ? 0 : 1);

<?php
// `Request::fromGlobals` where the server tells headers as Apache does. Returns how many checks failed.

declare(strict_types=1);

namespace Countersign\Verify;

/** Stands in for PHP's, which the command line has not. */
function getallheaders(): array
{
    return $GLOBALS['headers'];
}

return (static function (): int {
    $outcome = static function (array $more): string {
        $_SERVER = ['REQUEST_METHOD' => 'GET', 'REQUEST_URI' => '/'] + $_SERVER;
        $GLOBALS['headers'] = array_column(\signed('GET', '/', '', 'backend'), 1, 0) + $more;
        try {
            $verifier = new Verifier(static fn (): string => 'signature_secret1');
            return $verifier->verify(Request::fromGlobals())->key;
        } catch (Refused $refused) {
            return $refused->reason();
        }
    };
    $wanted = [
        [[], 'signature_key1'],
        [['X-Other' => 'a', 'X_Other' => 'b', '7' => 'c'], 'signature_key1'],
        [['X_Sdk_Date' => 'x'], 'SIGNED_HEADER_REPEATED'],
        [['X-Sdk_Date' => 'x'], 'SIGNED_HEADER_REPEATED'],
        [['Host' => 'x'], 'SIGNED_HEADER_REPEATED'],
        [['X_SDK_CONTENT_SHA256' => 'UNSIGNED-PAYLOAD'], 'signature_key1'],
    ];
    $failed = 0;
    foreach ($wanted as [$more, $reason]) {
        if ($outcome($more) !== $reason) {
            $failed++;
            echo 'FAILED ', json_encode($more), ': ', $outcome($more), " instead of $reason\n";
        }
    }
    return $failed;
})();

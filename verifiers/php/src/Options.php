<?php

declare(strict_types=1);

namespace Countersign\Verify;

/** What a verifier insists on; `verifiers/README.md` explains each. */
final class Options
{
    /**
     * @param list<string> $requiredHeaders
     * @param (callable(string $key, string $signature, int $expiresAt): bool)|null $replayGuard
     *        says whether the signature is new
     */
    public function __construct(
        public string $signatureHeader = 'authorization',
        public int $clockSkewSecondsMax = 900,
        public array $requiredHeaders = [],
        public bool $unsignedPayloadAllowed = false,
        public int $bodyBytesMax = 12 * 1024 * 1024,
        public $replayGuard = null,
    ) {
    }
}

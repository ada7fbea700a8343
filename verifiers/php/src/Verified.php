<?php

declare(strict_types=1);

namespace Countersign\Verify;

/** Who signed a request. */
final class Verified
{
    /**
     * @param string $scheme `SDK-HMAC-SHA256` or `Basic`
     * @param bool $payloadSigned whether the signature covers the body; never for Basic
     * @param string|null $body the body where it was read to be hashed
     */
    public function __construct(
        public string $key,
        public string $scheme,
        public bool $payloadSigned,
        public ?string $body = null,
    ) {
    }
}

<?php

declare(strict_types=1);

namespace Countersign\Verify;

/**
 * The request is not to be trusted, for exactly one reason, a name that scripts may rely on.
 * Never carries a secret, nor the signature that would have been right.
 */
final class Refused extends \Exception implements \JsonSerializable
{
    /** In the order in which they are looked for. */
    public const MISSING_AUTHORIZATION = 'MISSING_AUTHORIZATION';
    public const MALFORMED_AUTHORIZATION = 'MALFORMED_AUTHORIZATION';
    public const UNKNOWN_KEY = 'UNKNOWN_KEY';
    public const SIGNED_HEADER_MISSING = 'SIGNED_HEADER_MISSING';
    public const SIGNED_HEADER_REPEATED = 'SIGNED_HEADER_REPEATED';
    public const DATE_MISSING_OR_UNSIGNED = 'DATE_MISSING_OR_UNSIGNED';
    public const DATE_MALFORMED = 'DATE_MALFORMED';
    public const CLOCK_SKEW = 'CLOCK_SKEW';
    public const UNSIGNED_PAYLOAD = 'UNSIGNED_PAYLOAD';
    public const BODY_TOO_LARGE = 'BODY_TOO_LARGE';
    public const SIGNATURE_MISMATCH = 'SIGNATURE_MISMATCH';
    public const BODY_MISMATCH = 'BODY_MISMATCH';
    public const REPLAYED = 'REPLAYED';

    public function __construct(private string $reason, string $message)
    {
        parent::__construct($message);
    }

    public function reason(): string
    {
        return $this->reason;
    }

    /** The HTTP status to answer with. */
    public function status(): int
    {
        return $this->reason === self::BODY_TOO_LARGE ? 413 : 401;
    }

    /** The body to answer with. */
    public function jsonSerialize(): array
    {
        $message = $this->getMessage();
        return ['verified' => false, 'reason' => $this->reason, 'message' => $message];
    }
}

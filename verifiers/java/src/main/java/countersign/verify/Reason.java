package countersign.verify;

/** Why a request is refused, in the order in which it is looked for. The names are stable. */
public enum Reason {
    MISSING_AUTHORIZATION,
    MALFORMED_AUTHORIZATION,
    UNKNOWN_KEY,
    SIGNED_HEADER_MISSING,
    SIGNED_HEADER_REPEATED,
    DATE_MISSING_OR_UNSIGNED,
    DATE_MALFORMED,
    CLOCK_SKEW,
    UNSIGNED_PAYLOAD,
    BODY_TOO_LARGE,
    SIGNATURE_MISMATCH,
    BODY_MISMATCH,
    REPLAYED
}

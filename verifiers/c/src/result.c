/* What came out, in words. Never carries a secret, nor the signature that would have been right. */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *countersign_reason_text(countersign_reason reason) {
    switch (reason) {
    case COUNTERSIGN_FAILED: return "FAILED";
    case COUNTERSIGN_VERIFIED: return "VERIFIED";
    case COUNTERSIGN_MISSING_AUTHORIZATION: return "MISSING_AUTHORIZATION";
    case COUNTERSIGN_MALFORMED_AUTHORIZATION: return "MALFORMED_AUTHORIZATION";
    case COUNTERSIGN_UNKNOWN_KEY: return "UNKNOWN_KEY";
    case COUNTERSIGN_SIGNED_HEADER_MISSING: return "SIGNED_HEADER_MISSING";
    case COUNTERSIGN_SIGNED_HEADER_REPEATED: return "SIGNED_HEADER_REPEATED";
    case COUNTERSIGN_DATE_MISSING_OR_UNSIGNED: return "DATE_MISSING_OR_UNSIGNED";
    case COUNTERSIGN_DATE_MALFORMED: return "DATE_MALFORMED";
    case COUNTERSIGN_CLOCK_SKEW: return "CLOCK_SKEW";
    case COUNTERSIGN_UNSIGNED_PAYLOAD: return "UNSIGNED_PAYLOAD";
    case COUNTERSIGN_BODY_TOO_LARGE: return "BODY_TOO_LARGE";
    case COUNTERSIGN_SIGNATURE_MISMATCH: return "SIGNATURE_MISMATCH";
    case COUNTERSIGN_BODY_MISMATCH: return "BODY_MISMATCH";
    case COUNTERSIGN_REPLAYED: return "REPLAYED";
    }
    return "FAILED";
}

const char *countersign_scheme_text(countersign_scheme scheme) {
    switch (scheme) {
    case COUNTERSIGN_SCHEME_HMAC: return ALGORITHM;
    case COUNTERSIGN_SCHEME_BASIC: return "Basic";
    case COUNTERSIGN_SCHEME_NONE: break;
    }
    return "";
}

void cs_result_failed(countersign_result *result, const char *what) {
    memset(result, 0, sizeof *result);
    result->http_status = 500;
    (void)snprintf(result->message, sizeof result->message, "%s", what);
}

void cs_result_refused(countersign_result *result, countersign_reason reason, const char *format, ...) {
    memset(result, 0, sizeof *result);
    result->reason = reason;
    result->http_status = reason == COUNTERSIGN_BODY_TOO_LARGE ? 413 : 401;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(result->message, sizeof result->message, format, arguments);
    va_end(arguments);
}

void cs_result_verified(countersign_result *result, countersign_scheme scheme, countersign_bytes key,
                     bool payload_signed) {
    memset(result, 0, sizeof *result);
    result->reason = COUNTERSIGN_VERIFIED;
    result->http_status = 200;
    result->scheme = scheme;
    result->payload_signed = payload_signed;
    result->key_length = key.length;
    if (key.length > 0) {
        memcpy(result->key, key.data, key.length);
    }
}

size_t countersign_refusal_json(const countersign_result *result, char *buffer, size_t size) {
    char escaped[6 * COUNTERSIGN_MESSAGE_BYTES_MAX + 1];
    size_t used = 0;
    for (const char *byte = result->message; *byte != '\0'; byte++) {
        if (*byte == '"' || *byte == '\\') {
            escaped[used++] = '\\';
            escaped[used++] = *byte;
        } else if ((unsigned char)*byte < 0x20 || (unsigned char)*byte >= 0x7F) {
            /* Only what a caller configured can be no ASCII; each byte is shown as one character. */
            used += (size_t)snprintf(escaped + used, 7, "\\u%04x", (unsigned int)(unsigned char)*byte);
        } else {
            escaped[used++] = *byte;
        }
    }
    escaped[used] = '\0';
    int written = snprintf(buffer, size,
                           "{\n  \"verified\": false,\n  \"reason\": \"%s\",\n  \"message\": \"%s\"\n}\n",
                           countersign_reason_text(result->reason), escaped);
    return written > 0 && (size_t)written < size ? (size_t)written : 0;
}

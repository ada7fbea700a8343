/* What a request that is signed by HMAC must keep to before its body is looked at. */
#include "verification.h"

#include <string.h>

/* As much of a name as fits into a message, for `%.*s`. */
static int shown(countersign_bytes name) {
    return name.length > 64 ? 64 : (int)name.length;
}

static bool refuse_repeated(cs_inquiry *inquiry, countersign_bytes name) {
    cs_result_refused(inquiry->result, COUNTERSIGN_SIGNED_HEADER_REPEATED,
                   "the header `%.*s` is sent twice, so it cannot be told which one was signed",
                   shown(name), name.data);
    return false;
}

static bool is_signed(const cs_inquiry *inquiry, countersign_bytes wanted) {
    countersign_bytes names = inquiry->claim.names;
    countersign_bytes name;
    bool is_over = false;
    while (cs_next_part(&names, &is_over, ';', &name)) {
        if (cs_compare_names(name, wanted) == 0) {
            return true;
        }
    }
    return false;
}

static bool require_signed(cs_inquiry *inquiry, const char *name) {
    if (is_signed(inquiry, countersign_text(name))) {
        return true;
    }
    cs_result_refused(inquiry->result, COUNTERSIGN_SIGNED_HEADER_MISSING,
                   "the header `%.64s` must be signed, but the signed headers do not name it", name);
    return false;
}

bool cs_check_signed_headers(cs_inquiry *inquiry) {
    countersign_bytes names = inquiry->claim.names;
    countersign_bytes name;
    bool is_over = false;
    while (cs_next_part(&names, &is_over, ';', &name)) {
        const countersign_header *header = NULL;
        size_t count = cs_headers_find(&inquiry->headers, name, &header);
        if (count > 1) {
            return refuse_repeated(inquiry, name);
        }
        /* The date's absence has a reason of its own. */
        if (count == 0 && !cs_equal(name, countersign_text(DATE_HEADER))) {
            cs_result_refused(inquiry->result, COUNTERSIGN_SIGNED_HEADER_MISSING,
                           "the header `%.*s` is among the signed headers, but the request does not "
                           "carry it",
                           shown(name), name.data);
            return false;
        }
    }
    if (!require_signed(inquiry, "host")) {
        return false;
    }
    const char *const *required = inquiry->options->required_headers;
    for (; required != NULL && *required != NULL; required++) {
        if (!require_signed(inquiry, *required)) {
            return false;
        }
    }
    return true;
}

bool cs_check_date(cs_inquiry *inquiry) {
    countersign_bytes name = countersign_text(DATE_HEADER);
    const countersign_header *header = NULL;
    if (!is_signed(inquiry, name) || cs_headers_find(&inquiry->headers, name, &header) == 0) {
        cs_result_refused(inquiry->result, COUNTERSIGN_DATE_MISSING_OR_UNSIGNED,
                       "the request carries no `" DATE_HEADER "`, or does not sign it");
        return false;
    }
    countersign_bytes date = cs_trimmed(header->value);
    int64_t signed_at = 0;
    if (!cs_date_parse(date, &signed_at)) {
        cs_result_refused(inquiry->result, COUNTERSIGN_DATE_MALFORMED,
                       "the `" DATE_HEADER "` is no moment in the form YYYYMMDDTHHMMSSZ");
        return false;
    }
    bool is_ahead = signed_at > inquiry->now;
    uint64_t earlier = (uint64_t)(is_ahead ? inquiry->now : signed_at);
    uint64_t later = (uint64_t)(is_ahead ? signed_at : inquiry->now);
    uint32_t seconds_max = inquiry->options->clock_skew_seconds_max;
    if (later - earlier > seconds_max) {
        cs_result_refused(inquiry->result, COUNTERSIGN_CLOCK_SKEW,
                       "the request was signed %llu s %s, more than the %lu s allowed; compare the clocks",
                       (unsigned long long)(later - earlier), is_ahead ? "ahead of this clock" : "ago",
                       (unsigned long)seconds_max);
        return false;
    }
    memcpy(inquiry->verification->date, date.data, DATE_BYTES);
    inquiry->verification->expires_at = signed_at + seconds_max;
    return true;
}

bool cs_check_payload(cs_inquiry *inquiry, countersign_bytes *payload) {
    countersign_verification *verification = inquiry->verification;
    countersign_bytes name = countersign_text(CONTENT_HEADER);
    const countersign_header *header = NULL;
    size_t count = cs_headers_find(&inquiry->headers, name, &header);
    if (count > 1) {
        return refuse_repeated(inquiry, name);
    }
    verification->needs_body = true;
    if (count == 0) {
        return true;
    }
    *payload = cs_trimmed(header->value);
    verification->is_payload_sent = true;
    verification->needs_body = !cs_equal(*payload, countersign_text(UNSIGNED_PAYLOAD));
    if (!verification->needs_body && !inquiry->options->unsigned_payload_allowed) {
        cs_result_refused(inquiry->result, COUNTERSIGN_UNSIGNED_PAYLOAD,
                       "the signature does not cover the body, and this verifier asks that it does");
        return false;
    }
    verification->is_payload_hash = payload->length == HEX_BYTES;
    for (size_t at = 0; verification->is_payload_hash && at < HEX_BYTES; at++) {
        verification->payload[at] = cs_lower(payload->data[at]);
    }
    return true;
}

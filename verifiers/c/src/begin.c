/* The first half: all that can be refused without the body, in the order of the reasons. Afterwards the
 * request itself is needed no more. */
#include "verification.h"

#include <stdlib.h>
#include <string.h>

void countersign_options_init(countersign_options *options, countersign_lookup lookup,
                              void *lookup_context) {
    memset(options, 0, sizeof *options);
    options->lookup = lookup;
    options->lookup_context = lookup_context;
    options->signature_header = "authorization";
    options->clock_skew_seconds_max = 900;
    options->body_bytes_max = (size_t)12 * 1024 * 1024;
}

static bool fail(countersign_result *result, const char *what) {
    cs_result_failed(result, what);
    return false;
}

static bool read_claim(cs_inquiry *inquiry) {
    const char *name = inquiry->options->signature_header;
    const countersign_header *header = NULL;
    size_t count = cs_headers_find(&inquiry->headers, countersign_text(name), &header);
    if (count == 0) {
        cs_result_refused(inquiry->result, COUNTERSIGN_MISSING_AUTHORIZATION,
                       "the request has no %.64s header; only requests through the gateway are accepted",
                       name);
        return false;
    }
    cs_claim_outcome outcome = count == 1 ? cs_claim_parse(header->value, &inquiry->claim) : CLAIM_MALFORMED;
    if (outcome == CLAIM_NO_MEMORY) {
        return fail(inquiry->result, "there is no memory for the credentials");
    }
    if (outcome == CLAIM_MALFORMED) {
        cs_result_refused(inquiry->result, COUNTERSIGN_MALFORMED_AUTHORIZATION,
                       "the %.64s header is sent twice, or is neither `" ALGORITHM
                       " Access=..., SignedHeaders=..., Signature=...` nor `Basic ...`",
                       name);
        return false;
    }
    return true;
}

static bool find_secrets(cs_inquiry *inquiry) {
    const countersign_options *options = inquiry->options;
    countersign_secrets *secrets = &inquiry->verification->secrets;
    secrets->crypto = options->crypto;
    secrets->scheme = inquiry->claim.scheme;
    countersign_bytes key = inquiry->claim.key;
    bool is_askable = key.length <= COUNTERSIGN_KEY_BYTES_MAX;
    if (is_askable && !options->lookup(options->lookup_context, secrets->scheme, key, secrets)) {
        return fail(inquiry->result, "the secrets of the key could not be looked up");
    }
    if (secrets->has_failed) {
        return fail(inquiry->result, "the secrets of the key are too many, or could not be hashed");
    }
    if (secrets->count == 0) {
        cs_result_refused(inquiry->result, COUNTERSIGN_UNKNOWN_KEY,
                       "the verifier knows no secret for the key that the request names");
        return false;
    }
    return true;
}

static bool check_password(cs_inquiry *inquiry) {
    const countersign_secrets *secrets = &inquiry->verification->secrets;
    unsigned char digest[DIGEST_BYTES];
    if (!cs_sha256(secrets->crypto, inquiry->claim.password, digest)) {
        return fail(inquiry->result, "the password could not be hashed");
    }
    bool is_known = false;
    for (size_t at = 0; at < secrets->count; at++) {
        is_known = cs_equal_in_constant_time(secrets->keys[at], digest, DIGEST_BYTES) || is_known;
    }
    cs_wipe(digest, sizeof digest);
    if (!is_known) {
        cs_result_refused(inquiry->result, COUNTERSIGN_SIGNATURE_MISMATCH,
                       "the signature does not fit the request: the secret differs");
        return false;
    }
    return true;
}

static bool begin_hashes(cs_inquiry *inquiry, countersign_bytes payload) {
    countersign_verification *verification = inquiry->verification;
    const countersign_crypto *crypto = verification->options.crypto;
    verification->canonical_hash = crypto->sha256_begin(crypto->context);
    if (verification->needs_body) {
        verification->body_hash = crypto->sha256_begin(crypto->context);
    }
    if (verification->canonical_hash == NULL ||
        (verification->needs_body && verification->body_hash == NULL)) {
        return false;
    }
    cs_sink sink;
    sink.write = crypto->sha256_update;
    sink.context = verification->canonical_hash;
    sink.has_failed = false;
    sink.used = 0;
    return cs_canonical_write(inquiry->request, &inquiry->headers, inquiry->claim.names, &sink) &&
           (payload.length == 0 ||
            crypto->sha256_update(verification->canonical_hash, payload.data, payload.length));
}

static bool inquire(cs_inquiry *inquiry) {
    if (!cs_headers_index(inquiry->request, &inquiry->headers)) {
        return fail(inquiry->result, "there is no memory for the headers");
    }
    if (!read_claim(inquiry) || !find_secrets(inquiry)) {
        return false;
    }
    countersign_verification *verification = inquiry->verification;
    bool is_basic = inquiry->claim.scheme == COUNTERSIGN_SCHEME_BASIC;
    if (is_basic && !check_password(inquiry)) {
        return false;
    }
    countersign_bytes payload = {NULL, 0};
    if (!is_basic) {
        if (!cs_check_signed_headers(inquiry) || !cs_check_date(inquiry) ||
            !cs_check_payload(inquiry, &payload)) {
            return false;
        }
        if (!begin_hashes(inquiry, payload)) {
            return fail(inquiry->result, "there is no memory for the request, or it could not be hashed");
        }
        memcpy(verification->signature, inquiry->claim.signature.data, HEX_BYTES);
    }
    cs_result_verified(&verification->verdict, inquiry->claim.scheme, inquiry->claim.key,
                    verification->needs_body);
    return true;
}

countersign_verification *countersign_begin(const countersign_request *request,
                                            const countersign_options *options, int64_t now,
                                            countersign_result *result) {
    cs_result_failed(result, "the verifier has no lookup or no crypto");
    const countersign_crypto *crypto = options->crypto != NULL ? options->crypto : cs_default_crypto();
    if (options->lookup == NULL || crypto == NULL) {
        return NULL;
    }
    countersign_verification *verification = calloc(1, sizeof *verification);
    if (verification == NULL) {
        cs_result_failed(result, "there is no memory for the verification");
        return NULL;
    }
    verification->options = *options;
    verification->options.crypto = crypto;
    cs_inquiry inquiry = {request, &verification->options, now, {NULL, 0}, {0}, verification, result};
    bool is_good = inquire(&inquiry);
    cs_claim_free(&inquiry.claim);
    free(inquiry.headers.sorted);
    if (!is_good) {
        countersign_free(verification);
        return NULL;
    }
    /* Nobody shall take an unfinished verification for a good one. */
    cs_result_failed(result, "the verification is not finished");
    return verification;
}

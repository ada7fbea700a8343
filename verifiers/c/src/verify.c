/* The second half: the body, the signature, and who has seen it before. */
#include "verification.h"

#include <stdlib.h>
#include <string.h>

static bool fail(countersign_result *result, const char *what) {
    cs_result_failed(result, what);
    return false;
}

bool countersign_needs_body(const countersign_verification *verification) {
    return verification->needs_body;
}

/* Keeps a refusal, so that whoever overlooks it meets it again. */
static bool decide(countersign_verification *verification, const countersign_result *result) {
    verification->verdict = *result;
    verification->is_decided = true;
    return false;
}

bool countersign_feed(countersign_verification *verification, const void *data, size_t length,
                      countersign_result *result) {
    if (verification->is_decided) {
        *result = verification->verdict;
        return false;
    }
    if (!verification->needs_body || length == 0) {
        return true;
    }
    size_t bytes_max = verification->options.body_bytes_max;
    if (length > bytes_max || verification->body_bytes > bytes_max - length) {
        cs_result_refused(result, COUNTERSIGN_BODY_TOO_LARGE, "the body is larger than %llu bytes",
                       (unsigned long long)bytes_max);
        return decide(verification, result);
    }
    verification->body_bytes += length;
    if (!verification->options.crypto->sha256_update(verification->body_hash, data, length)) {
        cs_result_failed(result, "the body could not be hashed");
        return decide(verification, result);
    }
    return true;
}

/* The reason why the signature is not good, or VERIFIED; FAILED where it could not be found out. */
static countersign_reason compare_signature(countersign_verification *verification) {
    const countersign_crypto *crypto = verification->options.crypto;
    unsigned char digest[DIGEST_BYTES];
    char body_hash[HEX_BYTES];
    if (verification->needs_body) {
        if (!crypto->sha256_finish(verification->body_hash, digest)) {
            return COUNTERSIGN_FAILED;
        }
        cs_to_hex(digest, DIGEST_BYTES, body_hash);
        if (!verification->is_payload_sent &&
            !crypto->sha256_update(verification->canonical_hash, body_hash, HEX_BYTES)) {
            return COUNTERSIGN_FAILED;
        }
    }
    if (!crypto->sha256_finish(verification->canonical_hash, digest)) {
        return COUNTERSIGN_FAILED;
    }
    char text[STRING_TO_SIGN_BYTES];
    cs_string_to_sign(verification->date, digest, text);
    unsigned char signature[DIGEST_BYTES];
    for (size_t at = 0; at < DIGEST_BYTES; at++) {
        signature[at] = (unsigned char)(cs_hex_digit(verification->signature[2 * at]) << 4 |
                                        cs_hex_digit(verification->signature[2 * at + 1]));
    }
    bool is_done = false;
    bool is_made = cs_any_makes(&verification->secrets, (countersign_bytes){text, sizeof text}, signature,
                             &is_done);
    if (!is_done) {
        return COUNTERSIGN_FAILED;
    }
    bool is_body = !verification->needs_body || !verification->is_payload_sent ||
                   (verification->is_payload_hash &&
                    memcmp(verification->payload, body_hash, HEX_BYTES) == 0);
    return !is_made  ? COUNTERSIGN_SIGNATURE_MISMATCH
           : is_body ? COUNTERSIGN_VERIFIED
                     : COUNTERSIGN_BODY_MISMATCH;
}

static bool ask_replay_guard(const countersign_verification *verification, countersign_result *result) {
    const countersign_options *options = &verification->options;
    if (options->replay_guard == NULL) {
        return true;
    }
    countersign_bytes key = {verification->verdict.key, verification->verdict.key_length};
    countersign_bytes signature = {verification->signature, HEX_BYTES};
    switch (options->replay_guard(options->replay_guard_context, key, signature,
                                  verification->expires_at)) {
    case COUNTERSIGN_REPLAY_NEW: return true;
    case COUNTERSIGN_REPLAY_SEEN:
        cs_result_refused(result, COUNTERSIGN_REPLAYED, "the signature was used before");
        return false;
    case COUNTERSIGN_REPLAY_UNANSWERED: break;
    }
    return fail(result, "the replay guard could not tell whether the signature is new");
}

static bool finish_hmac(countersign_verification *verification, countersign_result *result) {
    switch (compare_signature(verification)) {
    case COUNTERSIGN_VERIFIED: return ask_replay_guard(verification, result);
    case COUNTERSIGN_SIGNATURE_MISMATCH:
        cs_result_refused(result, COUNTERSIGN_SIGNATURE_MISMATCH,
                       "the signature does not fit the request: the secret differs, or the method, path, "
                       "query, a signed header or the body was changed on the way");
        return false;
    case COUNTERSIGN_BODY_MISMATCH:
        cs_result_refused(result, COUNTERSIGN_BODY_MISMATCH,
                       "the body is not the one whose hash `" CONTENT_HEADER "` carries");
        return false;
    default: return fail(result, "the signature could not be computed");
    }
}

bool countersign_finish(countersign_verification *verification, countersign_result *result) {
    if (verification->is_decided) {
        *result = verification->verdict;
        return false;
    }
    bool is_basic = verification->verdict.scheme == COUNTERSIGN_SCHEME_BASIC;
    if (!is_basic && !finish_hmac(verification, result)) {
        return decide(verification, result);
    }
    *result = verification->verdict;
    cs_result_failed(&verification->verdict, "the verification was finished before");
    verification->is_decided = true;
    return true;
}

void countersign_free(countersign_verification *verification) {
    if (verification == NULL) {
        return;
    }
    const countersign_crypto *crypto = verification->options.crypto;
    if (verification->canonical_hash != NULL) {
        crypto->sha256_free(verification->canonical_hash);
    }
    if (verification->body_hash != NULL) {
        crypto->sha256_free(verification->body_hash);
    }
    cs_wipe(verification, sizeof *verification);
    free(verification);
}

bool countersign_verify(const countersign_request *request, const void *body, size_t body_length,
                        const countersign_options *options, int64_t now, countersign_result *result) {
    countersign_verification *verification = countersign_begin(request, options, now, result);
    if (verification == NULL) {
        return false;
    }
    bool is_verified = countersign_feed(verification, body, body_length, result) &&
                       countersign_finish(verification, result);
    countersign_free(verification);
    return is_verified;
}

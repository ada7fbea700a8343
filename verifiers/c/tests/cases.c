/* Every shared case: at once, in pieces, and the texts on the way to the signature. */
#include "case_file.h"
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_as_expected(const test_case *given, bool is_verified, const countersign_result *result) {
    if (given->refused.length > 0) {
        return !is_verified && is_text(given->refused, countersign_reason_text(result->reason));
    }
    return is_verified && result->reason == COUNTERSIGN_VERIFIED && result->http_status == 200 &&
           cs_equal(given->key, (countersign_bytes){result->key, result->key_length}) &&
           is_text(given->scheme, countersign_scheme_text(result->scheme)) &&
           is_text(given->payload_signed, result->payload_signed ? "yes" : "no");
}

static bool verify_in_pieces(const test_case *given, const countersign_options *options, size_t piece,
                             countersign_result *result) {
    countersign_request request = case_request(given);
    countersign_verification *verification =
        countersign_begin(&request, options, case_now(given), result);
    if (verification == NULL) {
        return false;
    }
    bool is_fed = true;
    for (size_t at = 0; at < given->body.length && is_fed; at += piece) {
        size_t left = given->body.length - at;
        is_fed = countersign_feed(verification, given->body.data + at, left < piece ? left : piece, result);
    }
    bool is_verified = countersign_finish(verification, result);
    if (is_verified) {
        countersign_result again;
        is_verified = !countersign_finish(verification, &again) && again.reason == COUNTERSIGN_FAILED;
    }
    countersign_free(verification);
    return is_fed && is_verified;
}

typedef struct text {
    char data[1 << 17];
    size_t length;
} text;

static bool append(void *context, const void *data, size_t length) {
    text *all = context;
    if (length > sizeof all->data - all->length) {
        return false;
    }
    memcpy(all->data + all->length, data, length);
    all->length += length;
    return true;
}

static bool are_stages(const test_case *given, const countersign_options *options) {
    static text canonical;
    canonical.length = 0;
    cs_sink sink = {.write = append, .context = &canonical};
    countersign_request request = case_request(given);
    cs_headers headers;
    cs_claim claim;
    const countersign_header *header = NULL;
    const countersign_header *date = NULL;
    const countersign_header *payload = NULL;
    char hex[HEX_BYTES];
    unsigned char digest[DIGEST_BYTES];
    char to_sign[STRING_TO_SIGN_BYTES];
    if (!cs_headers_index(&request, &headers)) {
        return false;
    }
    bool is_good =
        cs_headers_find(&headers, countersign_text(options->signature_header), &header) == 1 &&
        cs_claim_parse(header->value, &claim) == CLAIM_GOOD &&
        cs_headers_find(&headers, countersign_text(DATE_HEADER), &date) == 1 &&
        cs_canonical_write(&request, &headers, claim.names, &sink);
    if (is_good) {
        is_good = cs_sha256(test_crypto(), given->body, digest);
        cs_to_hex(digest, DIGEST_BYTES, hex);
        bool is_sent = cs_headers_find(&headers, countersign_text(CONTENT_HEADER), &payload) == 1;
        countersign_bytes last = is_sent ? cs_trimmed(payload->value) : (countersign_bytes){hex, HEX_BYTES};
        is_good = is_good && append(&canonical, last.data, last.length) &&
                  cs_equal(given->canonical_request, (countersign_bytes){canonical.data, canonical.length}) &&
                  cs_sha256(test_crypto(), given->canonical_request, digest);
        cs_string_to_sign(cs_trimmed(date->value).data, digest, to_sign);
        is_good = is_good && cs_equal(given->string_to_sign, (countersign_bytes){to_sign, sizeof to_sign}) &&
                  cs_equal(given->signature, claim.signature);
    }
    free(headers.sorted);
    return is_good;
}

static const char *what_differs(const case_file *file, const test_case *given) {
    kept_options kept;
    countersign_options options = case_options(file, given, &kept);
    countersign_request request = case_request(given);
    countersign_result result;
    bool is_verified = countersign_verify(&request, given->body.data, given->body.length, &options,
                                          case_now(given), &result);
    if (!is_as_expected(given, is_verified, &result)) {
        fprintf(stderr, "%s: %s\n", countersign_reason_text(result.reason), result.message);
        return "the outcome";
    }
    char answer[COUNTERSIGN_REFUSAL_JSON_BYTES_MAX];
    if (!is_verified && (result.message[0] == '\0' ||
                         countersign_refusal_json(&result, answer, sizeof answer) == 0)) {
        return "the answer";
    }
    static const size_t pieces[] = {1, 7, 4096};
    for (size_t at = 0; at < 3; at++) {
        is_verified = verify_in_pieces(given, &options, pieces[at], &result);
        if (!is_as_expected(given, is_verified, &result)) {
            return "the outcome in pieces";
        }
    }
    if (given->canonical_request.length > 0 && !are_stages(given, &options)) {
        return "a stage";
    }
    return NULL;
}

int main(int count, char **arguments) {
    static const char *const kinds[] = {"vector", "accept", "refuse"};
    size_t wanted[3] = {0};
    size_t passed[3] = {0};
    case_file file = case_file_read(count > 1 ? arguments[1] : "build/cases.bin");
    for (size_t at = 0; at < file.case_count; at++) {
        const test_case *given = &file.cases[at];
        const char *difference = what_differs(&file, given);
        if (difference != NULL) {
            fprintf(stderr, "%.*s: %s differs\n", (int)given->id.length, given->id.data, difference);
        }
        for (size_t kind = 0; kind < 3; kind++) {
            wanted[kind] += is_text(given->kind, kinds[kind]);
            passed[kind] += is_text(given->kind, kinds[kind]) && difference == NULL;
        }
    }
    size_t all = passed[0] + passed[1] + passed[2];
    bool is_good = all == file.case_count && wanted[0] > 0 && wanted[1] > 0 && wanted[2] >= 40;
    printf("CASES vectors=%zu/%zu accepts=%zu/%zu refusals=%zu/%zu\n", passed[0], wanted[0], passed[1],
           wanted[1], passed[2], wanted[2]);
    case_file_free(&file);
    return is_good ? 0 : 1;
}

/* The shared cases, read from what case_file.py wrote. For tests, in C and in C++. */
#ifndef COUNTERSIGN_CASE_FILE_H
#define COUNTERSIGN_CASE_FILE_H

#include "countersign_verify.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct known_key {
    countersign_bytes scheme, key;
    size_t secret_count;
    countersign_bytes *secrets;
} known_key;

typedef struct test_case {
    countersign_bytes id, kind, method, target;
    size_t header_count;
    countersign_header *headers;
    countersign_bytes body, now, signature_header, clock_skew_seconds_max;
    size_t required_count;
    countersign_bytes *required;
    countersign_bytes unsigned_payload_allowed, body_bytes_max, replay_guard_answers;
    countersign_bytes refused, key, scheme, payload_signed;
    countersign_bytes canonical_request, string_to_sign, signature;
} test_case;

typedef struct case_file {
    size_t key_count;
    known_key *keys;
    size_t case_count;
    test_case *cases;
} case_file;

/* Ends the process where the file cannot be read. Each field has memory of its own, exactly as long as it
 * is, so that reading past an end is seen by an address sanitizer. */
case_file case_file_read(const char *path);
void case_file_free(case_file *file);

/* The options of a case; what they point to is in `*kept`, which lives as long. */
typedef struct kept_options {
    char signature_header[64];
    char required_texts[8][64];
    const char *required[9];
    countersign_replay_answer answer;
} kept_options;

countersign_options case_options(const case_file *file, const test_case *given, kept_options *kept);
countersign_request case_request(const test_case *given);
int64_t case_now(const test_case *given);
bool is_text(countersign_bytes bytes, const char *text);

/* OpenSSL, or mbedTLS where the test is built without OpenSSL. */
const countersign_crypto *test_crypto(void);

#ifdef __cplusplus
}
#endif

#endif

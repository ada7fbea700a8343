#include "case_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef COUNTERSIGN_NO_OPENSSL
#include "../examples/mbedtls_crypto.h"
const countersign_crypto *test_crypto(void) {
    return &mbedtls_crypto;
}
#else
#include "../src/internal.h"
const countersign_crypto *test_crypto(void) {
    return cs_default_crypto();
}
#endif

static void *room(size_t count, size_t size) {
    void *memory = calloc(count == 0 ? 1 : count, size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static countersign_bytes field(FILE *file) {
    unsigned char head[4];
    if (fread(head, 1, sizeof head, file) != sizeof head) {
        fprintf(stderr, "the cases end too early\n");
        exit(1);
    }
    size_t length = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    char *data = malloc(length == 0 ? 1 : length);
    if (data == NULL || fread(data, 1, length, file) != length) {
        fprintf(stderr, "the cases end too early\n");
        exit(1);
    }
    return (countersign_bytes){data, length};
}

static int64_t number_of(countersign_bytes bytes) {
    char text[32] = {0};
    if (bytes.length == 0 || bytes.length >= sizeof text) {
        abort();
    }
    memcpy(text, bytes.data, bytes.length);
    return strtoll(text, NULL, 10);
}

static size_t count(FILE *file) {
    countersign_bytes text = field(file);
    size_t value = (size_t)number_of(text);
    free((void *)text.data);
    return value;
}

static void read_case(FILE *file, test_case *given) {
    given->id = field(file);
    given->kind = field(file);
    given->method = field(file);
    given->target = field(file);
    given->header_count = count(file);
    given->headers = room(given->header_count, sizeof *given->headers);
    for (size_t at = 0; at < given->header_count; at++) {
        given->headers[at].name = field(file);
        given->headers[at].value = field(file);
    }
    given->body = field(file);
    given->now = field(file);
    given->signature_header = field(file);
    given->clock_skew_seconds_max = field(file);
    given->required_count = count(file);
    given->required = room(given->required_count, sizeof *given->required);
    for (size_t at = 0; at < given->required_count; at++) {
        given->required[at] = field(file);
    }
    given->unsigned_payload_allowed = field(file);
    given->body_bytes_max = field(file);
    given->replay_guard_answers = field(file);
    given->refused = field(file);
    given->key = field(file);
    given->scheme = field(file);
    given->payload_signed = field(file);
    given->canonical_request = field(file);
    given->string_to_sign = field(file);
    given->signature = field(file);
}

case_file case_file_read(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    case_file all = {0};
    all.key_count = count(file);
    all.keys = room(all.key_count, sizeof *all.keys);
    for (size_t at = 0; at < all.key_count; at++) {
        known_key *key = &all.keys[at];
        key->scheme = field(file);
        key->key = field(file);
        key->secret_count = count(file);
        key->secrets = room(key->secret_count, sizeof *key->secrets);
        for (size_t secret = 0; secret < key->secret_count; secret++) {
            key->secrets[secret] = field(file);
        }
    }
    all.case_count = count(file);
    all.cases = room(all.case_count, sizeof *all.cases);
    for (size_t at = 0; at < all.case_count; at++) {
        read_case(file, &all.cases[at]);
    }
    fclose(file);
    return all;
}

static void release(countersign_bytes *fields, size_t length) {
    for (size_t at = 0; at < length; at++) {
        free((void *)fields[at].data);
    }
}

void case_file_free(case_file *file) {
    for (size_t at = 0; at < file->key_count; at++) {
        known_key *key = &file->keys[at];
        release(key->secrets, key->secret_count);
        free(key->secrets);
        release((countersign_bytes[]){key->scheme, key->key}, 2);
    }
    free(file->keys);
    for (size_t at = 0; at < file->case_count; at++) {
        test_case *each = &file->cases[at];
        for (size_t header = 0; header < each->header_count; header++) {
            release(&each->headers[header].name, 1);
            release(&each->headers[header].value, 1);
        }
        free(each->headers);
        release(each->required, each->required_count);
        free(each->required);
        countersign_bytes rest[] = {each->id, each->kind, each->method, each->target, each->body, each->now,
                                    each->signature_header, each->clock_skew_seconds_max,
                                    each->unsigned_payload_allowed, each->body_bytes_max,
                                    each->replay_guard_answers, each->refused, each->key, each->scheme,
                                    each->payload_signed, each->canonical_request, each->string_to_sign,
                                    each->signature};
        release(rest, sizeof rest / sizeof *rest);
    }
    free(file->cases);
}

bool is_text(countersign_bytes bytes, const char *text) {
    return bytes.length == strlen(text) && memcmp(bytes.data, text, bytes.length) == 0;
}

static bool look_up(void *context, countersign_scheme scheme, countersign_bytes key,
                    countersign_secrets *secrets) {
    const case_file *file = context;
    for (size_t at = 0; at < file->key_count; at++) {
        const known_key *known = &file->keys[at];
        bool is_it = is_text(known->scheme, countersign_scheme_text(scheme)) &&
                     known->key.length == key.length &&
                     (key.length == 0 || memcmp(known->key.data, key.data, key.length) == 0);
        for (size_t secret = 0; is_it && secret < known->secret_count; secret++) {
            if (!countersign_secrets_add(secrets, known->secrets[secret].data,
                                         known->secrets[secret].length)) {
                return false;
            }
        }
    }
    return true;
}

static countersign_replay_answer guard(void *context, countersign_bytes key, countersign_bytes signature,
                                       int64_t expires_at) {
    const kept_options *kept = context;
    return key.length > 0 && signature.length == 64 && expires_at > 0 ? kept->answer
                                                                      : COUNTERSIGN_REPLAY_UNANSWERED;
}

static void keep_text(char text[64], countersign_bytes bytes) {
    if (bytes.length >= 64) {
        abort();
    }
    memset(text, 0, 64);
    memcpy(text, bytes.data, bytes.length);
}

countersign_options case_options(const case_file *file, const test_case *given, kept_options *kept) {
    memset(kept, 0, sizeof *kept);
    countersign_options options;
    countersign_options_init(&options, look_up, (void *)file);
    options.crypto = test_crypto();
    if (given->signature_header.length > 0) {
        keep_text(kept->signature_header, given->signature_header);
        options.signature_header = kept->signature_header;
    }
    if (given->clock_skew_seconds_max.length > 0) {
        options.clock_skew_seconds_max = (uint32_t)number_of(given->clock_skew_seconds_max);
    }
    if (given->required_count > 8) {
        abort();
    }
    for (size_t at = 0; at < given->required_count; at++) {
        keep_text(kept->required_texts[at], given->required[at]);
        kept->required[at] = kept->required_texts[at];
    }
    options.required_headers = kept->required;
    options.unsigned_payload_allowed = is_text(given->unsigned_payload_allowed, "yes");
    if (given->body_bytes_max.length > 0) {
        options.body_bytes_max = (size_t)number_of(given->body_bytes_max);
    }
    if (given->replay_guard_answers.length > 0) {
        bool is_new = is_text(given->replay_guard_answers, "yes");
        kept->answer = is_new ? COUNTERSIGN_REPLAY_NEW : COUNTERSIGN_REPLAY_SEEN;
        options.replay_guard = guard;
        options.replay_guard_context = kept;
    }
    return options;
}

countersign_request case_request(const test_case *given) {
    return (countersign_request){given->method, given->target, given->headers, given->header_count};
}

int64_t case_now(const test_case *given) {
    return number_of(given->now);
}

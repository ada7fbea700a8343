/* Mutates what is accepted. What is still accepted must mean the same: the same canonical request, the
 * same key, the same body. Nothing may fail, hang or read past an end.
 *
 *     build/fuzz build/cases.bin [SECONDS] [SEED]
 */
#include "case_file.h"
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t state;

static size_t below(size_t limit) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return limit == 0 ? 0 : (size_t)(state >> 33) % limit;
}

static countersign_bytes copied(countersign_bytes from) {
    char *data = malloc(from.length == 0 ? 1 : from.length);
    if (data == NULL) {
        abort();
    }
    memcpy(data, from.data, from.length);
    return (countersign_bytes){data, from.length};
}

/* Changes, drops, adds or doubles a few bytes; in memory exactly as long as the result. */
static void mutate(countersign_bytes *bytes) {
    static const char telling[] = "%&=?/;,:+ \t\n\r\f\v\0\"'.~2F5aAzZ0\x7f\x80\xc3\xff";
    size_t at = below(bytes->length + 1);
    size_t dropped = below(3);
    size_t added = below(3);
    dropped = dropped > bytes->length - at ? bytes->length - at : dropped;
    char *data = malloc(bytes->length - dropped + added + 1);
    if (data == NULL) {
        abort();
    }
    memcpy(data, bytes->data, at);
    for (size_t each = 0; each < added; each++) {
        data[at + each] = below(4) == 0 ? (char)below(256) : telling[below(sizeof telling - 1)];
    }
    memcpy(data + at + added, bytes->data + at + dropped, bytes->length - at - dropped);
    size_t length = bytes->length - dropped + added;
    free((void *)bytes->data);
    *bytes = copied((countersign_bytes){data, length});
    free(data);
}

typedef struct meaning {
    char data[1 << 18];
    size_t length;
} meaning;

static bool append(void *context, const void *data, size_t length) {
    meaning *all = context;
    if (length > sizeof all->data - all->length) {
        abort();
    }
    if (length > 0) {
        memcpy(all->data + all->length, data, length);
    }
    all->length += length;
    return true;
}

/* All that an acceptance vouches for. */
static void tell_meaning(const test_case *given, const countersign_options *options, meaning *all) {
    countersign_request request = case_request(given);
    cs_headers headers;
    cs_claim claim;
    const countersign_header *header = NULL;
    all->length = 0;
    if (!cs_headers_index(&request, &headers)) {
        abort();
    }
    cs_headers_find(&headers, countersign_text(options->signature_header), &header);
    if (cs_claim_parse(header->value, &claim) != CLAIM_GOOD) {
        abort();
    }
    append(all, claim.key.data, claim.key.length);
    append(all, "\n", 1);
    append(all, claim.password.data, claim.password.length);
    cs_sink sink = {.write = append, .context = all};
    if (claim.scheme == COUNTERSIGN_SCHEME_HMAC) {
        const countersign_header *payload = NULL;
        cs_canonical_write(&request, &headers, claim.names, &sink);
        bool is_sent = cs_headers_find(&headers, countersign_text(CONTENT_HEADER), &payload) == 1;
        bool is_read = !is_sent || !is_text(cs_trimmed(payload->value), UNSIGNED_PAYLOAD);
        unsigned char digest[DIGEST_BYTES];
        char hex[HEX_BYTES];
        cs_sha256(test_crypto(), given->body, digest);
        cs_to_hex(digest, DIGEST_BYTES, hex);
        countersign_bytes last = is_sent ? cs_trimmed(payload->value) : (countersign_bytes){hex, HEX_BYTES};
        append(all, last.data, last.length);
        append(all, given->body.data, is_read ? given->body.length : 0);
    }
    cs_claim_free(&claim);
    free(headers.sorted);
}

static test_case cloned(const test_case *given) {
    test_case clone = *given;
    clone.method = copied(given->method);
    clone.target = copied(given->target);
    clone.body = copied(given->body);
    clone.headers = calloc(given->header_count + 2, sizeof *clone.headers);
    if (clone.headers == NULL) {
        abort();
    }
    for (size_t at = 0; at < given->header_count; at++) {
        clone.headers[at].name = copied(given->headers[at].name);
        clone.headers[at].value = copied(given->headers[at].value);
    }
    return clone;
}

static void drop(test_case *clone) {
    free((void *)clone->method.data);
    free((void *)clone->target.data);
    free((void *)clone->body.data);
    for (size_t at = 0; at < clone->header_count; at++) {
        free((void *)clone->headers[at].name.data);
        free((void *)clone->headers[at].value.data);
    }
    free(clone->headers);
}

static void mutate_case(test_case *clone) {
    countersign_header *header = &clone->headers[below(clone->header_count)];
    switch (below(8)) {
    case 0: mutate(&clone->method); break;
    case 1: mutate(&clone->target); break;
    case 2: mutate(&clone->target); break;
    case 3: mutate(&clone->body); break;
    case 4: mutate(&header->name); break;
    case 7:
        clone->headers[clone->header_count].name = copied(header->name);
        clone->headers[clone->header_count++].value = copied(header->value);
        break;
    default: mutate(&header->value); break;
    }
}

int main(int count, char **arguments) {
    case_file file = case_file_read(count > 1 ? arguments[1] : "build/cases.bin");
    double seconds = count > 2 ? strtod(arguments[2], NULL) : 2;
    uint64_t seed = count > 3 ? strtoull(arguments[3], NULL, 10) : (uint64_t)time(NULL);
    state = seed;
    static meaning wanted;
    static meaning found;
    size_t tried = 0;
    size_t accepted = 0;
    for (time_t end = time(NULL) + (time_t)seconds; time(NULL) <= end;) {
        const test_case *given = &file.cases[below(file.case_count)];
        if (given->refused.length > 0) {
            continue;
        }
        kept_options kept;
        countersign_options options = case_options(&file, given, &kept);
        test_case clone = cloned(given);
        for (size_t times = 1 + below(2); times > 0; times--) {
            mutate_case(&clone);
        }
        countersign_request request = case_request(&clone);
        countersign_result result;
        bool is_verified = countersign_verify(&request, clone.body.data, clone.body.length, &options,
                                              case_now(&clone), &result);
        tried++;
        bool is_good = result.reason != COUNTERSIGN_FAILED;
        if (is_verified) {
            accepted++;
            tell_meaning(given, &options, &wanted);
            tell_meaning(&clone, &options, &found);
            is_good = wanted.length == found.length && memcmp(wanted.data, found.data, found.length) == 0;
        }
        if (!is_good) {
            fprintf(stderr, "seed %llu, try %zu, %.*s: %s %s\n", (unsigned long long)seed, tried,
                    (int)given->id.length, given->id.data, countersign_reason_text(result.reason),
                    result.message);
            return 1;
        }
        drop(&clone);
    }
    printf("fuzz: seed %llu, %zu mutations, %zu still accepted, meaning the same\n",
           (unsigned long long)seed, tried, accepted);
    case_file_free(&file);
    return 0;
}

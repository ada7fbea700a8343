/* What the files of the library tell each other. Not installed. */
#ifndef COUNTERSIGN_INTERNAL_H
#define COUNTERSIGN_INTERNAL_H

#include "countersign_verify.h"

#define ALGORITHM "SDK-HMAC-SHA256"
#define DATE_HEADER "x-sdk-date"
#define CONTENT_HEADER "x-sdk-content-sha256"
#define UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"

enum { DIGEST_BYTES = 32, HEX_BYTES = 64, BLOCK_BYTES = 64, DATE_BYTES = 16 };

/* text.c: bytes, read strictly and without a locale */
char cs_lower(char byte);
bool cs_is_space(char byte);
int cs_hex_digit(char byte); /* -1 where it is none */
void cs_to_hex(const unsigned char *bytes, size_t length, char *hex);
countersign_bytes cs_slice(countersign_bytes bytes, size_t from, size_t to);
countersign_bytes cs_trimmed(countersign_bytes bytes);
bool cs_equal(countersign_bytes one, countersign_bytes other);
int cs_compare(countersign_bytes one, countersign_bytes other);
int cs_compare_names(countersign_bytes one, countersign_bytes other); /* ASCII case aside */
size_t cs_find(countersign_bytes bytes, char wanted); /* the length where it is not there */
bool cs_is_utf8(countersign_bytes bytes);
bool cs_take(countersign_bytes *bytes, const char *prefix);
/* Takes up to the next separator, and says whether there was anything left to take from. */
bool cs_next_part(countersign_bytes *rest, bool *is_over, char separator, countersign_bytes *part);
/* Sorts in place, never slower than n log n, whatever a client sends. Elements of up to 32 bytes. */
void cs_sort(void *base, size_t count, size_t size, int (*order)(const void *, const void *));

/* secret.c: what must not stay in memory nor be told by time */
void cs_wipe(void *memory, size_t length);
bool cs_equal_in_constant_time(const unsigned char *one, const unsigned char *other, size_t length);

struct countersign_secrets {
    const countersign_crypto *crypto;
    countersign_scheme scheme;
    bool has_failed;
    size_t count;
    /* For HMAC the key as HMAC pads it to a block; for Basic the secret's SHA-256. */
    unsigned char keys[COUNTERSIGN_SECRETS_MAX][BLOCK_BYTES];
};

bool cs_sha256(const countersign_crypto *crypto, countersign_bytes data, unsigned char *digest);
/* Whether any secret makes this MAC of the text. False in `*is_done` where the crypto failed. */
bool cs_any_makes(const countersign_secrets *secrets, countersign_bytes text, const unsigned char *mac,
               bool *is_done);

/* openssl.c: NULL where the library is built without it */
const countersign_crypto *cs_default_crypto(void);

/* claim.c: the signature header and the date */
typedef struct cs_claim {
    countersign_scheme scheme;
    countersign_bytes key;
    countersign_bytes names; /* of the signed headers, joined by `;` */
    countersign_bytes signature;
    countersign_bytes password;
    char *decoded; /* what key and password of a Basic claim point into */
    size_t decoded_length;
} cs_claim;

typedef enum cs_claim_outcome { CLAIM_GOOD, CLAIM_MALFORMED, CLAIM_NO_MEMORY } cs_claim_outcome;

cs_claim_outcome cs_claim_parse(countersign_bytes value, cs_claim *claim);
void cs_claim_free(cs_claim *claim);
bool cs_date_parse(countersign_bytes text, int64_t *unix_seconds);

/* headers.c: an index by name */
typedef struct cs_headers {
    const countersign_header **sorted;
    size_t count;
} cs_headers;

bool cs_headers_index(const countersign_request *request, cs_headers *headers);
/* How many have the name; one of them in `*found`. */
size_t cs_headers_find(const cs_headers *headers, countersign_bytes name, const countersign_header **found);

/* canonical.c: the canonical request but for its last line, the payload */
typedef struct cs_sink {
    bool (*write)(void *context, const void *data, size_t length);
    void *context;
    bool has_failed;
    size_t used;
    char buffer[512];
} cs_sink;

bool cs_canonical_write(const countersign_request *request, const cs_headers *headers,
                     countersign_bytes signed_names, cs_sink *sink);
/* `text` has room for STRING_TO_SIGN_BYTES. */
enum { STRING_TO_SIGN_BYTES = sizeof ALGORITHM - 1 + 1 + DATE_BYTES + 1 + HEX_BYTES };
void cs_string_to_sign(const char *date, const unsigned char *digest, char *text);

/* result.c */
void cs_result_failed(countersign_result *result, const char *what);
void cs_result_refused(countersign_result *result, countersign_reason reason, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 3, 4)))
#endif
    ;
void cs_result_verified(countersign_result *result, countersign_scheme scheme, countersign_bytes key,
                     bool payload_signed);

#endif

/*
 * Verifies that a request came through the gateway, and says why when it did not.
 *
 * Whole bodies: countersign_verify. Bodies in pieces: countersign_begin, countersign_feed for each
 * piece, countersign_finish, and countersign_free whatever happened.
 *
 * All functions may be called from several threads at once, each with its own verification and
 * result. Nothing that is handed in has to end in NUL unless it is a plain `const char *`.
 */
#ifndef COUNTERSIGN_VERIFY_H
#define COUNTERSIGN_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A longer key is unknown: the lookup is not asked for it. */
#define COUNTERSIGN_KEY_BYTES_MAX 512
/* The most secrets that one key may have at a time. */
#define COUNTERSIGN_SECRETS_MAX 16
/* Room for every message, and for every answer of countersign_refusal_json. */
#define COUNTERSIGN_MESSAGE_BYTES_MAX 320
#define COUNTERSIGN_REFUSAL_JSON_BYTES_MAX 2048

/* Bytes and how many; `data` may be NULL where there are none. */
typedef struct countersign_bytes {
    const char *data;
    size_t length;
} countersign_bytes;

/* The bytes of a text that ends in NUL, or none of NULL. */
countersign_bytes countersign_text(const char *text);

typedef struct countersign_header {
    countersign_bytes name; /* in any case */
    countersign_bytes value;
} countersign_header;

/* A request as it arrived. It is looked at by countersign_begin only, and may be gone afterwards. */
typedef struct countersign_request {
    countersign_bytes method;
    countersign_bytes target; /* path and query as received, nothing decoded; no scheme, no host */
    const countersign_header *headers; /* repeated ones repeated */
    size_t header_count;
} countersign_request;

typedef enum countersign_scheme {
    COUNTERSIGN_SCHEME_NONE = 0,
    COUNTERSIGN_SCHEME_HMAC = 1,
    COUNTERSIGN_SCHEME_BASIC = 2
} countersign_scheme;

/* What came out. The numbers never change; the refusals stand in the order in which they are looked for. */
typedef enum countersign_reason {
    COUNTERSIGN_FAILED = 0, /* nothing was decided: lookup, guard, memory or crypto failed; answer 500 */
    COUNTERSIGN_VERIFIED = 1,
    COUNTERSIGN_MISSING_AUTHORIZATION = 2,
    COUNTERSIGN_MALFORMED_AUTHORIZATION = 3,
    COUNTERSIGN_UNKNOWN_KEY = 4,
    COUNTERSIGN_SIGNED_HEADER_MISSING = 5,
    COUNTERSIGN_SIGNED_HEADER_REPEATED = 6,
    COUNTERSIGN_DATE_MISSING_OR_UNSIGNED = 7,
    COUNTERSIGN_DATE_MALFORMED = 8,
    COUNTERSIGN_CLOCK_SKEW = 9,
    COUNTERSIGN_UNSIGNED_PAYLOAD = 10,
    COUNTERSIGN_BODY_TOO_LARGE = 11,
    COUNTERSIGN_SIGNATURE_MISMATCH = 12,
    COUNTERSIGN_BODY_MISMATCH = 13,
    COUNTERSIGN_REPLAYED = 14
} countersign_reason;

/* A plain value: it owns nothing, and one that is all zeros says that nothing was verified. */
typedef struct countersign_result {
    countersign_reason reason;
    int http_status;                       /* 200, 401, 413 for BODY_TOO_LARGE, 500 for FAILED */
    countersign_scheme scheme;             /* where verified, as all below */
    bool payload_signed;                   /* whether the signature covers the body; never with Basic */
    size_t key_length;                     /* of `key`, which may hold a NUL of its own */
    char key[COUNTERSIGN_KEY_BYTES_MAX + 1]; /* who signed; ends in NUL */
    char message[COUNTERSIGN_MESSAGE_BYTES_MAX]; /* for people, ASCII; where not verified */
} countersign_result;

/* "SIGNATURE_MISMATCH" and so on. Never NULL. */
const char *countersign_reason_text(countersign_reason reason);

/* "SDK-HMAC-SHA256" or "Basic". Never NULL. */
const char *countersign_scheme_text(countersign_scheme scheme);

/* Writes {"verified": false, "reason": …, "message": …} to answer with, ends it with NUL and returns
 * its length; 0 where `size` is too small. */
size_t countersign_refusal_json(const countersign_result *result, char *buffer, size_t size);

/* Takes the secrets of a key while a lookup runs. */
typedef struct countersign_secrets countersign_secrets;

/* Called by a lookup, once for each secret. What is needed of it is copied, and wiped in the end. An
 * empty secret, which anybody could sign with, counts as none. False, and FAILED in the end, past
 * COUNTERSIGN_SECRETS_MAX. */
bool countersign_secrets_add(countersign_secrets *secrets, const void *secret, size_t length);

/* Adds the secrets of a key of that scheme, none where it is unknown. True, or false where it could
 * not be found out: that is FAILED. */
typedef bool (*countersign_lookup)(void *context, countersign_scheme scheme, countersign_bytes key,
                                   countersign_secrets *secrets);

typedef enum countersign_replay_answer {
    COUNTERSIGN_REPLAY_UNANSWERED = 0, /* the store failed: that is FAILED */
    COUNTERSIGN_REPLAY_NEW = 1,
    COUNTERSIGN_REPLAY_SEEN = 2
} countersign_replay_answer;

/* Says whether the signature (64 hex digits) is new, and remembers it until the Unix second
 * `expires_at`, after which the clock refuses it anyway. Asked last, about good signatures only. */
typedef countersign_replay_answer (*countersign_replay_guard)(void *context, countersign_bytes key,
                                                              countersign_bytes signature,
                                                              int64_t expires_at);

/* SHA-256 and HMAC-SHA256 from a library of your own. Functions that return bool say whether they
 * succeeded; where one does not, the result is FAILED. */
typedef struct countersign_crypto {
    void *context;
    void *(*sha256_begin)(void *context); /* NULL where it fails */
    bool (*sha256_update)(void *hash, const void *data, size_t length);
    bool (*sha256_finish)(void *hash, unsigned char digest[32]);
    void (*sha256_free)(void *hash); /* once for each hash that was begun */
    bool (*hmac_sha256)(void *context, const void *key, size_t key_length, const void *data,
                        size_t length, unsigned char mac[32]);
} countersign_crypto;

/* What a verifier insists on. Start with countersign_options_init. */
typedef struct countersign_options {
    countersign_lookup lookup;
    void *lookup_context;
    const char *signature_header;        /* "authorization" */
    uint32_t clock_skew_seconds_max;     /* 900; exactly that far is accepted */
    const char *const *required_headers; /* that must be signed too: up to a NULL, or NULL for none */
    bool unsigned_payload_allowed;       /* false */
    size_t body_bytes_max;               /* 12 MiB; the largest body that is hashed */
    countersign_replay_guard replay_guard; /* NULL: none */
    void *replay_guard_context;
    const countersign_crypto *crypto;    /* NULL: OpenSSL, where the library was built with it */
} countersign_options;

void countersign_options_init(countersign_options *options, countersign_lookup lookup,
                              void *lookup_context);

/* Verifies a request whose body is at hand. True only where it is verified; `result` says the rest.
 * `now` is in Unix seconds: `time(NULL)`. */
bool countersign_verify(const countersign_request *request, const void *body, size_t body_length,
                        const countersign_options *options, int64_t now, countersign_result *result);

/* A verification under way, whose body comes in pieces. */
typedef struct countersign_verification countersign_verification;

/* Looks at all that needs no body. NULL where the request is refused already; `result` then says why.
 * What `options` points to (contexts, crypto) must live until countersign_free. */
countersign_verification *countersign_begin(const countersign_request *request,
                                            const countersign_options *options, int64_t now,
                                            countersign_result *result);

/* Whether the body has to be fed before countersign_finish. It need not with Basic and with an allowed
 * UNSIGNED-PAYLOAD: what is fed then is neither hashed nor limited. */
bool countersign_needs_body(const countersign_verification *verification);

/* Takes the next piece of the body. False where it is refused (BODY_TOO_LARGE) or FAILED: read no
 * further. */
bool countersign_feed(countersign_verification *verification, const void *data, size_t length,
                      countersign_result *result);

/* Says, after the last piece, whether the request is verified. To be asked once; asked again, it gives
 * the same refusal again, but never a second acceptance. */
bool countersign_finish(countersign_verification *verification, countersign_result *result);

/* Wipes and frees it, at any moment: after the end, after a refusal, or when the client is gone. NULL is
 * nothing to free. */
void countersign_free(countersign_verification *verification);

#ifdef __cplusplus
}
#endif

#endif

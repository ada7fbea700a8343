/* A verification under way, and what countersign_begin hands from check to check. */
#ifndef COUNTERSIGN_VERIFICATION_H
#define COUNTERSIGN_VERIFICATION_H

#include "internal.h"

struct countersign_verification {
    countersign_options options;
    countersign_secrets secrets;
    countersign_result verdict; /* where it is decided; until then who will have signed */
    bool is_decided;
    bool needs_body;
    size_t body_bytes;
    void *canonical_hash; /* of the canonical request as far as it is known */
    void *body_hash;
    bool is_payload_sent;    /* by `x-sdk-content-sha256` */
    bool is_payload_hash;    /* whether that can be a hash at all */
    char payload[HEX_BYTES]; /* that hash, in lower case */
    char date[DATE_BYTES];
    int64_t expires_at;
    char signature[HEX_BYTES];
};

/* What countersign_begin looks at, and where it writes. */
typedef struct cs_inquiry {
    const countersign_request *request;
    const countersign_options *options;
    int64_t now;
    cs_headers headers;
    cs_claim claim;
    countersign_verification *verification;
    countersign_result *result;
} cs_inquiry;

/* checks.c: each says whether to go on; where not, the result says why */
bool cs_check_signed_headers(cs_inquiry *inquiry);
bool cs_check_date(cs_inquiry *inquiry);
/* `*payload` is what `x-sdk-content-sha256` says, where it is sent. */
bool cs_check_payload(cs_inquiry *inquiry, countersign_bytes *payload);

#endif

/* Secrets, for as short as they are needed and in the form that needs no length: the padded block that
 * HMAC makes of its key, which as a key of its own gives the same HMAC. */
#include "internal.h"

#include <string.h>

void cs_wipe(void *memory, size_t length) {
    /* A compiler may leave out a memset of what is not read again, but no volatile write. */
    volatile unsigned char *bytes = memory;
    while (length > 0) {
        bytes[--length] = 0;
    }
}

bool cs_equal_in_constant_time(const unsigned char *one, const unsigned char *other, size_t length) {
    volatile unsigned char difference = 0;
    for (size_t at = 0; at < length; at++) {
        difference = (unsigned char)(difference | (one[at] ^ other[at]));
    }
    return difference == 0;
}

bool cs_sha256(const countersign_crypto *crypto, countersign_bytes data, unsigned char *digest) {
    void *hash = crypto->sha256_begin(crypto->context);
    if (hash == NULL) {
        return false;
    }
    bool is_done = (data.length == 0 || crypto->sha256_update(hash, data.data, data.length)) &&
                   crypto->sha256_finish(hash, digest);
    crypto->sha256_free(hash);
    return is_done;
}

bool countersign_secrets_add(countersign_secrets *secrets, const void *secret, size_t length) {
    if (secret == NULL || length == 0) {
        return true;
    }
    if (secrets->has_failed || secrets->count == COUNTERSIGN_SECRETS_MAX) {
        secrets->has_failed = true;
        return false;
    }
    unsigned char *key = secrets->keys[secrets->count];
    memset(key, 0, BLOCK_BYTES);
    if (secrets->scheme == COUNTERSIGN_SCHEME_HMAC && length <= BLOCK_BYTES) {
        memcpy(key, secret, length);
    } else if (!cs_sha256(secrets->crypto, (countersign_bytes){secret, length}, key)) {
        secrets->has_failed = true;
        return false;
    }
    secrets->count++;
    return true;
}

bool cs_any_makes(const countersign_secrets *secrets, countersign_bytes text, const unsigned char *mac,
               bool *is_done) {
    const countersign_crypto *crypto = secrets->crypto;
    unsigned char made[DIGEST_BYTES] = {0};
    bool is_made = false;
    *is_done = true;
    for (size_t at = 0; at < secrets->count && *is_done && !is_made; at++) {
        *is_done = crypto->hmac_sha256(crypto->context, secrets->keys[at], BLOCK_BYTES, text.data,
                                       text.length, made);
        is_made = *is_done && cs_equal_in_constant_time(made, mac, DIGEST_BYTES);
    }
    cs_wipe(made, sizeof made);
    return is_made;
}

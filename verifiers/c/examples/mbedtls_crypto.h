/* SHA-256 and HMAC-SHA256 by mbedTLS 2.7 or later, for a library that was built with OPENSSL=no:
 *
 *     options.crypto = &mbedtls_crypto;
 */
#ifndef MBEDTLS_CRYPTO_H
#define MBEDTLS_CRYPTO_H

#include <countersign_verify.h>
#include <mbedtls/md.h>
#include <stdlib.h>

static void mbedtls_crypto_free(void *hash) {
    mbedtls_md_free(hash);
    free(hash);
}

static void *mbedtls_crypto_begin(void *context) {
    (void)context;
    mbedtls_md_context_t *hash = malloc(sizeof *hash);
    if (hash == NULL) {
        return NULL;
    }
    mbedtls_md_init(hash);
    const mbedtls_md_info_t *sha256 = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
    if (mbedtls_md_setup(hash, sha256, 0) != 0 || mbedtls_md_starts(hash) != 0) {
        mbedtls_crypto_free(hash);
        return NULL;
    }
    return hash;
}

static bool mbedtls_crypto_update(void *hash, const void *data, size_t length) {
    return mbedtls_md_update(hash, data, length) == 0;
}

static bool mbedtls_crypto_finish(void *hash, unsigned char digest[32]) {
    return mbedtls_md_finish(hash, digest) == 0;
}

static bool mbedtls_crypto_hmac(void *context, const void *key, size_t key_length, const void *data,
                                size_t length, unsigned char mac[32]) {
    (void)context;
    const mbedtls_md_info_t *sha256 = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
    return mbedtls_md_hmac(sha256, key, key_length, data, length, mac) == 0;
}

static const countersign_crypto mbedtls_crypto = {NULL,
                                                  mbedtls_crypto_begin,
                                                  mbedtls_crypto_update,
                                                  mbedtls_crypto_finish,
                                                  mbedtls_crypto_free,
                                                  mbedtls_crypto_hmac};

#endif

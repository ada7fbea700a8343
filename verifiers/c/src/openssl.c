/* SHA-256 and HMAC-SHA256 by OpenSSL's libcrypto, 1.1.0 or later. The only file that knows it; build
 * with COUNTERSIGN_NO_OPENSSL to leave it out. */
#include "internal.h"

#ifdef COUNTERSIGN_NO_OPENSSL

const countersign_crypto *cs_default_crypto(void) {
    return NULL;
}

#else

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <limits.h>

static void *begin(void *context) {
    (void)context;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(hash);
        return NULL;
    }
    return hash;
}

static bool update(void *hash, const void *data, size_t length) {
    return EVP_DigestUpdate(hash, data, length) == 1;
}

static bool finish(void *hash, unsigned char digest[32]) {
    return EVP_DigestFinal_ex(hash, digest, NULL) == 1;
}

static void release(void *hash) {
    EVP_MD_CTX_free(hash);
}

static bool hmac(void *context, const void *key, size_t key_length, const void *data, size_t length,
                 unsigned char mac[32]) {
    (void)context;
    unsigned int mac_length = 0;
    return key_length <= INT_MAX &&
           HMAC(EVP_sha256(), key, (int)key_length, data, length, mac, &mac_length) != NULL &&
           mac_length == 32;
}

const countersign_crypto *cs_default_crypto(void) {
    static const countersign_crypto crypto = {NULL, begin, update, finish, release, hmac};
    return &crypto;
}

#endif

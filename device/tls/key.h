/*
 * A key whose signatures are made by a function of ours, as OpenSSL takes it. It is a provider inside the program that has two things: the
 * key's public half, and the signing of a message or a digest. All else stays with OpenSSL's own: the query "?provider=default", with which everything
 * must be fetched, sees to that. (OpenSSL's older way, hooks in RSA and EC_KEY, is deprecated, and its RSA-PSS wants the bare RSA operation,
 * which a TPM's signing key does not give.)
 */
#ifndef BM_DEVICE_TLS_KEY_H
#define BM_DEVICE_TLS_KEY_H

#include "device/tls/wish.h"

#include <openssl/types.h>

#define BM_TLS_KEY_QUERY "?provider=default"

/* Makes the signature of a digest (ECDSA as DER), appended; false: it cannot be made. Called in the thread that shakes hands. */
typedef struct {
    bool (*sign)(void *context, bm_tls_scheme scheme, bm_hash_alg hash, const bm_digest *digest, bm_buf *signature);
    void *context;
} bm_tls_key_hand;

/* A library context of OpenSSL with the default provider and ours; zero-initialise, end with bm_tls_key_close. */
typedef struct {
    OSSL_LIB_CTX *ctx;
    OSSL_PROVIDER *usual;
    OSSL_PROVIDER *ours;
} bm_tls_key_library;

/* Opens it; on failure, too, it is to be closed. BM_E_INTERNAL. */
BM_RESULT bm_tls_key_open(bm_tls_key_library *library);

/* Closes it, after all that was made with it. */
void bm_tls_key_close(bm_tls_key_library *library);

/* The key with this public half and this hand, which must outlive it; the caller's, for EVP_PKEY_free. BM_E_INTERNAL. */
BM_RESULT bm_tls_key_new(OSSL_LIB_CTX *library, const bm_pubkey *key, const bm_tls_key_hand *hand, EVP_PKEY **made);

#endif

/* A signature for TLS that is wanted of the identity key in the TPM. */
#ifndef BM_DEVICE_TLS_WISH_H
#define BM_DEVICE_TLS_WISH_H

#include "crypto/hash.h"
#include "crypto/pubkey.h"

typedef enum { BM_TLS_ECDSA = 1, BM_TLS_PKCS1, BM_TLS_PSS } bm_tls_scheme;

/* A signature that is wanted: by the key at this handle, which must be the one with this SHA-256 of its SubjectPublicKeyInfo. */
typedef struct {
    uint32_t handle;
    uint8_t key[BM_SHA256_SIZE];
    bm_tls_scheme scheme;
    bm_hash_alg hash;
    bm_digest digest;
} bm_tls_wish;

#endif

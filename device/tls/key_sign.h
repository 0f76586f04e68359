/* The signatures of the provider in tls/key.c: of whole messages, of messages in pieces, and of digests. Internal to it. */
#ifndef BM_DEVICE_TLS_KEY_SIGN_H
#define BM_DEVICE_TLS_KEY_SIGN_H

#include "device/tls/key.h"

#include <openssl/core_dispatch.h>

/* An entry of a table of OpenSSL's, whose functions are of many types. */
typedef void (*bm_tls_key_function)(void);
#define BM_TLS_KEY_ENTRY(id, function) {(id), (bm_tls_key_function)(function)}

/* A key: what was imported; without a hand it is a public key, with which ours is compared. */
typedef struct {
    bm_pubkey key;
    const bm_tls_key_hand *hand;
} bm_tls_key_data;

/* The functions of a signature, by RSA or ECDSA. */
extern const OSSL_DISPATCH bm_tls_key_sign_functions[];

/* The longest signature: with RSA the modulus, with ECDSA the DER of two numbers that each may need a zero byte in front. */
int bm_tls_key_sign_max(bm_key_type type);

#endif

/* The identity and those who verify the other side, from PEM into an SSL_CTX of our library context (tls/key.h). */
#ifndef BM_DEVICE_TLS_USE_H
#define BM_DEVICE_TLS_USE_H

#include "crypto/hash.h"
#include "crypto/pubkey.h"

#include <openssl/types.h>

/* BM_E_IO: `what`, and the reason that OpenSSL's error queue of this thread has, which is empty afterwards. */
BM_RESULT bm_tls_use_failure(const char *what);

/* The certificates of a PEM file verify the other side, roots or not. BM_E_IO: there is none in it. */
BM_RESULT bm_tls_use_anchors(OSSL_LIB_CTX *library, SSL_CTX *ctx, const bm_buf *pem);

/* Reads device.crt and its key; the certificate is the caller's, for X509_free. BM_E_IO. */
BM_RESULT bm_tls_use_read(OSSL_LIB_CTX *library, const bm_buf *pem, X509 **leaf, bm_pubkey *key);

/* The certificate and its key are what we show, with the chain as far as the other side does not have it. BM_E_IO. */
BM_RESULT bm_tls_use_identity(OSSL_LIB_CTX *library, SSL_CTX *ctx, X509 *leaf, EVP_PKEY *key, const bm_buf *chain);

/*
 * Is this RSA-PSS signature one that TLS takes? TLS wants a salt as long as the digest (RFC 8446, 4.2.3); a TPM may make it as long as it can
 * (TPM 2.0 Part 1, B.7).
 */
bool bm_tls_use_is_pss(OSSL_LIB_CTX *library, const X509 *leaf, bm_hash_alg hash, const bm_digest *digest, const bm_buf *signature);

#endif

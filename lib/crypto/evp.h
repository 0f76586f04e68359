/*
 * What lib/crypto shares with lib/x509, and with nobody else: OpenSSL's objects behind our types, and the one translator of its errors.
 */
#ifndef BM_CRYPTO_EVP_H
#define BM_CRYPTO_EVP_H

#include "crypto/hash.h"
#include "crypto/pkey.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>

/* The key behind bm_pkey: made by bm_evp_wrap alone, so that every bm_pkey is of a known type and was checked. */
struct bm_pkey {
    EVP_PKEY *evp;
    bm_key_type type;
};

/* The EVP_PKEY of a key: borrowed, as long as the key lives. */
EVP_PKEY *bm_evp_of(const bm_pkey *key);

/*
 * Makes a key of an EVP_PKEY and takes ownership of it, on failure too (it is freed then). Checks that the type is one of ours, that a
 * curve is a named one, and the public half: an RSA modulus and exponent odd, exponent above 1; a point on the curve and not at
 * infinity (these curves have cofactor 1: nothing more is to check, SP 800-56A 5.6.2.3). BM_E_MALFORMED, BM_E_NO_MEMORY.
 */
BM_RESULT bm_evp_wrap(EVP_PKEY *evp, bm_pkey **key);

/*
 * The same for a key that was made of these numbers, which are what is looked at: getting them out of it again takes longer
 * than making it did. A point was checked when it was decoded (SEC 1, 2.3.4: coordinates below the field's prime, on the curve), and with its
 * leading 04 it is not at infinity.
 */
BM_RESULT bm_evp_wrap_public(EVP_PKEY *evp, const bm_pubkey *public_key, bm_pkey **key);

/*
 * Turns OpenSSL's error queue into a result: "what: reason", with the reason that OpenSSL gave last; clears the queue. `code` becomes
 * BM_E_NO_MEMORY when that was the reason.
 */
BM_RESULT bm_evp_error(bm_code code, const char *what);

/* The digest of a hash, fetched once per process; NULL for BM_HASH_NONE or when OpenSSL has none. Borrowed for good. */
const EVP_MD *bm_evp_md(bm_hash_alg alg);

/*
 * Verifies a signature over `message` with a key of any size and curve: one of a CA certificate, which need not be one of our types.
 * BM_E_MALFORMED when it is not this key's, or the algorithm is not for it.
 */
BM_RESULT bm_pkey_verify_evp(EVP_PKEY *key, bm_sig_alg alg, bm_bytes message, bm_bytes signature);

/* OpenSSL's name of a hash ("SHA256"); NULL for BM_HASH_NONE. */
const char *bm_evp_md_name(bm_hash_alg alg);

/* OSSL_PARAM takes what it only reads as a pointer to non-const: the one place where const is taken off. */
static inline void *bm_evp_in(const void *data)
{
    return (void *)(uintptr_t)data;
}

/* For BM_AUTO. */
static inline void bm_evp_pkey_freep(EVP_PKEY **pkey)
{
    EVP_PKEY_free(*pkey);
}
static inline void bm_evp_pkey_ctx_freep(EVP_PKEY_CTX **ctx)
{
    EVP_PKEY_CTX_free(*ctx);
}
static inline void bm_evp_md_ctx_freep(EVP_MD_CTX **ctx)
{
    EVP_MD_CTX_free(*ctx);
}
static inline void bm_evp_cipher_ctx_freep(EVP_CIPHER_CTX **ctx)
{
    EVP_CIPHER_CTX_free(*ctx);
}
static inline void bm_evp_mac_ctx_freep(EVP_MAC_CTX **ctx)
{
    EVP_MAC_CTX_free(*ctx);
}
static inline void bm_evp_bn_freep(BIGNUM **bn)
{
    BN_free(*bn);
}
static inline void bm_evp_bio_freep(BIO **bio)
{
    BIO_free_all(*bio);
}

#endif

/*
 * Keys that do something: verify, encrypt, agree, sign. An opaque wrapper of OpenSSL's EVP_PKEY.
 */
#ifndef BM_CRYPTO_PKEY_H
#define BM_CRYPTO_PKEY_H

#include "crypto/hash.h"
#include "crypto/pubkey.h"

typedef struct bm_pkey bm_pkey;

/* Signature algorithms: what a CSR or our certificates may be signed with. */
typedef enum {
    BM_SIG_NONE = 0,
    BM_SIG_RSA_SHA256, /* PKCS#1 v1.5 (RFC 4055) */
    BM_SIG_RSA_SHA384,
    BM_SIG_RSA_SHA512,
    BM_SIG_ECDSA_SHA256, /* RFC 5758 */
    BM_SIG_ECDSA_SHA384,
    BM_SIG_ECDSA_SHA512,
    BM_SIG_RSAPSS_SHA256 /* RFC 4055, MGF1-SHA-256, salt of 32 bytes */
} bm_sig_alg;

/* Frees; NULL is fine. The second is for BM_AUTO. */
void bm_pkey_free(bm_pkey *key);
void bm_pkey_freep(bm_pkey **key);

/*
 * A public key that can verify, encrypt or agree. Checked: modulus and exponent odd, exponent above 1; the point on its curve and not
 * at infinity (all that is to check with cofactor 1, SP 800-56A 5.6.2.3). Not EVP_PKEY_public_check: for RSA-2048 it takes 3.8 ms to
 * find that the modulus is not prime, for P-384 0.55 ms; whether an RSA key is weak is for bm_weak_check.
 * Not built with decoders. BM_E_MALFORMED when the key is no valid key.
 */
BM_RESULT bm_pkey_from_public(const bm_pubkey *public_key, bm_pkey **key);

/* Makes a key pair of this type; BM_E_INTERNAL. */
BM_RESULT bm_pkey_generate(bm_key_type type, bm_pkey **key);

/*
 * Reads a private key, PKCS#8 or traditional, DER or PEM (unencrypted), at most 64 KiB; BM_E_KEY_INVALID when it is none, of a type we
 * do not know, or not the private half of the public key that it names.
 */
BM_RESULT bm_pkey_from_private(bm_bytes bytes, bm_pkey **key);

/* Appends the private key as PKCS#8 DER; the buffer is secret. */
BM_RESULT bm_pkey_put_private(bm_buf *out, const bm_pkey *key);

/* Appends the private key as PKCS#8 PEM; the buffer is secret. */
BM_RESULT bm_pkey_put_private_pem(bm_buf *out, const bm_pkey *key);

/* The public half; BM_E_INTERNAL. */
BM_RESULT bm_pkey_public(const bm_pkey *key, bm_pubkey *public_key);

/* What a key of this type signs our certificates with: RSA and P-256 with SHA-256, P-384 with SHA-384, P-521 with SHA-512. */
bm_sig_alg bm_pkey_default_sig(bm_key_type type);

/* Appends the DER AlgorithmIdentifier of an algorithm. */
BM_RESULT bm_pkey_put_sig_algorithm(bm_buf *out, bm_sig_alg alg);

/* The algorithm of a DER AlgorithmIdentifier (whole element); BM_SIG_NONE when it is none of ours. */
bm_sig_alg bm_pkey_parse_sig_algorithm(bm_bytes der);

/* The hash of an algorithm, and whether it is for RSA keys. */
bm_hash_alg bm_pkey_sig_hash(bm_sig_alg alg);
bool bm_pkey_sig_is_rsa(bm_sig_alg alg);

/* Verifies a signature (ECDSA: DER) over `message`; BM_E_MALFORMED when it is not this key's. */
BM_RESULT bm_pkey_verify(const bm_pkey *key, bm_sig_alg alg, bm_bytes message, bm_bytes signature);

/* Appends a signature (ECDSA: DER) over `message`; BM_E_INTERNAL. */
BM_RESULT bm_pkey_sign(const bm_pkey *key, bm_sig_alg alg, bm_bytes message, bm_buf *signature);

/* RSA-OAEP with this hash for both label and MGF1; the label is given with its NUL where the TPM wants one. Appends the ciphertext. */
BM_RESULT bm_pkey_oaep_encrypt(const bm_pkey *key, bm_hash_alg alg, bm_bytes label, bm_bytes message, bm_buf *out);
BM_RESULT bm_pkey_oaep_decrypt(const bm_pkey *key, bm_hash_alg alg, bm_bytes label, bm_bytes ciphertext, bm_buf *out);

/* ECDH: the x coordinate of the shared point, padded to the field's size, into `z` (secret: the caller wipes it). */
BM_RESULT bm_pkey_ecdh(const bm_pkey *own, const bm_pkey *peer, uint8_t *z, size_t size);

#endif

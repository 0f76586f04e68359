/*
 * A public key by value: what a TPM public area, a CSR and a certificate have in common, compared and hashed without a library.
 */
#ifndef BM_CRYPTO_PUBKEY_H
#define BM_CRYPTO_PUBKEY_H

#include "base/bytes.h"

#define BM_RSA_MAX 512 /* bytes: RSA-4096 */
#define BM_ECC_MAX 66  /* bytes: P-521 */
#define BM_SHA256_SIZE 32

/* The key types that Birthmark knows. The numbers are part of our messages: append only. */
typedef enum {
    BM_KEY_NONE = 0,
    BM_KEY_RSA2048,
    BM_KEY_RSA3072,
    BM_KEY_RSA4096,
    BM_KEY_ECC256, /* NIST P-256 */
    BM_KEY_ECC384, /* NIST P-384 */
    BM_KEY_ECC521, /* NIST P-521 */
    BM_KEY_TYPE_COUNT
} bm_key_type;

/*
 * RSA: `n` holds exactly the modulus (big-endian, bits/8 bytes, top bit set) and `e` the exponent.
 * ECC: `x` and `y`, each padded on the left to the field's size. What a type does not use is zero.
 */
typedef struct {
    bm_key_type type;
    uint32_t e;
    uint8_t n[BM_RSA_MAX];
    uint8_t x[BM_ECC_MAX];
    uint8_t y[BM_ECC_MAX];
} bm_pubkey;

/* "rsa2048" .. "ecc521"; "none" otherwise. */
const char *bm_pubkey_type_name(bm_key_type type);

/* The type of a name; BM_KEY_NONE when there is none. */
bm_key_type bm_pubkey_type_by_name(bm_bytes name);

/* RSA or ECC? Both false for BM_KEY_NONE. */
bool bm_pubkey_is_rsa(bm_key_type type);
bool bm_pubkey_is_ecc(bm_key_type type);

/* Bytes of the modulus (256, 384, 512) or of a coordinate (32, 48, 66); 0 for BM_KEY_NONE. */
size_t bm_pubkey_field_size(bm_key_type type);

/* An RSA key; leading zeros of n are dropped, e is big-endian. BM_E_MALFORMED: n is not of 2048, 3072 or 4096 bits, or e > 32 bits. */
BM_RESULT bm_pubkey_from_rsa(bm_bytes n, bm_bytes e, bm_pubkey *key);

/* A point of the curve of `type`, coordinates padded or not; BM_E_MALFORMED when one does not fit. Not checked to be on the curve. */
BM_RESULT bm_pubkey_from_point(bm_key_type type, bm_bytes x, bm_bytes y, bm_pubkey *key);

/* Views of the modulus and the coordinates, as long as the key lives. */
bm_bytes bm_pubkey_n(const bm_pubkey *key);
bm_bytes bm_pubkey_x(const bm_pubkey *key);
bm_bytes bm_pubkey_y(const bm_pubkey *key);

/* The same key? */
bool bm_pubkey_equal(const bm_pubkey *a, const bm_pubkey *b);

/* Appends the DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7; rsaEncryption, or id-ecPublicKey with a named curve, uncompressed). */
BM_RESULT bm_pubkey_put_spki(bm_buf *out, const bm_pubkey *key);

/* SHA-256 of that SubjectPublicKeyInfo: how an EK is named in the inventory and the database. */
BM_RESULT bm_pubkey_spki_sha256(const bm_pubkey *key, uint8_t digest[BM_SHA256_SIZE]);

/*
 * Parses a DER SubjectPublicKeyInfo; also takes id-RSAES-OAEP for RSA (older EK certificates). BM_E_MALFORMED: anything else, or bytes
 * left over.
 */
BM_RESULT bm_pubkey_parse_spki(bm_bytes der, bm_pubkey *key);

#endif

/* Keys, good and bad, with a private half wherever there can be one: a weak key in an attack can really sign and decrypt. */
#ifndef BM_ATTACKS_KEY_H
#define BM_ATTACKS_KEY_H

#include "words.h"

#include "crypto/pkey.h"

#include <openssl/x509.h>

typedef struct {
    bool rsa;
    EVP_PKEY *evp;  /* what signs; for a key that has no private half (a point off its curve) another of its type */
    bool one;       /* the exponent is 1: signatures are forged without any key */
    uint32_t e;     /* RSA: the exponent */
    bm_buf n;       /* RSA: the modulus */
    bm_buf x;       /* ECC: the point */
    bm_buf y;
    int nid;        /* ECC: OpenSSL's number of the curve */
    uint16_t curve; /* ECC: TPM_ECC_CURVE (TPM 2.0 Part 2, 6.4) */
} atk_key;

/*
 * Makes a key of a kind: rsa1024, rsa2048, rsa3072, rsa4096, ecc256, ecc384, ecc521, secp256k1; rsa2048-e3, rsa2048-e1 (exponents), roca
 * (CVE-2017-15361), rsa2048-even, rsa2048-factor (a small factor), off-curve, infinity (a point of zeros), infinity-octet (the encoding 00).
 */
void atk_key_make(const atk_line *line, const char *kind, atk_key *key);

/*
 * A key with the public point of another, of P-256, on a curve of its own whose base point is that point, so that its private half is 1
 * (CVE-2020-0601). The caller frees it.
 */
EVP_PKEY *atk_key_curveball(const EVP_PKEY *of);

void atk_key_fini(atk_key *key);

/* Puts the public half into a certificate or a CSR, whatever it is. */
void atk_key_put(const atk_key *key, X509_PUBKEY *to);

/* The private half as lib/ has it; the caller frees it. */
bm_pkey *atk_key_private(const atk_key *key);

#endif

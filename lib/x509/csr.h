/*
 * Certificate signing requests (PKCS#10, RFC 2986). Parsed by walking the DER strictly; the subject is a request, never an authority.
 */
#ifndef BM_X509_CSR_H
#define BM_X509_CSR_H

#include "crypto/pkey.h"

#define BM_CSR_MAX 4096 /* bytes of a CSR that we take */

/* A parsed CSR; the views are inside the bytes that were parsed, which must outlive this. */
typedef struct {
    bm_bytes der;
    bm_bytes tbs;       /* certificationRequestInfo, as it was signed */
    bm_bytes spki;      /* SubjectPublicKeyInfo, whole */
    bm_pubkey key;
    bm_sig_alg alg;
    bm_bytes signature;
    bm_bytes serial;    /* the subject's serialNumber (2.5.4.5), or else its commonName; empty when it has neither */
} bm_csr;

/*
 * Parses a CSR of version 1. BM_E_CSR_MALFORMED: not a CSR, bytes left over, more than BM_CSR_MAX, a key that is none of ours, more than 64
 * attributes in the subject or two serialNumbers. BM_E_CSR_ALGORITHM: a signature algorithm that is none of ours (SHA-1 is none), or
 * one that does not go with the key. Extensions asked for are not looked at.
 */
BM_RESULT bm_csr_parse(bm_bytes der, bm_csr *csr);

/* Verifies the CSR's signature with its own key, given as bm_pkey_from_public(&csr->key) made it; BM_E_CSR_SIGNATURE. */
BM_RESULT bm_csr_verify(const bm_csr *csr, const bm_pkey *key);

/* Signs a digest with a key elsewhere (in a TPM): appends PKCS#1 v1.5 bytes, or the DER of an ECDSA-Sig-Value. */
typedef BM_RESULT (*bm_csr_sign)(void *context, bm_hash_alg alg, bm_bytes digest, bm_buf *signature);

/*
 * Builds a CSR with OpenSSL's X509_REQ: subject CN=serial, serialNumber=serial, this public key, no extensions, signed by the callback
 * with `alg` (the key type's bm_pkey_default_sig). Appends the DER. BM_E_IDENTITY_INVALID: the serial is no identity; BM_E_INTERNAL; and
 * what the callback returns.
 */
BM_RESULT bm_csr_build(const char *serial, const bm_pubkey *key, bm_sig_alg alg, bm_csr_sign sign, void *context, bm_buf *der);

/* The DER of an ECDSA-Sig-Value (RFC 3279, 2.2.3) from r and s, as a TPM gives them; for the callback above. */
BM_RESULT bm_csr_put_ecdsa(bm_buf *out, bm_bytes r, bm_bytes s);

#endif

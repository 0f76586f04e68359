/*
 * The certificate of an identity key (RFC 5280): built by the server, checked once more by the keeper before it signs.
 */
#ifndef BM_X509_ISSUE_H
#define BM_X509_ISSUE_H

#include "x509/ca.h"
#include "x509/profile.h"

/* What differs from one certificate to the next. */
typedef struct {
    uint8_t serial[BM_SERIAL_SIZE]; /* as bm_issue_serial made it */
    bm_bytes subject;               /* DER Name */
    const bm_pubkey *key;           /* the IK */
    int64_t not_before;
    int64_t not_after;
} bm_issue_fields;

/* Makes a serial of 159 bits out of random bytes: clears the top bit, and never leaves it zero or with a leading zero byte. */
void bm_issue_serial(uint8_t serial[BM_SERIAL_SIZE]);

/*
 * Appends the to-be-signed certificate (TBSCertificate, DER), version 3, signed by `alg`, issuer and AKI of the CA, extensions:
 * basicConstraints CA:FALSE (critical), keyUsage digitalSignature (critical), extendedKeyUsage clientAuth, certificatePolicies
 * 2.23.133.11.1.1 (verified TPM residency), SKI (RFC 7093 method 1: the leftmost 160 bits of SHA-256 of the key bits), AKI. Nothing comes from the CSR.
 */
BM_RESULT bm_issue_put_tbs(bm_buf *out, const bm_ca *ca, bm_sig_alg alg, const bm_issue_fields *fields);

/*
 * The keeper's look at a to-be-signed certificate: it parses it, rebuilds it from what it parsed with bm_issue_put_tbs, and wants the same
 * bytes: so nothing but such a certificate can be signed. `spki_sha256` must be that of its key, not_after at most the CA's. BM_E_KEY_REFUSED with the reason.
 */
BM_RESULT bm_issue_check_tbs(bm_bytes tbs, const bm_ca *ca, bm_sig_alg alg, const uint8_t spki_sha256[BM_SHA256_SIZE]);

/* Appends the certificate: SEQUENCE of tbs, algorithm, signature. */
BM_RESULT bm_issue_assemble(bm_buf *out, bm_bytes tbs, bm_sig_alg alg, bm_bytes signature);

/* What a program wants of a certificate that we issued (or any leaf): strict DER walk. Views are inside `der`. BM_E_MALFORMED. */
typedef struct {
    bm_bytes serial;
    bm_bytes spki;
    bm_pubkey key;
    int64_t not_before;
    int64_t not_after;
    char subject[256]; /* one line, "CN=.., serialNumber=.."; what is not printable as '?' */
    char common_name[BM_IDENTITY_MAX + 1];
} bm_issued;

BM_RESULT bm_issue_parse(bm_bytes der, bm_issued *issued);

#endif

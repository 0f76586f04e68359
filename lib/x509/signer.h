/*
 * The certificate of a key that signs files of answers (docs/protocol.md, "The exchange by files"): short-lived, made by the identity CA for one
 * file, and good for nothing else.
 */
#ifndef BM_X509_SIGNER_H
#define BM_X509_SIGNER_H

#include "x509/ca.h"

/*
 * The extended key usage of such a key: 2.25.175736144058421569253279319247162772444. The arc 2.25 (ITU-T X.667) is for everybody who has
 * a UUID, here 84358cda-e960-44bf-96e9-80c2ae850bdc; nobody else makes numbers below it.
 */
extern const bm_bytes bm_signer_purpose;

/* What differs from one to the next. */
typedef struct {
    uint8_t serial[BM_SERIAL_SIZE]; /* as bm_issue_serial made it */
    const bm_pubkey *key;           /* P-256 */
    int64_t not_before;
    int64_t not_after;
} bm_signer_fields;

/*
 * Appends the to-be-signed certificate: CN "Birthmark answers", basicConstraints CA:FALSE (critical), keyUsage digitalSignature (critical),
 * extendedKeyUsage bm_signer_purpose, SKI, AKI. BM_E_INTERNAL: the key is of another type.
 */
BM_RESULT bm_signer_put_tbs(bm_buf *out, const bm_ca *ca, const bm_signer_fields *fields);

/*
 * Is this the certificate (DER) of such a key, made by one of these CAs, and good at `now`? It must be, byte for byte, what bm_signer_put_tbs
 * makes of its fields: so a device's or a server's certificate of the same CA is none. BM_E_ANSWER_INVALID with the reason.
 */
BM_RESULT bm_signer_check(bm_bytes der, const bm_ca *cas, size_t count, int64_t now, bm_pubkey *key);

#endif

/* What a device is given: its certificate as it is to be signed, and the reply that carries it. In getCertificate, and in answers by files. */
#ifndef BM_PROTOCOL_CERTIFY_H
#define BM_PROTOCOL_CERTIFY_H

#include "x509/ca.h"
#include "x509/issue.h"
#include "x509/profile.h"

/* Whose certificate, under which profile, at which time. */
typedef struct {
    const bm_ca *ca;
    const bm_profile *profile;
    const char *identity;
    const uint8_t *ek_sha256; /* BM_SHA256_SIZE bytes */
    const bm_pubkey *key;     /* the IK */
    int64_t now;
} bm_certify_options;

/*
 * Appends the to-be-signed certificate with a new serial, its dates inside those of the CA; `issue` says what is in it but for its subject.
 * BM_E_INTERNAL: the CA's certificate has expired; BM_E_IDENTITY_INVALID.
 */
BM_RESULT bm_certify_put_tbs(const bm_certify_options *options, bm_buf *tbs, bm_issue_fields *issue);

/*
 * Appends the reply of getCertificate with this certificate (DER) and chain; `issued` is what the certificate says, views inside `der`.
 * BM_E_INTERNAL: it is none of ours.
 */
BM_RESULT bm_certify_put_reply(bm_bytes der, const bm_buf *chain, size_t chain_count, const char *identity, bm_buf *body, bm_issued *issued);

#endif

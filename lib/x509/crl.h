/*
 * Certificate revocation lists of TPM vendors (RFC 5280, 5): read strictly, checked to be of a CA that is trusted, and made into the ids of
 * lib/x509/revoked.h. A CRL is used for what it lists, never for what it leaves out.
 */
#ifndef BM_X509_CRL_H
#define BM_X509_CRL_H

#include "crypto/pkey.h"
#include "x509/anchors.h"
#include "x509/revoked.h"

#define BM_CRL_MAX ((size_t)16 * 1024 * 1024)
#define BM_CRL_NUMBER_MAX 20 /* bytes of a CRL number (RFC 5280, 5.2.3) */

/* A CRL; views inside the bytes that were parsed. */
typedef struct {
    bm_bytes tbs; /* whole: what is signed */
    bm_sig_alg alg;
    bm_bytes signature;
    bm_bytes issuer;     /* Name, whole */
    bm_bytes number;     /* big-endian, without leading zeros but for 0 itself; empty: it has none */
    bm_bytes scope;      /* the value of its issuing distribution point; empty: it has none */
    int64_t this_update; /* seconds since 1970 */
    int64_t next_update; /* 0: it promises none */
    bm_bytes entries;    /* content of revokedCertificates */
    size_t count;        /* of them that revoke */
} bm_crl;

/*
 * Parses a CRL (DER, exactly). BM_E_MALFORMED with the reason: not a CRL; over BM_CRL_MAX bytes; more than BM_REVOKED_MAX entries; not signed
 * with SHA-2; a delta or an indirect CRL, one for attribute certificates; a critical extension that is not known, in the list or in an entry.
 * Entries on hold count as revoked; one that says removeFromCRL does not.
 */
BM_RESULT bm_crl_parse(bm_bytes der, bm_crl *crl);

/* Writes the issuer's name in one line, cut to fit; what is not printable ASCII is shown as '?'. BM_E_MALFORMED: not a Name. */
BM_RESULT bm_crl_issuer_name(const bm_crl *crl, char *out, size_t size);

/*
 * Finds who signed a CRL, by name and by key: an anchor of the set, or one of `chain` (DER, at most BM_EKC_CHAIN_MAX) that chains to one,
 * whose key usage allows it. Dates are not looked at: an old list of an old CA still says the truth. Writes what bm_issuer_id says of that CA.
 * BM_E_EKC_UNTRUSTED with the reason; BM_E_EKC_MALFORMED: one of the chain is no certificate.
 */
BM_RESULT bm_crl_issuer(const bm_crl *crl, bm_anchors *anchors, const bm_bytes *chain, size_t chain_count, int64_t now,
                        uint8_t issuer[BM_SHA256_SIZE]);

/* Appends the ids of what it revokes, in their order, to an empty buffer. BM_E_NO_MEMORY, BM_E_INTERNAL. */
BM_RESULT bm_crl_put_ids(const bm_crl *crl, const uint8_t issuer[BM_SHA256_SIZE], bm_buf *ids);

/* Names what a CRL is about: its issuer and its issuing distribution point. A newer CRL takes the place of one with the same name. BM_E_INTERNAL. */
BM_RESULT bm_crl_scope(const bm_crl *crl, const uint8_t issuer[BM_SHA256_SIZE], uint8_t scope[BM_SHA256_SIZE]);

/* When a CRL was made, as far as an order of CRLs goes. */
typedef struct {
    bm_bytes number; /* empty: none */
    int64_t this_update;
} bm_crl_age;

/* Is `fresh` newer than `old`: neither its number (where both have one) nor its date is lower, and one of them is higher? */
bool bm_crl_is_newer(const bm_crl_age *fresh, const bm_crl_age *old);

#endif

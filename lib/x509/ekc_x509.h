/* What is inside EK certificates, and OpenSSL's view of certificates, inside lib/x509 alone. */
#ifndef BM_X509_EKC_X509_H
#define BM_X509_EKC_X509_H

#include "x509/ekc.h"
#include "x509/walk.h"

#include <openssl/x509v3.h>

/* The certificate as it was cut; lives as long as the EK certificate. */
const bm_walk_cert *bm_ekc_walked(const bm_ekc *ekc);

/* Its authorityKeyIdentifier; NULL: it has none. Lives as long as the EK certificate. */
const AUTHORITY_KEYID *bm_ekc_authority(const bm_ekc *ekc);

/* Its validity in seconds since 1970. */
void bm_ekc_validity(const bm_ekc *ekc, int64_t *not_before, int64_t *not_after);

/* `code` when it has a critical extension that is not known. */
BM_RESULT bm_ekc_check_critical(const bm_ekc *ekc, bm_code code);

/*
 * Decodes a certificate with OpenSSL: exactly these bytes, and every extension that OpenSSL knows can be read. The caller frees it.
 * BM_E_EKC_MALFORMED.
 */
BM_RESULT bm_ekc_decode(bm_bytes der, X509 **x509);

/* The validity in seconds since 1970, read as OpenSSL reads it; BM_E_EKC_MALFORMED. */
BM_RESULT bm_ekc_dates(const X509 *x509, int64_t *not_before, int64_t *not_after);

/* For BM_AUTO. */
static inline void bm_ekc_x509_freep(X509 **x509)
{
    X509_free(*x509);
}

#endif

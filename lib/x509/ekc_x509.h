/* OpenSSL's view of certificates, inside lib/x509 alone. */
#ifndef BM_X509_EKC_X509_H
#define BM_X509_EKC_X509_H

#include "x509/ekc.h"

#include <openssl/x509v3.h>

/* OpenSSL's certificate; borrowed, lives as long as the EK certificate. */
X509 *bm_ekc_x509(const bm_ekc *ekc);

/*
 * Decodes a certificate with OpenSSL: exactly these bytes, and every extension that OpenSSL knows can be read. The caller frees it.
 * BM_E_EKC_MALFORMED.
 */
BM_RESULT bm_ekc_decode(bm_bytes der, X509 **x509);

/* The validity in seconds since 1970, read as OpenSSL reads it; BM_E_EKC_MALFORMED. */
BM_RESULT bm_ekc_dates(const X509 *x509, int64_t *not_before, int64_t *not_after);

#endif

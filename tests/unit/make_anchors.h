/*
 * A TPM vendor's PKI for the tests: root (RSA) -> mid (P-384) -> low (P-256), EK certificates below them, and sets of anchors.
 */
#ifndef BM_TESTS_MAKE_ANCHORS_H
#define BM_TESTS_MAKE_ANCHORS_H

#include "make_x509.h"

#include "x509/anchors.h"

/* The keys and CAs; `stranger` is a key of nobody, `weak_key` RSA of 1024 bits. */
typedef struct {
    EVP_PKEY *root_key;
    EVP_PKEY *mid_key;
    EVP_PKEY *low_key;
    EVP_PKEY *ek_key;
    EVP_PKEY *rsa_ek_key;
    EVP_PKEY *stranger;
    EVP_PKEY *weak_key;
    X509 *root;
    X509 *mid;
    X509 *low;
} make_vendor;

/* The group's one; made and freed by the group's set-up and tear-down. */
extern make_vendor pki;
int make_pki_begin(void **state);
int make_pki_end(void **state);

/* Classes that are accepted. */
extern const bool make_all_classes[BM_CLASS_COUNT];
extern const bool make_no_virtual[BM_CLASS_COUNT];

/* Up to six certificates, and a NULL behind them. */
typedef X509 *make_chain[7];

/* An EK certificate, parsed; the caller frees it. The second has the P-256 EK and the usual extensions. */
bm_ekc *make_ekc(const make_options *options);
bm_ekc *make_ekc_of(X509 *issuer, EVP_PKEY *signer);

/* Adds a certificate to a set of anchors. */
bm_result make_add(bm_anchors *anchors, X509 *x509, bm_tpm_class class);

/* Anchors of one certificate (or none), of class discrete; the caller frees them. */
bm_anchors *make_anchors_of(X509 *x509);

/* Verifies with this chain; the second now and for all classes, the third once, freeing both. `match` may be NULL. */
bm_result make_verify_at(bm_anchors *anchors, const bm_ekc *ekc, X509 *const *chain, int64_t now,
                         const bool accepted[BM_CLASS_COUNT], bm_anchor_match *match);
bm_result make_verify(bm_anchors *anchors, const bm_ekc *ekc, X509 *const *chain);
bm_result make_once(bm_anchors *anchors, bm_ekc *ekc, X509 *const *chain);

#endif

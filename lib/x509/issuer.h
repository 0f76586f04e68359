/*
 * What may sign EK certificates, inside lib/x509 alone: a path of CA certificates, and the rules that each path must keep.
 */
#ifndef BM_X509_ISSUER_H
#define BM_X509_ISSUER_H

#include "crypto/hash.h"
#include "x509/ekc_x509.h"

/*
 * Something that may sign EK certificates: a path of CA certificates, the first of which is the one that signs and the last an anchor. For
 * an anchor itself the path has one certificate. Everything in it was verified but the dates.
 */
typedef struct {
    uint8_t sha256[BM_SHA256_SIZE]; /* of the first one's DER */
    uint8_t id[BM_SHA256_SIZE];     /* of the first one, see bm_issuer_id */
    STACK_OF(X509) *path;
    size_t anchor; /* its number in the set */
    int64_t from;  /* the time when all of the path is valid */
    int64_t until;
    bool constrained; /* one of the path has name constraints */
} bm_issuer;

/* Frees a path, its certificates with it; for BM_AUTO. NULL is fine. */
void bm_issuer_free_path(STACK_OF(X509) **path);

/* Frees the path of something that may sign, and leaves it empty; for BM_AUTO. */
void bm_issuer_fini(bm_issuer *made);

/* Puts a certificate at the end of a path, which shares it; BM_E_NO_MEMORY. */
BM_RESULT bm_issuer_push(STACK_OF(X509) *path, X509 *x509);

/* Fills in the first one's id, when all of the path is valid, and whether it has name constraints; BM_E_EKC_MALFORMED, BM_E_INTERNAL. */
BM_RESULT bm_issuer_measure(bm_issuer *made);

/*
 * What X509_verify_cert leaves to us, as it takes the first of the path for a leaf: that all are CAs with strong keys and signatures (but
 * the anchor's own), and the path lengths (RFC 5280, 4.2.1.9). BM_E_EKC_UNTRUSTED.
 */
BM_RESULT bm_issuer_check_path(STACK_OF(X509) *path);

/*
 * Names a CA for the ids of what it revoked, by its key and its name: two certificates of one CA give the same, two CAs with one name do
 * not, and neither does one key that has two names. BM_E_INTERNAL.
 */
BM_RESULT bm_issuer_id(X509 *x509, uint8_t id[BM_SHA256_SIZE]);

/*
 * Is a certificate of this CA (bm_issuer_id), with this serial number (content of the INTEGER), among the revoked ones (see x509/revoked.h)?
 * The second is for one that OpenSSL decoded. BM_E_EKC_REVOKED with `detail`; BM_E_INTERNAL.
 */
BM_RESULT bm_issuer_check_revoked(bm_bytes revoked, const uint8_t issuer[BM_SHA256_SIZE], bm_bytes serial, const char *detail);
BM_RESULT bm_issuer_check_revoked_ca(bm_bytes revoked, const uint8_t issuer[BM_SHA256_SIZE], const X509 *x509, const char *detail);

/*
 * May a CA have this key (SubjectPublicKeyInfo)? RSA of 2048 to 4096 bits, P-256, P-384, P-521, and nothing else: strong enough, none that is only
 * there to make us work, and told by its bytes, before OpenSSL decodes it. The second is for a certificate that OpenSSL decoded.
 */
bool bm_issuer_key_is_fit(bm_bytes spki);
bool bm_issuer_has_fit_key(X509 *x509);
#define BM_ISSUER_UNFIT_KEY "a CA of the chain has a key that is not RSA of 2048 to 4096 bits, P-256, P-384 or P-521"

/* SHA-2 in the EK certificate's signature: SHA-1 counts for less than 80 bits. BM_E_EKC_UNTRUSTED, BM_E_EKC_MALFORMED. */
BM_RESULT bm_issuer_check_strongly_signed(const bm_ekc *leaf);

/* Do this certificate and the EK certificate say of each other that the first issued the second (RFC 5280, 4.1.2.4: names, key identifiers, key usage)? */
bool bm_issuer_says_so(X509 *candidate, const bm_ekc *leaf);

/* Do they say so, has the first a key that a CA may have, and did it sign (RFC 5280, 6.1.3)? What costs a public-key operation comes last. */
bool bm_issuer_has_signed(X509 *candidate, const bm_ekc *leaf);

/* Is all of the path valid at this time? */
bool bm_issuer_is_current(const bm_issuer *candidate, int64_t now);

/* Name constraints of the path on the leaf (RFC 5280, 4.2.1.10): X509_verify_cert did not see the leaf. BM_E_EKC_UNTRUSTED, BM_E_EKC_MALFORMED. */
BM_RESULT bm_issuer_check_constraints(const bm_issuer *candidate, const bm_ekc *leaf);

#endif

/*
 * Trust anchors: the certificates of TPM vendors' CAs that an operator pinned, each with its class, and the chains to them.
 */
#ifndef BM_X509_ANCHORS_H
#define BM_X509_ANCHORS_H

#include "crypto/hash.h"
#include "x509/ekc.h"

/* What kind of TPM a vendor CA vouches for. The numbers are in messages and the database: append only. */
typedef enum { BM_CLASS_DISCRETE = 0, BM_CLASS_FIRMWARE, BM_CLASS_VIRTUAL, BM_CLASS_COUNT } bm_tpm_class;

typedef struct bm_anchors bm_anchors;

/* "discrete", "firmware", "virtual". */
const char *bm_anchors_class_name(bm_tpm_class class);

/* The class of a name; BM_E_MALFORMED when there is none. */
BM_RESULT bm_anchors_class_by_name(bm_bytes name, bm_tpm_class *class);

/* An empty set; BM_E_NO_MEMORY. */
BM_RESULT bm_anchors_new(bm_anchors **anchors);

/* Frees; NULL is fine. The second is for BM_AUTO. */
void bm_anchors_free(bm_anchors *anchors);
void bm_anchors_freep(bm_anchors **anchors);

/* How many there are. */
size_t bm_anchors_count(const bm_anchors *anchors);

/*
 * Adds a CA certificate (DER, exactly; self-signed or not). BM_E_EKC_MALFORMED: no certificate; BM_E_EKC_USAGE: not a CA. One that is
 * there already is no error: it has this class from now on.
 */
BM_RESULT bm_anchors_add(bm_anchors *anchors, bm_bytes der, bm_tpm_class class);

/*
 * Checks that a CA certificate (DER, exactly) has a key that counts: RSA of 2048 to 4096 bits, P-256, P-384 or P-521. An anchor with another key can
 * be added, since older databases have some, but nothing chains to it. BM_E_EKC_UNTRUSTED: another key; BM_E_EKC_MALFORMED: not a certificate.
 */
BM_RESULT bm_anchors_check_key(bm_bytes der);

/*
 * What loaded CRLs revoke (the ids of x509/revoked.h, in their order), in place of what was given before. Takes what `ids` owns. To be called
 * when all anchors are in the set: one that is revoked by the CA above it, if that is an anchor too, counts for nothing from now on. What was
 * remembered as verified is forgotten. BM_E_MALFORMED: these are no ids; BM_E_INTERNAL.
 */
BM_RESULT bm_anchors_revoke(bm_anchors *anchors, bm_buf *ids);

/* How many certificates are revoked. */
size_t bm_anchors_revoked_count(const bm_anchors *anchors);

/* What an EK certificate chained to. */
typedef struct {
    bm_tpm_class class;
    uint8_t anchor_sha256[BM_SHA256_SIZE]; /* of the anchor's DER */
} bm_anchor_match;

/*
 * Verifies that the EK certificate chains, through intermediates of `chain` (untrusted, at most BM_EKC_CHAIN_MAX, each DER exactly), to
 * an anchor at the time `now`: signatures, validity of each, CA flags, path lengths, key usages, name chaining, CA keys of RSA with 2048 to 4096
 * bits, P-256, P-384 or P-521 alone, no SHA-1 but in an anchor's own signature. (X509_verify_cert with partial chains to anchors; no purpose.) The
 * anchor must be of an accepted class. The path above an intermediate is verified from the anchor down, before that of the EK certificate: a chain
 * that was made to cost time costs no more than an honest one. Intermediates that were verified before are remembered by SHA-256 of their DER together with the anchor, so
 * that a swarm of devices does not have the same intermediate parsed and verified each time (bounded: the oldest is forgotten; its
 * validity is checked against `now` each time all the same).
 * Where the path meets several anchors, the nearest to the EK certificate counts.
 * BM_E_EKC_MALFORMED: an intermediate is no certificate; BM_E_EKC_UNTRUSTED with the reason; BM_E_EKC_VALIDITY: only a date is wrong;
 * BM_E_EKC_CLASS: it chains, but to an anchor of a class that is not accepted; BM_E_EKC_REVOKED: it, or a CA of each chain that it has, is
 * revoked (bm_anchors_revoke).
 */
BM_RESULT bm_anchors_verify(bm_anchors *anchors, const bm_ekc *ekc, const bm_bytes *chain, size_t chain_count,
                            const bool accepted[BM_CLASS_COUNT], int64_t now, bm_anchor_match *match);

/*
 * Was this very EK certificate (SHA-256 of its DER) verified by bm_anchors_verify of this set a moment ago, is everything of its path valid
 * now, and is its anchor of an accepted class? True fills the match. False says nothing about the certificate: verify it. Only for
 * bytes whose usage and key were checked before (getCertificate, whose ticket binds them).
 */
bool bm_anchors_recall(const bm_anchors *anchors, const uint8_t ekc_sha256[BM_SHA256_SIZE], const bool accepted[BM_CLASS_COUNT],
                       int64_t now, bm_anchor_match *match);

#endif

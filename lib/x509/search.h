/*
 * The search for who issued an EK certificate, inside lib/x509 alone: an anchor, an intermediate that was verified before, or one of the
 * chain that came with it.
 */
#ifndef BM_X509_SEARCH_H
#define BM_X509_SEARCH_H

#include "x509/anchors_set.h"

#define BM_SEARCH_TRIED_MAX 16

/* How far the last path came that was looked for. */
typedef enum {
    BM_SEARCH_NO_PATH = 0, /* names and extensions lead to no anchor: no signature was looked at */
    BM_SEARCH_FORGED,      /* a CA certificate is not signed by the issuer that it names */
    BM_SEARCH_VERIFIED
} bm_search_outcome;

/* One call of bm_anchors_verify. Everything is borrowed. */
typedef struct {
    bm_anchors *anchors;
    const bm_ekc *leaf;
    const bm_bytes *chain;
    size_t chain_count;
    int64_t now;
    struct {
        X509 *owner;   /* of a key that was looked at */
        bool is_it;    /* it signed the leaf; else it is of no use */
    } tried[BM_SEARCH_TRIED_MAX]; /* no key twice */
    size_t tried_count;
    bm_search_outcome outcome;
    bm_result cause; /* why the nearest candidate was refused; that one was revoked counts for more than all else */
} bm_search;

/*
 * The issuer of the leaf, with its path verified but for the dates; it belongs to the set, until the next call. An intermediate that was
 * verified is remembered.
 * Whoever sends a chain pays for what it makes us do: the path above an intermediate is verified from the anchor down, before anything is verified
 * with the intermediate's key; what leads to no anchor costs no public-key operation; the first CA certificate that its issuer did not sign ends the
 * search; no key is tried twice.
 * BM_E_EKC_UNTRUSTED: none; the cause says why. BM_E_EKC_REVOKED: none that was not revoked. Also BM_E_EKC_MALFORMED,
 * BM_E_NO_MEMORY, BM_E_INTERNAL.
 */
BM_RESULT bm_search_issuer(bm_search *find, const bm_issuer **found);

/*
 * Has OpenSSL build and verify the path from an intermediate, through `untrusted`, to an anchor, and checks what it leaves to us; dates aside.
 * Of `find` the anchors and the time are looked at, and the outcome is set. The keys of `untrusted` are those that a CA may have. The caller ends `made`. BM_E_EKC_UNTRUSTED, BM_E_EKC_REVOKED, BM_E_EKC_MALFORMED,
 * BM_E_NO_MEMORY, BM_E_INTERNAL.
 */
BM_RESULT bm_search_path(bm_search *find, X509 *intermediate, STACK_OF(X509) *untrusted, bm_issuer *made);

#endif

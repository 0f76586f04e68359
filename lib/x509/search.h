/*
 * The search for who issued an EK certificate, inside lib/x509 alone: an anchor, an intermediate that was verified before, or one of the
 * chain that came with it.
 */
#ifndef BM_X509_SEARCH_H
#define BM_X509_SEARCH_H

#include "x509/anchors_set.h"

#define BM_SEARCH_TRIED_MAX 16

/* So many signatures may lead to a CA certificate that the issuer which it names did not sign: as many as the shortest honest chain has. */
#define BM_SEARCH_SPENT_MAX 2

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
    int spent; /* signatures that were verified down to a wrong one, that one too */
    bm_result cause; /* why the nearest candidate was refused; that one was revoked counts for more than all else */
} bm_search;

/*
 * The issuer of the leaf, with its path verified but for the dates; it belongs to the set, until the next call. An intermediate that was
 * verified is remembered.
 * Whoever sends a chain pays for what it makes us do: the path above an intermediate is verified from the anchor down, before anything is verified
 * with the intermediate's key; what leads to no anchor costs no public-key operation; a CA certificate that its issuer did not sign ends the search,
 * but for one directly below an anchor: after a rollover a vendor's anchor may have the name of the one that signed it. The second such ends it.
 * No key is tried twice, and no certificate.
 * BM_E_EKC_UNTRUSTED: none; the cause says why. BM_E_EKC_REVOKED: none that was not revoked. Also BM_E_EKC_MALFORMED,
 * BM_E_NO_MEMORY, BM_E_INTERNAL.
 */
BM_RESULT bm_search_issuer(bm_search *find, const bm_issuer **found);

/*
 * Has OpenSSL build and verify the path from an intermediate, through `untrusted`, to an anchor, and checks what it leaves to us; dates aside.
 * Of `find` the anchors and the time are looked at, and what was spent is counted. The keys of `untrusted` are those that a CA may have. The caller ends `made`. BM_E_EKC_UNTRUSTED, BM_E_EKC_REVOKED, BM_E_EKC_MALFORMED,
 * BM_E_NO_MEMORY, BM_E_INTERNAL.
 */
BM_RESULT bm_search_path(bm_search *find, X509 *intermediate, STACK_OF(X509) *untrusted, bm_issuer *made);

#endif

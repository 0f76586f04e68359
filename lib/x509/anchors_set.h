/* What is in a set of anchors, inside lib/x509 alone. */
#ifndef BM_X509_ANCHORS_SET_H
#define BM_X509_ANCHORS_SET_H

#include "x509/anchors.h"
#include "x509/issuer.h"
#include "x509/seen.h"

#define BM_REMEMBERED_MAX 64

/* One anchor. */
typedef struct {
    bm_issuer self;
    bm_tpm_class class;
    bool revoked; /* by the CA above it, which is an anchor too */
} bm_anchor_row;

struct bm_anchors {
    bm_anchor_row *rows;
    size_t count;
    STACK_OF(X509) *trusted; /* borrowed from the rows, in their order: those whose key a CA may have */
    bm_issuer remembered[BM_REMEMBERED_MAX];
    size_t next; /* where the next one is remembered: the oldest */
    bm_buf revoked; /* ids in their order: see x509/revoked.h */
    bm_seen seen; /* EK certificates that chained to one of the rows */
};

#endif

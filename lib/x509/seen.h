/*
 * EK certificates that were verified a moment ago, inside lib/x509 alone: getCertificate asks about the one that getChallenge just
 * verified, and decoding and verifying it again would be a quarter of a server's work.
 */
#ifndef BM_X509_SEEN_H
#define BM_X509_SEEN_H

#include "crypto/hash.h"

#define BM_SEEN_MAX 1024

/* One certificate: to which anchor (by its number) it chained, and when it and its path are all valid. */
typedef struct {
    bool used;
    uint8_t sha256[BM_SHA256_SIZE]; /* of its DER */
    size_t anchor;
    int64_t from;
    int64_t until;
} bm_seen_row;

/* Each hash has one place, so that nothing is searched and nothing grows; who comes later to a place takes it. Zero-initialise. */
typedef struct {
    bm_seen_row rows[BM_SEEN_MAX];
} bm_seen;

/* Remembers a certificate that was verified. */
void bm_seen_put(bm_seen *seen, const bm_seen_row *row);

/* The certificate of this hash; NULL when it is not remembered. */
const bm_seen_row *bm_seen_get(const bm_seen *seen, const uint8_t sha256[BM_SHA256_SIZE]);

#endif

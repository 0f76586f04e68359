/*
 * The certificates that loaded CRLs revoke, as one ordered list of ids of a fixed size: small enough for every server process, searched in
 * O(log n). An id stands for an issuer (its key and its name) and a serial number.
 */
#ifndef BM_X509_REVOKED_H
#define BM_X509_REVOKED_H

#include "crypto/hash.h"

#define BM_REVOKED_ID_SIZE 16
#define BM_REVOKED_MAX ((size_t)1024 * 1024) /* ids of all CRLs together: 16 MiB */

/*
 * The id of a certificate: its issuer as bm_issuer_id says, its serial number (content of an INTEGER; the same number gives the same id, in
 * however many octets it is written). BM_E_INTERNAL.
 */
BM_RESULT bm_revoked_id(const uint8_t issuer[BM_SHA256_SIZE], bm_bytes serial, uint8_t id[BM_REVOKED_ID_SIZE]);

/* Puts ids in their order, each once. */
void bm_revoked_sort(bm_buf *ids);

/* Puts ids (in their order) to those in `all` (in their order); BM_E_NO_MEMORY. */
BM_RESULT bm_revoked_merge(bm_buf *all, bm_bytes more);

/* Are these whole ids, at most BM_REVOKED_MAX, in their order, each once? BM_E_MALFORMED. */
BM_RESULT bm_revoked_check(bm_bytes ids);

/* Is this id among them? */
bool bm_revoked_has(bm_bytes ids, const uint8_t id[BM_REVOKED_ID_SIZE]);

#endif

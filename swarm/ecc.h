/* An EK on a curve as bare numbers: made, and used for its one purpose, without what a key object costs. */
#ifndef BM_SWARM_ECC_H
#define BM_SWARM_ECC_H

#include "crypto/pubkey.h"

/* A curve with the memory to reckon on it. */
typedef struct bm_swarm_ecc bm_swarm_ecc;

/* The curve of BM_KEY_ECC256 or BM_KEY_ECC384; BM_E_INTERNAL for others. */
BM_RESULT bm_swarm_ecc_new(bm_key_type type, bm_swarm_ecc **curve);

/* Frees; NULL is fine. The second is for BM_AUTO. */
void bm_swarm_ecc_free(bm_swarm_ecc *curve);
void bm_swarm_ecc_freep(bm_swarm_ecc **curve);

/* Makes a key pair; the private number has the field's size. BM_E_INTERNAL. */
BM_RESULT bm_swarm_ecc_make(bm_swarm_ecc *curve, uint8_t *secret, size_t size, bm_pubkey *key);

/*
 * ECDH: the x coordinate of the shared point, padded to the field's size. BM_E_MALFORMED: the secret is not a number of this curve's group,
 * or the peer no point of it.
 */
BM_RESULT bm_swarm_ecc_agree(bm_swarm_ecc *curve, bm_bytes secret, const bm_pubkey *peer, uint8_t *z, size_t size);

#endif

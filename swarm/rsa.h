/* What a device does with an RSA key: its EK opens a seed, its identity key signs a CSR. */
#ifndef BM_SWARM_RSA_H
#define BM_SWARM_RSA_H

#include "crypto/hash.h"
#include "swarm/primes.h"

/*
 * RSA-OAEP (RFC 8017, 7.1.2) with this hash for the label and MGF1: replaces `message` by what was encrypted. BM_E_MALFORMED: not
 * encrypted to this key with this label. Not constant in time: the keys are a test's.
 */
BM_RESULT bm_swarm_rsa_open(bm_swarm_primes *primes, const bm_swarm_choice *choice, bm_hash_alg alg, bm_bytes label, bm_bytes ciphertext,
                            bm_buf *message);

/* PKCS#1 v1.5 with SHA-256 (RFC 8017, 8.2.1): appends the signature of `message`. */
BM_RESULT bm_swarm_rsa_sign(bm_swarm_primes *primes, const bm_swarm_choice *choice, bm_bytes message, bm_buf *signature);

#endif

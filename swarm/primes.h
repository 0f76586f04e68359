/*
 * RSA keys that cost nothing to make: each modulus is the product of some of a fleet's few primes of 256 bits.
 *
 * A server sees a modulus of the right size and the exponent 65537, and does with it what it does with any other. Making such a key takes
 * microseconds, where two primes of 1024 bits take a tenth of a second; using it takes a fifth of the time, because the work grows with the
 * cube of the primes' size. Such keys protect nothing: who has two of them can factor both. They are for a test vendor's devices alone.
 */
#ifndef BM_SWARM_PRIMES_H
#define BM_SWARM_PRIMES_H

#include "crypto/pubkey.h"

#define BM_SWARM_PRIME_SIZE 32 /* bytes; its five top bits are set, so that the product of up to 16 of them has its top bit set */
#define BM_SWARM_PRIME_COUNT 64
#define BM_SWARM_PRIMES_SIZE (BM_SWARM_PRIME_SIZE * BM_SWARM_PRIME_COUNT)
#define BM_SWARM_FACTORS_MAX (BM_RSA_MAX / BM_SWARM_PRIME_SIZE)

typedef struct bm_swarm_primes bm_swarm_primes;

/* A key: which of the primes are its factors, in ascending order. */
typedef struct {
    size_t count;
    uint8_t factors[BM_SWARM_FACTORS_MAX];
} bm_swarm_choice;

/* Makes BM_SWARM_PRIME_COUNT different primes, in ascending order; BM_E_INTERNAL. */
BM_RESULT bm_swarm_primes_make(uint8_t out[BM_SWARM_PRIMES_SIZE]);

/* Gets primes ready for use. BM_E_MALFORMED: not so many, not in ascending order, too small, even, or not for the exponent 65537. */
BM_RESULT bm_swarm_primes_load(bm_bytes bytes, bm_swarm_primes **primes);

/* Frees; NULL is fine. The second is for BM_AUTO. */
void bm_swarm_primes_free(bm_swarm_primes *primes);
void bm_swarm_primes_freep(bm_swarm_primes **primes);

/* The choice of this number for an RSA type: every number has one of its own. BM_E_USAGE: no RSA type, or there are not so many choices. */
BM_RESULT bm_swarm_primes_choose(bm_key_type type, uint64_t number, bm_swarm_choice *choice);

/* How many choices there are for an RSA type; 0 for others. */
uint64_t bm_swarm_primes_choices(bm_key_type type);

/* The public key of a choice; BM_E_INTERNAL. */
BM_RESULT bm_swarm_primes_public(const bm_swarm_primes *primes, const bm_swarm_choice *choice, bm_pubkey *key);

/*
 * The private operation, in^d mod n, into as many bytes as the modulus has. BM_E_MALFORMED: `in` is not of the modulus' size.
 * BM_E_INTERNAL.
 */
BM_RESULT bm_swarm_primes_private(bm_swarm_primes *primes, const bm_swarm_choice *choice, bm_bytes in, uint8_t *out, size_t size);

#endif

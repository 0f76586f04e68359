/* Makes devices of software: their keys, EK certificates and CSRs, as records of the fleet file. */
#ifndef BM_SWARM_MAKER_H
#define BM_SWARM_MAKER_H

#include "swarm/format.h"
#include "swarm/vendor.h"

typedef struct bm_swarm_maker bm_swarm_maker;

/* What devices are made of. The vendor, the primes and the prefix must outlive the maker. */
typedef struct {
    const bm_swarm_vendor *vendor;
    bm_swarm_primes *primes;
    bm_bytes prefix;
    bm_key_type ek;
    bm_key_type ik;
} bm_swarm_maker_options;

/* BM_E_INTERNAL, BM_E_NO_MEMORY. */
BM_RESULT bm_swarm_maker_new(const bm_swarm_maker_options *options, bm_swarm_maker **maker);

/* Frees; NULL is fine. The second is for BM_AUTO. */
void bm_swarm_maker_free(bm_swarm_maker *maker);
void bm_swarm_maker_freep(bm_swarm_maker **maker);

/* Appends the record of the device that is this one in the file; BM_E_INTERNAL, BM_E_NO_MEMORY. */
BM_RESULT bm_swarm_maker_put(bm_swarm_maker *maker, uint32_t number, bm_buf *out);

/* Writes the serial of a device: PREFIX-0000017. */
void bm_swarm_maker_serial(bm_bytes prefix, uint32_t number, char out[BM_IDENTITY_MAX + 1]);

/* The primes of a device's RSA EK. No two devices of a fleet have the same; BM_E_USAGE when there are not so many. */
BM_RESULT bm_swarm_maker_ek_choice(bm_key_type type, uint32_t number, bm_swarm_choice *choice);

#endif

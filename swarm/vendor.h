/* The TPM vendor of a fleet: a CA of its own, which signs the EK certificates of software devices. Never to be trusted by a real CA. */
#ifndef BM_SWARM_VENDOR_H
#define BM_SWARM_VENDOR_H

#include "crypto/pkey.h"
#include "x509/ca.h"

/* Its key and its certificate. What it signs is valid as long as that. */
typedef struct {
    bm_pkey *key;
    bm_ca ca;
} bm_swarm_vendor;

/* Makes a vendor of this common name, valid for twenty years from the day before `now`. BM_E_USAGE: the name; BM_E_INTERNAL. */
BM_RESULT bm_swarm_vendor_make(const char *name, int64_t now, bm_swarm_vendor *vendor);

/* Takes up a vendor from its private key and its certificate; BM_E_MALFORMED: they are none, or not of each other. */
BM_RESULT bm_swarm_vendor_load(bm_bytes key, bm_bytes certificate, bm_swarm_vendor *vendor);

/* Wipes and frees what it owns. */
void bm_swarm_vendor_fini(bm_swarm_vendor *vendor);

/* Appends an EK certificate as the TCG's profile has it, with this number as its serial; BM_E_INTERNAL. */
BM_RESULT bm_swarm_vendor_certify(const bm_swarm_vendor *vendor, const bm_pubkey *ek, uint64_t number, bm_buf *der);

#endif

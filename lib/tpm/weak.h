/* Keys that are keys but should not be trusted. */
#ifndef BM_TPM_WEAK_H
#define BM_TPM_WEAK_H

#include "crypto/pubkey.h"

/* Does the modulus have the fingerprint of CVE-2017-15361 (ROCA)? False for ECC. */
bool bm_weak_is_roca(const bm_pubkey *key);

/*
 * Cheap checks of a public key: RSA modulus odd and with its top bit set, exponent 65537, no ROCA fingerprint, no small prime factor;
 * ECC not all zero. BM_E_MALFORMED with the reason as detail. (Whether a point is on its curve: bm_pkey_from_public.)
 */
BM_RESULT bm_weak_check(const bm_pubkey *key);

#endif

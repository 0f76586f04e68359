/* An EK as an operator names it: by certificate, by public area, or by hash. */
#ifndef BM_CTL_EK_H
#define BM_CTL_EK_H

#include "base/bytes.h"
#include "crypto/hash.h"

#define BM_EK_FILE_MAX 65536

/*
 * The SHA-256 of the EK's SubjectPublicKeyInfo, from an EK certificate: DER (as it is, or as an NV index has it: a vendor's prefix,
 * padding behind it) or PEM. BM_E_MALFORMED with the reason.
 */
BM_RESULT bm_ctl_ek_of_certificate(bm_bytes bytes, uint8_t sha256[BM_SHA256_SIZE]);

/* From a public area: TPM2B_PUBLIC of a template of the TCG EK Credential Profile, or the key alone as PEM. BM_E_MALFORMED with the reason. */
BM_RESULT bm_ctl_ek_of_public(bm_bytes bytes, uint8_t sha256[BM_SHA256_SIZE]);

/* From 64 digits of hex. BM_E_MALFORMED with the reason. */
BM_RESULT bm_ctl_ek_of_hex(bm_bytes text, uint8_t sha256[BM_SHA256_SIZE]);

#endif

/* What the doctor finds at the TPM's persistent handles and NV indices. */
#ifndef BM_DEVICE_DOCTOR_HANDLES_H
#define BM_DEVICE_DOCTOR_HANDLES_H

#include "crypto/pubkey.h"
#include "device/doctor/findings.h"
#include "device/doctor/options.h"

/*
 * "key-auth", "key-policy", "persistent", "handle" and "nv": whether the identity key's registers allow its use, who has what, and whether there is room. `ik`
 * becomes the identity key at the handle of the options, or in the state directory's device.key, or of BM_KEY_NONE. BM_E_TPM...
 */
BM_RESULT bm_doctor_handles_find(bm_findings *findings, bm_tpm_context *tpm, const bm_doctor_options *options,
                                 bm_pubkey *ik);

#endif

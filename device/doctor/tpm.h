/* What the doctor finds in the TPM's own properties. */
#ifndef BM_DEVICE_DOCTOR_TPM_H
#define BM_DEVICE_DOCTOR_TPM_H

#include "device/doctor/findings.h"
#include "device/tpm/context.h"

/* What other findings need of it. */
typedef struct {
    bool auth_set[BM_TPM_HIERARCHIES]; /* the hierarchies that have an authorisation value */
} bm_doctor_tpm;

/*
 * "tpm", "firmware", "resource-manager", "algorithms", "hierarchies", "lockout-auth", "lockout", "objects", "sessions", in this order.
 * BM_E_TPM...: the TPM could not be asked further.
 */
BM_RESULT bm_doctor_tpm_find(bm_findings *findings, bm_tpm_context *tpm, bm_doctor_tpm *seen);

/* "owner-auth" and "endorsement-auth", when the other findings have used what values were given. */
void bm_doctor_tpm_auth(bm_findings *findings, const bm_tpm_context *tpm, const bm_doctor_tpm *seen);

/* Is this TPM's firmware one that makes RSA keys which can be factored (CVE-2017-15361)? The version is TPM2_PT_FIRMWARE_VERSION_1. */
bool bm_doctor_tpm_is_roca_firmware(uint32_t manufacturer, uint32_t version);

#endif

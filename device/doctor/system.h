/* What the doctor finds around the TPM: the device node, the clock, the state directory. */
#ifndef BM_DEVICE_DOCTOR_SYSTEM_H
#define BM_DEVICE_DOCTOR_SYSTEM_H

#include "device/doctor/findings.h"
#include "device/doctor/options.h"
#include "device/identity/identity.h"

/* "device-node": is it there, and may we use it; nothing for a TCTI without one. */
void bm_doctor_system_node(bm_findings *findings, const char *tcti);

/* "clock": this machine's against the latest notBefore that the TPM's certificates have (0: there is none). */
void bm_doctor_system_clock(bm_findings *findings, int64_t newest);

/*
 * "state" and "identity": the directory, and the certificate in it, which becomes `state`; `ik` is the key at the handle, or of BM_KEY_NONE;
 * NULL: the TPM could not be asked.
 * BM_E_NO_MEMORY.
 */
BM_RESULT bm_doctor_system_state(bm_findings *findings, const bm_doctor_options *options, const bm_pubkey *ik,
                                 bm_identity_state *state);

#endif

/* TPM2_ActivateCredential (TPM 2.0 Part 3, 12.5): opening what the server made for this EK and this IK. */
#ifndef BM_DEVICE_TPM_ACTIVATE_H
#define BM_DEVICE_TPM_ACTIVATE_H

#include "device/tpm/ek.h"
#include "device/tpm/ik.h"

/*
 * Opens a credential (TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET, as the server sent them) in a policy session as the EK's template wants
 * it, and in the session that is salted to this EK, in which the secret comes over the bus encrypted and which ends with it; appends the secret
 * to `ticket`. BM_E_INTERNAL, and nothing is sent: there is no such session; BM_E_SERVER_REPLY: not these structures; BM_E_CHALLENGE_FAILED: made for another EK or IK; BM_E_TPM...
 */
BM_RESULT bm_tpm_activate(const bm_tpm_ik *ik, const bm_tpm_ek *ek, bm_bytes id_object, bm_bytes encrypted_secret, bm_buf *ticket);

#endif

/*
 * Using an identity key: with its authorisation value, which is proven by a session's HMAC and never sent, with the policy of its registers, or with
 * nothing where it has neither.
 */
#ifndef BM_DEVICE_TPM_USE_H
#define BM_DEVICE_TPM_USE_H

#include "device/tpm/ik.h"

/*
 * TPM2_Sign of a digest in this scheme; `made` is to be freed with Esys_Free. BM_E_TPM_AUTH: the value is wrong or missing, or the registers changed:
 * the detail says what to do; BM_E_TPM...
 */
BM_RESULT bm_tpm_use_sign(const bm_tpm_ik *ik, const TPMT_SIG_SCHEME *scheme, bm_bytes digest, TPMT_SIGNATURE **made);

/*
 * Lets ESYS know the key's value for one command in which the key is authorised by it, and gives the session for that command, made ready. Without a
 * value that is bm_tpm_session_or.
 */
BM_RESULT bm_tpm_use_begin(const bm_tpm_ik *ik, unsigned seal, ESYS_TR *session);

/* Wipes the value where ESYS and the session had it; the command's code gives the result, as for bm_tpm_use_sign. */
BM_RESULT bm_tpm_use_end(const bm_tpm_ik *ik, const char *command, TSS2_RC rc);

/* Do the registers of the key's policy hold what they held when it was made? True for a key without such a policy. BM_E_TPM... */
BM_RESULT bm_tpm_use_holds(const bm_tpm_ik *ik, bool *holds);

/* What to say of a key whose registers have changed. BM_E_TPM_AUTH. */
BM_RESULT bm_tpm_use_changed(const bm_tpm_ik *ik);

#endif

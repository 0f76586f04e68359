/* The two keys of an enrolment: which EK, and which IK. */
#ifndef BM_DEVICE_EXCHANGE_ENROLMENT_KEYS_H
#define BM_DEVICE_EXCHANGE_ENROLMENT_KEYS_H

#include "device/exchange/enrolment.h"

/*
 * Checks that the directory's identity can go on: that --ek-sha256 does not name another EK than the one to which it is bound, and that the registers of the
 * IK at the handle allow its use; or that it is about to be replaced (--renew). BM_E_EK_MISMATCH, BM_E_TPM_AUTH, BM_E_TPM...
 */
BM_RESULT bm_enrolment_keys_check(const bm_enrolment *e);

/*
 * May this IK be used, as far as its registers go? With --renew it need not be: another takes its place. BM_E_TPM_AUTH: its registers
 * have changed, and nobody asked for another. BM_E_TPM...
 */
BM_RESULT bm_enrolment_keys_usable(const bm_enrolment *e, const bm_tpm_ik *ik, bool *usable);

/* Is the IK of the type and the kind that the options ask for, if they do? */
bool bm_enrolment_keys_are_wanted(const bm_enrolment *e);

/* The kind that --parent, --key-auth and --pcrs, or the key that is there, give. */
bm_tpm_kind bm_enrolment_keys_kind(const bm_enrolment *e);

/* Do the options and the key that is there go together? BM_E_USAGE, BM_E_TPM_AUTH: no. */
BM_RESULT bm_enrolment_keys_check_kind(const bm_enrolment *e);

/* Makes a loaded key persistent at the handle, which is free, or, where NV memory has no room, keeps it in its file alone (`in_file`). BM_E_TPM... */
BM_RESULT bm_enrolment_keys_put_down(bm_enrolment *e, bm_tpm_ik *made);

/*
 * Finds the EK and salts the session to it. BM_E_EK_MISMATCH: the TPM does not have the EK that was asked for, or that the identity is bound to.
 * BM_E_TPM...
 */
BM_RESULT bm_enrolment_keys_find_ek(bm_enrolment *e);

/* The type of the key that is there: at the handle, or in device.key where it is in its file alone. */
bm_key_type bm_enrolment_keys_type_there(const bm_enrolment *e);

/* The type of key that --key, the key at the handle, the one in device.key and the EK give, in this order. */
bm_key_type bm_enrolment_keys_type(const bm_enrolment *e);

#endif

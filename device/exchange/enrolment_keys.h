/* The two keys of an enrolment: which EK, and which IK. */
#ifndef BM_DEVICE_EXCHANGE_ENROLMENT_KEYS_H
#define BM_DEVICE_EXCHANGE_ENROLMENT_KEYS_H

#include "device/exchange/enrolment.h"

/*
 * Finds the EK, salts the session to it, and sees to it that the IK is persistent at its handle, or loaded where it is in its file alone: the one that is
 * there, the one of device.key, or a new one. BM_E_TPM_AUTH: its value or its registers do not allow its use; BM_E_EK_MISMATCH: not the EK that was asked for; BM_E_TPM_HANDLE_TAKEN: what is at the handle is not ours to replace; BM_E_TPM..., BM_E_IO.
 */
BM_RESULT bm_enrolment_keys_make(bm_enrolment *e);

/* Can the IK that is at the handle be used, as far as its registers go, or is it about to be replaced (--renew)? BM_E_TPM_AUTH: no. BM_E_TPM... */
BM_RESULT bm_enrolment_keys_check(const bm_enrolment *e);

/* Is the IK of the type and the kind that the options ask for, if they do? */
bool bm_enrolment_keys_are_wanted(const bm_enrolment *e);

/* The kind that --parent, --key-auth and --pcrs, or the key that is there, give. */
bm_tpm_kind bm_enrolment_keys_kind(const bm_enrolment *e);

/* Do the options and the key that is there go together? BM_E_USAGE, BM_E_TPM_AUTH: no. */
BM_RESULT bm_enrolment_keys_check_kind(const bm_enrolment *e);

/* Makes a loaded key persistent at the handle, which is free, or, where NV memory has no room, keeps it in its file alone (`in_file`). BM_E_TPM... */
BM_RESULT bm_enrolment_keys_put_down(bm_enrolment *e, bm_tpm_ik *made);

/* The first half of it: the EK, and the session salted to it. */
BM_RESULT bm_enrolment_keys_find_ek(bm_enrolment *e);

/* The type of key that --key, the key at the handle, the one in device.key and the EK give, in this order. */
bm_key_type bm_enrolment_keys_type(const bm_enrolment *e);

#endif

/* The two keys of an enrolment: which EK, and which IK. */
#ifndef BM_AGENT_ENROLMENT_KEYS_H
#define BM_AGENT_ENROLMENT_KEYS_H

#include "agent/enrolment.h"

/*
 * Finds the EK, salts the session to it, and sees to it that the IK is persistent at its handle: the one that is there, the one of device.key, or a
 * new one. BM_E_EK_MISMATCH: not the EK that was asked for; BM_E_TPM_HANDLE_TAKEN: what is at the handle is not ours to replace; BM_E_TPM..., BM_E_IO.
 */
BM_RESULT bm_enrolment_keys_make(bm_enrolment *e);

/* The first half of it: the EK, and the session salted to it. */
BM_RESULT bm_enrolment_keys_find_ek(bm_enrolment *e);

/* The type of key that --key, the key at the handle, the one in device.key and the EK give, in this order. */
bm_key_type bm_enrolment_keys_type(const bm_enrolment *e);

#endif

/* The two keys of an enrolment: which EK, and which IK. */
#ifndef BM_AGENT_ENROLMENT_KEYS_H
#define BM_AGENT_ENROLMENT_KEYS_H

#include "agent/enrolment.h"

/*
 * Finds the EK, salts the session to it, and sees to it that the IK is persistent at its handle, or loaded where it is in its file alone: the one that is
 * there, the one of device.key, or a new one. BM_E_TPM_AUTH: its value or its registers do not allow its use; BM_E_EK_MISMATCH: not the EK that was asked for; BM_E_TPM_HANDLE_TAKEN: what is at the handle is not ours to replace; BM_E_TPM..., BM_E_IO.
 */
BM_RESULT bm_enrolment_keys_make(bm_enrolment *e);

/* Can the IK that is at the handle be used, as far as its registers go, or is it about to be replaced (--renew)? BM_E_TPM_AUTH: no. BM_E_TPM... */
BM_RESULT bm_enrolment_keys_check(const bm_enrolment *e);

/* Is the IK of the type and the kind that the options ask for, if they do? */
bool bm_enrolment_keys_are_wanted(const bm_enrolment *e);

#endif

/* The identity's key in a renewal: the one that is there, or a new one beside it, which is made persistent when the certificate for it is there. */
#ifndef BM_DEVICE_EXCHANGE_RENEW_KEY_H
#define BM_DEVICE_EXCHANGE_RENEW_KEY_H

#include "device/exchange/enrolment.h"

/*
 * Has the key of the directory's certificate ready in `ik`: at its handle, or, where that was emptied, from device.key, and persistent again. `kept` is false
 * when this TPM does not have it any more; nothing was changed then. BM_E_TPM...
 */
BM_RESULT bm_renew_key_keep(bm_enrolment *e, bool *kept);

/*
 * Has a new key of this type loaded in `ik`, its file in `next`: the one that an earlier run made and did not come to use, or one that is made now. The
 * key of the identity stays where it is. BM_E_TPM..., BM_E_IO.
 */
BM_RESULT bm_renew_key_make(bm_enrolment *e, bm_key_type type, bm_identity *next);

/* Do the registers of the key of device.key hold what they did when it was made? A renewal makes no other key for others. BM_E_TPM_AUTH: no. BM_E_TPM... */
BM_RESULT bm_renew_key_check_registers(bm_enrolment *e);

/* A handle that is free, near that of the identity; BM_E_TPM_HANDLE_TAKEN: there is none. */
BM_RESULT bm_renew_key_place(bm_enrolment *e, uint32_t *handle);

/* Does the key sign, and the certificate verify it? BM_E_TPM_RESPONSE: no. */
BM_RESULT bm_renew_key_prove(bm_enrolment *e);

/*
 * Removes from the TPM what earlier runs left: the key of the identity before this one, and a new key that was not put into use; and from the directory what told
 * of them. What else lies at their handles stays. BM_E_TPM..., BM_E_IO: a later run does it.
 */
BM_RESULT bm_renew_key_drop(bm_enrolment *e);

/*
 * The same, before the key of this run is chosen. With the same key it can wait (the owner's value may be
 * missing for it), and a note says so; with a new one not, since there is room for one old identity.
 * BM_E_TPM..., BM_E_IO.
 */
BM_RESULT bm_renew_key_drop_left(bm_enrolment *e, bool wants_new);

#endif

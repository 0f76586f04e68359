/*
 * Another key takes the place of the one that a directory has, or that lies at its handle, by enroll or by
 * files. Until the new one has its certificate, nothing of the old identity is overwritten, and no key is
 * removed from the TPM: the new key's file is in .next (identity/swap.h), and the key is loaded.
 */
#ifndef BM_DEVICE_EXCHANGE_REPLACEMENT_H
#define BM_DEVICE_EXCHANGE_REPLACEMENT_H

#include "device/exchange/enrolment.h"

/*
 * Has the new key loaded in `ik`, its file in .next: `made`, which is empty afterwards; or, where that is
 * empty, the key that an earlier run made for .next, or else a new one. What was at the handle is in
 * `before`. BM_E_TPM_AUTH: the owner's value, which will be needed, is missing; BM_E_TPM..., BM_E_IO.
 */
BM_RESULT bm_replacement_begin(bm_enrolment *e, bm_key_type type, bm_tpm_ik *made);

/*
 * Loads the key of .next for which a request was made, with this TPM2B_PUBLIC. `found` is false when .next
 * has another, or none, or this TPM is not the one of that key. BM_E_TPM..., BM_E_IO.
 */
BM_RESULT bm_replacement_resume(bm_enrolment *e, bm_bytes public_area, bool *found);

/*
 * Puts the key down (beside the one that is at the handle, if there is one), once the certificate is in
 * `certificate`, with the files of the new identity in .next. BM_E_TPM...: the key could not be put down;
 * BM_E_IO. The identity is as it was, whatever this returns.
 */
BM_RESULT bm_replacement_put_down(bm_enrolment *e);

/*
 * Then puts the new identity into use, and removes what was before. Where that last does not succeed, a note
 * says so. BM_E_IO: the identity is as it was.
 */
BM_RESULT bm_replacement_use(bm_enrolment *e);

#endif

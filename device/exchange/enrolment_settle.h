/* Which key an enrolment goes on with: the one that is there, the one of device.key, or a new one, and whether that one must wait for its certificate. */
#ifndef BM_DEVICE_EXCHANGE_ENROLMENT_SETTLE_H
#define BM_DEVICE_EXCHANGE_ENROLMENT_SETTLE_H

#include "device/exchange/enrolment.h"

/*
 * Finds the EK, salts the session to it, and has the IK persistent at its handle, or loaded where it is in its file alone or takes the place of
 * another (replacement.h). BM_E_TPM_AUTH: its value or its registers do not allow its use; BM_E_EK_MISMATCH: not the EK that was asked for;
 * BM_E_TPM_HANDLE_TAKEN: what is at the handle is not ours to replace; BM_E_TPM..., BM_E_IO.
 */
BM_RESULT bm_enrolment_settle_keys(bm_enrolment *e);

#endif

/* Reading NV indices. */
#ifndef BM_DEVICE_TPM_NV_H
#define BM_DEVICE_TPM_NV_H

#include "device/tpm/context.h"

#define BM_TPM_NV_MAX 8192 /* bytes of an index that we read */

/*
 * Appends what an index holds, read in chunks of TPM2_PT_NV_BUFFER_MAX with the index's own empty authorisation value, or with the owner's
 * where the index allows only that, or where a wrong value would be counted and the context only looks. An index never written is empty.
 * BM_E_TPM_RESPONSE: larger than BM_TPM_NV_MAX; BM_E_TPM_AUTH: it may not be read so; BM_E_TPM...
 */
BM_RESULT bm_tpm_nv_read(bm_tpm_context *context, uint32_t index, bm_buf *out);

#endif

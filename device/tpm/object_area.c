/* Public areas between our bytes and the structures of the TSS, without a TPM (object.h). */
#include "device/tpm/object.h"

#include <tss2/tss2_mu.h>

BM_RESULT bm_tpm_object_public_of(bm_bytes bytes, TPM2B_PUBLIC *public_area)
{
    bm_cursor cursor = bm_cursor_of(bytes);
    TPM2B_PUBLIC parsed = {0};
    size_t offset = 0;
    bm_bytes area;

    /* The TSS does not compare the size in front with what follows it. */
    BM_TRY(bm_cursor_sized16(&cursor, bytes.size, &area));
    BM_TRY(bm_cursor_end(&cursor));
    if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(bytes.data, bytes.size, &offset, &parsed) != TSS2_RC_SUCCESS)
        return bm_fail(BM_E_MALFORMED, "a public area cannot be read");
    BM_CHECK(offset == bytes.size, BM_E_MALFORMED, "bytes are left over behind a public area");
    *public_area = parsed;
    return bm_ok();
}

BM_RESULT bm_tpm_object_put_public(bm_buf *out, const TPM2B_PUBLIC *public_area)
{
    uint8_t bytes[sizeof(*public_area) + 2];
    size_t size = 0;

    if (Tss2_MU_TPM2B_PUBLIC_Marshal(public_area, bytes, sizeof(bytes), &size) != TSS2_RC_SUCCESS)
        return bm_fail(BM_E_INTERNAL, "a public area cannot be written");
    return bm_buf_put(out, bm_bytes_of(bytes, size));
}

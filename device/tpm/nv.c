#include "device/tpm/nv.h"

#include "device/tpm/auth.h"
#include "device/tpm/session.h"

/* With the index's own empty value, or else the owner's. */
static BM_RESULT read_chunk(bm_tpm_context *context, ESYS_TR index, bool as_owner, uint16_t size, uint16_t offset, bm_buf *out)
{
    TPM2B_MAX_NV_BUFFER *data = NULL;
    bm_result result;

    if (as_owner)
        BM_TPM_TRY_AS(context, BM_TPM_OWNER, BM_TPM_SEAL_RESPONSE, "TPM2_NV_Read",
                      Esys_NV_Read(context->esys, ESYS_TR_RH_OWNER, index, context->session.with, ESYS_TR_NONE, ESYS_TR_NONE, size, offset, &data));
    else
        BM_TPM_TRY(context, "TPM2_NV_Read",
                   Esys_NV_Read(context->esys, index, index, bm_tpm_session_or(context, BM_TPM_SEAL_RESPONSE, ESYS_TR_PASSWORD), ESYS_TR_NONE,
                                 ESYS_TR_NONE, size, offset, &data));
    result = data->size == size ? bm_buf_put(out, bm_bytes_of(data->buffer, data->size))
                                : bm_fail(BM_E_TPM_RESPONSE, "TPM2_NV_Read gave fewer bytes than it was asked for");
    Esys_Free(data);
    return result;
}

static BM_RESULT read_public(bm_tpm_context *context, ESYS_TR index, uint32_t *attributes, uint16_t *size)
{
    TPM2B_NV_PUBLIC *public_area = NULL;

    BM_TPM_TRY(context, "TPM2_NV_ReadPublic",
               Esys_NV_ReadPublic(context->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &public_area, NULL));
    *attributes = public_area->nvPublic.attributes;
    *size = public_area->nvPublic.dataSize;
    Esys_Free(public_area);
    return bm_ok();
}

BM_RESULT bm_tpm_nv_read(bm_tpm_context *context, uint32_t index, bm_buf *out)
{
    BM_TPM_AUTO_OBJECT object = BM_TPM_OBJECT_EMPTY;
    ESYS_TR tr = ESYS_TR_NONE;
    uint32_t attributes;
    uint16_t size;
    bool as_owner;

    if (context->nv_buffer_max == 0)
        BM_TRY(bm_tpm_context_property(context, TPM2_PT_NV_BUFFER_MAX, &context->nv_buffer_max));
    BM_TPM_TRY(context, "TPM2_NV_ReadPublic",
               Esys_TR_FromTPMPublic(context->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &tr));
    BM_TRY(bm_tpm_object_adopt(&object, context, tr, BM_TPM_OBJECT_RESIDENT));
    BM_TRY(read_public(context, tr, &attributes, &size));
    if ((attributes & TPMA_NV_WRITTEN) == 0)
        return bm_ok();
    if (size > BM_TPM_NV_MAX)
        return bm_failf(BM_E_TPM_RESPONSE, "NV index 0x%08x is larger than anything that belongs there", index);
    if ((attributes & (TPMA_NV_AUTHREAD | TPMA_NV_OWNERREAD)) == 0)
        return bm_failf(BM_E_TPM_AUTH, "NV index 0x%08x can be read neither with its own authorisation nor the owner's: "
                        "have the device's maker permit it", index);
    as_owner = (attributes & TPMA_NV_AUTHREAD) == 0;
    /* Without NO_DA the TPM counts a wrong value, and the empty one may be wrong. */
    if (context->looks_only && (attributes & TPMA_NV_NO_DA) == 0)
        as_owner = true;
    if (as_owner && (attributes & TPMA_NV_OWNERREAD) == 0)
        return bm_failf(BM_E_TPM_AUTH, "NV index 0x%08x is not read, because the TPM would count a wrong authorisation value: have the device's "
                        "maker permit reading without one", index);
    for (uint16_t offset = 0; offset < size;) {
        uint32_t left = (uint32_t)(size - offset);
        uint32_t most = context->nv_buffer_max < TPM2_MAX_NV_BUFFER_SIZE ? context->nv_buffer_max : TPM2_MAX_NV_BUFFER_SIZE;
        uint16_t chunk = (uint16_t)(left < most ? left : most);

        BM_CHECK(chunk > 0, BM_E_TPM_RESPONSE, "the TPM says that it can read no bytes of NV at a time");
        BM_TRY(read_chunk(context, tr, as_owner, chunk, offset, out));
        offset = (uint16_t)(offset + chunk);
    }
    return bm_ok();
}

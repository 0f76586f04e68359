#include "device/tpm/session.h"

/* No ESYS object: with it nothing is sent, where ESYS_TR_NONE would be a command without a session. */
#define NOBODY UINT32_MAX

static const TPMT_SYM_DEF aes = {.algorithm = TPM2_ALG_AES, .keyBits = {.aes = 128}, .mode = {.aes = TPM2_ALG_CFB}};

/*
 * Does ESYS have this public area for the object? It is not what bm_tpm_object_read_public gives: ESYS has asked before, and whoever answers
 * for the TPM can answer twice. What ESYS serialises ends with the area.
 */
static BM_RESULT esys_has(const bm_tpm_object *object, bm_bytes public_area, bool *same)
{
    uint8_t *blob = NULL;
    size_t size = 0;

    BM_TRY(bm_tpm_context_result("Esys_TR_Serialize", Esys_TR_Serialize(object->context->esys, object->tr, &blob, &size)));
    *same = size >= public_area.size && bm_bytes_equal(bm_bytes_of(blob + size - public_area.size, public_area.size), public_area);
    Esys_Free(blob);
    return bm_ok();
}

/* What TPM2_StartAuthSession says of a salt that is another key's (Part 3, 11.1). */
static bool is_about_salt(TSS2_RC rc)
{
    TSS2_RC code = bm_tpm_context_format_one(rc);

    return code == TPM2_RC_VALUE || code == TPM2_RC_SIZE || code == TPM2_RC_ECC_POINT || code == TPM2_RC_KEY || code == TPM2_RC_INSUFFICIENT;
}

static BM_RESULT start(bm_tpm_context *context, ESYS_TR key, bool salted)
{
    ESYS_TR tr = ESYS_TR_NONE;
    TSS2_RC rc;

    BM_TPM_CALL(context, rc,
                Esys_StartAuthSession(context->esys, key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_HMAC, &aes,
                                      TPM2_ALG_SHA256, &tr));
    BM_CHECK(!salted || !is_about_salt(rc), BM_E_EK_MISMATCH,
             "the TPM cannot open what is meant for the EK that it showed: somebody may be on the TPM's bus. The ticket was not asked for: have "
             "the device looked at");
    BM_TRY(bm_tpm_context_result("TPM2_StartAuthSession", rc));
    context->session = (bm_tpm_session){.open = true, .salted = salted, .key = key, .tr = tr};
    if (bm_tpm_context_own(context, tr).code != BM_OK) {
        bm_tpm_session_end(context);
        return bm_fail(BM_E_INTERNAL, "too many TPM objects at a time");
    }
    return bm_ok();
}

BM_RESULT bm_tpm_session_salt(bm_tpm_context *context, const bm_tpm_object *key, bm_bytes public_area)
{
    bool same;

    bm_tpm_session_end(context);
    BM_TRY(esys_has(key, public_area, &same));
    BM_CHECK(same, BM_E_EK_MISMATCH,
             "the TPM gave two different keys for its EK, one after the other: somebody may be on the TPM's bus. The ticket was not asked for: "
             "have the device looked at");
    return start(context, key->tr, true);
}

BM_RESULT bm_tpm_session_need(bm_tpm_context *context)
{
    return context->session.open ? bm_ok() : start(context, ESYS_TR_NONE, false);
}

bool bm_tpm_session_is_salted_to(const bm_tpm_context *context, const bm_tpm_object *key)
{
    return context->session.open && context->session.salted && context->session.key == key->tr;
}

void bm_tpm_session_end(bm_tpm_context *context)
{
    if (context->session.open)
        bm_tpm_context_flush(context, context->session.tr);
    context->session = (bm_tpm_session){.open = false};
}

void bm_tpm_session_spent(bm_tpm_context *context)
{
    if (!context->session.open)
        return;
    bm_tpm_context_disown(context, context->session.tr);
    (void)Esys_TR_Close(context->esys, &context->session.tr);
    context->session = (bm_tpm_session){.open = false};
}

/*
 * ESYS derives the key of a command in the session object and leaves it there, even when the object is freed. It derives another one for a command
 * that it then finds it cannot send: no two sessions can encrypt one response.
 */
void bm_tpm_session_forget(bm_tpm_context *context, ESYS_TR authorised)
{
    TPM2B_AUTH other = {.size = sizeof(TPMU_HA)};
    TPM2B_MAX_NV_BUFFER *data = NULL;

    if (!context->session.open)
        return;
    for (size_t i = 0; i < other.size; i++)
        other.buffer[i] = 0xFF;
    (void)Esys_TR_SetAuth(context->esys, authorised, &other);
    (void)bm_tpm_session_ready(context, BM_TPM_SEAL_RESPONSE);
    if (Esys_NV_Read_Async(context->esys, authorised, ESYS_TR_NONE, context->session.tr, context->session.tr, ESYS_TR_NONE, 0, 0) ==
        TSS2_RC_SUCCESS)
        (void)Esys_NV_Read_Finish(context->esys, &data);
    Esys_Free(data);
}

ESYS_TR bm_tpm_session_ready(bm_tpm_context *context, unsigned seal)
{
    TPMA_SESSION attributes = (seal & BM_TPM_SEAL_LAST) != 0 ? 0 : TPMA_SESSION_CONTINUESESSION;

    if ((seal & BM_TPM_SEAL_COMMAND) != 0)
        attributes |= TPMA_SESSION_DECRYPT;
    if ((seal & BM_TPM_SEAL_RESPONSE) != 0)
        attributes |= TPMA_SESSION_ENCRYPT;
    if (Esys_TRSess_SetAttributes(context->esys, context->session.tr, attributes, 0xFF) != TSS2_RC_SUCCESS)
        return NOBODY;
    return context->session.tr;
}

ESYS_TR bm_tpm_session_or(bm_tpm_context *context, unsigned seal, ESYS_TR otherwise)
{
    return context->session.open && context->session.salted ? bm_tpm_session_ready(context, seal) : otherwise;
}

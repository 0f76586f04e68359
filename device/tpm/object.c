#include "device/tpm/object.h"

#include "device/tpm/auth.h"
#include "device/tpm/session.h"

#include <tss2/tss2_mu.h>

/* No ESYS object. */
#define NOBODY UINT32_MAX

void bm_tpm_object_fini(bm_tpm_object *object)
{
    if (object->kind == BM_TPM_OBJECT_TRANSIENT || object->kind == BM_TPM_OBJECT_SESSION)
        bm_tpm_context_flush(object->context, object->tr);
    else if (object->kind == BM_TPM_OBJECT_RESIDENT)
        (void)Esys_TR_Close(object->context->esys, &object->tr);
    *object = BM_TPM_OBJECT_EMPTY;
}

void bm_tpm_object_spent(bm_tpm_object *session)
{
    bm_tpm_context_disown(session->context, session->tr);
    (void)Esys_TR_Close(session->context->esys, &session->tr);
    *session = BM_TPM_OBJECT_EMPTY;
}

BM_RESULT bm_tpm_object_adopt(bm_tpm_object *object, bm_tpm_context *context, ESYS_TR tr, bm_tpm_object_kind kind)
{
    bm_result result = bm_ok();

    if (kind != BM_TPM_OBJECT_RESIDENT)
        result = bm_tpm_context_own(context, tr);
    if (result.code != BM_OK) {
        bm_tpm_context_flush(context, tr);
        return result;
    }
    *object = (bm_tpm_object){.context = context, .tr = tr, .kind = kind};
    return bm_ok();
}

void bm_tpm_object_move(bm_tpm_object *to, bm_tpm_object *from)
{
    bm_tpm_object_fini(to);
    *to = *from;
    *from = BM_TPM_OBJECT_EMPTY;
}

/* What the TPM gave. The TSS does not see everything that can be wrong with it. */
static BM_RESULT take_public(bm_buf *out, const TPM2B_PUBLIC *given)
{
    bm_result result = bm_tpm_object_put_public(out, given);

    BM_CHECK(result.code != BM_E_INTERNAL, BM_E_TPM_NOT_READY, "the TPM gave a public area that is none: run it again");
    return result;
}

BM_RESULT bm_tpm_object_sensitive_of(bm_bytes auth, TPM2B_SENSITIVE_CREATE *sensitive)
{
    TPM2B_AUTH *to = &sensitive->sensitive.userAuth;

    *sensitive = (TPM2B_SENSITIVE_CREATE){.size = 0};
    to->size = (UINT16)auth.size;
    BM_CHECK(auth.size <= sizeof(to->buffer), BM_E_INTERNAL, "an authorisation value is too long");
    return bm_bytes_copy_exact(auth, to->buffer, auth.size);
}

/*
 * ESYS keeps what TPM2_Create or TPM2_CreatePrimary took, in case that the command must be sent again, until another one comes; and the value in the object. For a
 * command that it then finds it cannot send, it takes what is empty.
 */
void bm_tpm_object_forget(bm_tpm_context *context, const bm_tpm_object *object)
{
    const TPM2B_SENSITIVE_CREATE nothing = {0};
    const TPM2B_PUBLIC public_area = {0};
    const TPM2B_DATA outside = {0};
    const TPML_PCR_SELECTION pcrs = {0};
    const TPM2B_AUTH auth = {0};

    (void)Esys_CreatePrimary_Async(context->esys, NOBODY, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &nothing, &public_area, &outside, &pcrs);
    (void)Esys_Create_Async(context->esys, NOBODY, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &nothing, &public_area, &outside, &pcrs);
    if (object->kind != BM_TPM_OBJECT_NONE)
        (void)Esys_TR_SetAuth(context->esys, object->tr, &auth);
}

static BM_RESULT create_primary(bm_tpm_context *context, bm_tpm_hierarchy hierarchy, bm_bytes template, const TPM2B_SENSITIVE_CREATE *sensitive,
                                bm_tpm_object *object, bm_buf *public_area)
{
    const TPM2B_DATA outside = {0};
    const TPML_PCR_SELECTION pcrs = {0};
    TPM2B_PUBLIC in;
    TPM2B_PUBLIC *out = NULL;
    ESYS_TR tr = ESYS_TR_NONE;
    BM_TPM_AUTO_OBJECT made = BM_TPM_OBJECT_EMPTY;
    bm_result result;

    BM_TRY(bm_tpm_object_public_of(template, &in));
    BM_TPM_TRY_AS(context, hierarchy, BM_TPM_SEAL_BOTH, "TPM2_CreatePrimary",
                  Esys_CreatePrimary(context->esys, bm_tpm_auth_handle(hierarchy), context->session.with, ESYS_TR_NONE, ESYS_TR_NONE,
                                     sensitive, &in, &outside, &pcrs, &tr, &out, NULL, NULL, NULL));
    result = bm_tpm_object_adopt(&made, context, tr, BM_TPM_OBJECT_TRANSIENT);
    if (result.code == BM_OK)
        result = take_public(public_area, out);
    Esys_Free(out);
    BM_TRY(result);
    bm_tpm_object_move(object, &made);
    return bm_ok();
}

BM_RESULT bm_tpm_object_create_primary(bm_tpm_context *context, bm_tpm_hierarchy hierarchy, bm_bytes template, bm_tpm_object *object,
                                       bm_buf *public_area)
{
    return bm_tpm_object_create_guarded(context, hierarchy, template, bm_bytes_of(NULL, 0), object, public_area);
}

BM_RESULT bm_tpm_object_create_guarded(bm_tpm_context *context, bm_tpm_hierarchy hierarchy, bm_bytes template, bm_bytes auth, bm_tpm_object *object,
                                       bm_buf *public_area)
{
    TPM2B_SENSITIVE_CREATE sensitive;
    bm_result result;

    BM_CHECK(auth.size == 0 || (context->session.open && context->session.salted), BM_E_INTERNAL,
             "an authorisation value would go over the bus in the clear");
    BM_TRY(bm_tpm_object_sensitive_of(auth, &sensitive));
    result = create_primary(context, hierarchy, template, &sensitive, object, public_area);
    bm_wipe(&sensitive, sizeof(sensitive));
    if (auth.size > 0)
        bm_tpm_object_forget(context, object);
    return result;
}

BM_RESULT bm_tpm_object_read_public(const bm_tpm_object *object, bm_buf *public_area)
{
    bm_tpm_context *context = object->context;
    TPM2B_PUBLIC *out = NULL;
    bm_result result;

    BM_TPM_TRY(context, "TPM2_ReadPublic",
               Esys_ReadPublic(context->esys, object->tr, bm_tpm_session_or(context, BM_TPM_SEAL_RESPONSE, ESYS_TR_NONE), ESYS_TR_NONE,
                               ESYS_TR_NONE, &out, NULL, NULL));
    result = take_public(public_area, out);
    Esys_Free(out);
    return result;
}

BM_RESULT bm_tpm_object_open(bm_tpm_context *context, uint32_t handle, bm_tpm_object *object, bm_buf *public_area, bool *found)
{
    BM_TPM_AUTO_OBJECT opened = BM_TPM_OBJECT_EMPTY;
    ESYS_TR tr = ESYS_TR_NONE;
    TSS2_RC rc;

    BM_TPM_CALL(context, rc,
                Esys_TR_FromTPMPublic(context->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &tr));
    if (bm_tpm_context_format_one(rc) == TPM2_RC_HANDLE) {
        *found = false;
        return bm_ok();
    }
    BM_TRY(bm_tpm_context_result("TPM2_ReadPublic", rc));
    BM_TRY(bm_tpm_object_adopt(&opened, context, tr, BM_TPM_OBJECT_RESIDENT));
    BM_TRY(bm_tpm_object_read_public(&opened, public_area));
    bm_tpm_object_move(object, &opened);
    *found = true;
    return bm_ok();
}

BM_RESULT bm_tpm_object_persist(const bm_tpm_object *transient, uint32_t handle, bm_tpm_object *resident, bool *full)
{
    bm_tpm_context *context = transient->context;
    ESYS_TR tr = ESYS_TR_NONE;
    bm_result result;
    TSS2_RC rc;

    BM_TRY(bm_tpm_auth_begin(context, BM_TPM_OWNER, BM_TPM_SEAL_NOTHING));
    BM_TPM_CALL(context, rc,
                Esys_EvictControl(context->esys, ESYS_TR_RH_OWNER, transient->tr, context->session.with, ESYS_TR_NONE,
                                  ESYS_TR_NONE, handle, &tr));
    result = bm_tpm_auth_end(context, BM_TPM_OWNER, "TPM2_EvictControl", rc);
    *full = bm_tpm_context_code(rc) == TPM2_RC_NV_SPACE;
    if (*full)
        return bm_ok();
    BM_TRY(result);
    bm_tpm_object_fini(resident);
    return bm_tpm_object_adopt(resident, context, tr, BM_TPM_OBJECT_RESIDENT);
}

BM_RESULT bm_tpm_object_evict(bm_tpm_object *resident)
{
    bm_tpm_context *context = resident->context;
    TPM2_HANDLE handle = 0;
    ESYS_TR tr = ESYS_TR_NONE;
    TSS2_RC rc = Esys_TR_GetTpmHandle(context->esys, resident->tr, &handle);

    BM_TRY(bm_tpm_context_result("Esys_TR_GetTpmHandle", rc));
    BM_TPM_TRY_AS(context, BM_TPM_OWNER, BM_TPM_SEAL_NOTHING, "TPM2_EvictControl",
                  Esys_EvictControl(context->esys, ESYS_TR_RH_OWNER, resident->tr, context->session.with, ESYS_TR_NONE,
                                    ESYS_TR_NONE, handle, &tr));
    /* ESYS has closed the object together with the eviction. */
    *resident = BM_TPM_OBJECT_EMPTY;
    return bm_ok();
}

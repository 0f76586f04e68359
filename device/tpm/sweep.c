#include "device/tpm/sweep.h"

#include "device/tpm/ik.h"
#include "device/tpm/object.h"
#include "tpm/template.h"

/* The TSS's own macros shift into the sign bit. (TPM 2.0 Part 2, 7.4) */
#define TRANSIENT_FIRST 0x80000000u
#define LOADED_SESSION_FIRST 0x02000000u
#define POLICY_SESSION_FIRST 0x03000000u

static bool is_owned(bm_tpm_context *context, uint32_t handle)
{
    for (size_t i = 0; i < context->owned_count; i++) {
        TPM2_HANDLE own;

        if (Esys_TR_GetTpmHandle(context->esys, context->owned[i], &own) == TSS2_RC_SUCCESS && own == handle)
            return true;
    }
    return false;
}

static bool is_our_object(bm_tpm_context *context, ESYS_TR object)
{
    BM_AUTO_BUF area = BM_BUF_EMPTY;
    TPM2B_PUBLIC *out = NULL;
    bm_tpm_public parsed;
    bm_result result;

    if (Esys_ReadPublic(context->esys, object, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &out, NULL, NULL) != TSS2_RC_SUCCESS)
        return false;
    result = bm_tpm_object_put_public(&area, out);
    Esys_Free(out);
    if (result.code != BM_OK || bm_tpm_public_parse(bm_buf_view(&area), &parsed).code != BM_OK)
        return false;
    return bm_template_match_ek(&parsed) != NULL || bm_tpm_ik_type_of(bm_buf_view(&area)) != BM_KEY_NONE ||
           bm_tpm_ik_is_parent(bm_buf_view(&area));
}

/*
 * An HMAC session says nothing of whose it is. Only loaded ones come here, of a TPM without a resource manager, where one program at a time has
 * the connection: it is left over, by us or by somebody who is gone.
 */
static bool is_our_session(bm_tpm_context *context, uint32_t handle, ESYS_TR session)
{
    static const bm_hash_alg algs[] = {BM_HASH_SHA256, BM_HASH_SHA384, BM_HASH_SHA512};
    static const uint8_t zeros[sizeof(TPMU_HA)];
    TPM2B_DIGEST *digest = NULL;
    bool ours;

    if (handle < POLICY_SESSION_FIRST || handle == context->policy_session)
        return true;
    if (Esys_PolicyGetDigest(context->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &digest) != TSS2_RC_SUCCESS)
        return false;
    ours = bm_bytes_equal(bm_bytes_of(digest->buffer, digest->size), bm_bytes_of(zeros, digest->size)) ||
           bm_bytes_equal(bm_bytes_of(digest->buffer, digest->size), context->policy);
    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
        ours = ours || bm_bytes_equal(bm_bytes_of(digest->buffer, digest->size), bm_template_policy_a(algs[i])) ||
               bm_bytes_equal(bm_bytes_of(digest->buffer, digest->size), bm_template_policy_b(algs[i]));
    Esys_Free(digest);
    return ours;
}

/* Best effort for each: what cannot be looked at is left. False when one of ours stays. */
static bool sweep_one(bm_tpm_context *context, uint32_t handle)
{
    ESYS_TR object;
    bool ours;

    if (is_owned(context, handle))
        return true;
    if (Esys_TR_FromTPMPublic(context->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &object) != TSS2_RC_SUCCESS)
        return false;
    ours = handle >= TRANSIENT_FIRST ? is_our_object(context, object) : is_our_session(context, handle, object);
    if (ours && Esys_FlushContext(context->esys, object) == TSS2_RC_SUCCESS)
        return true;
    (void)Esys_TR_Close(context->esys, &object);
    return !ours;
}

static bool sweep_range(bm_tpm_context *context, uint32_t first)
{
    TPMS_CAPABILITY_DATA *data = NULL;
    TPMI_YES_NO more;
    bool done;

    if (Esys_GetCapability(context->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, first,
                           TPM2_MAX_CAP_HANDLES, &more, &data) != TSS2_RC_SUCCESS)
        return false;
    done = data->capability == TPM2_CAP_HANDLES;
    for (UINT32 i = 0; data->capability == TPM2_CAP_HANDLES && i < data->data.handles.count; i++)
        done = sweep_one(context, data->data.handles.handle[i]) && done;
    Esys_Free(data);
    return done;
}

void bm_tpm_sweep(bm_tpm_context *context)
{
    bool objects = sweep_range(context, TRANSIENT_FIRST);
    bool sessions = sweep_range(context, LOADED_SESSION_FIRST);

    if (!objects || !sessions)
        context->left = true;
}

#include "device/tpm/activate.h"

#include "device/tpm/auth.h"
#include "device/tpm/session.h"
#include "device/tpm/use.h"

#define LAST_AND_BOTH (BM_TPM_SEAL_LAST | BM_TPM_SEAL_BOTH)

/* The session's last command, but where the session must forget the IK's value afterwards. */
static unsigned seal_for(const bm_tpm_ik *ik)
{
    return ik->kind.auth.size > 0 ? BM_TPM_SEAL_BOTH : LAST_AND_BOTH;
}

static BM_RESULT start_session(bm_tpm_context *context, bm_hash_alg alg, bm_tpm_object *session)
{
    const TPMT_SYM_DEF symmetric = {.algorithm = TPM2_ALG_NULL};
    TPMI_ALG_HASH hash = bm_tpm_public_hash_id(alg);
    ESYS_TR tr = ESYS_TR_NONE;

    BM_TPM_TRY(context, "TPM2_StartAuthSession",
               Esys_StartAuthSession(context->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
                                     TPM2_SE_POLICY, &symmetric, hash, &tr));
    BM_TRY(bm_tpm_object_adopt(session, context, tr, BM_TPM_OBJECT_SESSION));
    /* Its one use ends it. */
    return bm_tpm_context_result("Esys_TRSess_SetAttributes",
                                 Esys_TRSess_SetAttributes(context->esys, tr, 0, TPMA_SESSION_CONTINUESESSION));
}

static BM_RESULT put_digest(TPML_DIGEST *list, bm_bytes digest)
{
    TPM2B_DIGEST *to = &list->digests[list->count];

    BM_CHECK(digest.size > 0 && digest.size <= sizeof(to->buffer), BM_E_INTERNAL, "an EK policy is not known for this hash");
    BM_TRY(bm_bytes_copy_exact(digest, to->buffer, digest.size));
    to->size = (UINT16)digest.size;
    list->count++;
    return bm_ok();
}

/* Policy A; and for the high range policy B above it, in the order of the profile's table (B.6). */
static BM_RESULT satisfy(bm_tpm_context *context, const bm_ek_template *row, const bm_tpm_object *session)
{
    TPML_DIGEST branches = {0};

    BM_TPM_TRY_AS(context, BM_TPM_ENDORSEMENT, BM_TPM_SEAL_NOTHING, "TPM2_PolicySecret",
                  Esys_PolicySecret(context->esys, ESYS_TR_RH_ENDORSEMENT, session->tr, context->session.with, ESYS_TR_NONE,
                                    ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL, NULL));
    if (row->policy == BM_EK_POLICY_A)
        return bm_ok();
    BM_TRY(put_digest(&branches, bm_template_policy_a(row->name_alg)));
    BM_TRY(put_digest(&branches, bm_template_policy_c(row->name_alg)));
    BM_TPM_TRY(context, "TPM2_PolicyOR",
               Esys_PolicyOR(context->esys, session->tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &branches));
    return bm_ok();
}

static BM_RESULT take_sized(bm_bytes bytes, size_t max, uint8_t *to, UINT16 *size)
{
    bm_cursor cursor = bm_cursor_of(bytes);
    bm_bytes inner;

    BM_TRY(bm_cursor_sized16(&cursor, max, &inner));
    BM_TRY(bm_cursor_end(&cursor));
    BM_TRY(bm_bytes_copy_exact(inner, to, inner.size));
    *size = (UINT16)inner.size;
    return bm_ok();
}

/* The code, when TPM2_ActivateCredential says that the credential itself is not for these two keys. */
static bool is_about_credential(TSS2_RC rc)
{
    TSS2_RC code = bm_tpm_context_format_one(rc);

    return code == TPM2_RC_INTEGRITY || code == TPM2_RC_SIZE || code == TPM2_RC_VALUE || code == TPM2_RC_ECC_POINT ||
           code == TPM2_RC_INSUFFICIENT;
}

BM_RESULT bm_tpm_activate(const bm_tpm_ik *ik, const bm_tpm_ek *ek, bm_bytes id_object, bm_bytes encrypted_secret, bm_buf *ticket)
{
    bm_tpm_context *context = ek->object.context;
    BM_TPM_AUTO_OBJECT session = BM_TPM_OBJECT_EMPTY;
    TPM2B_ID_OBJECT blob = {0};
    TPM2B_ENCRYPTED_SECRET secret = {0};
    TPM2B_DIGEST *opened = NULL;
    ESYS_TR with;
    TSS2_RC rc;
    bm_result result;

    result = take_sized(id_object, sizeof(blob.credential), blob.credential, &blob.size);
    BM_TRY(bm_result_as(result, BM_E_SERVER_REPLY));
    result = take_sized(encrypted_secret, sizeof(secret.secret), secret.secret, &secret.size);
    BM_TRY(bm_result_as(result, BM_E_SERVER_REPLY));
    BM_CHECK(bm_tpm_session_is_salted_to(context, &ek->object), BM_E_INTERNAL, "the ticket would go over the bus in the clear");
    BM_TRY(start_session(context, ek->row->name_alg, &session));
    BM_TRY(satisfy(context, ek->row, &session));
    BM_TRY(bm_tpm_use_begin(ik, seal_for(ik), &with));
    BM_TPM_CALL(context, rc,
                Esys_ActivateCredential(context->esys, ik->object.tr, ek->object.tr, with, session.tr, ESYS_TR_NONE, &blob, &secret, &opened));
    result = bm_tpm_use_end(ik, "TPM2_ActivateCredential", rc);
    if (rc == TSS2_RC_SUCCESS && seal_for(ik) == LAST_AND_BOTH)
        bm_tpm_session_spent(context);
    if (rc == TSS2_RC_SUCCESS)
        bm_tpm_object_spent(&session);
    if (is_about_credential(rc))
        return bm_failf(BM_E_CHALLENGE_FAILED, "TPM2_ActivateCredential failed with 0x%x", rc);
    BM_TRY(result);
    result = bm_buf_put(ticket, bm_bytes_of(opened->buffer, opened->size));
    bm_wipe(opened, sizeof(*opened));
    Esys_Free(opened);
    return result;
}

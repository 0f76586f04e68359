#include "device/tpm/use.h"

#include "device/tpm/auth.h"
#include "device/tpm/session.h"

BM_RESULT bm_tpm_use_changed(const bm_tpm_ik *ik)
{
    BM_AUTO_BUF pcrs = BM_BUF_EMPTY;

    BM_TRY(bm_tpm_pcrs_put(&pcrs, &ik->kind.pcrs));
    BM_TRY(bm_buf_terminate(&pcrs));
    return bm_failf(BM_E_TPM_AUTH,
                    "the identity key can be used while the PCRs %s are what they were when it was made, and they are not: firmware, boot loader or kernel were "
                    "changed. Boot what was there before, or, when the change is meant, make a new key: 'birthmark enroll --renew'",
                    (const char *)pcrs.data);
}

static TSS2_RC tell_esys(const bm_tpm_ik *ik, bm_bytes value)
{
    TPM2B_AUTH auth = {.size = (UINT16)value.size};
    TSS2_RC rc = TSS2_ESYS_RC_BAD_VALUE;

    if (value.size <= sizeof(auth.buffer) && bm_bytes_copy_exact(value, auth.buffer, value.size).code == BM_OK)
        rc = Esys_TR_SetAuth(ik->object.context->esys, ik->object.tr, &auth);
    bm_wipe(&auth, sizeof(auth));
    return rc;
}

BM_RESULT bm_tpm_use_begin(const bm_tpm_ik *ik, unsigned seal, ESYS_TR *session)
{
    bm_tpm_context *context = ik->object.context;

    if (ik->kind.auth.size == 0) {
        *session = bm_tpm_session_or(context, seal, ESYS_TR_PASSWORD);
        return bm_ok();
    }
    BM_TRY(bm_tpm_session_need(context));
    *session = bm_tpm_session_ready(context, seal);
    return bm_tpm_context_result("Esys_TR_SetAuth", tell_esys(ik, bm_tpm_auth_without_zeros(ik->kind.auth)));
}

BM_RESULT bm_tpm_use_end(const bm_tpm_ik *ik, const char *command, TSS2_RC rc)
{
    TSS2_RC code = bm_tpm_context_format_one(rc);

    if (ik->kind.auth.size > 0) {
        bm_tpm_session_forget(ik->object.context, ik->object.tr);
        (void)tell_esys(ik, bm_bytes_of(NULL, 0));
    }
    if (code != TPM2_RC_BAD_AUTH && code != TPM2_RC_AUTH_FAIL && code != TPM2_RC_AUTH_MISSING && code != TPM2_RC_AUTH_UNAVAILABLE)
        return bm_tpm_context_result(command, rc);
    if (ik->kind.auth.size > 0)
        return bm_failf(BM_E_TPM_AUTH,
                        "%s was refused: the value of --key-auth is not the one of the identity key. It was tried once and is not tried again. (A command that "
                        "is changed on its way is refused like this, too.)",
                        command);
    return bm_failf(BM_E_TPM_AUTH,
                    "%s was refused: the identity key has an authorisation value or a policy that its device.key does not tell of. Give the value with "
                    "--key-auth, or make a new key with --renew. (A command that is changed on its way is refused like this, too.)",
                    command);
}

BM_RESULT bm_tpm_use_holds(const bm_tpm_ik *ik, bool *holds)
{
    BM_AUTO_BUF policy = BM_BUF_EMPTY;
    bm_tpm_public parsed;

    *holds = true;
    if (ik->kind.pcrs.mask == 0)
        return bm_ok();
    BM_TRY(bm_tpm_public_parse(bm_buf_view(&ik->public_area), &parsed));
    BM_TRY(bm_tpm_pcrs_put_policy(ik->object.context, &ik->kind.pcrs, parsed.name_alg, &policy));
    *holds = bm_bytes_equal(bm_buf_view(&policy), parsed.policy);
    return bm_ok();
}

static BM_RESULT sign_by_policy(const bm_tpm_ik *ik, const TPMT_SIG_SCHEME *scheme, const TPM2B_DIGEST *digest, TPMT_SIGNATURE **made)
{
    const TPMT_TK_HASHCHECK ticket = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
    bm_tpm_context *context = ik->object.context;
    BM_TPM_AUTO_OBJECT session = BM_TPM_OBJECT_EMPTY;
    TSS2_RC rc;

    BM_TRY(bm_tpm_pcrs_begin(context, &ik->kind.pcrs, bm_template_ik_name_alg(ik->key.type), &session));
    BM_TPM_CALL(context, rc,
                Esys_Sign(context->esys, ik->object.tr, session.tr, bm_tpm_session_or(context, BM_TPM_SEAL_COMMAND, ESYS_TR_NONE), ESYS_TR_NONE,
                          digest, scheme, &ticket, made));
    if (rc == TSS2_RC_SUCCESS)
        bm_tpm_object_spent(&session);
    if (bm_tpm_context_format_one(rc) == TPM2_RC_POLICY_FAIL || bm_tpm_context_code(rc) == TPM2_RC_PCR_CHANGED)
        return bm_tpm_use_changed(ik);
    return bm_tpm_context_result("TPM2_Sign", rc);
}

BM_RESULT bm_tpm_use_sign(const bm_tpm_ik *ik, const TPMT_SIG_SCHEME *scheme, bm_bytes digest, TPMT_SIGNATURE **made)
{
    const TPMT_TK_HASHCHECK ticket = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
    bm_tpm_context *context = ik->object.context;
    TPM2B_DIGEST in = {.size = (UINT16)digest.size};
    ESYS_TR session;
    TSS2_RC rc;

    BM_CHECK(digest.size <= sizeof(in.buffer), BM_E_INTERNAL, "a digest is too long");
    BM_TRY(bm_bytes_copy_exact(digest, in.buffer, digest.size));
    if (ik->kind.pcrs.mask != 0)
        return sign_by_policy(ik, scheme, &in, made);
    BM_TRY(bm_tpm_use_begin(ik, BM_TPM_SEAL_COMMAND, &session));
    BM_TPM_CALL(context, rc, Esys_Sign(context->esys, ik->object.tr, session, ESYS_TR_NONE, ESYS_TR_NONE, &in, scheme, &ticket, made));
    return bm_tpm_use_end(ik, "TPM2_Sign", rc);
}

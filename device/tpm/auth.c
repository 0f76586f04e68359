#include "device/tpm/auth.h"

#include "device/talk/secret.h"
#include "device/tpm/session.h"

static const struct {
    const char *name;
    const char *option;
    ESYS_TR handle;
} hierarchies[BM_TPM_HIERARCHIES] = {
    [BM_TPM_OWNER] = {"owner", "--owner-auth", ESYS_TR_RH_OWNER},
    [BM_TPM_ENDORSEMENT] = {"endorsement", "--endorsement-auth", ESYS_TR_RH_ENDORSEMENT},
    [BM_TPM_NULL] = {"NULL", "", ESYS_TR_RH_NULL},
};

BM_RESULT bm_tpm_auth_read(const char *const sources[BM_TPM_HIERARCHIES], bm_tpm_auth *auth)
{
    for (unsigned i = 0; i < BM_TPM_HIERARCHIES; i++)
        if (sources[i] != NULL)
            BM_TRY(bm_secret_read(hierarchies[i].option, sources[i], &auth->value[i]));
    return bm_ok();
}

void bm_tpm_auth_fini(bm_tpm_auth *auth)
{
    for (unsigned i = 0; i < BM_TPM_HIERARCHIES; i++)
        bm_buf_fini(&auth->value[i]);
}

void bm_tpm_auth_use(bm_tpm_context *context, const bm_tpm_auth *auth)
{
    for (unsigned i = 0; i < BM_TPM_HIERARCHIES; i++)
        context->auth[i] = (bm_tpm_auth_value){.value = bm_buf_view(&auth->value[i])};
}

ESYS_TR bm_tpm_auth_handle(bm_tpm_hierarchy hierarchy)
{
    return hierarchies[hierarchy].handle;
}

static BM_RESULT refused(bm_tpm_hierarchy hierarchy, bool given, const char *command)
{
    const char *name = hierarchies[hierarchy].name;

    if (given)
        return bm_failf(BM_E_TPM_AUTH,
                        "%s was refused: the value of %s is not the one of the TPM's %s hierarchy. It was tried once and is not tried "
                        "again: find the right value, or leave the option out if the hierarchy has none. (A command that is changed on its way is "
                        "refused like this, too.)",
                        command, hierarchies[hierarchy].option, name);
    return bm_failf(BM_E_TPM_AUTH,
                    "%s was refused: the TPM's %s hierarchy has an authorisation value. Give it with %s file:PATH or env:NAME. (A command "
                    "that is changed on its way is refused like this, too.)",
                    command, name, hierarchies[hierarchy].option);
}

static TSS2_RC tell_esys(bm_tpm_context *context, bm_tpm_hierarchy hierarchy, bm_bytes value)
{
    TPM2B_AUTH auth = {.size = (UINT16)value.size};
    TSS2_RC rc = TSS2_ESYS_RC_BAD_VALUE;

    if (value.size <= sizeof(auth.buffer) && bm_bytes_copy_exact(value, auth.buffer, value.size).code == BM_OK)
        rc = Esys_TR_SetAuth(context->esys, hierarchies[hierarchy].handle, &auth);
    bm_wipe(&auth, sizeof(auth));
    return rc;
}

/* An auth of no bytes: ESYS copies the whole structure, zeros and all. */
static void untell_esys(bm_tpm_context *context, bm_tpm_hierarchy hierarchy)
{
    if (context->esys == NULL || context->auth[hierarchy].value.size == 0)
        return;
    bm_tpm_session_forget(context, hierarchies[hierarchy].handle);
    (void)tell_esys(context, hierarchy, bm_bytes_of(NULL, 0));
}

bm_bytes bm_tpm_auth_without_zeros(bm_bytes value)
{
    while (value.size > 0 && value.data[value.size - 1] == 0)
        value.size--;
    return value;
}

BM_RESULT bm_tpm_auth_begin(bm_tpm_context *context, bm_tpm_hierarchy hierarchy, unsigned seal)
{
    const bm_tpm_auth_value *auth = &context->auth[hierarchy];

    if (auth->refused || auth->withheld)
        return refused(hierarchy, auth->value.size > 0, "A command before this one");
    context->session.with = bm_tpm_session_or(context, seal, ESYS_TR_PASSWORD);
    if (auth->value.size == 0)
        return bm_ok();
    BM_TRY(bm_tpm_session_need(context));
    context->session.with = bm_tpm_session_ready(context, seal);
    return bm_tpm_context_result("Esys_TR_SetAuth", tell_esys(context, hierarchy, bm_tpm_auth_without_zeros(auth->value)));
}

BM_RESULT bm_tpm_auth_end(bm_tpm_context *context, bm_tpm_hierarchy hierarchy, const char *command, TSS2_RC rc)
{
    bm_tpm_auth_value *auth = &context->auth[hierarchy];
    TSS2_RC code = bm_tpm_context_format_one(rc);

    untell_esys(context, hierarchy);
    if (code != TPM2_RC_BAD_AUTH && code != TPM2_RC_AUTH_FAIL && code != TPM2_RC_AUTH_MISSING)
        return bm_tpm_context_result(command, rc);
    auth->refused = true;
    return refused(hierarchy, auth->value.size > 0, command);
}

void bm_tpm_auth_forget(bm_tpm_context *context)
{
    for (unsigned i = 0; i < BM_TPM_HIERARCHIES; i++)
        untell_esys(context, (bm_tpm_hierarchy)i);
}

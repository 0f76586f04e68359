#include "device/doctor/doctor.h"

#include "device/doctor/ek.h"
#include "device/doctor/findings.h"
#include "device/doctor/handles.h"
#include "device/doctor/server.h"
#include "device/doctor/system.h"
#include "device/doctor/tpm.h"
#include "device/exchange/enrolment.h"
#include "device/tpm/auth.h"

/* A command that fails is one more problem, and the rest is looked at all the same. */
#define TPM_ERROR "tpm-error"

/* All that is in the TPM. */
static BM_RESULT look_into_tpm(bm_findings *findings, bm_tpm_context *tpm, const bm_doctor_options *options, bm_doctor_eks *eks, bm_pubkey *ik)
{
    bm_doctor_tpm seen = {.auth_set = {false}};
    BM_TRY(bm_doctor_tpm_find(findings, tpm, &seen));
    /* A value that cannot be right is not sent: neither none where one is set, nor one where none is. */
    for (unsigned i = 0; i < BM_TPM_HIERARCHIES; i++)
        tpm->auth[i].withheld = seen.auth_set[i] != (tpm->auth[i].value.size > 0);
    BM_TRY(bm_findings_add_failure(findings, TPM_ERROR, bm_doctor_handles_find(findings, tpm, options, ik)));
    BM_TRY(bm_findings_add_failure(findings, TPM_ERROR, bm_doctor_ek_find(findings, tpm, !tpm->auth[BM_TPM_ENDORSEMENT].withheld, eks)));
    bm_doctor_tpm_auth(findings, tpm, &seen);
    return bm_ok();
}

static BM_RESULT look(bm_findings *findings, const bm_doctor_options *options, const bm_tpm_auth *auth, bm_doctor_eks *eks)
{
    BM_AUTO(bm_tpm_context_close) bm_tpm_context tpm = {0};
    bm_pubkey ik = {.type = BM_KEY_NONE};
    bm_identity_state state = {.has_ek = false};
    bm_result result;

    bm_doctor_system_node(findings, options->tcti);
    result = bm_tpm_context_open(options->tcti, &tpm);
    BM_TRY(bm_findings_add_failure(findings, "tpm", result));
    if (result.code == BM_OK) {
        tpm.looks_only = true;
        bm_tpm_auth_use(&tpm, auth);
        BM_TRY(bm_findings_add_failure(findings, TPM_ERROR, look_into_tpm(findings, &tpm, options, eks, &ik)));
    }
    bm_doctor_system_clock(findings, eks->newest);
    BM_TRY(bm_doctor_system_state(findings, options, result.code == BM_OK ? &ik : NULL, &state));
    if (state.has_ek && eks->count > 0)
        BM_TRY(bm_doctor_ek_bind(findings, state.ek, eks));
    return bm_findings_add_failure(findings, TPM_ERROR, bm_doctor_server_find(findings, options, &tpm, eks));
}

BM_RESULT bm_doctor(const bm_doctor_options *options, unsigned *problems)
{
    BM_AUTO(bm_tpm_auth_fini) bm_tpm_auth auth = {0};
    BM_AUTO(bm_doctor_ek_fini) bm_doctor_eks eks = {.count = 0};
    bm_doctor_options looked = *options;
    bm_findings findings;

    looked.handle = bm_enrolment_read_handle(options->handle, options->state);
    BM_TRY(bm_tpm_auth_read(options->auth, &auth));
    bm_findings_begin(&findings, options->json);
    BM_TRY(look(&findings, &looked, &auth, &eks));
    bm_findings_end(&findings);
    *problems = findings.count[BM_FINDING_PROBLEM];
    return bm_ok();
}

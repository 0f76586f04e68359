/* A connection to the TPM begins and ends: what belongs above values and sweep, both of which use connections (context.h). */
#include "device/tpm/auth.h"
#include "device/tpm/sweep.h"
#include "program/clock.h"

#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

static void disconnect(bm_tpm_context *context)
{
    bm_tpm_auth_forget(context);
    if (context->esys != NULL)
        Esys_Finalize(&context->esys);
    if (context->tcti != NULL)
        Tss2_TctiLdr_Finalize(&context->tcti);
    context->session = (bm_tpm_session){.open = false};
}

static BM_RESULT connect_to(bm_tpm_context *context)
{
    TSS2_RC rc = Tss2_TctiLdr_Initialize(context->conf, &context->tcti);

    if (rc != TSS2_RC_SUCCESS)
        return bm_failf(BM_E_TPM_UNREACHABLE, "%s cannot be opened (0x%x, %s)", context->conf, rc, Tss2_RC_Decode(rc));
    rc = Esys_Initialize(&context->esys, context->tcti, NULL);
    if (rc != TSS2_RC_SUCCESS) {
        disconnect(context);
        return bm_failf(BM_E_TPM_UNREACHABLE, "%s cannot be used (0x%x, %s)", context->conf, rc, Tss2_RC_Decode(rc));
    }
    return bm_ok();
}

BM_RESULT bm_tpm_context_open(const char *tcti, bm_tpm_context *context)
{
    bm_tpm_context opened = {.conf = tcti, .managed = bm_tpm_context_is_managed(tcti)};
    int64_t start = bm_clock_ns();

    BM_TRY(connect_to(&opened));
    opened.spent = bm_clock_ns() - start;
    opened.watch = bm_watch_new();
    *context = opened;
    return bm_ok();
}

/* After an answer that did not come or was damaged ESYS sends nothing any more: over another connection what is ours is flushed. */
static void flush_anew(bm_tpm_context *context)
{
    disconnect(context);
    if (connect_to(context).code != BM_OK)
        return;
    context->left = false;
    bm_tpm_sweep(context);
}

void bm_tpm_context_close(bm_tpm_context *context)
{
    bm_tpm_auth_forget(context);
    while (context->owned_count > 0)
        bm_tpm_context_flush(context, context->owned[context->owned_count - 1]);
    if (context->left && !context->managed && !context->looks_only)
        flush_anew(context);
    disconnect(context);
    bm_watch_free(context->watch);
    context->watch = NULL;
}

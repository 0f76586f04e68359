#include "device/tpm/context.h"

#include "device/talk/sink.h"
#include "device/tpm/sweep.h"
#include "program/clock.h"

#include <string.h>
#include <tss2/tss2_rc.h>

#define RC_LAYER(rc) ((rc) & TSS2_RC_LAYER_MASK)

static const struct {
    TSS2_RC code;
    const char *advice;
} advices[] = {
    {TPM2_RC_OBJECT_MEMORY, "end the other programs that hold keys in the TPM, or use its resource manager (--tcti device:/dev/tpmrm0); "
                            "without one, 'tpm2_flushcontext -t' removes what they left"},
    {TPM2_RC_SESSION_MEMORY, "end the other programs that hold sessions in the TPM, or use its resource manager (--tcti device:/dev/tpmrm0); "
                             "without one, 'tpm2_flushcontext -l' removes what they left"},
    {TPM2_RC_SESSION_HANDLES, "end the other programs that hold sessions in the TPM, or restart it"},
    {TPM2_RC_INITIALIZE, "the TPM was not started: run 'tpm2_startup -c'"},
    {TPM2_RC_FAILURE, "the TPM is in failure mode: restart the device"},
    {TPM2_RC_NV_SPACE, "the TPM's NV memory is full: remove a persistent key that is not needed (tpm2_evictcontrol)"},
    {TPM2_RC_NV_RATE, "the TPM limits writes to its NV memory: run it again in a minute"},
    {TPM2_RC_NV_UNAVAILABLE, "the TPM's NV memory is not available: run it again in a minute"},
    {TPM2_RC_RETRY, "the TPM is busy: run it again in a minute"},
    {TPM2_RC_YIELDED, "the TPM is busy: run it again in a minute"},
    {TPM2_RC_TESTING, "the TPM is testing itself: run it again in a minute"},
    {TPM2_RC_COMMAND_CODE, "this TPM does not have the command: update its firmware"},
    {TPM2_RC_CURVE, "this TPM does not have the curve: choose another --key"},
    {TPM2_RC_VALUE, "this TPM does not support the key or the handle: choose another --key or --handle"},
    {TSS2_SYS_RC_MALFORMED_RESPONSE, "the TPM's answer came damaged: run it again"},
    {TSS2_SYS_RC_BAD_SEQUENCE, "the session was taken out of the TPM's answer on its way: somebody may be on the TPM's bus"},
    {TSS2_SYS_RC_INSUFFICIENT_RESPONSE, "the TPM's answer was cut off: run it again"},
    {TSS2_ESYS_RC_RSP_AUTH_FAILED, "the TPM's answer was changed on its way: run it again; if it stays, somebody may be on the TPM's bus"},
    {TPM2_RC_HIERARCHY, "the hierarchy is disabled: enable it in the firmware's set-up"},
};

TSS2_RC bm_tpm_context_code(TSS2_RC rc)
{
    TSS2_RC layer = RC_LAYER(rc);

    if (layer == TSS2_RESMGR_TPM_RC_LAYER || layer == TSS2_RESMGR_RC_LAYER)
        return rc & ~(TSS2_RC)TSS2_RC_LAYER_MASK;
    return rc;
}

TSS2_RC bm_tpm_context_format_one(TSS2_RC rc)
{
    TSS2_RC code = bm_tpm_context_code(rc);

    return RC_LAYER(code) == 0 && (code & TPM2_RC_FMT1) != 0 ? code & (TPM2_RC_FMT1 | 0x3F) : code;
}

static const char *advice_of(TSS2_RC rc)
{
    TSS2_RC code = bm_tpm_context_format_one(rc);

    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
        if (advices[i].code == code)
            return advices[i].advice;
    return "run it again; if it stays, look the code up in the TPM's documentation";
}

BM_RESULT bm_tpm_context_result(const char *command, TSS2_RC rc)
{
    TSS2_RC code = bm_tpm_context_format_one(rc);
    const char *text;
    bool is_state;

    if (rc == TSS2_RC_SUCCESS)
        return bm_ok();
    text = Tss2_RC_Decode(rc);
    /* After an answer that did not come, ESYS finds every further call out of sequence. */
    if (rc == TSS2_ESYS_RC_BAD_SEQUENCE)
        return bm_failf(BM_E_TPM_UNREACHABLE, "%s was not sent, because the connection to the TPM broke before", command);
    if (RC_LAYER(rc) == TSS2_TCTI_RC_LAYER || rc == TSS2_ESYS_RC_IO_ERROR)
        return bm_failf(BM_E_TPM_UNREACHABLE, "%s did not reach the TPM (0x%x, %s)", command, rc, text);
    if (rc == TSS2_ESYS_RC_MEMORY)
        return bm_fail(BM_E_NO_MEMORY, NULL);
    if (code == TPM2_RC_LOCKOUT)
        return bm_failf(BM_E_TPM_LOCKOUT, "%s was refused (0x%x, %s)", command, rc, text);
    if (code == TPM2_RC_BAD_AUTH || code == TPM2_RC_AUTH_FAIL || code == TPM2_RC_AUTH_MISSING)
        return bm_failf(BM_E_TPM_AUTH,
                        "%s was refused (0x%x, %s): the object has an authorisation value or policy that birthmark does not know: have the "
                        "device's maker say how it is meant to be used; or the command was changed on its way to the TPM",
                        command, rc, text);
    /* A hierarchy that is disabled says nothing of the template or the key. */
    is_state = code == TPM2_RC_HIERARCHY || bm_tpm_retry_is_state(bm_tpm_context_code(rc));
    return bm_failf(is_state ? BM_E_TPM_NOT_READY : BM_E_TPM, "%s failed with 0x%x (%s): %s", command, rc, text, advice_of(rc));
}

bool bm_tpm_context_is_managed(const char *tcti)
{
    static const char loader[] = "libtss2-tcti-";
    size_t length;

    if (strncmp(tcti, loader, sizeof(loader) - 1) == 0)
        tcti += sizeof(loader) - 1;
    length = strcspn(tcti, ":.");
    if (length == 5 && (strncmp(tcti, "swtpm", length) == 0 || strncmp(tcti, "mssim", length) == 0))
        return false;
    if (length == 6 && strncmp(tcti, "device", length) == 0)
        return strstr(tcti, "/dev/tpm") == NULL || strstr(tcti, "/dev/tpmrm") != NULL;
    return true;
}

BM_RESULT bm_tpm_context_begin(const bm_tpm_context *context, bm_tpm_attempt *attempt)
{
    BM_CHECK(context->esys != NULL, BM_E_INTERNAL, "the TPM is not open");
    BM_CHECK(!bm_sink_stops(), BM_E_INTERRUPTED, NULL);
    bm_watch_begin(context->watch);
    attempt->start = bm_clock_ns();
    return bm_ok();
}

static void pause_for(int64_t pause)
{
    struct timespec time = {.tv_sec = pause / 1000000000, .tv_nsec = pause % 1000000000};

    (void)nanosleep(&time, NULL);
}

bool bm_tpm_context_again(bm_tpm_context *context, bm_tpm_attempt *attempt, TSS2_RC rc)
{
    TSS2_RC code = bm_tpm_context_code(rc);
    int64_t pause = 0;
    bool again = true;

    context->commands++;
    if (RC_LAYER(code) != 0)
        context->left = true;
    switch (bm_tpm_retry_next(&attempt->retry, code, !context->managed && !context->looks_only, &pause)) {
    case BM_TPM_RETRY_NEVER:
        again = false;
        break;
    case BM_TPM_RETRY_PAUSE:
        pause_for(pause);
        break;
    case BM_TPM_RETRY_MAKE_ROOM:
        bm_tpm_sweep(context);
        break;
    }
    if (!again)
        bm_watch_end(context->watch);
    context->spent += bm_clock_ns() - attempt->start;
    return again;
}

/* Takes from a list what is in the range; `next` becomes the first handle that was not listed yet, or stays what it was. */
static void take_handles(const TPML_HANDLE *list, uint32_t last, bm_tpm_handles *found, uint32_t *next)
{
    uint32_t first = *next;

    for (UINT32 i = 0; i < list->count; i++) {
        uint32_t handle = list->handle[i];

        if (handle >= first && handle <= last && found->count < BM_TPM_HANDLES_MAX)
            found->handle[found->count++] = handle;
        if (handle >= *next)
            *next = handle < last ? handle + 1 : UINT32_MAX;
    }
}

BM_RESULT bm_tpm_context_handles(bm_tpm_context *context, uint32_t first, uint32_t last, bm_tpm_handles *handles)
{
    bm_tpm_handles found = {.count = 0};
    TPMI_YES_NO more = TPM2_YES;

    while (more == TPM2_YES && first <= last && found.count < BM_TPM_HANDLES_MAX) {
        TPMS_CAPABILITY_DATA *data = NULL;
        uint32_t next = first;
        bool lists;

        BM_TPM_TRY(context, "TPM2_GetCapability",
                   Esys_GetCapability(context->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, first,
                                      TPM2_MAX_CAP_HANDLES, &more, &data));
        lists = data->capability == TPM2_CAP_HANDLES && data->data.handles.count <= TPM2_MAX_CAP_HANDLES;
        if (lists)
            take_handles(&data->data.handles, last, &found, &next);
        Esys_Free(data);
        BM_CHECK(lists, BM_E_TPM_RESPONSE, "TPM2_GetCapability gave something else than handles");
        /* A TPM that promises more and gives nothing new has no more. */
        if (next == first)
            more = TPM2_NO;
        first = next;
    }
    *handles = found;
    return bm_ok();
}

bool bm_tpm_context_has(const bm_tpm_handles *handles, uint32_t handle)
{
    for (size_t i = 0; i < handles->count; i++)
        if (handles->handle[i] == handle)
            return true;
    return false;
}

BM_RESULT bm_tpm_context_property(bm_tpm_context *context, uint32_t property, uint32_t *value)
{
    TPMS_CAPABILITY_DATA *data = NULL;
    TPMI_YES_NO more;
    bool found;

    BM_TPM_TRY(context, "TPM2_GetCapability",
               Esys_GetCapability(context->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_TPM_PROPERTIES,
                                  property, 1, &more, &data));
    found = data->capability == TPM2_CAP_TPM_PROPERTIES && data->data.tpmProperties.count == 1 && data->data.tpmProperties.tpmProperty[0].property == property;
    if (found)
        *value = data->data.tpmProperties.tpmProperty[0].value;
    Esys_Free(data);
    BM_CHECK(found, BM_E_TPM_RESPONSE, "TPM2_GetCapability does not give a property that every TPM has");
    return bm_ok();
}

BM_RESULT bm_tpm_context_own(bm_tpm_context *context, ESYS_TR object)
{
    BM_CHECK(context->owned_count < BM_TPM_OWNED_MAX, BM_E_INTERNAL, "too many TPM objects at a time");
    context->owned[context->owned_count++] = object;
    return bm_ok();
}

void bm_tpm_context_disown(bm_tpm_context *context, ESYS_TR object)
{
    for (size_t i = 0; i < context->owned_count; i++)
        if (context->owned[i] == object) {
            context->owned[i] = context->owned[--context->owned_count];
            return;
        }
}

void bm_tpm_context_flush(bm_tpm_context *context, ESYS_TR object)
{
    bm_tpm_attempt attempt = {0};
    TSS2_RC rc;

    /* First: Esys_TR_Close takes the number away. */
    bm_tpm_context_disown(context, object);
    do {
        attempt.start = bm_clock_ns();
        rc = Esys_FlushContext(context->esys, object);
    } while (bm_tpm_context_again(context, &attempt, rc));
    if (rc != TSS2_RC_SUCCESS) {
        context->left = true;
        (void)Esys_TR_Close(context->esys, &object);
    }
}

/*
 * device/tpm/context.h, tpm/object.h, tpm/nv.h, tpm/ek.h, tpm/ik.h, tpm/session.h, tpm/activate.h, doctor/tpm.h, doctor/handles.h, doctor/ek.h: the agent,
 * and libtss2-esys below it, before a TPM that answers falsely. A TCTI of ours gives the answers of tpm_answers.h, changed as the input says: a TPM, or somebody on its bus.
 *
 * The first byte says what is in the TPM, whether it is enrolled or the doctor looks at it, and whether it is enrolled in a session. Then, again and again: how many answers pass unchanged (u8), what happens to the next (u8; with the top
 * bit set, to all from there on), where in it (u16), and the bytes for it (u16 and that many).
 */
#include "tpm_answers.h"

#include "device/doctor/ek.h"
#include "device/doctor/handles.h"
#include "device/doctor/tpm.h"
#include "device/identity/key_file.h"
#include "device/tpm/activate.h"
#include "device/tpm/session.h"
#include "x509/csr.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define COMMANDS_MAX 3000 /* more than one enrolment ever sends */
#define RESPONSE_MAX 4096

/* What happens to an answer. */
typedef enum { OVERWRITE, OVERWRITE_PARAMETERS, REPLACE_PARAMETERS, CUT, APPEND, FAIL, RAW, NO_ANSWER, EDIT_COUNT } edit_kind;

typedef struct {
    TSS2_TCTI_CONTEXT_COMMON_V1 common;
    tpm_answers_options options;
    bm_bytes edits;
    unsigned pass; /* answers until the next edit */
    uint8_t kind;  /* of the edit, and what it needs */
    size_t at;
    bm_bytes bytes;
    unsigned commands;
    bool gone;
    bm_buf response;
} false_tpm;

/* For the linker's --wrap: the agent's pauses, when the TPM says that it is busy, take no time here. */
int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left);
int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left)
{
    (void)wanted;
    (void)left;
    return 0;
}

static false_tpm *own_of(TSS2_TCTI_CONTEXT *context)
{
    return (false_tpm *)(void *)context;
}

/* The size in the header as it should be. */
static void mend_size(bm_buf *response)
{
    for (unsigned i = 0; i < 4 && response->size >= 6; i++)
        response->data[2 + i] = (uint8_t)(response->size >> (24 - 8 * i));
}

static void overwrite(bm_buf *response, size_t at, bm_bytes bytes)
{
    for (size_t i = 0; i < bytes.size && at + i < response->size; i++)
        response->data[at + i] = bytes.data[i];
}

static void replace_parameters(bm_buf *response, const tpm_answers_place *place, bm_bytes bytes)
{
    BM_AUTO_BUF made = BM_BUF_EMPTY;
    size_t behind = place->start + place->size;

    FUZZ_OK(bm_buf_put(&made, bm_bytes_slice(bm_buf_view(response), 0, place->start)));
    FUZZ_OK(bm_buf_put(&made, bytes));
    FUZZ_OK(bm_buf_put(&made, bm_bytes_slice(bm_buf_view(response), behind, response->size - behind)));
    /* With sessions, the size of the parameters stands before them. */
    if (made.data[1] == 2)
        for (unsigned i = 0; i < 4; i++)
            made.data[place->start - 4 + i] = (uint8_t)(bytes.size >> (24 - 8 * i));
    bm_buf_move(response, &made);
    mend_size(response);
}

static void take_edit(false_tpm *tpm)
{
    unsigned high;

    tpm->kind = fuzz_choice(&tpm->edits);
    high = fuzz_choice(&tpm->edits);
    tpm->at = (size_t)high << 8 | fuzz_choice(&tpm->edits);
    tpm->bytes = fuzz_piece(&tpm->edits);
}

static void edit(false_tpm *tpm, const tpm_answers_place *place)
{
    edit_kind kind = (edit_kind)(tpm->kind % EDIT_COUNT);
    bm_buf *response = &tpm->response;

    if (kind == OVERWRITE || kind == OVERWRITE_PARAMETERS) {
        overwrite(response, kind == OVERWRITE ? tpm->at : place->start + tpm->at, tpm->bytes);
    } else if (kind == REPLACE_PARAMETERS) {
        replace_parameters(response, place, tpm->bytes);
    } else if (kind == CUT) {
        response->size = tpm->at < response->size ? tpm->at : response->size;
        mend_size(response);
    } else if (kind == APPEND) {
        FUZZ_OK(bm_buf_put(response, tpm->bytes));
        mend_size(response);
    } else if (kind == FAIL) {
        response->size = 10;
        overwrite(response, 0, bm_bytes_of("\x80\x01\0\0\0\x0A\0\0", 8));
        response->data[8] = (uint8_t)(tpm->at >> 8);
        response->data[9] = (uint8_t)tpm->at;
    } else if (kind == RAW) {
        bm_buf_clear(response);
        FUZZ_OK(bm_buf_put(response, tpm->bytes));
    } else {
        tpm->gone = true;
    }
}

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *context, size_t size, uint8_t const *command)
{
    false_tpm *tpm = own_of(context);
    tpm_answers_place place;

    FUZZ_MUST(++tpm->commands <= COMMANDS_MAX);
    if (tpm->gone)
        return TSS2_TCTI_RC_IO_ERROR;
    tpm_answers_make(bm_bytes_of(command, size), &tpm->options, &tpm->response, &place);
    if ((tpm->kind & 0x80) == 0) {
        if (tpm->edits.size == 0 || tpm->pass-- > 0)
            return TSS2_RC_SUCCESS;
        take_edit(tpm);
        tpm->pass = fuzz_choice(&tpm->edits);
    }
    edit(tpm, &place);
    return TSS2_RC_SUCCESS;
}

static TSS2_RC receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
    false_tpm *tpm = own_of(context);

    (void)timeout;
    if (tpm->gone)
        return TSS2_TCTI_RC_IO_ERROR;
    if (response == NULL) {
        *size = RESPONSE_MAX;
        return TSS2_RC_SUCCESS;
    }
    if (tpm->response.size > *size)
        return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
    if (tpm->response.size > 0)
        memcpy(response, tpm->response.data, tpm->response.size);
    *size = tpm->response.size;
    return TSS2_RC_SUCCESS;
}

static TSS2_RC cancel(TSS2_TCTI_CONTEXT *context)
{
    (void)context;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC set_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality)
{
    (void)context;
    (void)locality;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

/* The IK at its handle, or a new one, or the one of a key file; as `birthmark enroll` settles it. */
static BM_RESULT settle_ik(bm_tpm_context *context, bm_tpm_ik *ik)
{
    BM_AUTO(bm_tpm_ik_fini) bm_tpm_ik made = {0};
    const bm_tpm_kind usual = {.parent = BM_TPM_OWNER};
    bool loaded = false;
    bool full;

    BM_TRY(bm_tpm_ik_open(context, BM_TPM_IK_HANDLE_DEFAULT, ik));
    if (ik->key.type != BM_KEY_NONE) {
        BM_TRY(bm_tpm_ik_load(context, &usual, bm_buf_view(&ik->public_area), tpm_answers_private(), &made, &loaded));
        BM_TRY(bm_tpm_object_evict(&ik->object));
    }
    if (!loaded)
        BM_TRY(bm_tpm_ik_create(context, BM_KEY_ECC256, &usual, &made));
    BM_TRY(bm_tpm_ik_persist(&made, BM_TPM_IK_HANDLE_DEFAULT, &full));
    bm_tpm_ik_fini(ik);
    *ik = made;
    made = (bm_tpm_ik){0};
    return bm_ok();
}

static BM_RESULT check_ek(const bm_tpm_ek *ek)
{
    bm_tpm_public parsed;

    FUZZ_MUST(ek->row != NULL && ek->chain_count <= BM_EKC_CHAIN_MAX);
    FUZZ_OK(bm_tpm_public_parse(bm_buf_view(&ek->public_area), &parsed));
    FUZZ_MUST(bm_pubkey_equal(&parsed.key, &ek->key));
    return bm_ok();
}

/* A session whose key everybody knows, in the place of the one that is salted to the EK: this TPM has not its private key. */
static BM_RESULT pretend_salted(bm_tpm_context *context, const bm_tpm_ek *ek)
{
    BM_TRY(bm_tpm_session_need(context));
    context->session.salted = true;
    context->session.key = ek->object.tr;
    return bm_ok();
}

/* The six steps, without the server's; and without a session also without the last, which is not taken then. */
static BM_RESULT enroll(bm_tpm_context *context, bool in_session)
{
    static const uint8_t blob[] = {0, 4, 1, 2, 3, 4};
    BM_AUTO(bm_tpm_ek_fini) bm_tpm_ek ek = {0};
    BM_AUTO(bm_tpm_ik_fini) bm_tpm_ik ik = {0};
    BM_AUTO_BUF csr = BM_BUF_EMPTY;
    BM_AUTO_BUF ticket = BM_BUF_EMPTY;
    bm_tpm_handles indices;

    BM_TRY(bm_tpm_ek_indices(context, &indices));
    FUZZ_MUST(indices.count <= BM_TPM_HANDLES_MAX);
    BM_TRY(bm_tpm_ek_find(context, &indices, &ek));
    BM_TRY(bm_tpm_ek_read_chain(context, &indices, &ek));
    BM_TRY(check_ek(&ek));
    if (in_session)
        BM_TRY(pretend_salted(context, &ek));
    BM_TRY(settle_ik(context, &ik));
    BM_TRY(bm_csr_build("SN-1", &ik.key, bm_pkey_default_sig(ik.key.type), bm_tpm_ik_sign, &ik, &csr));
    return in_session ? bm_tpm_activate(&ik, &ek, BM_BYTES_ARRAY(blob), BM_BYTES_ARRAY(blob), &ticket) : bm_ok();
}

/* What the doctor looks at, in its order; what it prints goes nowhere. */
static BM_RESULT examine(bm_tpm_context *context)
{
    static FILE *nowhere;
    const bm_doctor_options options = {.handle = BM_TPM_IK_HANDLE_DEFAULT, .state = "/none"};
    BM_AUTO(bm_doctor_ek_fini) bm_doctor_eks eks = {.count = 0};
    bm_doctor_tpm seen;
    bm_findings findings;
    bm_pubkey ik;

    if (nowhere == NULL)
        nowhere = freopen("/dev/null", "w", stdout);
    FUZZ_MUST(nowhere != NULL);
    context->looks_only = true;
    bm_findings_begin(&findings, false);
    BM_TRY(bm_doctor_tpm_find(&findings, context, &seen));
    BM_TRY(bm_doctor_handles_find(&findings, context, &options, &ik));
    BM_TRY(bm_doctor_ek_find(&findings, context, true, &eks));
    FUZZ_MUST(eks.count <= BM_EK_TEMPLATE_COUNT && eks.chain_count <= BM_EKC_CHAIN_MAX);
    bm_doctor_tpm_auth(&findings, context, &seen);
    return bm_ok();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bm_bytes rest = bm_bytes_of(data, size);
    uint8_t what = fuzz_choice(&rest);
    false_tpm tpm = {.common = {.magic = 1, .version = 1, .transmit = transmit, .receive = receive, .cancel = cancel, .setLocality = set_locality},
                     .options = {.has_ik = (what & 1) != 0, .has_ek = (what & 2) != 0, .no_certificate = (what & 4) != 0}};
    bm_tpm_context context = {.managed = (what & 8) != 0};
    bm_result result;

    (void)setenv("TSS2_LOG", "all+NONE", 0);
    tpm.pass = fuzz_choice(&rest);
    tpm.edits = rest;
    FUZZ_MUST(Esys_Initialize(&context.esys, (TSS2_TCTI_CONTEXT *)(void *)&tpm, NULL) == TSS2_RC_SUCCESS);
    result = (what & 16) != 0 ? examine(&context) : enroll(&context, (what & 32) != 0);
    /* Unchanged, everything succeeds; and whatever happened, nothing is left that is ours but the session, which goes with the connection. */
    if (rest.size == 0 && !tpm.options.has_ek)
        FUZZ_OK(result);
    FUZZ_MUST(context.owned_count == (context.session.open ? 1 : 0));
    bm_tpm_context_close(&context);
    bm_buf_fini(&tpm.response);
    return 0;
}

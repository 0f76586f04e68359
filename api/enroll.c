#include "device/exchange/enroll.h"

#include "api/abi.h"
#include "api/failure.h"
#include "api/handle.h"
#include "api/openssl.h"
#include "api/pipe.h"
#include "device/talk/sink.h"

#include <stdio.h>
#include <string.h>

/* The program's progress function, and what it said. */
typedef struct {
    birthmark_progress_function tell;
    void *context;
    const bm_openssl *stay; /* outside of which it runs */
    atomic_bool stop;
} progress;

static bool event_of(bm_sink_kind kind, birthmark_event *event)
{
    switch (kind) {
    case BM_SINK_BEGAN:
        *event = BIRTHMARK_STEP_BEGAN;
        return true;
    case BM_SINK_ENDED:
        *event = BIRTHMARK_STEP_ENDED;
        return true;
    case BM_SINK_NOTED:
    case BM_SINK_TOTAL:
        *event = BIRTHMARK_NOTE;
        return true;
    case BM_SINK_WAITS:
        *event = BIRTHMARK_WAITING;
        return true;
    case BM_SINK_RESUMED:
        return false;
    }
    return false;
}

static void tell(void *context, const bm_sink_event *event)
{
    progress *self = context;
    birthmark_progress told = {.size = sizeof(told), .step = event->step, .steps = event->steps, .ms = event->ms, .text = event->text};

    OSSL_LIB_CTX *inside;

    if (!event_of(event->kind, &told.event))
        return;
    inside = bm_openssl_go_out(self->stay);
    if (self->tell(self->context, &told) != 0)
        self->stop = true;
    bm_openssl_go_in(inside);
}

static bool stops(void *context)
{
    progress *self = context;

    return self->stop;
}

/* A value in the environment would be wiped there, in the middle of a program that may be reading it. */
static BM_RESULT take_auth(const char *source, const char **to)
{
    BM_CHECK(source == NULL || strncmp(source, "file:", 5) == 0, BM_E_USAGE,
             "an authorisation value is none that is taken: give file:PATH, a file that this user alone can read");
    *to = source;
    return bm_ok();
}

static BM_RESULT take_options(const birthmark *identity, const birthmark_enroll_options *given,
                              bm_enrolment_options *options)
{
    char handle[16];

    *options = (bm_enrolment_options){
        .state = identity->state, .tcti = identity->tcti, .server = given->server, .ca = given->ca,
        .serial = given->serial, .profile = given->profile != NULL ? given->profile : "", .renew = given->renew != 0};
    if (given->key != NULL)
        BM_TRY(bm_enrolment_options_key(given->key, &options->key));
    if (given->ek_sha256 != NULL)
        BM_TRY(bm_enrolment_options_ek(given->ek_sha256, options->ek));
    options->has_ek = given->ek_sha256 != NULL;
    if (given->handle != 0) {
        (void)snprintf(handle, sizeof(handle), "0x%08x", given->handle);
        BM_TRY(bm_enrolment_options_handle(handle, &options->handle));
    }
    if (given->parent != NULL)
        BM_TRY(bm_enrolment_options_parent(given->parent, &options->parent));
    options->has_parent = given->parent != NULL;
    if (given->persist != NULL)
        BM_TRY(bm_enrolment_options_persist(given->persist, &options->persist));
    if (given->pcrs != NULL)
        BM_TRY(bm_enrolment_options_pcrs(given->pcrs, &options->pcrs));
    options->key_auth = identity->auth_source;
    BM_TRY(take_auth(given->owner_auth, &options->auth[BM_TPM_OWNER]));
    BM_TRY(take_auth(given->endorsement_auth, &options->auth[BM_TPM_ENDORSEMENT]));
    return bm_enrolment_options_check_enroll(options);
}

/* With the thread's sink and its SIGPIPE as they are meant for us. */
static bm_result carry_out(const bm_enrolment_options *options, progress *told, bm_enroll_outcome *outcome)
{
    const bm_sink sink = {.tell = told->tell != NULL ? tell : NULL, .stops = stops, .context = told};
    const bm_sink *before = bm_sink_use(&sink);
    bm_pipe pipe;
    bm_result result;

    bm_pipe_hold(&pipe);
    result = bm_enroll(options, outcome);
    bm_pipe_release(&pipe);
    (void)bm_sink_use(before);
    return result;
}

static BM_RESULT enroll(birthmark *identity, const birthmark_enroll_options *options, int *issued)
{
    BM_AUTO(bm_openssl_leave) bm_openssl stay = {.entered = false};
    birthmark_enroll_options given;
    bm_enrolment_options taken;
    bm_enroll_outcome outcome;
    progress told = {.stay = &stay};
    bm_result result;

    BM_TRY(bm_openssl_enter(&stay));
    BM_TRY(bm_handle_check(identity));
    BM_TRY(bm_abi_take(options, &given, sizeof(given)));
    BM_TRY(take_options(identity, &given, &taken));
    told.tell = given.progress;
    told.context = given.context;
    bm_handle_lock(identity);
    /* One program at a time, where there is no resource manager. */
    if (bm_tls_signer_is_greedy(&identity->signer))
        bm_tls_signer_close(&identity->signer);
    result = carry_out(&taken, &told, &outcome);
    if (result.code == BM_OK && outcome.issued)
        bm_handle_forget_auth(identity);
    bm_handle_unlock(identity);
    BM_TRY(result);
    if (issued != NULL)
        *issued = outcome.issued;
    return bm_ok();
}

birthmark_code birthmark_enroll(birthmark *identity, const birthmark_enroll_options *options, int *issued, birthmark_error *error)
{
    return bm_failure_give(enroll(identity, options, issued), error);
}

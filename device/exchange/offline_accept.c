#include "device/exchange/enroll.h"
#include "device/exchange/enrolment_keys.h"
#include "device/exchange/enrolment_settle.h"
#include "device/exchange/offline.h"
#include "device/exchange/offline_files.h"
#include "device/exchange/offline_state.h"
#include "device/exchange/replacement.h"
#include "device/tpm/session.h"
#include "tpm/public.h"

#include <time.h>

/* The steps that were done before this program was started. */
#define STEPS_BEFORE_CHALLENGE 3
#define STEPS_BEFORE_CERTIFICATE 4

/* What a file of answers has for this device. */
typedef struct {
    bm_offline_outcome *outcome;
    bm_enrolment_options options; /* of this command, with what the request says */
    const char *file;             /* of answers */
    const char *out;              /* for the second request, or NULL */
    bm_offline_state pending;
    bm_answers_reader reader;
    const bm_answers_wanted *answer; /* NULL until it is found */
    bool is_second;                  /* to the second request */
    bool left;                       /* a run before this one may have left something in the TPM */
} acceptance;

static void fini(acceptance *a)
{
    bm_offline_state_fini(&a->pending);
    bm_answers_reader_fini(&a->reader);
}

/* Looks at the directory alone: nothing is changed yet, and the TPM not asked. */
static BM_RESULT read_pending(acceptance *a)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;

    BM_TRY(bm_identity_open_to_read(a->options.state, &identity));
    if (identity.fd >= 0)
        BM_TRY(bm_offline_state_read(&identity, &a->pending));
    a->left = identity.fd >= 0 && bm_identity_is_marked(&identity);
    if (a->pending.request.size == 0)
        return bm_failf(BM_E_IO, "%s has no request under way: begin with 'birthmark request', or name another --state", a->options.state);
    return bm_ok();
}

static BM_RESULT want(acceptance *a, bm_bytes request)
{
    return bm_hash_sha256(request, a->reader.wanted[a->reader.wanted_count++].request);
}

/* The answer to the second request before the one to the first: a directory that is answered again has both. */
static BM_RESULT find_answer(acceptance *a, int64_t now)
{
    bool two = a->pending.answer.size > 0;

    if (two)
        BM_TRY(want(a, bm_buf_view(&a->pending.answer)));
    BM_TRY(want(a, bm_buf_view(&a->pending.request)));
    BM_TRY(bm_offline_files_read_answers(a->file, a->options.ca, now, &a->reader));
    for (size_t i = a->reader.wanted_count; i > 0; i--)
        if (a->reader.wanted[i - 1].found) {
            a->answer = &a->reader.wanted[i - 1];
            a->is_second = two && i == 1;
        }
    if (a->answer == NULL)
        return bm_failf(BM_E_ANSWER_MISSING, "none of the %llu answers in %s is to the request of %s", (unsigned long long)a->reader.answers,
                        a->file, a->options.state);
    return bm_ok();
}

/* The request says where its key is, whose it is, and which EK the TPM must have. */
static BM_RESULT take_options(acceptance *a)
{
    bm_tpm_public ek;

    BM_TRY(bm_tpm_public_parse(bm_buf_view(&a->pending.parsed.ek_public), &ek));
    BM_TRY(bm_pubkey_spki_sha256(&ek.key, a->options.ek));
    a->options.has_ek = true;
    a->options.handle = a->pending.handle;
    /* Not where the identity has its key: the new one may have another place. */
    a->options.persist = a->pending.handle != 0 ? BM_PERSIST_ALWAYS : BM_PERSIST_NEVER;
    return bm_ok();
}

static bool has_key(const acceptance *a, bm_bytes public_area)
{
    return bm_bytes_equal(public_area, bm_buf_view(&a->pending.parsed.ik_public));
}

/* Has the key of the request ready: the directory's, or the one that is to take its place. */
static BM_RESULT take_key(const acceptance *a, bm_enrolment *e)
{
    char place[BM_ENROLMENT_PLACE];
    bool found;

    bm_enrolment_place(e, place);
    if (has_key(a, bm_buf_view(e->in_file ? &e->file_public : &e->ik.public_area)))
        return bm_enrolment_settle_keys(e);
    BM_TRY(bm_replacement_resume(e, bm_buf_view(&a->pending.parsed.ik_public), &found));
    if (!found)
        return bm_failf(BM_E_TPM_HANDLE_TAKEN,
                        "the key of the request is not at %s any more: this is another TPM, or it was cleared; begin "
                        "again with 'birthmark request'",
                        place);
    return bm_ok();
}

/* Opens directory and TPM, where everything must still be what the request was made from. */
static BM_RESULT prepare(acceptance *a, bm_enrolment *e)
{
    BM_AUTO(bm_offline_state_fini) bm_offline_state now = {0};
    bm_result made;

    BM_TRY(bm_enrolment_prepare(e));
    BM_TRY(bm_offline_state_read(&e->identity, &now));
    BM_CHECK(bm_bytes_equal(bm_buf_view(&now.request), bm_buf_view(&a->pending.request)) &&
                 bm_bytes_equal(bm_buf_view(&now.answer), bm_buf_view(&a->pending.answer)),
             BM_E_IO, "another birthmark has just worked on this request: run it again");
    made = take_key(a, e);
    if (made.code == BM_E_EK_MISMATCH)
        return bm_fail(BM_E_EK_MISMATCH, "this TPM does not have the EK of the request: it is another TPM, or was given a new seed; begin again "
                                         "with 'birthmark request'");
    BM_TRY(made);
    BM_CHECK(has_key(a, bm_buf_view(&e->ik.public_area)), BM_E_TPM_HANDLE_TAKEN,
             "this TPM cannot load the key of the request: it is another one, or it was cleared; begin again with 'birthmark request'");
    return bm_ok();
}

/* The request of the second trip: the first one, and the opened challenge. */
static BM_RESULT put_second(acceptance *a, bm_enrolment *e, bm_buf *text)
{
    bm_request *request = &a->pending.parsed;

    bm_buf_move(&request->challenge, &e->request.challenge);
    bm_buf_move(&request->ticket, &e->request.ticket);
    return bm_request_put_file(BM_CALL_CERTIFICATE, request, text);
}

static BM_RESULT deliver(const acceptance *a, bm_bytes text, int64_t expires)
{
    BM_TRY(bm_offline_files_write(a->out, text));
    a->outcome->end = BM_OFFLINE_SECOND;
    a->outcome->until = expires;
    return bm_ok();
}

static BM_RESULT accept_challenge(acceptance *a, int64_t now)
{
    BM_AUTO(bm_enrolment_fini) bm_enrolment e = {.options = &a->options, .identity = BM_IDENTITY_CLOSED, .steps = {.number = STEPS_BEFORE_CHALLENGE}};
    BM_AUTO_BUF text = BM_BUF_EMPTY;

    BM_CHECK(a->out != NULL, BM_E_USAGE, "--out is missing: this is the answer to the first request; give the file for the second");
    /* The one that is under way stays: its answer may be on its way. */
    if (a->pending.answer.size > 0 && now < a->pending.expires) {
        bm_steps_note("the challenge was opened already: the second request is written once more, as it was");
        /* The TPM has nothing to do but to be swept, where that run did not end well. */
        if (a->left)
            BM_TRY(bm_enrolment_prepare(&e));
        return deliver(a, bm_buf_view(&a->pending.answer), a->pending.expires);
    }
    BM_TRY(bm_reply_challenge_parse(bm_buf_view(&a->answer->body), &e.challenge));
    BM_TRY(prepare(a, &e));
    bm_buf_move(&e.request.challenge, &e.challenge.challenge);
    BM_TRY(bm_enroll_open(&e));
    BM_TRY(put_second(a, &e, &text));
    BM_TRY(bm_offline_state_go_on(&e.identity, bm_buf_view(&text)));
    return deliver(a, bm_buf_view(&text), e.challenge.expires);
}

static BM_RESULT accept_certificate(acceptance *a)
{
    BM_AUTO(bm_enrolment_fini) bm_enrolment e = {.options = &a->options, .identity = BM_IDENTITY_CLOSED, .steps = {.number = STEPS_BEFORE_CERTIFICATE}};

    BM_TRY(prepare(a, &e));
    bm_steps_begin(&e.steps, "taking the certificate");
    BM_TRY(bm_enroll_install(&e, bm_buf_view(&a->answer->body), &a->outcome->enrolment));
    return bm_offline_state_end(&e.identity);
}

/* A second request that was refused has done its work: the first one can be answered anew. */
static BM_RESULT refused(acceptance *a)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;

    if (a->is_second) {
        BM_TRY(bm_identity_open(a->options.state, &identity));
        BM_TRY(bm_offline_state_go_back(&identity));
        bm_steps_note("'birthmark request' writes the first request once more, for another challenge");
    }
    return bm_exchange_verdict(a->answer->status, bm_buf_view(&a->answer->body));
}

BM_RESULT bm_offline_accept(const bm_enrolment_options *options, const char *file, const char *out,
                            bm_offline_outcome *outcome)
{
    BM_AUTO(fini) acceptance a = {.options = *options, .file = file, .out = out, .outcome = outcome};
    int64_t now = (int64_t)time(NULL);

    *outcome = (bm_offline_outcome){.end = BM_OFFLINE_IDENTITY};
    BM_TRY(read_pending(&a));
    BM_TRY(find_answer(&a, now));
    BM_TRY(take_options(&a));
    if (a.answer->status != 200)
        return refused(&a);
    return a.is_second ? accept_certificate(&a) : accept_challenge(&a, now);
}

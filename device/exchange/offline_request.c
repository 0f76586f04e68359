#include "device/exchange/enroll.h"
#include "device/exchange/enrolment_keys.h"
#include "device/exchange/enrolment_settle.h"
#include "device/exchange/offline.h"
#include "device/exchange/offline_files.h"
#include "device/exchange/offline_state.h"
#include "x509/csr.h"

/* Is the request that waits for its answer the very one that is asked for now? Then it is sent again, so that an answer on its way stays good. */
static bool is_same(const bm_offline_state *pending, const bm_enrolment *e)
{
    const bm_enrolment_options *options = e->options;
    const bm_request *before = &pending->parsed;
    bm_csr csr;

    return pending->request.size > 0 && pending->handle == (e->in_file ? 0 : e->handle) &&
           bm_bytes_equal(bm_buf_view(&before->ik_public), bm_buf_view(&e->ik.public_area)) &&
           bm_bytes_equal(bm_buf_view(&before->ek_public), bm_buf_view(&e->ek.public_area)) &&
           bm_bytes_equal(bm_bytes_str(before->profile), bm_bytes_str(options->profile[0] != 0 ? options->profile : "default")) &&
           bm_csr_parse(bm_buf_view(&before->csr), &csr).code == BM_OK && bm_bytes_equal(csr.serial, bm_bytes_str(options->serial));
}

/* The bytes of the request: those that wait for their answer, or new ones, which are kept before anybody sees them. */
static BM_RESULT make(bm_enrolment *e, bm_buf *text)
{
    BM_AUTO(bm_offline_state_fini) bm_offline_state pending = {0};

    BM_TRY(bm_offline_state_read(&e->identity, &pending));
    if (is_same(&pending, e)) {
        bm_steps_note("this request is under way already: it is written once more, as it was");
        return bm_buf_put(text, bm_buf_view(&pending.request));
    }
    BM_TRY(bm_enrolment_read_areas(e));
    BM_TRY(bm_enrolment_make_request(e));
    BM_TRY(bm_request_put_file(BM_CALL_CHALLENGE, &e->request, text));
    return bm_offline_state_begin(&e->identity, e->in_file ? 0 : e->handle, bm_buf_view(text));
}

BM_RESULT bm_offline_request(const bm_enrolment_options *options, const char *out, bm_offline_outcome *outcome)
{
    BM_AUTO(bm_enrolment_fini) bm_enrolment e = {.options = options, .identity = BM_IDENTITY_CLOSED};
    BM_AUTO_BUF text = BM_BUF_EMPTY;

    *outcome = (bm_offline_outcome){.end = BM_OFFLINE_IDENTITY};
    BM_TRY(bm_enrolment_prepare(&e));
    BM_TRY(bm_enrolment_keys_check(&e));
    if (bm_enroll_is_done(&e))
        return bm_enroll_leave(&e, &outcome->enrolment);
    BM_TRY(bm_enrolment_settle_keys(&e));
    if (e.in_file == e.state.in_file && bm_enroll_is_done(&e))
        return bm_enroll_leave(&e, &outcome->enrolment);
    BM_TRY(make(&e, &text));
    BM_TRY(bm_offline_files_write(out, bm_buf_view(&text)));
    outcome->end = BM_OFFLINE_FIRST;
    return bm_ok();
}

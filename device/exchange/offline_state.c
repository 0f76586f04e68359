#include "device/exchange/offline_state.h"

#include "device/exchange/enrolment_options.h"
#include "protocol/ticket.h"

static const char request_name[] = "offline.request";
static const char handle_name[] = "offline.handle";
static const char answer_name[] = "offline.answer";
static const char handle_prefix[] = "handle:";
static const char filed[] = "file:device.key\n"; /* the key is there alone: handle 0 */

void bm_offline_state_fini(bm_offline_state *state)
{
    bm_buf_fini(&state->request);
    bm_buf_fini(&state->answer);
    bm_request_fini(&state->parsed);
    *state = (bm_offline_state){0};
}

/* "handle:0x81020000" and a line end. */
static BM_RESULT parse_handle(bm_buf *text, uint32_t *handle)
{
    bm_bytes prefix = bm_bytes_str(handle_prefix);
    bm_bytes view = bm_buf_view(text);

    *handle = 0;
    if (bm_bytes_equal(view, bm_bytes_str(filed)))
        return bm_ok();
    BM_CHECK(view.size > prefix.size && view.data[view.size - 1] == '\n' && bm_bytes_equal(bm_bytes_slice(view, 0, prefix.size), prefix),
             BM_E_MALFORMED, NULL);
    text->size--;
    BM_TRY(bm_buf_terminate(text));
    return bm_enrolment_options_handle((const char *)text->data + prefix.size, handle);
}

static BM_RESULT take_first(bm_offline_state *state, bm_buf *handle)
{
    bm_call call;

    BM_TRY(parse_handle(handle, &state->handle));
    BM_TRY(bm_request_parse_file(bm_buf_view(&state->request), &call, &state->parsed));
    BM_CHECK(call == BM_CALL_CHALLENGE, BM_E_MALFORMED, NULL);
    return bm_ok();
}

static BM_RESULT take_second(bm_offline_state *state)
{
    BM_AUTO(bm_request_fini) bm_request answer = {0};
    bm_ticket_fields fields = {0};
    bm_call call;

    BM_TRY(bm_request_parse_file(bm_buf_view(&state->answer), &call, &answer));
    BM_CHECK(call == BM_CALL_CERTIFICATE, BM_E_MALFORMED, NULL);
    BM_TRY(bm_ticket_parse_offline_challenge(bm_buf_view(&answer.challenge), &fields));
    state->expires = fields.expires;
    return bm_ok();
}

BM_RESULT bm_offline_state_read(const bm_identity *identity, bm_offline_state *state)
{
    BM_AUTO_BUF handle = BM_BUF_EMPTY;
    bool found;
    bm_result taken;

    BM_TRY(bm_identity_read(identity, request_name, &state->request, &found));
    BM_TRY(bm_identity_read(identity, handle_name, &handle, &found));
    BM_TRY(bm_identity_read(identity, answer_name, &state->answer, &found));
    taken = state->request.size > 0 ? take_first(state, &handle) : bm_fail(BM_E_MALFORMED, NULL);
    if (taken.code != BM_OK) {
        bm_offline_state_fini(state);
        return taken.code == BM_E_NO_MEMORY ? taken : bm_ok();
    }
    if (state->answer.size > 0)
        taken = take_second(state);
    if (taken.code != BM_OK)
        bm_buf_fini(&state->answer);
    return taken.code == BM_E_NO_MEMORY ? taken : bm_ok();
}

BM_RESULT bm_offline_state_begin(bm_identity *identity, uint32_t handle, bm_bytes request)
{
    BM_AUTO_BUF text = BM_BUF_EMPTY;

    if (handle == 0)
        BM_TRY(bm_buf_put_str(&text, filed));
    else
        BM_TRY(bm_buf_putf(&text, "%s0x%08x\n", handle_prefix, handle));
    BM_TRY(bm_offline_state_end(identity));
    BM_TRY(bm_identity_put(identity, handle_name, 0644, bm_buf_view(&text)));
    return bm_identity_put(identity, request_name, 0644, request);
}

BM_RESULT bm_offline_state_go_on(bm_identity *identity, bm_bytes answer)
{
    return bm_identity_put(identity, answer_name, 0644, answer);
}

BM_RESULT bm_offline_state_go_back(bm_identity *identity)
{
    return bm_identity_remove(identity, answer_name);
}

/* The request first: without it the others count for nothing. */
BM_RESULT bm_offline_state_end(bm_identity *identity)
{
    BM_TRY(bm_identity_remove(identity, request_name));
    BM_TRY(bm_identity_remove(identity, answer_name));
    return bm_identity_remove(identity, handle_name);
}

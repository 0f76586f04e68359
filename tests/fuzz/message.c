/*
 * bm_message_open, the bm_message_take_ of every body and their bm_message_put_ (server/message.h), bm_handover_split and _number
 * (server/handover.h): what one process reads of another. The type in the head says which body is meant.
 */
#include "fuzz.h"

#include "server/handover.h"
#include "server/message.h"

#include <string.h>

/* Takes the body as what its type says; what was taken is put back into `out`. */
static BM_RESULT pass_on(bm_message *message, bm_buf *out)
{
    bm_message_look_up look_up;
    bm_store_certificate certificate;
    bm_message_refusal refusal;
    bm_message_anchor anchor;
    bm_message_revoked revoked;
    bm_store_lookup found;
    bm_bytes der;

    if (message->type == BM_MSG_LOOK_UP) {
        BM_TRY(bm_message_take_look_up(message, &look_up));
        return bm_message_put_look_up(out, &look_up);
    }
    if (message->type == BM_MSG_RECORD) {
        BM_TRY(bm_message_take_certificate(message, &certificate));
        return bm_message_put_certificate(out, &certificate);
    }
    if (message->type == BM_MSG_REFUSAL) {
        BM_TRY(bm_message_take_refusal(message, &refusal));
        return bm_message_put_refusal(out, &refusal);
    }
    if (message->type == BM_MSG_LOOK_UP_REPLY) {
        BM_TRY(bm_message_take_found(message, &found, &der));
        return bm_message_put_found(out, &found, der);
    }
    if (message->type == BM_MSG_ANCHORS_REPLY) {
        BM_TRY(bm_message_take_anchor(message, &anchor));
        return bm_message_put_anchor(out, &anchor);
    }
    if (message->type == BM_MSG_REVOKED_REPLY) {
        BM_TRY(bm_message_take_revoked(message, &revoked));
        return bm_message_put_revoked(out, &revoked);
    }
    return bm_fail(BM_E_MALFORMED, NULL);
}

/* An error's detail is made printable: so what is written is stable from the second time on. */
static void check_error(bm_message *message)
{
    BM_AUTO_BUF once = BM_BUF_EMPTY;
    BM_AUTO_BUF twice = BM_BUF_EMPTY;
    bm_message again;
    bm_result error;

    if (bm_message_take_error(message, &error).code != BM_OK)
        return;
    FUZZ_MUST(error.code != BM_OK && (error.detail == NULL || fuzz_printable(error.detail, BM_MESSAGE_DETAIL_MAX + 1)));
    FUZZ_OK(bm_message_put_error(&once, message->id, error));
    FUZZ_OK(bm_message_open(bm_buf_view(&once), &again));
    FUZZ_OK(bm_message_take_error(&again, &error));
    FUZZ_OK(bm_message_put_error(&twice, message->id, error));
    FUZZ_MUST(bm_bytes_equal(bm_buf_view(&once), bm_buf_view(&twice)));
}

static void split(bm_bytes all)
{
    bm_bytes pieces[4];
    uint32_t number;

    if (bm_handover_split(all, pieces, 4).code != BM_OK)
        return;
    for (size_t i = 0; i < 4; i++) {
        FUZZ_MUST(fuzz_inside(all, pieces[i]));
        bm_result_ignore(bm_handover_number(pieces[i], &number));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bm_bytes datagram = bm_bytes_of(data, size);
    BM_AUTO_BUF again = BM_BUF_EMPTY;
    bm_message message;

    split(datagram);
    if (bm_message_open(datagram, &message).code != BM_OK)
        return 0;
    FUZZ_OK(bm_message_begin(&again, message.type, message.id));
    FUZZ_MUST(bm_bytes_equal(bm_buf_view(&again), bm_bytes_slice(datagram, 0, BM_MESSAGE_HEAD_SIZE)));
    if (message.type == BM_MSG_ERROR)
        check_error(&message);
    else if (pass_on(&message, &again).code == BM_OK)
        FUZZ_MUST(bm_bytes_equal(bm_buf_view(&again), datagram));
    return 0;
}

#include "server/ledger_revoked.h"

void bm_ledger_revoked_fini(bm_ledger_revoked *revoked)
{
    bm_buf_fini(&revoked->ids);
    *revoked = (bm_ledger_revoked){0};
}

static BM_RESULT merge(void *context, bm_bytes ids)
{
    return bm_revoked_merge(context, ids);
}

static BM_RESULT bring_up_to_date(bm_ledger_revoked *revoked, bm_store *store)
{
    BM_AUTO_BUF ids = BM_BUF_EMPTY;
    uint64_t epoch;

    BM_TRY(bm_store_anchors_epoch(store, &epoch));
    if (revoked->loaded && revoked->epoch == epoch)
        return bm_ok();
    BM_TRY(bm_store_revoked_list(store, merge, &ids));
    if (bm_revoked_check(bm_buf_view(&ids)).code != BM_OK)
        return bm_fail(BM_E_STORE, "the database is damaged: the revoked certificates are not in their order, or too many");
    bm_buf_move(&revoked->ids, &ids);
    revoked->epoch = epoch;
    revoked->loaded = true;
    return bm_ok();
}

BM_RESULT bm_ledger_revoked_answer(bm_ledger_revoked *revoked, bm_store *store, bm_message *message, bm_buf *reply)
{
    bm_message_revoked piece = {0};
    size_t left;

    BM_TRY(bm_cursor_u32(&message->body, &piece.index));
    BM_TRY(bm_cursor_end(&message->body));
    BM_TRY(bring_up_to_date(revoked, store));
    piece.epoch = revoked->epoch;
    piece.total = (uint32_t)(revoked->ids.size / BM_REVOKED_ID_SIZE);
    if (piece.index < piece.total) {
        left = piece.total - piece.index;
        piece.ids = bm_bytes_slice(bm_buf_view(&revoked->ids), (size_t)piece.index * BM_REVOKED_ID_SIZE,
                                   (left < BM_MESSAGE_REVOKED_MAX ? left : BM_MESSAGE_REVOKED_MAX) * BM_REVOKED_ID_SIZE);
    }
    BM_TRY(bm_message_begin(reply, BM_MSG_REVOKED_REPLY, message->id));
    return bm_message_put_revoked(reply, &piece);
}

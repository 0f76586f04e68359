#include "server/keeper_requests.h"

#include "crypto/memory.h"
#include "protocol/ticket.h"
#include "server/message.h"
#include "x509/issue.h"

#define TBS_MAX 8192

BM_RESULT bm_keeper_requests_init(bm_keeper *keeper, bm_bytes passphrase, bm_bytes ca_key, bm_bytes ticket_keys, bm_bytes ca)
{
    bm_pubkey key;

    BM_TRY(bm_ca_parse(ca, &keeper->ca));
    BM_TRY(bm_keys_file_open(passphrase, ca_key, ticket_keys, &keeper->keys));
    BM_TRY(bm_keys_public(keeper->keys, &key));
    BM_CHECK(bm_pubkey_equal(&key, &keeper->ca.key), BM_E_KEY_INVALID, "the CA certificate is not of the CA key");
    keeper->alg = bm_pkey_default_sig(key.type);
    return bm_ok();
}

void bm_keeper_requests_fini(bm_keeper *keeper)
{
    bm_keys_free(keeper->keys);
    bm_ca_fini(&keeper->ca);
    *keeper = (bm_keeper){0};
}

/* The ticket of some fields: key id 0 means the newest key, which is then in the fields. The caller wipes it. */
static BM_RESULT ticket_of(bm_keeper *keeper, bm_ticket_fields *fields, uint8_t ticket[BM_TICKET_SIZE])
{
    BM_AUTO_BUF message = BM_BUF_EMPTY;

    if (fields->key_id == 0)
        fields->key_id = bm_keys_ticket_key_id(keeper->keys);
    BM_TRY(bm_ticket_put_message(&message, fields));
    return bm_keys_ticket_mac(keeper->keys, fields->key_id, bm_buf_view(&message), ticket);
}

static BM_RESULT answer_ticket(bm_keeper *keeper, bm_message *message, bm_buf *reply)
{
    uint8_t ticket[BM_TICKET_SIZE];
    bm_ticket_fields fields;
    bm_result result;

    BM_TRY(bm_ticket_parse_message(message->body.rest, &fields));
    BM_TRY(ticket_of(keeper, &fields, ticket));
    result = bm_message_begin(reply, BM_MSG_TICKET_REPLY, message->id);
    if (result.code == BM_OK)
        result = bm_buf_put_u32(reply, fields.key_id);
    if (result.code == BM_OK)
        result = bm_buf_put(reply, BM_BYTES_ARRAY(ticket));
    bm_wipe(ticket, sizeof(ticket));
    return result;
}

/* Was this ticket made for these fields, by us, and is it not yet stale? The same answer for every reason. */
static BM_RESULT check_ticket(bm_keeper *keeper, bm_ticket_fields *fields, bm_bytes presented, int64_t now)
{
    uint8_t ticket[BM_TICKET_SIZE];
    bool same;

    BM_CHECK(fields->key_id != 0, BM_E_TICKET_INVALID, NULL);
    BM_TRY(ticket_of(keeper, fields, ticket));
    same = bm_bytes_equal_secret(BM_BYTES_ARRAY(ticket), presented);
    bm_wipe(ticket, sizeof(ticket));
    BM_CHECK(same && now < fields->expires, BM_E_TICKET_INVALID, NULL);
    return bm_ok();
}

static BM_RESULT answer_issue(bm_keeper *keeper, bm_message *message, int64_t now, bm_buf *reply)
{
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    bm_bytes ticket_message, presented, tbs;
    bm_ticket_fields fields;

    BM_TRY(bm_cursor_take(&message->body, BM_TICKET_MESSAGE_SIZE, &ticket_message));
    BM_TRY(bm_cursor_take(&message->body, BM_TICKET_SIZE, &presented));
    BM_TRY(bm_cursor_sized32(&message->body, TBS_MAX, &tbs));
    BM_TRY(bm_cursor_end(&message->body));
    BM_TRY(bm_ticket_parse_message(ticket_message, &fields));
    BM_TRY(check_ticket(keeper, &fields, presented, now));
    BM_TRY(bm_issue_check_tbs(tbs, &keeper->ca, keeper->alg, fields.ik_spki));
    BM_TRY(bm_keys_sign(keeper->keys, tbs, &signature));
    BM_TRY(bm_message_begin(reply, BM_MSG_ISSUE_REPLY, message->id));
    return bm_buf_put_sized32(reply, bm_buf_view(&signature));
}

static BM_RESULT answer_keys(bm_keeper *keeper, bm_message *message, bm_buf *reply)
{
    BM_TRY(bm_cursor_end(&message->body));
    BM_TRY(bm_message_begin(reply, BM_MSG_KEYS_REPLY, message->id));
    return bm_buf_put_u32(reply, bm_keys_ticket_key_id(keeper->keys));
}

BM_RESULT bm_keeper_requests_answer(bm_keeper *keeper, bm_bytes datagram, int64_t now, bm_buf *reply)
{
    bm_message message;
    bm_result result;

    bm_memory_forget();
    BM_TRY(bm_message_open(datagram, &message));
    bm_buf_clear(reply);
    if (message.type == BM_MSG_TICKET)
        result = answer_ticket(keeper, &message, reply);
    else if (message.type == BM_MSG_ISSUE)
        result = answer_issue(keeper, &message, now, reply);
    else if (message.type == BM_MSG_KEYS)
        result = answer_keys(keeper, &message, reply);
    else
        result = bm_fail(BM_E_MALFORMED, "this is no request to the keeper");
    return result.code == BM_OK ? result : bm_message_put_error(reply, message.id, result);
}

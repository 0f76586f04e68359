#include "server/keeper_requests.h"

#include "crypto/memory.h"
#include "keys/grant.h"
#include "server/message.h"

#define TBS_MAX 8192

BM_RESULT bm_keeper_requests_init(bm_keeper *keeper, const bm_keeper_options *options)
{
    bm_pubkey key;

    BM_TRY(bm_ca_parse(options->ca, &keeper->ca));
    BM_TRY(bm_keys_file_open(options->passphrase, options->ca_key, options->ticket_keys, &keeper->keys));
    BM_TRY(bm_keys_public(keeper->keys, &key));
    BM_CHECK(bm_pubkey_equal(&key, &keeper->ca.key), BM_E_KEY_INVALID, "the CA certificate is not of the CA key");
    keeper->alg = bm_pkey_default_sig(key.type);
    keeper->ticket_lifetime = options->ticket_lifetime;
    return bm_ok();
}

void bm_keeper_requests_fini(bm_keeper *keeper)
{
    bm_keys_free(keeper->keys);
    bm_ca_fini(&keeper->ca);
    *keeper = (bm_keeper){0};
}

/* By the keeper's own clock, and not by what a server says. */
static bm_grant_time time_of(const bm_keeper *keeper, int64_t now)
{
    return (bm_grant_time){.now = now, .lifetime = keeper->ticket_lifetime};
}

static BM_RESULT answer_ticket(bm_keeper *keeper, bm_message *message, int64_t now, bm_buf *reply)
{
    uint8_t ticket[BM_TICKET_SIZE];
    bm_ticket_fields fields;
    bm_result result;

    BM_TRY(bm_ticket_parse_message(message->body.rest, &fields));
    BM_TRY(bm_grant_ticket(keeper->keys, &fields, time_of(keeper, now), ticket));
    result = bm_message_begin(reply, BM_MSG_TICKET_REPLY, message->id);
    if (result.code == BM_OK)
        result = bm_buf_put_u32(reply, fields.key_id);
    if (result.code == BM_OK)
        result = bm_buf_put(reply, BM_BYTES_ARRAY(ticket));
    bm_wipe(ticket, sizeof(ticket));
    return result;
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
    BM_TRY(bm_grant_sign(keeper->keys, &keeper->ca, &fields, presented, tbs, time_of(keeper, now),
                         &signature));
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
        result = answer_ticket(keeper, &message, now, reply);
    else if (message.type == BM_MSG_ISSUE)
        result = answer_issue(keeper, &message, now, reply);
    else if (message.type == BM_MSG_KEYS)
        result = answer_keys(keeper, &message, reply);
    else
        result = bm_fail(BM_E_MALFORMED, "this is no request to the keeper");
    return result.code == BM_OK ? result : bm_message_put_error(reply, message.id, result);
}

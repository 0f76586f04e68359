#include "server/server_challenge.h"

#include "crypto/random.h"
#include "server/server_exchange.h"
#include "tpm/credential.h"

/* Wraps the ticket in a credential that only this EK's TPM opens, and only for this IK. */
static BM_RESULT put_reply(bm_server_exchange *exchange, bm_reply_challenge *reply, bm_buf *body)
{
    const bm_subject *subject = &exchange->subject;

    BM_TRY(bm_credential_make(&subject->ek, subject->ek_key, bm_tpm_public_name_view(&subject->ik_name), BM_BYTES_ARRAY(exchange->ticket),
                              &reply->credential_blob, &reply->encrypted_secret));
    BM_TRY(bm_ticket_put_challenge(&reply->challenge, &exchange->fields));
    reply->expires = exchange->fields.expires;
    return bm_reply_challenge_put(reply, body);
}

static BM_RESULT on_ticket(bm_server_exchange *exchange, bm_message *message)
{
    BM_AUTO(bm_reply_challenge_fini) bm_reply_challenge reply = {0};
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    char ek[BM_LOG_EK_SIZE];

    BM_TRY(bm_cursor_u32(&message->body, &exchange->fields.key_id));
    BM_TRY(bm_cursor_copy(&message->body, exchange->ticket, sizeof(exchange->ticket)));
    BM_TRY(bm_cursor_end(&message->body));
    BM_TRY(put_reply(exchange, &reply, &body));
    bm_log_ek(exchange->subject.ek_sha256, ek);
    bm_log_line(&exchange->server->log, "challenged device=%s ek=%s profile=%s from=%s", exchange->identity, ek, exchange->profile->name,
                bm_server_http_client(exchange->connection));
    bm_server_exchange_finish(exchange, bm_buf_view(&body));
    return bm_ok();
}

/* The identity is decided: a ticket under the newest key. */
static BM_RESULT ask_ticket(bm_server_exchange *exchange)
{
    BM_AUTO_BUF message = BM_BUF_EMPTY;

    exchange->fields = exchange->subject.fields;
    exchange->fields.key_id = 0;
    exchange->fields.expires = exchange->now + exchange->profile->ticket_lifetime;
    BM_TRY(bm_random(exchange->fields.nonce, sizeof(exchange->fields.nonce)));
    BM_TRY(bm_ticket_put_message(&message, &exchange->fields));
    return bm_server_exchange_ask(exchange, exchange->server->keeper, BM_MSG_TICKET, BM_MSG_TICKET_REPLY, bm_buf_view(&message),
                                  on_ticket);
}

static BM_RESULT begin(bm_server_exchange *exchange)
{
    BM_TRY(bm_server_exchange_profile(exchange));
    return bm_server_exchange_judge(exchange, ask_ticket);
}

void bm_server_challenge_answer(bm_server *server, bm_server_connection *connection, bm_bytes body)
{
    bm_server_exchange_begin(server, connection, BM_CALL_CHALLENGE, body, begin);
}

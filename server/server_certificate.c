#include "server/server_certificate.h"

#include "protocol/certify.h"
#include "server/server_anchors.h"
#include "server/server_exchange.h"

/* Replies with a certificate that is on disk: this call's, or the one that an earlier call of the same id got. */
static BM_RESULT reply_with(bm_server_exchange *exchange, bm_bytes der, const char *event)
{
    const bm_server *server = exchange->server;
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    char ek[BM_LOG_EK_SIZE], serial[2 * BM_SERIAL_SIZE + 1], until[BM_TIME_TEXT_SIZE];
    bm_issued issued;

    BM_TRY(bm_certify_put_reply(der, server->chain, server->chain_count, exchange->identity, &body, &issued));
    bm_log_ek(exchange->subject.ek_sha256, ek);
    bm_text_hex(issued.serial, serial);
    bm_text_time(issued.not_after, until);
    bm_log_line(&server->log, "%s device=%s serial=%s ek=%s profile=%s until=%s from=%s", event, exchange->identity, serial, ek,
                exchange->profile->name, until, bm_server_http_client(exchange->connection));
    bm_server_exchange_finish(exchange, bm_buf_view(&body));
    return bm_ok();
}

static BM_RESULT on_recorded(bm_server_exchange *exchange, bm_message *message)
{
    bm_bytes der;
    bool ours;

    BM_TRY(bm_cursor_sized32(&message->body, BM_MESSAGE_MAX, &der));
    BM_TRY(bm_cursor_end(&message->body));
    ours = bm_bytes_equal(der, bm_buf_view(&exchange->certificate));
    return reply_with(exchange, der, ours ? "issued" : "repeated");
}

static BM_RESULT put_record(bm_server_exchange *exchange, bm_bytes evidence, bm_buf *body)
{
    bm_store_certificate record = {
        .issued = exchange->now,
        .not_before = exchange->issue.not_before,
        .not_after = exchange->issue.not_after,
        .der = bm_buf_view(&exchange->certificate),
        .evidence = evidence,
    };

    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(exchange->issue.serial), record.serial, sizeof(record.serial)));
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(exchange->request_id), record.request_id, sizeof(record.request_id)));
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(exchange->subject.ek_sha256), record.ek_sha256, sizeof(record.ek_sha256)));
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(exchange->fields.ik_spki), record.ik_spki_sha256, sizeof(record.ik_spki_sha256)));
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(exchange->identity), (uint8_t *)record.identity, sizeof(record.identity)));
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(exchange->profile->name), (uint8_t *)record.profile, sizeof(record.profile)));
    return bm_message_put_certificate(body, &record);
}

static BM_RESULT on_signature(bm_server_exchange *exchange, bm_message *message)
{
    BM_AUTO_BUF evidence = BM_BUF_EMPTY;
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    bm_bytes signature;

    BM_TRY(bm_cursor_sized32(&message->body, BM_MESSAGE_MAX, &signature));
    BM_TRY(bm_cursor_end(&message->body));
    BM_TRY(bm_issue_assemble(&exchange->certificate, bm_buf_view(&exchange->tbs), exchange->server->alg, signature));
    BM_TRY(bm_verdict_put_evidence(&evidence, &exchange->request, &exchange->subject));
    BM_TRY(put_record(exchange, bm_buf_view(&evidence), &body));
    return bm_server_exchange_ask(exchange, exchange->server->ledger, BM_MSG_RECORD, BM_MSG_RECORD_REPLY, bm_buf_view(&body), on_recorded);
}

static BM_RESULT put_tbs(bm_server_exchange *exchange)
{
    return bm_certify_put_tbs(&(bm_certify_options){.ca = &exchange->server->ca,
                                                    .profile = exchange->profile,
                                                    .identity = exchange->identity,
                                                    .ek_sha256 = exchange->subject.ek_sha256,
                                                    .key = &exchange->subject.ik.key,
                                                    .now = exchange->now},
                              &exchange->tbs, &exchange->issue);
}

static BM_RESULT issue(bm_server_exchange *exchange)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    BM_TRY(put_tbs(exchange));
    BM_TRY(bm_ticket_put_message(&body, &exchange->fields));
    BM_TRY(bm_buf_put(&body, BM_BYTES_ARRAY(exchange->ticket)));
    BM_TRY(bm_buf_put_sized32(&body, bm_buf_view(&exchange->tbs)));
    return bm_server_exchange_ask(exchange, exchange->server->keeper, BM_MSG_ISSUE, BM_MSG_ISSUE_REPLY, bm_buf_view(&body), on_signature);
}

/*
 * A call that was answered before is answered in the same way; when what it got has expired since (a profile whose certificates live shorter than
 * its tickets), the device must begin anew.
 */
static BM_RESULT repeat(bm_server_exchange *exchange)
{
    bm_issued earlier;

    BM_TRY(bm_result_as(bm_issue_parse(bm_buf_view(&exchange->earlier), &earlier), BM_E_INTERNAL));
    BM_CHECK(exchange->now < earlier.not_after, BM_E_TICKET_INVALID, NULL);
    return reply_with(exchange, bm_buf_view(&exchange->earlier), "repeated");
}

static BM_RESULT ask_ticket(bm_server_exchange *exchange);

/* The identity is decided. */
static BM_RESULT issue_or_repeat(bm_server_exchange *exchange)
{
    if (exchange->earlier.size == 0)
        return issue(exchange);
    return exchange->vouch != NULL ? ask_ticket(exchange) : repeat(exchange);
}

static BM_RESULT judge(bm_server_exchange *exchange)
{
    BM_TRY(bm_server_exchange_profile(exchange));
    BM_TRY(bm_ticket_check_time(&exchange->fields, exchange->now, exchange->profile->ticket_lifetime));
    return bm_server_exchange_judge(exchange, issue_or_repeat);
}

/* What the ticket is, from the parameters of this call: it must be the one presented. What waited for that goes on. */
static BM_RESULT on_ticket(bm_server_exchange *exchange, bm_message *message)
{
    uint8_t expected[BM_TICKET_SIZE];
    uint32_t key_id;
    bool same;

    BM_TRY(bm_cursor_u32(&message->body, &key_id));
    BM_TRY(bm_cursor_copy(&message->body, expected, sizeof(expected)));
    same = bm_bytes_equal_secret(BM_BYTES_ARRAY(expected), BM_BYTES_ARRAY(exchange->ticket));
    bm_wipe(expected, sizeof(expected));
    BM_TRY(bm_cursor_end(&message->body));
    BM_CHECK(same, BM_E_TICKET_INVALID, NULL);
    BM_TRY(bm_server_exchange_vouched(exchange));
    return exchange->looked_up ? repeat(exchange) : judge(exchange);
}

static BM_RESULT ask_ticket(bm_server_exchange *exchange)
{
    BM_AUTO_BUF message = BM_BUF_EMPTY;

    BM_TRY(bm_ticket_put_message(&message, &exchange->fields));
    return bm_server_exchange_ask(exchange, exchange->server->keeper, BM_MSG_TICKET, BM_MSG_TICKET_REPLY, bm_buf_view(&message), on_ticket);
}

/* Can this call wait with its ticket until the keeper issues? */
static bool is_quick(const bm_server_exchange *exchange)
{
    const bm_server *server = exchange->server;
    const bm_profile *profile = bm_config_profile(&server->config, exchange->request.profile);

    return profile != NULL && bm_verdict_is_quick(profile, bm_server_anchors_set(server->anchors), exchange->now, &exchange->subject);
}

static BM_RESULT begin(bm_server_exchange *exchange)
{
    exchange->fields = exchange->subject.fields;
    BM_TRY(bm_ticket_parse_challenge(bm_buf_view(&exchange->request.challenge), &exchange->fields));
    /* Zero would stand for the newest key. */
    BM_CHECK(exchange->fields.key_id != 0 && exchange->request.ticket.size == BM_TICKET_SIZE, BM_E_TICKET_INVALID, NULL);
    BM_TRY(bm_bytes_copy_exact(bm_buf_view(&exchange->request.ticket), exchange->ticket, sizeof(exchange->ticket)));
    BM_TRY(bm_ticket_request_id(&exchange->fields, exchange->request_id));
    if (!is_quick(exchange))
        return ask_ticket(exchange);
    exchange->vouch = ask_ticket;
    return judge(exchange);
}

void bm_server_certificate_answer(bm_server *server, bm_server_connection *connection, bm_bytes body)
{
    bm_server_exchange_begin(server, connection, BM_CALL_CERTIFICATE, body, begin);
}

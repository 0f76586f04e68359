#include "server/server_exchange.h"

#include "server/server_anchors.h"
#include "server/server_reply.h"
#include "store/store_verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void free_exchange(bm_server_exchange *exchange)
{
    bm_verdict_subject_fini(&exchange->subject);
    bm_request_fini(&exchange->request);
    bm_wipe(exchange->ticket, sizeof(exchange->ticket));
    bm_buf_fini(&exchange->earlier);
    bm_buf_fini(&exchange->tbs);
    bm_buf_fini(&exchange->certificate);
    free(exchange);
}

/* A refusal is a verdict: what was refused for its form, or by an accident of ours, is none. */
static bool is_verdict(bm_code code)
{
    return bm_code_status(code) == 403;
}

/* Tells the ledger; a refusal that is lost in a flood is no loss to the client. */
static void record_refusal(const bm_server_exchange *exchange, bm_code code)
{
    BM_AUTO_BUF evidence = BM_BUF_EMPTY;
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    char ek[2 * BM_SHA256_SIZE + 1] = "";
    bm_message_refusal refusal = {.code = code};
    bm_result result = bm_ok();

    if (exchange->parsed) {
        bm_text_hex(BM_BYTES_ARRAY(exchange->subject.ek_sha256), ek);
        /* Hashes alone, of a fixed size: whoever is refused must not be able to fill the disk. */
        result = bm_ticket_put_message(&evidence, &exchange->subject.fields);
    }
    refusal.subject = bm_bytes_str(ek);
    refusal.evidence = bm_buf_view(&evidence);
    if (result.code == BM_OK)
        result = bm_message_put_refusal(&body, &refusal);
    if (result.code == BM_OK)
        result = bm_server_peer_tell(exchange->server->ledger, BM_MSG_REFUSAL, bm_buf_view(&body));
    if (result.code != BM_OK)
        bm_log_failure(&exchange->server->log, "a refusal was not recorded:", result);
}

static const char *call_name(bm_call call)
{
    return call == BM_CALL_CHALLENGE ? "getChallenge" : "getCertificate";
}

static void log_refusal(const bm_server_exchange *exchange, bm_result result)
{
    char ek[BM_LOG_EK_SIZE] = "-";

    if (exchange->parsed)
        bm_log_ek(exchange->subject.ek_sha256, ek);
    bm_log_line(&exchange->server->log, "%s call=%s code=%s claimed=%s ek=%s from=%s %s",
                bm_code_status(result.code) < 500 ? "refused" : "failed", call_name(exchange->call), bm_code_name(result.code),
                exchange->subject.claimed[0] != '\0' ? exchange->subject.claimed : "-", ek, bm_server_http_client(exchange->connection),
                result.detail != NULL ? result.detail : "");
}

static void end_with_refusal(bm_server_exchange *exchange, bm_result result)
{
    log_refusal(exchange, result);
    if (is_verdict(result.code))
        record_refusal(exchange, result.code);
    /* What an accident is made of is for the log alone; about a ticket nothing is said. */
    if (bm_code_status(result.code) >= 500 || result.code == BM_E_TICKET_INVALID)
        result.detail = NULL;
    bm_server_http_refuse(exchange->connection, result);
    free_exchange(exchange);
}

/* Keeps a refusal for later. Its detail may stand in a buffer that is used again before that. */
static void keep_refusal(bm_server_exchange *exchange, bm_result result)
{
    exchange->refusal = result;
    if (result.detail == NULL || result.detail == exchange->refusal_detail)
        return;
    (void)snprintf(exchange->refusal_detail, sizeof(exchange->refusal_detail), "%s", result.detail);
    exchange->refusal.detail = exchange->refusal_detail;
}

/* A refusal waits until somebody vouches for the client. */
static BM_RESULT hold_refusal(bm_server_exchange *exchange, bm_result result)
{
    bm_server_step vouch = exchange->vouch;

    exchange->vouch = NULL;
    keep_refusal(exchange, result);
    return vouch(exchange);
}

/* Ends with a refusal: at once, or when it is known that its reason may be told. */
static void refuse(bm_server_exchange *exchange, bm_result result)
{
    if (exchange->vouch != NULL && bm_code_status(result.code) < 500 && result.code != BM_E_TICKET_INVALID) {
        bm_result held = hold_refusal(exchange, result);

        if (held.code == BM_OK)
            return;
        result = held;
    }
    end_with_refusal(exchange, result);
}

BM_RESULT bm_server_exchange_vouched(bm_server_exchange *exchange)
{
    exchange->vouch = NULL;
    return exchange->refusal;
}

void bm_server_exchange_finish(bm_server_exchange *exchange, bm_bytes body)
{
    bm_server_http_answer(exchange->connection, 200, BM_SERVER_REPLY_JSON, body);
    free_exchange(exchange);
}

void bm_server_exchange_begin(bm_server *server, bm_server_connection *connection, bm_call call, bm_bytes body, bm_server_step first)
{
    bm_server_exchange *exchange = calloc(1, sizeof(*exchange));
    bm_result result;

    if (exchange == NULL) {
        bm_server_http_refuse(connection, bm_fail(BM_E_NO_MEMORY, NULL));
        return;
    }
    exchange->server = server;
    exchange->connection = connection;
    exchange->call = call;
    exchange->now = (int64_t)time(NULL);
    result = bm_request_parse(call, body, &exchange->request);
    if (result.code == BM_OK)
        result = bm_verdict_parse(&exchange->request, &exchange->subject);
    exchange->parsed = result.code == BM_OK;
    if (result.code == BM_OK)
        result = first(exchange);
    if (result.code != BM_OK)
        refuse(exchange, result);
}

BM_RESULT bm_server_exchange_profile(bm_server_exchange *exchange)
{
    exchange->profile = bm_config_profile(&exchange->server->config, exchange->request.profile);
    BM_CHECK(exchange->profile != NULL, BM_E_PROFILE_UNKNOWN, NULL);
    return bm_ok();
}

static void on_reply(void *context, bm_result result, bm_message *reply)
{
    bm_server_exchange *exchange = context;

    if (result.code == BM_OK)
        result = exchange->replied(exchange, reply);
    if (result.code != BM_OK)
        refuse(exchange, result);
}

BM_RESULT bm_server_exchange_ask(bm_server_exchange *exchange, bm_server_peer *peer, bm_msg_type type, bm_msg_type reply, bm_bytes body,
                                 BM_RESULT (*replied)(bm_server_exchange *, bm_message *))
{
    exchange->replied = replied;
    return bm_server_peer_ask(peer, &(bm_server_peer_request){.type = type,
                                                              .reply = reply,
                                                              .body = body,
                                                              .tries = BM_SERVER_PEER_TRIES,
                                                              .done = on_reply,
                                                              .context = exchange});
}

static BM_RESULT judge(bm_server_exchange *exchange)
{
    exchange->judged_with = bm_server_anchors_loads(exchange->server->anchors);
    exchange->refusal = bm_ok(); /* of an earlier judgement */
    return bm_verdict_judge(&exchange->request, exchange->profile, bm_server_anchors_set(exchange->server->anchors), exchange->now,
                            exchange->call == BM_CALL_CHALLENGE ? BM_JUDGE_ALL : BM_JUDGE_AGAIN, &exchange->subject);
}

/* Are the anchors still those that the exchange was judged with? */
static bool is_judged(const bm_server_exchange *exchange)
{
    return exchange->judged_with == bm_server_anchors_loads(exchange->server->anchors);
}

static BM_RESULT decide(bm_server_exchange *exchange)
{
    BM_TRY(bm_store_verdict(&exchange->found, &exchange->subject, exchange->profile, exchange->now, exchange->identity));
    return exchange->decided(exchange);
}

static BM_RESULT look_up(bm_server_exchange *exchange);

/* The anchors are as new as they can be: the judgement is made again with them, and the look-up when there was none. */
static void on_anchors(void *context, bm_result result)
{
    bm_server_exchange *exchange = context;

    if (result.code == BM_OK)
        result = judge(exchange);
    if (result.code == BM_OK)
        result = exchange->looked_up ? decide(exchange) : look_up(exchange);
    if (result.code != BM_OK)
        refuse(exchange, result);
}

static BM_RESULT on_found(bm_server_exchange *exchange, bm_message *reply)
{
    bm_bytes earlier;

    BM_TRY(bm_message_take_found(reply, &exchange->found, &earlier));
    BM_TRY(bm_buf_put(&exchange->earlier, earlier));
    exchange->looked_up = true;
    if (!bm_server_anchors_current(exchange->server->anchors, exchange->found.anchors_epoch))
        return bm_server_anchors_load(exchange->server->anchors, on_anchors, exchange);
    /* Another call may have had them loaded since this one was judged. */
    if (!is_judged(exchange))
        BM_TRY(judge(exchange));
    return decide(exchange);
}

static BM_RESULT look_up(bm_server_exchange *exchange)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    bm_message_look_up asked = {0};

    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(exchange->subject.ek_sha256), asked.ek_sha256, sizeof(asked.ek_sha256)));
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(exchange->subject.claimed), (uint8_t *)asked.identity, sizeof(asked.identity)));
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(exchange->request_id), asked.request_id, sizeof(asked.request_id)));
    BM_TRY(bm_message_put_look_up(&body, &asked));
    return bm_server_exchange_ask(exchange, exchange->server->ledger, BM_MSG_LOOK_UP, BM_MSG_LOOK_UP_REPLY, bm_buf_view(&body),
                                  on_found);
}

/* The ledger's epoch is there: with the same anchors the refusal stands; with newer ones, which another call may have had loaded, there may be none. */
static BM_RESULT on_epoch(bm_server_exchange *exchange, bm_message *reply)
{
    bm_message_anchor anchor;

    BM_TRY(bm_message_take_anchor(reply, &anchor));
    if (!bm_server_anchors_current(exchange->server->anchors, anchor.epoch))
        return bm_server_anchors_load(exchange->server->anchors, on_anchors, exchange);
    if (is_judged(exchange))
        return exchange->refusal;
    BM_TRY(judge(exchange));
    return look_up(exchange);
}

/* A chain that leads to no anchor, or was revoked: perhaps its anchor was added, the CRL removed a moment ago. */
static BM_RESULT ask_epoch(bm_server_exchange *exchange)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    BM_TRY(bm_buf_put_u32(&body, UINT32_MAX));
    return bm_server_exchange_ask(exchange, exchange->server->ledger, BM_MSG_ANCHORS, BM_MSG_ANCHORS_REPLY, bm_buf_view(&body), on_epoch);
}

BM_RESULT bm_server_exchange_judge(bm_server_exchange *exchange, bm_server_step decided)
{
    bm_result result;

    exchange->decided = decided;
    result = judge(exchange);
    if (result.code == BM_E_EKC_UNTRUSTED || result.code == BM_E_EKC_CLASS || result.code == BM_E_EKC_REVOKED) {
        keep_refusal(exchange, result);
        return ask_epoch(exchange);
    }
    if (result.code != BM_OK)
        return result;
    return look_up(exchange);
}

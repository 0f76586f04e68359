#include "server/server_health.h"

#include "server/server_peer.h"
#include "server/server_reply.h"

#include <stdlib.h>

typedef struct {
    bm_server_connection *connection;
    unsigned waiting;
    bool keeper;
    bool ledger;
} health_exam;

static const char *word(bool good)
{
    return good ? "ok" : "unavailable";
}

static void report(health_exam *examination)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    bool good = examination->keeper && examination->ledger;

    if (bm_buf_putf(&body, "{\"status\":\"%s\",\"keeper\":\"%s\",\"ledger\":\"%s\"}\n", word(good), word(examination->keeper),
                    word(examination->ledger))
            .code != BM_OK)
        bm_buf_clear(&body);
    bm_server_http_answer(examination->connection, good ? 200 : 503, BM_SERVER_REPLY_JSON, bm_buf_view(&body));
    free(examination);
}

/* One answer less to wait for; after the last the examination is over. */
static void conclude(health_exam *examination)
{
    if (--examination->waiting == 0)
        report(examination);
}

static void on_keeper(void *context, bm_result result, bm_message *reply)
{
    health_exam *examination = context;

    (void)reply;
    examination->keeper = result.code == BM_OK;
    conclude(examination);
}

static void on_ledger(void *context, bm_result result, bm_message *reply)
{
    health_exam *examination = context;

    (void)reply;
    examination->ledger = result.code == BM_OK;
    conclude(examination);
}

void bm_server_health_answer(bm_server *server, bm_server_connection *connection, bm_bytes body)
{
    /* An index that no anchor has: the ledger reads its database, and sends nothing but the count. */
    static const uint8_t no_anchor[4] = {0xFF, 0xFF, 0xFF, 0xFF};
    bm_server_peer_request keys = {.type = BM_MSG_KEYS, .reply = BM_MSG_KEYS_REPLY, .tries = 1, .done = on_keeper};
    bm_server_peer_request anchors = {
        .type = BM_MSG_ANCHORS, .reply = BM_MSG_ANCHORS_REPLY, .body = BM_BYTES_ARRAY(no_anchor), .tries = 1, .done = on_ledger};
    health_exam *examination = calloc(1, sizeof(*examination));
    int asked;

    (void)body;
    if (examination == NULL) {
        bm_server_http_refuse(connection, bm_fail(BM_E_NO_MEMORY, NULL));
        return;
    }
    examination->connection = connection;
    keys.context = examination;
    anchors.context = examination;
    /* The answers come later, from the loop. */
    asked = (bm_server_peer_ask(server->keeper, &keys).code == BM_OK) + (bm_server_peer_ask(server->ledger, &anchors).code == BM_OK);
    examination->waiting = (unsigned)asked;
    if (asked == 0)
        report(examination);
}

#include "protocol/problem.h"
#include "server/server_connection.h"
#include "server/server_reply.h"

/* The reply is on its way, or with the kernel already. What follows from that is for the loop: a caller may still look at the connection. */
static void enter_reply(bm_server_connection *connection, bool sent)
{
    bool stays = !connection->close && !connection->http->stopping && bm_server_stream_input(connection->stream).size == 0;

    bm_server_connection_enter(connection, sent && stays ? BM_PHASE_IDLE : BM_PHASE_REPLY);
    if (sent && !stays)
        bm_server_stream_call_sent(connection->stream);
}

static BM_RESULT send_reply(bm_server_connection *connection, const bm_server_reply *reply)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    bool sent;

    BM_TRY(bm_server_reply_put(&bytes, reply));
    BM_TRY(bm_server_stream_send(connection->stream, bm_buf_view(&bytes), &sent));
    enter_reply(connection, sent);
    return bm_ok();
}

/* There is no memory for a reply: this one needs nearly none. */
static void answer_out_of_memory(bm_server_connection *connection)
{
    bool sent;

    connection->close = true;
    if (connection->stream == NULL || bm_server_stream_send(connection->stream, bm_server_reply_out_of_memory(), &sent).code != BM_OK)
        bm_server_connection_end_soon(connection);
    else
        enter_reply(connection, sent);
}

static void answer(bm_server_connection *connection, const bm_server_reply *reply)
{
    if (connection->stream == NULL || send_reply(connection, reply).code != BM_OK)
        answer_out_of_memory(connection);
}

void bm_server_http_answer(bm_server_connection *connection, int status, const char *type, bm_bytes body)
{
    connection->close |= connection->http->stopping;
    answer(connection, &(bm_server_reply){.status = status, .type = type, .close = connection->close, .body = body});
}

void bm_server_http_refuse_for(bm_server_connection *connection, bm_result failure, unsigned retry_after)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    const char *allow = NULL;

    if (failure.code == BM_E_METHOD_NOT_ALLOWED && connection->route != NULL)
        allow = connection->route->allow;
    if (bm_problem_put(failure, &body).code != BM_OK) {
        answer_out_of_memory(connection);
        return;
    }
    connection->close |= connection->http->stopping;
    answer(connection, &(bm_server_reply){.status = bm_code_status(failure.code),
                                          .type = BM_SERVER_REPLY_PROBLEM,
                                          .allow = allow,
                                          .retry_after = retry_after,
                                          .close = connection->close,
                                          .body = bm_buf_view(&body)});
}

void bm_server_http_refuse(bm_server_connection *connection, bm_result failure)
{
    bm_server_http_refuse_for(connection, failure, 0);
}

const char *bm_server_http_client(const bm_server_connection *connection)
{
    return connection->client_text;
}

#include "server/server_http.h"

#include "protocol/request.h"
#include "server/process.h"
#include "server/server_connection.h"
#include "server/server_forwarded.h"
#include "server/server_limit.h"

#include <event2/event.h>
#include <event2/util.h>
#include <stdlib.h>

#define INPUT_MAX (BM_SERVER_HEAD_MAX + BM_REQUEST_BODY_MAX)

static void close_politely(bm_server_connection *connection)
{
    bm_server_stream_say_goodbye(connection->stream);
    if (!connection->unread) {
        bm_server_connection_end(connection);
        return;
    }
    bm_server_stream_end_sending(connection->stream);
    bm_server_connection_enter(connection, BM_PHASE_LINGER);
}

/* A request that is refused before its body was read: nothing after it can be understood. */
static void refuse_unread(bm_server_connection *connection, bm_result failure)
{
    connection->close = true;
    connection->unread = true;
    bm_log_refused(&connection->http->server->log, &connection->http->unread, bm_process_now_ms(), failure, connection->client_text);
    bm_server_http_refuse(connection, failure);
}

static BM_RESULT find_client(bm_server_connection *connection)
{
    BM_TRY(bm_server_forwarded_find(&connection->http->server->config, &connection->peer, &connection->head, &connection->client));
    bm_address_text(&connection->client, connection->client_text);
    return bm_ok();
}

/* Where the client waits for a word before it sends the body. */
static void go_on(bm_server_connection *connection)
{
    bool sent;

    bm_result_ignore(bm_server_stream_send(connection->stream, bm_bytes_str("HTTP/1.1 100 Continue\r\n\r\n"), &sent));
}

/* The head is there: what is it about? */
static void take_head(bm_server_connection *connection, bm_bytes head)
{
    bm_result result = bm_server_head_parse(head, BM_REQUEST_BODY_MAX, &connection->head);

    connection->route = NULL;
    connection->close = true;
    if (result.code == BM_OK) {
        connection->close = !connection->head.keep_alive;
        result = find_client(connection);
    }
    if (result.code == BM_OK)
        result = bm_server_routes_find(&connection->head, &connection->route);
    bm_server_stream_take(connection->stream, head.size);
    if (result.code != BM_OK) {
        refuse_unread(connection, result);
        return;
    }
    if (connection->head.expects_continue && bm_server_stream_input(connection->stream).size < connection->head.content_length)
        go_on(connection);
    bm_server_connection_enter(connection, BM_PHASE_BODY);
}

static void read_head(bm_server_connection *connection)
{
    bm_bytes input = bm_server_stream_input(connection->stream);
    bm_bytes start = bm_bytes_slice(input, 0, input.size < BM_SERVER_HEAD_MAX ? input.size : BM_SERVER_HEAD_MAX);
    size_t end;

    if (bm_bytes_find(start, bm_bytes_str("\r\n\r\n"), &end))
        take_head(connection, bm_bytes_slice(input, 0, end + 4));
    else if (input.size >= BM_SERVER_HEAD_MAX)
        refuse_unread(connection, bm_fail(BM_E_BODY_TOO_LARGE, "the head of the request is too long"));
    else if (bm_server_head_has_odd_end(input))
        refuse_unread(connection, bm_fail(BM_E_REQUEST_MALFORMED, "the head has a line that does not end with CR LF"));
    else if (connection->phase == BM_PHASE_IDLE && input.size > 0)
        bm_server_connection_enter(connection, BM_PHASE_HEAD);
}

/* Public-key work is paid for before it is done. The connection stays: what comes later needs no other handshake. */
static bool is_paid(bm_server_connection *connection)
{
    bm_server_http *http = connection->http;
    int64_t now = bm_process_now_ms();
    unsigned wait = 0, count;
    bm_result result;

    if (!connection->route->costly)
        return true;
    result = bm_server_limit_pay(http->server->limit, &connection->client, now, &wait);
    if (result.code == BM_OK)
        return true;
    if (bm_log_seldom_count(&http->limited, now, &count))
        bm_log_line(&http->server->log, "refused code=%s from=%s %s; in all: %u", bm_code_name(result.code), connection->client_text,
                    result.detail, count);
    bm_server_http_refuse_for(connection, result, wait);
    return false;
}

/* It is the request's turn: the handler has it from now on. */
static void handle(void *context)
{
    bm_server_connection *connection = context;
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    size_t size = connection->head.content_length;

    bm_server_connection_enter(connection, BM_PHASE_BUSY);
    /* A copy: the handler may answer at once, and then there is the next request. */
    if (bm_buf_put(&body, bm_bytes_slice(bm_server_stream_input(connection->stream), 0, size)).code != BM_OK) {
        bm_server_http_refuse(connection, bm_fail(BM_E_NO_MEMORY, NULL));
        return;
    }
    bm_server_stream_take(connection->stream, size);
    if (is_paid(connection))
        connection->route->handler(connection->http->server, connection, bm_buf_view(&body));
}

static void read_body(bm_server_connection *connection)
{
    if (bm_server_stream_input(connection->stream).size < connection->head.content_length)
        return;
    if (!connection->route->costly) {
        handle(connection);
        return;
    }
    bm_server_connection_enter(connection, BM_PHASE_QUEUED);
    bm_server_work_add(connection->http->work, &connection->work, handle, connection);
}

/* Takes from the input what this phase can use. */
static void on_came(void *context)
{
    bm_server_connection *connection = context;

    if (connection->phase == BM_PHASE_HEAD || connection->phase == BM_PHASE_IDLE)
        read_head(connection);
    if (connection->phase == BM_PHASE_BODY)
        read_body(connection);
}

static void on_sent(void *context)
{
    bm_server_connection *connection = context;

    if (connection->phase != BM_PHASE_REPLY)
        return;
    if (connection->close) {
        close_politely(connection);
        return;
    }
    bm_server_connection_enter(connection, BM_PHASE_IDLE);
    if (connection->http->stopping)
        bm_server_connection_end(connection);
    else
        on_came(connection);
}

static void on_ended(void *context)
{
    bm_server_connection_drop(context);
}

static void on_deadline(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    bm_server_connection_drop(context);
}

static bm_server_connection *new_connection(bm_server_http *http, int fd)
{
    const bm_server *server = http->server;
    bm_server_connection *connection = calloc(1, sizeof(*connection));
    const bm_server_stream_events events = {.came = on_came, .sent = on_sent, .ended = on_ended, .context = connection};

    if (connection == NULL)
        return NULL;
    connection->http = http;
    connection->timer = evtimer_new(server->base, on_deadline, connection);
    if (connection->timer != NULL && bm_server_stream_new(server->base, server->tls, fd, INPUT_MAX, &events, &connection->stream).code == BM_OK)
        return connection;
    if (connection->timer != NULL)
        event_free(connection->timer);
    free(connection);
    return NULL;
}

/* For a new connection the one goes that is idle longest, or else the one whose client lets us wait longest. */
static void make_room(bm_server_http *http)
{
    bm_server_connection *victim = http->count >= http->server->config.max_connections ? bm_server_connection_oldest(http) : NULL;
    unsigned count;

    if (victim == NULL)
        return;
    if (bm_log_seldom_count(&http->full, bm_process_now_ms(), &count))
        bm_log_line(&http->server->log, "max_connections=%u reached: closed the oldest idle connection from=%s; in all: %u",
                    http->server->config.max_connections, victim->client_text, count);
    if (victim->phase == BM_PHASE_IDLE)
        bm_server_stream_say_goodbye(victim->stream);
    bm_server_connection_end(victim);
}

static void on_accepted(void *context, int fd, const bm_address *peer)
{
    bm_server_http *http = context;
    bm_server_connection *connection;

    make_room(http);
    connection = new_connection(http, fd);
    if (connection == NULL) {
        (void)evutil_closesocket(fd);
        return;
    }
    connection->peer = *peer;
    connection->client = *peer;
    bm_address_text(peer, connection->client_text);
    http->count++;
    bm_server_connection_enter(connection, BM_PHASE_HEAD);
}

BM_RESULT bm_server_http_new(bm_server *server, int listener, bm_server_http **http)
{
    bm_server_http *made = calloc(1, sizeof(*made));
    bm_result result;

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    made->server = server;
    for (size_t i = 0; i < BM_PLACE_COUNT; i++)
        TAILQ_INIT(&made->lists[i]);
    result = bm_server_work_new(server->base, &made->work);
    if (result.code == BM_OK)
        result = bm_server_accept_new(server, listener, on_accepted, made, &made->accept);
    if (result.code != BM_OK) {
        bm_server_work_free(made->work);
        free(made);
        return result;
    }
    *http = made;
    return bm_ok();
}

void bm_server_http_free(bm_server_http *http)
{
    bm_server_connection *connection, *next;

    if (http == NULL)
        return;
    http->stopping = true;
    for (size_t i = 0; i < BM_PLACE_COUNT; i++)
        for (connection = TAILQ_FIRST(&http->lists[i]); connection != NULL; connection = next) {
            next = TAILQ_NEXT(connection, link);
            bm_server_connection_end(connection);
        }
    bm_server_accept_free(http->accept);
    bm_server_work_free(http->work);
    free(http);
}

void bm_server_http_stop(bm_server_http *http)
{
    bm_server_connection *connection, *next;

    bm_server_accept_stop(http->accept);
    http->stopping = true;
    for (connection = TAILQ_FIRST(&http->lists[BM_PLACE_IDLE]); connection != NULL; connection = next) {
        next = TAILQ_NEXT(connection, link);
        bm_server_stream_say_goodbye(connection->stream);
        bm_server_connection_end(connection);
    }
    if (http->count == 0)
        (void)event_base_loopexit(http->server->base, NULL);
}

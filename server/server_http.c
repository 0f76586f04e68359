#include "server/server_http.h"

#include "protocol/problem.h"
#include "protocol/request.h"
#include "server/process.h"
#include "server/server_accept.h"
#include "server/server_forwarded.h"
#include "server/server_limit.h"
#include "server/server_reply.h"
#include "server/server_routes.h"
#include "server/server_stream.h"

#include <event2/event.h>
#include <event2/util.h>
#include <stdlib.h>
#include <sys/queue.h>

/* What a connection is doing. */
typedef enum {
    PHASE_HEAD,   /* handshake and first head, or the rest of a head of which something is there */
    PHASE_IDLE,   /* nothing is there of the next request */
    PHASE_BODY,
    PHASE_BUSY,   /* the handler has it: the deadlines are those of its requests to the other processes */
    PHASE_REPLY,  /* the reply is on its way */
    PHASE_LINGER  /* the reply is sent; what the client still sends is thrown away, so that it can read the reply */
} connection_phase;

#define LINGER_SECONDS 2
#define INPUT_MAX (BM_SERVER_HEAD_MAX + BM_REQUEST_BODY_MAX)

/* Which connections may be closed to make room for a new one: first those that are idle, then those whose client is to do something. */
typedef enum { LIST_IDLE, LIST_WAITING, LIST_BUSY, LIST_COUNT } connection_list;

struct bm_server_connection {
    TAILQ_ENTRY(bm_server_connection) link;
    bm_server_http *http;
    bm_server_stream *stream; /* NULL: the client is gone while the handler is busy */
    struct event *timer;
    connection_phase phase;
    bool listed; /* it is in the list of its phase */
    bool close; /* after the reply */
    bool unread; /* something of the request was not read */
    const bm_server_route *route;
    bm_server_head head;
    bm_address peer;
    bm_address client; /* the peer, or who it is that a trusted proxy speaks for */
    char client_text[BM_ADDRESS_TEXT_SIZE];
};

struct bm_server_http {
    bm_server *server;
    bm_server_accept *accept;
    TAILQ_HEAD(connections, bm_server_connection) lists[LIST_COUNT]; /* each in the order in which they came into their phase */
    size_t count;
    bool stopping;
    bm_log_seldom full;
    bm_log_seldom limited;
    bm_log_often unread;
};

static connection_list list_of(connection_phase phase)
{
    if (phase == PHASE_IDLE)
        return LIST_IDLE;
    return phase == PHASE_BUSY ? LIST_BUSY : LIST_WAITING;
}

static void unlist(bm_server_connection *connection)
{
    if (connection->listed)
        TAILQ_REMOVE(&connection->http->lists[list_of(connection->phase)], connection, link);
    connection->listed = false;
}

/* The oldest connection that may be closed for a new one; NULL when all are at work. */
static bm_server_connection *oldest(bm_server_http *http)
{
    bm_server_connection *idle = TAILQ_FIRST(&http->lists[LIST_IDLE]);

    return idle != NULL ? idle : TAILQ_FIRST(&http->lists[LIST_WAITING]);
}

/* What comes while every place is at work waits in the kernel's queue. */
static void hold_or_accept(bm_server_http *http)
{
    bm_server_accept_hold(http->accept, http->count >= http->server->config.max_connections && oldest(http) == NULL);
}

/* How long a phase may take, in seconds; 0: its end is not the client's to choose. */
static unsigned deadline_of(const bm_config *config, connection_phase phase)
{
    switch (phase) {
    case PHASE_HEAD:
    case PHASE_BODY:
    case PHASE_REPLY:
        return config->request_timeout;
    case PHASE_IDLE:
        return config->idle_timeout;
    case PHASE_LINGER:
        return LINGER_SECONDS;
    case PHASE_BUSY:
        break;
    }
    return 0;
}

static void enter_phase(bm_server_connection *connection, connection_phase phase)
{
    bm_server_http *http = connection->http;
    const struct timeval deadline = {.tv_sec = deadline_of(&http->server->config, phase)};

    unlist(connection);
    connection->phase = phase;
    TAILQ_INSERT_TAIL(&http->lists[list_of(phase)], connection, link);
    connection->listed = true;
    (void)event_del(connection->timer);
    /* Where there is no memory for a deadline, it is now. */
    if (deadline.tv_sec > 0 && event_add(connection->timer, &deadline) != 0)
        event_active(connection->timer, EV_TIMEOUT, 1);
    hold_or_accept(http);
}

static void free_stream(bm_server_connection *connection)
{
    bm_server_stream_free(connection->stream);
    connection->stream = NULL;
}

/* The end of a connection; with the last one a server that stops is done. */
static void free_connection(bm_server_connection *connection)
{
    bm_server_http *http = connection->http;

    free_stream(connection);
    if (connection->timer != NULL)
        event_free(connection->timer);
    unlist(connection);
    free(connection);
    http->count--;
    if (http->stopping && http->count == 0)
        (void)event_base_loopexit(http->server->base, NULL);
    else if (!http->stopping)
        hold_or_accept(http);
}

/* The client is gone, or too slow. A handler that is busy still answers: then it ends. */
static void drop(bm_server_connection *connection)
{
    if (connection->phase == PHASE_BUSY)
        free_stream(connection);
    else
        free_connection(connection);
}

/* Throws away what came. */
static void drain(bm_server_connection *connection)
{
    bm_server_stream_take(connection->stream, bm_server_stream_input(connection->stream).size);
}

static void close_politely(bm_server_connection *connection)
{
    bm_server_stream_say_goodbye(connection->stream);
    if (!connection->unread) {
        free_connection(connection);
        return;
    }
    bm_server_stream_end_sending(connection->stream);
    enter_phase(connection, PHASE_LINGER);
    drain(connection);
}

/* The reply is on its way, or with the kernel already. What follows from that is for the loop: a caller may still look at the connection. */
static void enter_reply(bm_server_connection *connection, bool sent)
{
    bool stays = !connection->close && !connection->http->stopping && bm_server_stream_input(connection->stream).size == 0;

    enter_phase(connection, sent && stays ? PHASE_IDLE : PHASE_REPLY);
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

/* Ends it from the loop, and not here: a caller may still look at the connection. */
static void end_soon(bm_server_connection *connection)
{
    enter_phase(connection, PHASE_LINGER);
    event_active(connection->timer, EV_TIMEOUT, 1);
}

/* There is no memory for a reply: this one needs nearly none. */
static void answer_out_of_memory(bm_server_connection *connection)
{
    bool sent;

    connection->close = true;
    if (connection->stream == NULL || bm_server_stream_send(connection->stream, bm_server_reply_out_of_memory(), &sent).code != BM_OK)
        end_soon(connection);
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

/* `retry_after` in seconds, or 0. */
static void refuse(bm_server_connection *connection, bm_result failure, unsigned retry_after)
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
    refuse(connection, failure, 0);
}

const char *bm_server_http_client(const bm_server_connection *connection)
{
    return connection->client_text;
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
    enter_phase(connection, PHASE_BODY);
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
    else if (connection->phase == PHASE_IDLE && input.size > 0)
        enter_phase(connection, PHASE_HEAD);
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
    refuse(connection, result, wait);
    return false;
}

static void read_body(bm_server_connection *connection)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    bm_bytes input = bm_server_stream_input(connection->stream);
    size_t size = connection->head.content_length;

    if (input.size < size)
        return;
    enter_phase(connection, PHASE_BUSY);
    /* A copy: the handler may answer at once, and then there is the next request. */
    if (bm_buf_put(&body, bm_bytes_slice(input, 0, size)).code != BM_OK) {
        bm_server_http_refuse(connection, bm_fail(BM_E_NO_MEMORY, NULL));
        return;
    }
    bm_server_stream_take(connection->stream, size);
    if (is_paid(connection))
        connection->route->handler(connection->http->server, connection, bm_buf_view(&body));
}

/* Takes from the input what this phase can use. */
static void on_came(void *context)
{
    bm_server_connection *connection = context;

    if (connection->phase == PHASE_HEAD || connection->phase == PHASE_IDLE)
        read_head(connection);
    if (connection->phase == PHASE_BODY)
        read_body(connection);
    else if (connection->phase == PHASE_LINGER)
        drain(connection);
}

static void on_sent(void *context)
{
    bm_server_connection *connection = context;

    if (connection->phase != PHASE_REPLY)
        return;
    if (connection->close) {
        close_politely(connection);
        return;
    }
    enter_phase(connection, PHASE_IDLE);
    if (connection->http->stopping)
        free_connection(connection);
    else
        on_came(connection);
}

static void on_ended(void *context)
{
    drop(context);
}

static void on_deadline(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    drop(context);
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
    bm_server_connection *victim = http->count >= http->server->config.max_connections ? oldest(http) : NULL;
    unsigned count;

    if (victim == NULL)
        return;
    if (bm_log_seldom_count(&http->full, bm_process_now_ms(), &count))
        bm_log_line(&http->server->log, "max_connections=%u reached: closed the oldest idle connection from=%s; in all: %u",
                    http->server->config.max_connections, victim->client_text, count);
    if (victim->phase == PHASE_IDLE)
        bm_server_stream_say_goodbye(victim->stream);
    free_connection(victim);
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
    enter_phase(connection, PHASE_HEAD);
}

BM_RESULT bm_server_http_new(bm_server *server, int listener, bm_server_http **http)
{
    bm_server_http *made = calloc(1, sizeof(*made));
    bm_result result;

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    made->server = server;
    for (size_t i = 0; i < LIST_COUNT; i++)
        TAILQ_INIT(&made->lists[i]);
    result = bm_server_accept_new(server, listener, on_accepted, made, &made->accept);
    if (result.code != BM_OK) {
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
    for (size_t i = 0; i < LIST_COUNT; i++)
        for (connection = TAILQ_FIRST(&http->lists[i]); connection != NULL; connection = next) {
            next = TAILQ_NEXT(connection, link);
            free_connection(connection);
        }
    bm_server_accept_free(http->accept);
    free(http);
}

void bm_server_http_stop(bm_server_http *http)
{
    bm_server_connection *connection, *next;

    bm_server_accept_stop(http->accept);
    http->stopping = true;
    for (connection = TAILQ_FIRST(&http->lists[LIST_IDLE]); connection != NULL; connection = next) {
        next = TAILQ_NEXT(connection, link);
        bm_server_stream_say_goodbye(connection->stream);
        free_connection(connection);
    }
    if (http->count == 0)
        (void)event_base_loopexit(http->server->base, NULL);
}

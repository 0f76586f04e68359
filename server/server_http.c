#include "server/server_http.h"

#include "protocol/problem.h"
#include "protocol/request.h"
#include "server/server_reply.h"
#include "server/server_routes.h"
#include "server/server_tls.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#define BACKLOG 0 /* the monitor has called listen() */
#define ACCEPT_PAUSE_MS 200

/* What a connection is doing. */
typedef enum {
    PHASE_HEAD,   /* handshake and first head, or the rest of a head of which something is there */
    PHASE_IDLE,   /* nothing is there of the next request */
    PHASE_BODY,
    PHASE_BUSY,   /* the handler has it: the deadlines are those of its requests to the other processes */
    PHASE_REPLY,  /* the reply is on its way */
    PHASE_LINGER, /* the reply is sent; what the client still sends is thrown away, so that it can read the reply */
    PHASE_COUNT
} connection_phase;

static const int deadlines_ms[PHASE_COUNT] = {
    [PHASE_HEAD] = 10000, [PHASE_IDLE] = 15000, [PHASE_BODY] = 10000, [PHASE_BUSY] = 0, [PHASE_REPLY] = 10000, [PHASE_LINGER] = 2000,
};

struct bm_server_connection {
    TAILQ_ENTRY(bm_server_connection) link;
    bm_server_http *http;
    struct bufferevent *stream; /* NULL: the client is gone while the handler is busy */
    struct event *timer;
    connection_phase phase;
    bool close; /* after the reply */
    bool unread; /* something of the request was not read */
    const bm_server_route *route;
    bm_server_head head;
    char client[48];
};

struct bm_server_http {
    bm_server *server;
    struct evconnlistener *listener;
    struct event *resume; /* accepting, after a pause */
    TAILQ_HEAD(connection_list, bm_server_connection) connections;
    size_t count;
    bool stopping;
};

static void enter_phase(bm_server_connection *connection, connection_phase phase)
{
    const struct timeval deadline = {.tv_sec = deadlines_ms[phase] / 1000, .tv_usec = deadlines_ms[phase] % 1000 * 1000};

    connection->phase = phase;
    (void)event_del(connection->timer);
    if (deadlines_ms[phase] > 0)
        (void)event_add(connection->timer, &deadline);
}

static void free_stream(bm_server_connection *connection)
{
    if (connection->stream != NULL)
        bufferevent_free(connection->stream);
    connection->stream = NULL;
}

/* The end of a connection; with the last one a server that stops is done. */
static void free_connection(bm_server_connection *connection)
{
    bm_server_http *http = connection->http;

    free_stream(connection);
    if (connection->timer != NULL)
        event_free(connection->timer);
    TAILQ_REMOVE(&http->connections, connection, link);
    free(connection);
    http->count--;
    if (http->stopping && http->count == 0)
        (void)event_base_loopexit(http->server->base, NULL);
    else if (!http->stopping)
        (void)evconnlistener_enable(http->listener);
}

/* The client is gone, or too slow. A handler that is busy still answers: then it ends. */
static void drop(bm_server_connection *connection)
{
    if (connection->phase == PHASE_BUSY)
        free_stream(connection);
    else
        free_connection(connection);
}

/* Throws away what was read, so that there is room to read more. */
static void drain_input(bm_server_connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->stream);

    (void)evbuffer_drain(input, evbuffer_get_length(input));
}

static void close_politely(bm_server_connection *connection)
{
    bm_server_tls_shutdown(connection->stream);
    if (!connection->unread) {
        free_connection(connection);
        return;
    }
    (void)shutdown(bufferevent_getfd(connection->stream), SHUT_WR);
    enter_phase(connection, PHASE_LINGER);
    drain_input(connection);
}

static BM_RESULT send_reply(bm_server_connection *connection, const bm_server_reply *reply)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;

    BM_TRY(bm_server_reply_put(&bytes, reply));
    BM_CHECK(bufferevent_write(connection->stream, bytes.data, bytes.size) == 0, BM_E_NO_MEMORY, NULL);
    return bm_ok();
}

/* Ends it from the loop, and not here: a caller may still look at the connection. */
static void end_soon(bm_server_connection *connection)
{
    const struct timeval now = {0};

    enter_phase(connection, PHASE_LINGER);
    (void)event_add(connection->timer, &now);
}

static void answer(bm_server_connection *connection, const bm_server_reply *reply)
{
    if (connection->stream == NULL || send_reply(connection, reply).code != BM_OK)
        end_soon(connection);
    else
        enter_phase(connection, PHASE_REPLY);
}

void bm_server_http_answer(bm_server_connection *connection, int status, const char *type, bm_bytes body)
{
    connection->close |= connection->http->stopping;
    answer(connection, &(bm_server_reply){.status = status, .type = type, .close = connection->close, .body = body});
}

void bm_server_http_refuse(bm_server_connection *connection, bm_result failure)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    const char *allow = NULL;

    if (failure.code == BM_E_METHOD_NOT_ALLOWED && connection->route != NULL)
        allow = connection->route->allow;
    if (bm_problem_put(failure, &body).code != BM_OK)
        bm_buf_clear(&body);
    connection->close |= connection->http->stopping;
    answer(connection, &(bm_server_reply){.status = bm_code_status(failure.code),
                                          .type = BM_SERVER_REPLY_PROBLEM,
                                          .allow = allow,
                                          .close = connection->close,
                                          .body = bm_buf_view(&body)});
}

const char *bm_server_http_client(const bm_server_connection *connection)
{
    return connection->client;
}

/* A request that is refused before its body was read: nothing after it can be understood. */
static void refuse_unread(bm_server_connection *connection, bm_result failure)
{
    connection->close = true;
    connection->unread = true;
    bm_log_line(&connection->http->server->log, "refused code=%s from=%s %s", bm_code_name(failure.code), connection->client,
                failure.detail != NULL ? failure.detail : "");
    bm_server_http_refuse(connection, failure);
}

/* The head is there, in `size` bytes: what is it about? */
static void take_head(bm_server_connection *connection, struct evbuffer *input, size_t size)
{
    const unsigned char *start = evbuffer_pullup(input, (ev_ssize_t)size);
    bm_result result = bm_fail(BM_E_NO_MEMORY, NULL);

    connection->route = NULL;
    connection->close = true;
    if (start != NULL)
        result = bm_server_head_parse(bm_bytes_of(start, size), BM_REQUEST_BODY_MAX, &connection->head);
    if (result.code == BM_OK) {
        connection->close = !connection->head.keep_alive;
        result = bm_server_routes_find(&connection->head, &connection->route);
    }
    (void)evbuffer_drain(input, size);
    if (result.code != BM_OK) {
        refuse_unread(connection, result);
        return;
    }
    if (connection->head.expects_continue && evbuffer_get_length(input) < connection->head.content_length)
        (void)bufferevent_write(connection->stream, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    enter_phase(connection, PHASE_BODY);
}

static void read_head(bm_server_connection *connection, struct evbuffer *input)
{
    struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);

    if (end.pos >= 0 && end.pos + 4 <= BM_SERVER_HEAD_MAX)
        take_head(connection, input, (size_t)end.pos + 4);
    else if (evbuffer_get_length(input) >= BM_SERVER_HEAD_MAX)
        refuse_unread(connection, bm_fail(BM_E_BODY_TOO_LARGE, "the head of the request is too long"));
    else if (connection->phase == PHASE_IDLE && evbuffer_get_length(input) > 0)
        enter_phase(connection, PHASE_HEAD);
}

static void read_body(bm_server_connection *connection, struct evbuffer *input)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    size_t size = connection->head.content_length;
    uint8_t *start;

    if (evbuffer_get_length(input) < size)
        return;
    enter_phase(connection, PHASE_BUSY);
    /* A copy: the handler may answer at once, and so end the connection and its buffers. */
    if (bm_buf_extend(&body, size, &start).code != BM_OK || evbuffer_remove(input, start, size) != (int)size) {
        bm_server_http_refuse(connection, bm_fail(BM_E_NO_MEMORY, NULL));
        return;
    }
    connection->route->handler(connection->http->server, connection, bm_buf_view(&body));
}

/* Takes from the input what this phase can use. */
static void read_requests(bm_server_connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->stream);

    if (connection->phase == PHASE_HEAD || connection->phase == PHASE_IDLE)
        read_head(connection, input);
    if (connection->phase == PHASE_BODY)
        read_body(connection, input);
    else if (connection->phase == PHASE_LINGER)
        drain_input(connection);
}

static void on_read(struct bufferevent *stream, void *context)
{
    (void)stream;
    read_requests(context);
}

/* The output is empty: the reply is sent. */
static void on_written(struct bufferevent *stream, void *context)
{
    bm_server_connection *connection = context;

    if (connection->phase != PHASE_REPLY || evbuffer_get_length(bufferevent_get_output(stream)) > 0)
        return;
    if (connection->close) {
        close_politely(connection);
        return;
    }
    enter_phase(connection, PHASE_IDLE);
    if (connection->http->stopping)
        free_connection(connection);
    else
        read_requests(connection);
}

static void on_event(struct bufferevent *stream, short events, void *context)
{
    (void)stream;
    if (events & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
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
    bm_server_connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL)
        return NULL;
    connection->http = http;
    connection->timer = evtimer_new(http->server->base, on_deadline, connection);
    if (connection->timer != NULL)
        connection->stream = bm_server_tls_stream(http->server->tls, http->server->base, fd);
    if (connection->stream == NULL) {
        if (connection->timer != NULL)
            event_free(connection->timer);
        free(connection);
        return NULL;
    }
    return connection;
}

/* Not getnameinfo: it may open sockets for the name of an interface. */
static void name_client(bm_server_connection *connection, const struct sockaddr *address)
{
    const void *in = NULL;

    if (address->sa_family == AF_INET)
        in = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    else if (address->sa_family == AF_INET6)
        in = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (in != NULL)
        (void)evutil_inet_ntop(address->sa_family, in, connection->client, sizeof(connection->client));
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int size, void *context)
{
    bm_server_http *http = context;
    bm_server_connection *connection = new_connection(http, fd);

    if (connection == NULL) {
        (void)evutil_closesocket(fd);
        return;
    }
    (void)size;
    name_client(connection, address);
    TAILQ_INSERT_TAIL(&http->connections, connection, link);
    http->count++;
    /* What does not fit waits in the kernel's queue until a connection ends. */
    if (http->count >= http->server->config.max_connections)
        (void)evconnlistener_disable(listener);
    bufferevent_setcb(connection->stream, on_read, on_written, on_event, connection);
    bufferevent_setwatermark(connection->stream, EV_READ, 0, BM_SERVER_HEAD_MAX + BM_REQUEST_BODY_MAX);
    enter_phase(connection, PHASE_HEAD);
    (void)bufferevent_enable(connection->stream, EV_READ | EV_WRITE);
}

/* Out of descriptors or memory: accepting goes on after a pause, instead of trying in a circle. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    const struct timeval pause = {.tv_usec = ACCEPT_PAUSE_MS * 1000};
    bm_server_http *http = context;

    bm_log_line(&http->server->log, "accept: %s", evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
    (void)evconnlistener_disable(listener);
    (void)event_add(http->resume, &pause);
}

static void on_resume(evutil_socket_t fd, short events, void *context)
{
    bm_server_http *http = context;

    (void)fd;
    (void)events;
    if (!http->stopping && http->count < http->server->config.max_connections)
        (void)evconnlistener_enable(http->listener);
}

BM_RESULT bm_server_http_new(bm_server *server, int listener, bm_server_http **http)
{
    bm_server_http *made = calloc(1, sizeof(*made));

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    made->server = server;
    TAILQ_INIT(&made->connections);
    made->resume = evtimer_new(server->base, on_resume, made);
    made->listener = evconnlistener_new(server->base, on_accept, made, LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE, BACKLOG, listener);
    if (made->resume == NULL || made->listener == NULL) {
        bm_server_http_free(made);
        return bm_fail(BM_E_NO_MEMORY, NULL);
    }
    evconnlistener_set_error_cb(made->listener, on_accept_error);
    *http = made;
    return bm_ok();
}

void bm_server_http_free(bm_server_http *http)
{
    bm_server_connection *connection, *next;

    if (http == NULL)
        return;
    http->stopping = true;
    for (connection = TAILQ_FIRST(&http->connections); connection != NULL; connection = next) {
        next = TAILQ_NEXT(connection, link);
        free_connection(connection);
    }
    if (http->listener != NULL)
        evconnlistener_free(http->listener);
    if (http->resume != NULL)
        event_free(http->resume);
    free(http);
}

void bm_server_http_stop(bm_server_http *http)
{
    bm_server_connection *connection, *next;

    http->stopping = true;
    (void)evconnlistener_disable(http->listener);
    for (connection = TAILQ_FIRST(&http->connections); connection != NULL; connection = next) {
        next = TAILQ_NEXT(connection, link);
        if (connection->phase == PHASE_IDLE)
            free_connection(connection);
    }
    if (http->count == 0)
        (void)event_base_loopexit(http->server->base, NULL);
}

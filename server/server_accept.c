#include "server/server_accept.h"

#include "server/process.h"
#include "server/server_forwarded.h"
#include "server/server_limit.h"

#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG 0 /* the monitor has called listen() */
#define PAUSE_MS 200
#define TURN_MAX 16   /* fewer than the descriptors that are kept: one that makes room is closed at the end of the turn */
#define LAST_MAX 4096 /* of the queue at the end: no queue is longer */

struct bm_server_accept {
    bm_server *server;
    bm_server_accepted accepted;
    void *context;
    struct evconnlistener *listener; /* NULL: stopped */
    struct event *resume;            /* after a pause */
    unsigned turn;                   /* how many came since the last pause */
    bool held;
    bm_log_seldom limited;
};

static BM_RESULT address_of(const struct sockaddr *from, bm_address *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)from;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)from;

    if (from->sa_family == AF_INET)
        return bm_address_of(bm_bytes_of(&v4->sin_addr, sizeof(v4->sin_addr)), address);
    BM_CHECK(from->sa_family == AF_INET6, BM_E_INTERNAL, "a connection from no address");
    return bm_address_of(bm_bytes_of(&v6->sin6_addr, sizeof(v6->sin6_addr)), address);
}

/* The handshake is public-key work, to be paid before. A proxy makes them for many, which its requests pay for: it pays the whole alone. */
static BM_RESULT pay_handshake(bm_server_accept *accept, const bm_address *peer)
{
    bm_server *server = accept->server;
    bool is_proxy = bm_server_forwarded_is_trusted(&server->config, peer);
    unsigned wait;

    if (server->tls == NULL)
        return bm_ok();
    return bm_server_limit_pay(server->limit, is_proxy ? NULL : peer, bm_process_now_ms(), &wait);
}

static void take(bm_server_accept *accept, int fd, const struct sockaddr *from)
{
    bm_result result;
    bm_address peer;
    unsigned count;

    result = address_of(from, &peer);
    if (result.code == BM_OK)
        result = pay_handshake(accept, &peer);
    if (result.code == BM_OK) {
        accept->accepted(accept->context, fd, &peer);
        return;
    }
    (void)evutil_closesocket(fd);
    if (bm_log_seldom_count(&accept->limited, bm_process_now_ms(), &count)) {
        char text[BM_ADDRESS_TEXT_SIZE] = "-";

        if (result.code == BM_E_RATE_LIMITED)
            bm_address_text(&peer, text);
        bm_log_line(&accept->server->log, "closed before the handshake code=%s from=%s %s; in all: %u", bm_code_name(result.code), text,
                    result.detail, count);
    }
}

static void set_listening(bm_server_accept *accept, bool listening)
{
    if (accept->listener != NULL)
        (void)(listening ? evconnlistener_enable(accept->listener) : evconnlistener_disable(accept->listener));
}

/* Where there is no memory for a timer, at once: it must not be never. */
static void resume_after(bm_server_accept *accept, const struct timeval *pause)
{
    if (event_add(accept->resume, pause) != 0)
        event_active(accept->resume, EV_TIMEOUT, 1);
}

/* After some the others have their turn. */
static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int size, void *context)
{
    const struct timeval next_turn = {0};
    bm_server_accept *accept = context;

    (void)listener;
    (void)size;
    if (++accept->turn == TURN_MAX) {
        accept->turn = 0;
        set_listening(accept, false);
        resume_after(accept, &next_turn);
    }
    take(accept, fd, address);
}

/* Out of descriptors or memory: accepting goes on after a pause, instead of trying in a circle. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    const struct timeval pause = {.tv_usec = PAUSE_MS * 1000};
    bm_server_accept *accept = context;

    (void)listener;
    bm_log_line(&accept->server->log, "accept: %s", evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
    set_listening(accept, false);
    resume_after(accept, &pause);
}

static void on_resume(evutil_socket_t fd, short events, void *context)
{
    bm_server_accept *accept = context;

    (void)fd;
    (void)events;
    set_listening(accept, !accept->held);
}

BM_RESULT bm_server_accept_new(bm_server *server, int listener, bm_server_accepted accepted, void *context, bm_server_accept **accept)
{
    const unsigned flags = LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE;
    bm_server_accept *made = calloc(1, sizeof(*made));

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    made->server = server;
    made->accepted = accepted;
    made->context = context;
    made->resume = evtimer_new(server->base, on_resume, made);
    made->listener = evconnlistener_new(server->base, on_accept, made, flags, BACKLOG, listener);
    if (made->resume == NULL || made->listener == NULL) {
        bm_server_accept_free(made);
        return bm_fail(BM_E_NO_MEMORY, NULL);
    }
    evconnlistener_set_error_cb(made->listener, on_accept_error);
    *accept = made;
    return bm_ok();
}

void bm_server_accept_free(bm_server_accept *accept)
{
    if (accept == NULL)
        return;
    if (accept->listener != NULL)
        evconnlistener_free(accept->listener);
    if (accept->resume != NULL)
        event_free(accept->resume);
    free(accept);
}

void bm_server_accept_hold(bm_server_accept *accept, bool hold)
{
    if (accept->held == hold)
        return;
    accept->held = hold;
    if (!event_pending(accept->resume, EV_TIMEOUT, NULL))
        set_listening(accept, !hold);
}

void bm_server_accept_stop(bm_server_accept *accept)
{
    if (accept->listener == NULL)
        return;
    set_listening(accept, false);
    (void)event_del(accept->resume);
    for (unsigned i = 0; i < LAST_MAX; i++) {
        struct sockaddr_storage from = {0};
        struct sockaddr *address = (struct sockaddr *)(void *)&from;
        socklen_t size = sizeof(from);
        int fd = accept4(evconnlistener_get_fd(accept->listener), address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            break;
        take(accept, fd, address);
    }
    evconnlistener_free(accept->listener);
    accept->listener = NULL;
}

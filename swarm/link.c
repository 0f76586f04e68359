#include "swarm/link.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <unistd.h>

#define READ_STEP 8192

static const char *const names[BM_SWARM_LINK_END_COUNT] = {
    [BM_SWARM_LINK_REFUSED] = "refused",   [BM_SWARM_LINK_UNREACHABLE] = "unreachable", [BM_SWARM_LINK_NO_PORT] = "no-port",
    [BM_SWARM_LINK_CUT_OFF] = "cut-off",   [BM_SWARM_LINK_CLOSED] = "closed",           [BM_SWARM_LINK_TIMEOUT] = "timeout",
    [BM_SWARM_LINK_STRANGER] = "stranger", [BM_SWARM_LINK_TLS] = "tls",                 [BM_SWARM_LINK_REPLY] = "reply",
};

const char *bm_swarm_link_name(bm_swarm_link_end end)
{
    return names[end];
}

void bm_swarm_link_init(bm_swarm_link *link, struct event_base *base, bm_swarm_tls *tls, const bm_swarm_link_events *events, void *context)
{
    *link = (bm_swarm_link){.base = base, .tls = tls, .events = events, .context = context, .fd = -1};
}

/*
 * Reset, not closed in peace: the port is free again at once. Otherwise each device would keep one for a minute, and a machine that plays
 * devices has 28,000 of them.
 */
void bm_swarm_link_close(bm_swarm_link *link)
{
    const struct linger reset = {.l_onoff = 1};

    if (link->fd < 0)
        return;
    if (link->event != NULL)
        event_free(link->event);
    SSL_free(link->ssl);
    (void)setsockopt(link->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    (void)close(link->fd);
    link->event = NULL;
    link->ssl = NULL;
    link->fd = -1;
    link->connected = false;
    link->up = false;
    link->sent = 0;
    link->generation++;
    bm_buf_clear(&link->out);
    bm_buf_clear(&link->in);
}

void bm_swarm_link_fini(bm_swarm_link *link)
{
    bm_swarm_link_close(link);
    bm_buf_fini(&link->out);
    bm_buf_fini(&link->in);
}

bool bm_swarm_link_is_up(const bm_swarm_link *link)
{
    return link->up;
}

static void go_down(bm_swarm_link *link, bm_swarm_link_end end, const char *reason)
{
    bm_swarm_link_close(link);
    link->events->down(link->context, end, reason);
}

/* What an error of a socket means. */
static bm_swarm_link_end end_of(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return BM_SWARM_LINK_REFUSED;
    case EADDRNOTAVAIL:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return BM_SWARM_LINK_NO_PORT;
    case ECONNRESET:
    case EPIPE:
        return BM_SWARM_LINK_CLOSED;
    case ETIMEDOUT:
        return BM_SWARM_LINK_TIMEOUT;
    default:
        return BM_SWARM_LINK_UNREACHABLE;
    }
}

/* A call of TLS did not do all: waits for more, or the connection is over. */
static void not_done(bm_swarm_link *link, int returned)
{
    int saved = errno;
    int error = SSL_get_error(link->ssl, returned);
    const char *reason = NULL;

    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return;
    if (error == SSL_ERROR_SSL) {
        bool stranger = bm_swarm_tls_is_stranger(link->ssl, &reason);

        go_down(link, stranger ? BM_SWARM_LINK_STRANGER : BM_SWARM_LINK_TLS, reason);
        return;
    }
    ERR_clear_error();
    if (!link->up)
        go_down(link, BM_SWARM_LINK_CUT_OFF, "the connection was closed before the TLS handshake");
    else if (error == SSL_ERROR_SYSCALL && saved != 0)
        go_down(link, end_of(saved), strerror(saved));
    else
        go_down(link, BM_SWARM_LINK_CLOSED, "the connection was closed");
}

/* Sends what there is; false when the connection is over. */
static bool flush(bm_swarm_link *link)
{
    while (link->sent < link->out.size) {
        size_t left = link->out.size - link->sent;
        unsigned generation = link->generation;
        int done;

        errno = 0;
        done = SSL_write(link->ssl, link->out.data + link->sent, left > INT_MAX ? INT_MAX : (int)left);
        if (done <= 0) {
            not_done(link, done);
            return generation == link->generation;
        }
        link->sent += (size_t)done;
    }
    return true;
}

/* Looks whether what was received is a whole reply, and tells it; false when the connection is over, or another. */
static bool take_reply(bm_swarm_link *link)
{
    unsigned generation = link->generation;
    BM_AUTO_BUF received = BM_BUF_EMPTY;
    bm_swarm_http_reply reply;
    bool complete;
    bm_result result = bm_swarm_http_parse(bm_buf_view(&link->in), &reply, &complete);

    if (result.code != BM_OK) {
        go_down(link, BM_SWARM_LINK_REPLY, result.detail);
        return false;
    }
    if (!complete)
        return true;
    /* The reply is a view of these bytes, and the callback may begin the next call. */
    bm_buf_move(&received, &link->in);
    link->events->reply(link->context, &reply);
    return generation == link->generation;
}

static void receive(bm_swarm_link *link)
{
    for (;;) {
        uint8_t *at;
        int done;

        if (bm_buf_reserve(&link->in, READ_STEP).code != BM_OK) {
            go_down(link, BM_SWARM_LINK_NO_PORT, "no memory");
            return;
        }
        at = link->in.data + link->in.size;
        errno = 0;
        done = SSL_read(link->ssl, at, READ_STEP);
        if (done <= 0) {
            not_done(link, done);
            return;
        }
        link->in.size += (size_t)done;
        if (!take_reply(link))
            return;
    }
}

/* Is the socket connected? False when it is over, or not yet. */
static bool finish_connect(bm_swarm_link *link)
{
    int error = 0;
    socklen_t size = sizeof(error);

    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error != 0) {
        go_down(link, end_of(error), strerror(error));
        return false;
    }
    link->connected = true;
    return true;
}

static void advance(evutil_socket_t fd, short what, void *context)
{
    bm_swarm_link *link = context;
    unsigned generation = link->generation;

    (void)fd;
    (void)what;
    if (!link->connected && !finish_connect(link))
        return;
    if (!link->up) {
        int done;

        errno = 0;
        done = SSL_do_handshake(link->ssl);
        if (done != 1) {
            not_done(link, done);
            return;
        }
        link->up = true;
        link->events->up(link->context);
        if (generation != link->generation)
            return;
    }
    if (flush(link))
        receive(link);
}

static bool begin(bm_swarm_link *link, const bm_swarm_target *target)
{
    int one = 1;

    link->fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0)
        return false;
    (void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(link->fd, (const struct sockaddr *)&target->address, target->size) != 0 && errno != EINPROGRESS)
        return false;
    link->ssl = bm_swarm_tls_connect(link->tls, link->fd);
    link->event = event_new(link->base, link->fd, EV_READ | EV_WRITE | EV_ET | EV_PERSIST, advance, link);
    if (link->ssl == NULL || link->event == NULL || event_add(link->event, NULL) != 0) {
        errno = ENOMEM;
        return false;
    }
    return true;
}

bool bm_swarm_link_open(bm_swarm_link *link, const bm_swarm_target *target, bm_swarm_link_end *end, const char **reason)
{
    int error;

    bm_swarm_link_close(link);
    if (begin(link, target))
        return true;
    error = errno;
    *end = end_of(error);
    *reason = strerror(error);
    bm_swarm_link_close(link);
    return false;
}

BM_RESULT bm_swarm_link_send(bm_swarm_link *link, const char *host, const char *path, bm_bytes body)
{
    bm_buf_clear(&link->out);
    link->sent = 0;
    BM_TRY(bm_swarm_http_put_head(&link->out, host, path, body.size));
    BM_TRY(bm_buf_put(&link->out, body));
    (void)flush(link);
    return bm_ok();
}

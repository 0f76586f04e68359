#include "device/tunnel/link.h"

#include "device/tunnel/flow.h"
#include "program/clock.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define WAIT_SECONDS 600   /* for a turn: behind others that wait for the TPM */
#define CONNECT_SECONDS 10 /* for one address */
#define SHAKE_SECONDS 30   /* for a handshake, without the TPM's time */
#define HALF_SECONDS 300   /* for the second direction, while nothing comes */

typedef enum { S_WAITING, S_CONNECTING, S_SHAKING, S_SIGNING, S_FLOWING } link_state;

struct bm_tunnel_link {
    bm_tunnel_links *links;
    bm_tunnel_link *next;
    bm_tunnel_link *previous;
    link_state state;
    bool over; /* as soon as the worker gives it back */
    int local;
    int remote;
    size_t address; /* the next to try */
    int64_t deadline;
    int64_t signing_since;
    bm_tunnel_session *session;
    bm_tunnel_job job;
    struct event *remote_event; /* until it flows */
    bm_tunnel_flow *flow;
};

static void set_deadline(bm_tunnel_link *link, int64_t seconds)
{
    link->deadline = bm_clock_ns() + seconds * SECOND;
}

static void unlink_link(bm_tunnel_link *link)
{
    bm_tunnel_links *links = link->links;

    if (link->previous != NULL)
        link->previous->next = link->next;
    else
        links->first = link->next;
    if (link->next != NULL)
        link->next->previous = link->previous;
    else
        links->last = link->previous;
    links->count--;
}

static void close_remote(bm_tunnel_link *link)
{
    if (link->remote_event != NULL)
        event_free(link->remote_event);
    link->remote_event = NULL;
    bm_tunnel_session_free(link->session);
    link->session = NULL;
    if (link->remote >= 0)
        (void)close(link->remote);
    link->remote = -1;
}

static bool has_slot(const bm_tunnel_link *link)
{
    return link->state == S_CONNECTING || link->state == S_SHAKING || link->state == S_SIGNING;
}

static void free_link(bm_tunnel_link *link)
{
    bm_tunnel_links *links = link->links;

    links->shaking -= has_slot(link) ? 1 : 0;
    unlink_link(link);
    bm_tunnel_flow_free(link->flow);
    close_remote(link);
    (void)close(link->local);
    free(link);
    links->ended(links->context);
}

/* Ends a link that did not go well. The program sees its connection reset where the kernel can do that, and ended where not. */
static void fail_link(bm_tunnel_link *link, const char *why)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    if (why != NULL)
        bm_tunnel_log_line(&link->links->log, "%s: %s", link->links->to, why);
    (void)setsockopt(link->local, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    free_link(link);
}

static void on_flow_cut(void *context, const char *why)
{
    bm_tunnel_link *link = context;

    bm_tunnel_log_line(&link->links->log, "%s: %s", link->links->to, why);
}

static void on_flow_ended(void *context, bool well)
{
    bm_tunnel_link *link = context;

    if (well)
        free_link(link);
    else
        fail_link(link, NULL);
}

static void on_flowed(void *context)
{
    bm_tunnel_link *link = context;
    bool half = bm_tunnel_flow_is_half(link->flow);

    set_deadline(link, half && link->links->idle_seconds > HALF_SECONDS ? HALF_SECONDS : link->links->idle_seconds);
}

static void start_flow(bm_tunnel_link *link)
{
    bm_tunnel_links *links = link->links;
    const bm_tunnel_flow_events events = {
        .flowed = on_flowed, .cut = on_flow_cut, .ended = on_flow_ended, .context = link};

    event_free(link->remote_event);
    link->remote_event = NULL;
    link->state = S_FLOWING;
    links->shaking--;
    set_deadline(link, links->idle_seconds);
    if (bm_tunnel_flow_new(links->base, link->local, link->remote, link->session, &events, &link->flow).code != BM_OK)
        fail_link(link, "out of memory");
    bm_tunnel_links_begin(links);
}

static void await_remote(bm_tunnel_link *link, short what);

static void take_step(bm_tunnel_link *link, bm_tunnel_step step)
{
    bm_tunnel_links *links = link->links;

    switch (step) {
    case BM_TUNNEL_DONE:
        start_flow(link);
        return;
    case BM_TUNNEL_WANTS_READ:
        await_remote(link, EV_READ);
        return;
    case BM_TUNNEL_WANTS_WRITE:
        await_remote(link, EV_WRITE);
        return;
    case BM_TUNNEL_WANTS_KEY:
        link->state = S_SIGNING;
        link->signing_since = bm_clock_ns();
        link->job = (bm_tunnel_job){.session = link->session, .owner = link};
        bm_tunnel_worker_give(links->worker, &link->job);
        return;
    case BM_TUNNEL_CLOSED:
    case BM_TUNNEL_BROKEN:
        break;
    }
    fail_link(link, bm_tunnel_session_failure(link->session));
    bm_tunnel_links_begin(links);
}

static void start_shaking(bm_tunnel_link *link)
{
    const int on = 1;
    const int idle = 60;

    (void)setsockopt(link->remote, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(link->remote, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(link->remote, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    link->state = S_SHAKING;
    set_deadline(link, SHAKE_SECONDS);
    if (bm_tunnel_session_new(link->links->tls, link->remote, &link->session).code != BM_OK)
        fail_link(link, "out of memory");
    else
        take_step(link, bm_tunnel_session_shake(link->session, false));
}

static void connect_next(bm_tunnel_link *link, int cause);

static void on_remote(evutil_socket_t fd, short events, void *context)
{
    bm_tunnel_link *link = context;
    int error = 0;
    socklen_t size = sizeof(error);

    (void)events;
    if (link->state == S_SHAKING) {
        take_step(link, bm_tunnel_session_shake(link->session, false));
        return;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error != 0)
        connect_next(link, error);
    else
        start_shaking(link);
}

static void await_remote(bm_tunnel_link *link, short what)
{
    bm_tunnel_links *links = link->links;

    if (link->remote_event != NULL)
        event_free(link->remote_event);
    link->remote_event = event_new(links->base, link->remote, what, on_remote, link);
    if (link->remote_event == NULL || event_add(link->remote_event, NULL) != 0) {
        fail_link(link, "out of memory");
        bm_tunnel_links_begin(links);
    }
}

static int begin_connect(const bm_address *address, uint16_t port, int *fd)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    bool is_v4 = bm_address_is_v4(address);
    bm_bytes bytes = BM_BYTES_ARRAY(address->bytes);
    int rc;

    *fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return errno;
    if (is_v4)
        bm_result_ignore(bm_bytes_copy_exact(bm_bytes_slice(bytes, 12, 4), (uint8_t *)&four.sin_addr, 4));
    else
        bm_result_ignore(bm_bytes_copy_exact(bytes, six.sin6_addr.s6_addr, 16));
    rc = is_v4 ? connect(*fd, (const struct sockaddr *)&four, sizeof(four)) : connect(*fd, (const struct sockaddr *)&six, sizeof(six));
    return rc == 0 ? 0 : errno;
}

/* The next address that can be tried; `cause` is what was wrong with the last. */
static void connect_next(bm_tunnel_link *link, int cause)
{
    bm_tunnel_links *links = link->links;

    while (link->address < links->addresses.count) {
        close_remote(link);
        cause = begin_connect(&links->addresses.address[link->address++], links->port, &link->remote);
        if (cause == 0 || cause == EINPROGRESS) {
            set_deadline(link, CONNECT_SECONDS);
            await_remote(link, EV_WRITE);
            return;
        }
    }
    fail_link(link, bm_result_detail("the server cannot be reached (%s): check --to and the network", strerror(cause)));
    links->want_addresses(links->context);
    bm_tunnel_links_begin(links);
}

BM_RESULT bm_tunnel_link_new(bm_tunnel_links *links, int fd)
{
    bm_tunnel_link *link = calloc(1, sizeof(*link));

    BM_CHECK(link != NULL, BM_E_NO_MEMORY, NULL);
    *link = (bm_tunnel_link){.links = links, .previous = links->last, .local = fd, .remote = -1};
    if (links->last != NULL)
        links->last->next = link;
    else
        links->first = link;
    links->last = link;
    links->count++;
    set_deadline(link, WAIT_SECONDS);
    bm_tunnel_links_begin(links);
    return bm_ok();
}

static bm_tunnel_link *first_in(const bm_tunnel_links *links, link_state state)
{
    bm_tunnel_link *link = links->first;

    /* A link leaves the list before it is freed. NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the analyser does not follow that. */
    while (link != NULL && link->state != state)
        link = link->next;
    return link;
}

void bm_tunnel_links_begin(bm_tunnel_links *links)
{
    bm_tunnel_link *link;

    /* What one link does may come here again. */
    if (links->busy)
        return;
    links->busy = true;
    while (links->shaking < BM_TUNNEL_SHAKING_MAX && (link = first_in(links, S_WAITING)) != NULL) {
        if (links->addresses.count == 0) {
            links->want_addresses(links->context);
            break;
        }
        links->shaking++;
        link->state = S_CONNECTING;
        connect_next(link, 0);
    }
    links->busy = false;
}

void bm_tunnel_links_fail_waiting(bm_tunnel_links *links, const char *why)
{
    bm_tunnel_link *link;

    while ((link = first_in(links, S_WAITING)) != NULL)
        fail_link(link, why);
}

void bm_tunnel_links_take(bm_tunnel_links *links)
{
    bm_tunnel_job *job = bm_tunnel_worker_take(links->worker);

    links->busy = true;
    while (job != NULL) {
        bm_tunnel_job *next = job->next;
        bm_tunnel_link *link = job->owner;

        link->state = S_SHAKING;
        link->deadline += bm_clock_ns() - link->signing_since;
        if (link->over)
            fail_link(link, NULL);
        else
            take_step(link, job->step);
        job = next;
    }
    links->busy = false;
    bm_tunnel_links_begin(links);
}

/* The program still gets what came for it, and once more the time for that. */
static void time_out_flow(bm_tunnel_link *link)
{
    if (bm_tunnel_flow_is_cut(link->flow)) {
        fail_link(link, NULL);
        return;
    }
    bm_tunnel_flow_cut(link->flow, "nothing was sent for the time of --idle, in either direction");
    on_flowed(link);
}

static void time_out(bm_tunnel_link *link)
{
    if (link->state == S_CONNECTING && link->address < link->links->addresses.count)
        connect_next(link, ETIMEDOUT);
    else if (link->state == S_FLOWING)
        time_out_flow(link);
    else if (link->state == S_WAITING)
        fail_link(link, "no turn for a handshake came: the server or the TPM is too slow for so many connections");
    else
        fail_link(link, "the server does not answer: check --to and the network");
}

void bm_tunnel_links_sweep(bm_tunnel_links *links)
{
    int64_t now = bm_clock_ns();
    bm_tunnel_link *next;

    /* No other link may end meanwhile: it could be the next. */
    links->busy = true;
    for (bm_tunnel_link *link = links->first; link != NULL; link = next) {
        next = link->next;
        if (link->state != S_SIGNING && now >= link->deadline)
            time_out(link);
    }
    links->busy = false;
    bm_tunnel_links_begin(links);
}

void bm_tunnel_links_free(bm_tunnel_links *links)
{
    bm_tunnel_link *next;

    for (bm_tunnel_link *link = links->first; link != NULL; link = next) {
        next = link->next;
        /* Cut off: it must not look like an end. */
        fail_link(link, NULL);
    }
}

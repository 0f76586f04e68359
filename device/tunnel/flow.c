#include "device/tunnel/flow.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define CHUNK 16384               /* a record of TLS */
#define ROUNDS 16                 /* chunks in one turn of the loop: other links want theirs */
#define UNSENT_MICROSECONDS 20000 /* between two looks at what a socket has still to send: no event says it */
#define UNSENT_DOUBLINGS 5        /* of that, while it does not become less */

/* One direction: what was read and not yet written, at most a chunk. */
typedef struct {
    bm_buf held;
    size_t written; /* of what is held */
    bool ended;     /* nothing more comes */
    bool cut;       /* and its end is not a proper one */
    bool lost;      /* the other side takes no more: what comes is thrown away */
    bool passed;    /* the other side was told of the end */
} direction;

/* One event of a socket, and whether it is waited for. */
typedef struct {
    struct event *event;
    bool on;
} watch;

struct bm_tunnel_flow {
    int local;
    int remote;
    bm_tunnel_session *session;
    direction up;   /* from the program to the server */
    direction down; /* from the server to the program */
    watch local_in, local_out, remote_in, remote_out;
    struct event *look; /* at what the sockets still have to send */
    int unsent;         /* at the last look */
    unsigned waits;     /* since it became less */
    bool read_wants_write; /* TLS must write something of its own before it reads on; and the other way round */
    bool write_wants_read;
    bool moved;
    bool more; /* to be read, that no socket tells of */
    bool broken; /* no memory: all that can still be done is to end */
    bm_tunnel_flow_events events;
};

static bool is_empty(const direction *way)
{
    return way->written == way->held.size;
}

/* Writes to the program; `put` is what it took. */
static void write_local(bm_tunnel_flow *flow, bm_bytes bytes, size_t *put)
{
    ssize_t sent = send(flow->local, bytes.data, bytes.size, MSG_NOSIGNAL);

    *put = sent > 0 ? (size_t)sent : 0;
    /* A program that went away is its own business; what it said before still goes to the server. */
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        flow->down.lost = true;
        /* The kernel says this once; recv would see an end like any other. */
        flow->up.cut |= errno == ECONNRESET;
    }
}

static void write_remote(bm_tunnel_flow *flow, bm_bytes bytes, size_t *put)
{
    bm_tunnel_step step = bm_tunnel_session_write(flow->session, bytes, put);

    flow->write_wants_read = step == BM_TUNNEL_WANTS_READ;
    /* What the server said before it went, an alert or an answer, can still be read: it says how this ends. */
    if (step == BM_TUNNEL_BROKEN || step == BM_TUNNEL_CLOSED)
        flow->up.lost = true;
}

typedef void write_function(bm_tunnel_flow *flow, bm_bytes bytes, size_t *put);

static void forget_held(direction *way)
{
    bm_buf_fini(&way->held);
    way->written = 0;
}

/* Writes what is held; true: nothing is held any more. */
static bool drain(bm_tunnel_flow *flow, direction *way, write_function *write_some)
{
    while (!way->lost && !is_empty(way)) {
        size_t put = 0;

        write_some(flow, bm_bytes_slice(bm_buf_view(&way->held), way->written, way->held.size - way->written), &put);
        way->written += put;
        flow->moved |= put > 0;
        if (put == 0 && !way->lost)
            return false;
    }
    forget_held(way);
    return true;
}

/* Writes at once what was read, and holds what the other side does not take. True: it took all. */
static bool pass(bm_tunnel_flow *flow, direction *way, bm_bytes bytes, write_function *write_some)
{
    flow->moved |= !way->lost;
    while (bytes.size > 0 && !way->lost) {
        size_t put = 0;

        write_some(flow, bytes, &put);
        if (put == 0)
            break;
        bytes = bm_bytes_slice(bytes, put, bytes.size - put);
    }
    if (way->lost)
        return true;
    if (bytes.size > 0 && bm_buf_put(&way->held, bytes).code != BM_OK)
        flow->broken = true;
    return bytes.size == 0;
}

static void move_up(bm_tunnel_flow *flow)
{
    uint8_t chunk[CHUNK];

    for (int i = 0; i < ROUNDS && drain(flow, &flow->up, write_remote) && !flow->up.ended; i++) {
        ssize_t got = recv(flow->local, chunk, sizeof(chunk), 0);

        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        flow->up.ended = got <= 0;
        flow->up.cut |= got < 0;
        /* Whoever was reset takes nothing, either. */
        flow->down.lost |= got < 0;
        if (got > 0 && !pass(flow, &flow->up, bm_bytes_of(chunk, (size_t)got), write_remote))
            return;
    }
}

/* The server's direction is over, and so is TLS. */
static void cut_down(bm_tunnel_flow *flow, const char *why)
{
    if (!flow->down.cut)
        flow->events.cut(flow->events.context, why);
    flow->down.ended = true;
    flow->down.cut = true;
    flow->up.lost = true;
    forget_held(&flow->up);
    flow->read_wants_write = false;
    flow->write_wants_read = false;
}

/* Reads once from the server; true: something came. */
static bool read_remote(bm_tunnel_flow *flow, uint8_t chunk[CHUNK], size_t *got)
{
    bm_tunnel_step step = bm_tunnel_session_read(flow->session, chunk, CHUNK, got);

    flow->read_wants_write = step == BM_TUNNEL_WANTS_WRITE;
    if (step == BM_TUNNEL_CLOSED)
        flow->down.ended = true;
    else if (step == BM_TUNNEL_BROKEN)
        cut_down(flow, bm_tunnel_session_failure(flow->session));
    return step == BM_TUNNEL_DONE;
}

static void move_down(bm_tunnel_flow *flow)
{
    uint8_t chunk[CHUNK];

    for (int i = 0; i < ROUNDS && drain(flow, &flow->down, write_local) && !flow->down.ended; i++) {
        size_t got;

        if (!read_remote(flow, chunk, &got) || !pass(flow, &flow->down, bm_bytes_of(chunk, got), write_local))
            return;
    }
    /* What TLS has read already makes no socket readable. */
    flow->more = !flow->down.ended && is_empty(&flow->down) && bm_tunnel_session_has_more(flow->session);
}

/*
 * Tells each side of the other's end, once all that came before it has gone. An end that was cut is told by how
 * the link ends.
 */
static void pass_ends(bm_tunnel_flow *flow)
{
    if (flow->up.ended && is_empty(&flow->up) && !flow->up.passed && !flow->up.lost) {
        bm_tunnel_step step = flow->up.cut ? BM_TUNNEL_DONE : bm_tunnel_session_end(flow->session);

        flow->up.passed = step == BM_TUNNEL_DONE || step == BM_TUNNEL_CLOSED;
        flow->up.lost = step == BM_TUNNEL_BROKEN;
    }
    if (flow->down.ended && is_empty(&flow->down) && !flow->down.passed) {
        if (!flow->down.cut)
            (void)shutdown(flow->local, SHUT_WR);
        flow->down.passed = true;
    }
}

static int unsent_of(int fd)
{
    int unsent = 0;

    return ioctl(fd, SIOCOUTQ, &unsent) == 0 ? unsent : 0;
}

/*
 * What must still leave the sockets before they may be closed. One that has something unread, or is to say that the
 * end was cut, is closed with a reset, and with it goes all that the kernel had not sent.
 */
static int count_unsent(bm_tunnel_flow *flow)
{
    int error = 0;
    socklen_t size = sizeof(error);
    int unsent = 0;

    if (!flow->down.lost && (flow->down.cut || !flow->up.ended)) {
        flow->down.lost = getsockopt(flow->local, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0;
        unsent += flow->down.lost ? 0 : unsent_of(flow->local);
    }
    if (!flow->up.lost && !flow->down.ended)
        unsent += unsent_of(flow->remote);
    return unsent;
}

/* Is all done that can be done? */
static bool is_over(bm_tunnel_flow *flow)
{
    struct timeval soon = {.tv_usec = UNSENT_MICROSECONDS};
    int unsent;

    if ((!flow->up.passed && !flow->up.lost) || (!flow->down.passed && !flow->down.lost))
        return false;
    unsent = count_unsent(flow);
    flow->moved |= unsent < flow->unsent;
    flow->waits = unsent < flow->unsent ? 0 : flow->waits + (flow->waits < UNSENT_DOUBLINGS ? 1 : 0);
    flow->unsent = unsent;
    soon.tv_usec <<= flow->waits;
    return unsent == 0 || event_add(flow->look, &soon) != 0;
}

static void set_watch(bm_tunnel_flow *flow, watch *of, bool on)
{
    if (of->on == on)
        return;
    of->on = on;
    if ((on ? event_add(of->event, NULL) : event_del(of->event)) != 0)
        flow->broken = true;
}

static void watch_all(bm_tunnel_flow *flow)
{
    bool reads_down = is_empty(&flow->down) && !flow->down.ended;
    bool end_waits = flow->up.ended && !flow->up.passed && !flow->up.lost;

    set_watch(flow, &flow->local_in, is_empty(&flow->up) && !flow->up.ended);
    set_watch(flow, &flow->local_out, !is_empty(&flow->down));
    set_watch(flow, &flow->remote_in, (reads_down && !flow->read_wants_write) || flow->write_wants_read);
    set_watch(flow, &flow->remote_out, (!is_empty(&flow->up) && !flow->write_wants_read) || flow->read_wants_write || (end_waits && is_empty(&flow->up)));
}

/* All that can be done now. */
static void on_event(evutil_socket_t fd, short events, void *context)
{
    bm_tunnel_flow *flow = context;
    bool was_half = bm_tunnel_flow_is_half(flow);
    bool over;

    (void)fd;
    (void)events;
    flow->moved = false;
    flow->more = false;
    move_up(flow);
    move_down(flow);
    pass_ends(flow);
    over = is_over(flow);
    watch_all(flow);
    /* Only now: libevent does not wait for the socket of an event that is added while it is active. */
    if (flow->more && !flow->broken)
        event_active(flow->remote_in.event, EV_READ, 1);
    if (flow->broken)
        flow->events.cut(flow->events.context, "out of memory");
    if (flow->broken || over)
        flow->events.ended(flow->events.context, !flow->broken && !flow->down.cut);
    else if (flow->moved || (bm_tunnel_flow_is_half(flow) && !was_half))
        flow->events.flowed(flow->events.context);
}

void bm_tunnel_flow_cut(bm_tunnel_flow *flow, const char *why)
{
    cut_down(flow, why);
    event_active(flow->look, EV_TIMEOUT, 1);
}

BM_RESULT bm_tunnel_flow_new(struct event_base *base, int local, int remote, bm_tunnel_session *session, const bm_tunnel_flow_events *events,
                             bm_tunnel_flow **flow)
{
    bm_tunnel_flow *made = calloc(1, sizeof(*made));

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    *made = (bm_tunnel_flow){.local = local, .remote = remote, .session = session, .events = *events};
    made->local_in.event = event_new(base, local, EV_READ | EV_PERSIST, on_event, made);
    made->local_out.event = event_new(base, local, EV_WRITE | EV_PERSIST, on_event, made);
    made->remote_in.event = event_new(base, remote, EV_READ | EV_PERSIST, on_event, made);
    made->remote_out.event = event_new(base, remote, EV_WRITE | EV_PERSIST, on_event, made);
    made->look = evtimer_new(base, on_event, made);
    if (made->look == NULL || made->local_in.event == NULL || made->local_out.event == NULL ||
        made->remote_in.event == NULL || made->remote_out.event == NULL) {
        bm_tunnel_flow_free(made);
        return bm_fail(BM_E_NO_MEMORY, NULL);
    }
    watch_all(made);
    if (made->broken) {
        bm_tunnel_flow_free(made);
        return bm_fail(BM_E_NO_MEMORY, NULL);
    }
    event_active(made->remote_in.event, EV_READ, 1);
    *flow = made;
    return bm_ok();
}

void bm_tunnel_flow_free(bm_tunnel_flow *flow)
{
    if (flow == NULL)
        return;
    struct event *all[] = {flow->local_in.event, flow->local_out.event, flow->remote_in.event,
                           flow->remote_out.event, flow->look};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i] != NULL)
            event_free(all[i]);
    bm_buf_fini(&flow->up.held);
    bm_buf_fini(&flow->down.held);
    free(flow);
}

bool bm_tunnel_flow_is_cut(const bm_tunnel_flow *flow)
{
    return flow->down.cut;
}

bool bm_tunnel_flow_is_half(const bm_tunnel_flow *flow)
{
    return flow->up.ended || flow->down.ended;
}

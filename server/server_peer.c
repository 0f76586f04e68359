#include "server/server_peer.h"

#include "crypto/random.h"
#include "server/channel.h"
#include "server/process.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define TICK_MS 50
#define TURN_MAX 16 /* datagrams in a turn of the loop */

typedef struct pending {
    TAILQ_ENTRY(pending) link;
    uint64_t id;
    bm_buf datagram;
    bm_msg_type reply;
    int64_t due;     /* when it is sent again */
    int64_t expires; /* when it is given up */
    bm_server_peer_done done;
    void *context;
} pending;

struct bm_server_peer {
    TAILQ_HEAD(pending_list, pending) pending; /* in the order of the requests */
    size_t pending_count;
    int fd;
    uint64_t next_id;
    const char *name;
    const bm_log *log;
    struct event *readable;
    struct event *tick;
    bm_buf datagram;
};

static void free_pending(pending *request)
{
    bm_buf_fini(&request->datagram);
    free(request);
}

static void remove_pending(bm_server_peer *peer, pending *request)
{
    TAILQ_REMOVE(&peer->pending, request, link);
    peer->pending_count--;
    if (peer->pending_count == 0)
        (void)event_del(peer->tick);
}

/* Ends a request; its owner may ask for more in the call. */
static void finish(bm_server_peer *peer, pending *request, bm_result result, bm_message *reply)
{
    remove_pending(peer, request);
    request->done(request->context, result, reply);
    free_pending(request);
}

static void deliver(bm_server_peer *peer, bm_bytes datagram)
{
    bm_message message;
    pending *request;
    bm_result result = bm_message_open(datagram, &message);

    if (result.code != BM_OK) {
        bm_log_line(peer->log, "dropped a message of the %s: %s", peer->name, result.detail);
        return;
    }
    TAILQ_FOREACH(request, &peer->pending, link)
        if (request->id == message.id)
            break;
    if (request == NULL)
        return; /* the second answer to a repeated request, or one for a server before us */
    if (message.type == request->reply) {
        finish(peer, request, bm_ok(), &message);
        return;
    }
    result = bm_fail(BM_E_INTERNAL, "an answer is of the wrong type");
    if (message.type == BM_MSG_ERROR) {
        bm_result error;

        if (bm_message_take_error(&message, &error).code == BM_OK)
            result = error;
    }
    finish(peer, request, result, NULL);
}

/* What is there, some at a time: others want their turn of the loop, too. */
static void on_readable(evutil_socket_t fd, short events, void *context)
{
    bm_server_peer *peer = context;
    bool got = true;

    (void)events;
    for (unsigned i = 0; i < TURN_MAX && got; i++) {
        bm_result result = bm_channel_receive(fd, &peer->datagram, &got);

        if (result.code != BM_OK) {
            bm_log_failure(peer->log, peer->name, result);
            return;
        }
        if (got)
            deliver(peer, bm_buf_view(&peer->datagram));
    }
}

/* Sends it, now or again; soon again when the peer does not read at the moment. */
static void send_pending(pending *request, int fd, int64_t now)
{
    if (bm_channel_send(fd, bm_buf_view(&request->datagram)).code == BM_E_OVERLOADED)
        request->due = now + TICK_MS;
    else
        request->due = now + BM_SERVER_PEER_REPEAT_MS;
}

static void on_tick(evutil_socket_t fd, short events, void *context)
{
    bm_server_peer *peer = context;
    int64_t now = bm_process_now_ms();
    pending *request, *next;

    (void)fd;
    (void)events;
    for (request = TAILQ_FIRST(&peer->pending); request != NULL; request = next) {
        next = TAILQ_NEXT(request, link);
        if (request->expires <= now) {
            /* What is asked for in the call stands at the end of the list. */
            bm_log_line(peer->log, "no answer from the %s", peer->name);
            finish(peer, request, bm_fail(BM_E_UNAVAILABLE, NULL), NULL);
        } else if (request->due <= now) {
            send_pending(request, peer->fd, now);
        }
    }
}

BM_RESULT bm_server_peer_new(struct event_base *base, int fd, const char *name, const bm_log *log, bm_server_peer **peer)
{
    bm_server_peer *made = calloc(1, sizeof(*made));

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    TAILQ_INIT(&made->pending);
    made->fd = fd;
    made->name = name;
    made->log = log;
    made->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, made);
    made->tick = event_new(base, -1, EV_PERSIST, on_tick, made);
    if (made->readable == NULL || made->tick == NULL || event_add(made->readable, NULL) != 0) {
        bm_server_peer_free(made);
        return bm_fail(BM_E_NO_MEMORY, NULL);
    }
    bm_result result = bm_random((uint8_t *)&made->next_id, sizeof(made->next_id));
    if (result.code != BM_OK) {
        bm_server_peer_free(made);
        return result;
    }
    *peer = made;
    return bm_ok();
}

void bm_server_peer_free(bm_server_peer *peer)
{
    pending *request;

    if (peer == NULL)
        return;
    while ((request = TAILQ_FIRST(&peer->pending)) != NULL) {
        TAILQ_REMOVE(&peer->pending, request, link);
        free_pending(request);
    }
    if (peer->readable != NULL)
        event_free(peer->readable);
    if (peer->tick != NULL)
        event_free(peer->tick);
    bm_buf_fini(&peer->datagram);
    free(peer);
}

BM_RESULT bm_server_peer_ask(bm_server_peer *peer, const bm_server_peer_request *request)
{
    const struct timeval every = {.tv_usec = TICK_MS * 1000};
    pending *made;
    bm_result result;

    BM_CHECK(peer->pending_count < BM_SERVER_PEER_PENDING_MAX, BM_E_OVERLOADED, NULL);
    made = calloc(1, sizeof(*made));
    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    made->id = peer->next_id++;
    made->reply = request->reply;
    made->expires = bm_process_now_ms() + (int64_t)request->tries * BM_SERVER_PEER_REPEAT_MS;
    made->done = request->done;
    made->context = request->context;
    result = bm_message_begin(&made->datagram, request->type, made->id);
    if (result.code == BM_OK)
        result = bm_buf_put(&made->datagram, request->body);
    if (result.code == BM_OK && made->datagram.size > BM_MESSAGE_MAX)
        result = bm_fail(BM_E_INTERNAL, "a message is too long");
    if (result.code == BM_OK && peer->pending_count == 0 && event_add(peer->tick, &every) != 0)
        result = bm_fail(BM_E_NO_MEMORY, NULL);
    if (result.code != BM_OK) {
        free_pending(made);
        return result;
    }
    peer->pending_count++;
    TAILQ_INSERT_TAIL(&peer->pending, made, link);
    send_pending(made, peer->fd, bm_process_now_ms());
    return bm_ok();
}

BM_RESULT bm_server_peer_tell(bm_server_peer *peer, bm_msg_type type, bm_bytes body)
{
    BM_AUTO_BUF datagram = BM_BUF_EMPTY;

    BM_TRY(bm_message_begin(&datagram, type, peer->next_id++));
    BM_TRY(bm_buf_put(&datagram, body));
    BM_CHECK(datagram.size <= BM_MESSAGE_MAX, BM_E_INTERNAL, "a message is too long");
    return bm_channel_send(peer->fd, bm_buf_view(&datagram));
}

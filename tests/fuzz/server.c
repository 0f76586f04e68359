/*
 * bm_server_http_new (server/server_http.h), bm_server_forwarded_find (server/server_forwarded.h) and all that stands behind it in a server's process: HTTP from a client, and the replies of keeper
 * and ledger, through bm_server_peer, bm_server_anchors and bm_server_exchange, to the reply on the wire.
 *
 * The first byte says what the client sends: 0 what the first piece holds (cut into writes of the size that the second byte says), 1 a good
 * getChallenge, 2 a good getCertificate, 3 a look at the health. Each further piece is the answer to a request that the server makes of keeper
 * or ledger: an even first byte means that head and type are those that it waits for and the rest is the body; an odd one, that the rest is the
 * datagram. When there are no pieces left, the answers are errors.
 */
#include "world.h"

#include "protocol/ticket.h"
#include "server/channel.h"
#include "server/message.h"
#include "server/server_anchors.h"
#include "server/server_http.h"
#include "server/server_limit.h"
#include "server/server_peer.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TURNS_MAX 200
#define WAITS_MAX 1000 /* of 10 ms */
#define REPLY_MAX 262144

/* A server, its client, and the other ends of its sockets. */
typedef struct {
    bm_server server;
    int keeper[2];
    int ledger[2];
    int client;
    int readable; /* an epoll that waits for the client: poll is not for a server */
    bm_bytes pieces;
    bm_buf reply;
} world;

/* What fuzz_prepare made for the next input. */
static world *prepared;

static void connect_client(world *w)
{
    struct epoll_event reading = {.events = EPOLLIN};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    /* A port of the kernel's choice, which is free again at once. */
    FUZZ_MUST(listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(listener, 4) == 0);
    FUZZ_MUST(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    FUZZ_OK(bm_server_http_new(&w->server, listener, &w->server.http));
    w->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_MUST(w->client >= 0 && connect(w->client, (struct sockaddr *)&address, size) == 0);
    FUZZ_MUST(setsockopt(w->client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
    w->readable = epoll_create1(EPOLL_CLOEXEC);
    FUZZ_MUST(w->readable >= 0 && epoll_ctl(w->readable, EPOLL_CTL_ADD, w->client, &reading) == 0);
}

/* As the configuration that init writes, but that the client is a proxy whose X-Forwarded-For is believed; no limits. */
static void configure(bm_server *server)
{
    static bm_server_limit *limit;

    if (limit == NULL)
        FUZZ_OK(bm_server_limit_new(&(bm_server_limits){.address_burst = 1, .total_burst = 1}, &limit));
    server->limit = limit;
    FUZZ_OK(bm_config_parse("fuzz.conf", bm_bytes_str(bm_config_default_text()), &server->config));
    server->config.profiles[0] = world_profile();
    FUZZ_OK(bm_address_parse_network(bm_bytes_str("127.0.0.1"), &server->config.trusted_proxies[0]));
    server->config.trusted_proxy_count = 1;
}

static void begin(world *w)
{
    BM_AUTO_BUF ca = BM_BUF_EMPTY;
    bm_server *server = &w->server;

    bm_log_init(&server->log, "server", 0);
    configure(server);
    world_put_ca(&ca);
    FUZZ_OK(bm_ca_parse(bm_buf_view(&ca), &server->ca));
    server->alg = BM_SIG_ECDSA_SHA256;
    FUZZ_OK(bm_buf_put(&server->chain[0], bm_buf_view(&ca)));
    server->chain_count = 1;
    FUZZ_OK(bm_ca_put_pem(&server->ca_pem, "CERTIFICATE", bm_buf_view(&ca)));
    server->base = event_base_new();
    FUZZ_MUST(server->base != NULL);
    FUZZ_OK(bm_channel_pair(w->keeper));
    FUZZ_OK(bm_channel_pair(w->ledger));
    FUZZ_OK(bm_server_peer_new(server->base, w->keeper[0], "keeper", &server->log, &server->keeper));
    FUZZ_OK(bm_server_peer_new(server->base, w->ledger[0], "ledger", &server->log, &server->ledger));
    FUZZ_OK(bm_server_anchors_new(server->ledger, &server->log, &server->anchors));
    connect_client(w);
}

static void end(world *w)
{
    bm_server *server = &w->server;

    (void)close(w->client);
    (void)close(w->readable);
    bm_server_http_free(server->http);
    bm_server_anchors_free(server->anchors);
    bm_server_peer_free(server->keeper);
    bm_server_peer_free(server->ledger);
    event_base_free(server->base);
    for (size_t i = 0; i < 2; i++) {
        (void)close(w->keeper[i]);
        (void)close(w->ledger[i]);
    }
    bm_buf_fini(&server->chain[0]);
    bm_buf_fini(&server->ca_pem);
    bm_ca_fini(&server->ca);
    bm_buf_fini(&w->reply);
}

/* The type of the reply that a request waits for; BM_MSG_ERROR when none is owed. */
static bm_msg_type reply_type(bm_msg_type request)
{
    static const bm_msg_type replies[BM_MSG_TYPE_COUNT] = {
        [BM_MSG_TICKET] = BM_MSG_TICKET_REPLY,   [BM_MSG_ISSUE] = BM_MSG_ISSUE_REPLY,   [BM_MSG_KEYS] = BM_MSG_KEYS_REPLY,
        [BM_MSG_LOOK_UP] = BM_MSG_LOOK_UP_REPLY, [BM_MSG_RECORD] = BM_MSG_RECORD_REPLY, [BM_MSG_ANCHORS] = BM_MSG_ANCHORS_REPLY,
        [BM_MSG_REVOKED] = BM_MSG_REVOKED_REPLY,
    };

    return replies[request] == 0 ? BM_MSG_ERROR : replies[request];
}

/* Answers one request, if there is one. What the server sends is always a message. */
static bool answer(world *w, int fd)
{
    BM_AUTO_BUF datagram = BM_BUF_EMPTY;
    BM_AUTO_BUF reply = BM_BUF_EMPTY;
    bm_message asked;
    bm_bytes piece;
    bool got;

    FUZZ_OK(bm_channel_receive(fd, &datagram, &got));
    if (!got)
        return false;
    FUZZ_OK(bm_message_open(bm_buf_view(&datagram), &asked));
    if (reply_type(asked.type) == BM_MSG_ERROR)
        return true;
    piece = fuzz_piece(&w->pieces);
    if (piece.size > 0 && piece.data[0] % 2 != 0) {
        bm_result_ignore(bm_channel_send(fd, bm_bytes_slice(piece, 1, piece.size - 1)));
    } else if (piece.size > 0) {
        FUZZ_OK(bm_message_begin(&reply, reply_type(asked.type), asked.id));
        FUZZ_OK(bm_buf_put(&reply, bm_bytes_slice(piece, 1, piece.size - 1)));
        bm_result_ignore(bm_channel_send(fd, bm_buf_view(&reply)));
    }
    /* An error behind it: so that every request is answered, in whatever way. */
    FUZZ_OK(bm_message_put_error(&reply, asked.id, bm_fail(BM_E_UNAVAILABLE, NULL)));
    bm_result_ignore(bm_channel_send(fd, bm_buf_view(&reply)));
    return true;
}

/* Turns everything until nothing moves any more. */
static void settle(world *w)
{
    unsigned idle = 0;

    for (unsigned turn = 0; turn < TURNS_MAX && idle < 3; turn++) {
        char buffer[4096];
        ssize_t size = recv(w->client, buffer, sizeof(buffer), MSG_DONTWAIT);

        if (size > 0 && w->reply.size < REPLY_MAX)
            FUZZ_OK(bm_buf_put(&w->reply, bm_bytes_of(buffer, (size_t)size)));
        FUZZ_MUST(event_base_loop(w->server.base, EVLOOP_NONBLOCK) >= 0);
        idle = answer(w, w->keeper[1]) + answer(w, w->ledger[1]) + (size > 0) > 0 ? 0 : idle + 1;
    }
}

/* A reply is owed: on a busy machine the way through the kernel may take its time. */
static void await_reply(world *w)
{
    struct epoll_event event;

    for (unsigned i = 0; i < WAITS_MAX && w->reply.size == 0; i++) {
        (void)epoll_wait(w->readable, &event, 1, 10);
        settle(w);
    }
    FUZZ_MUST(w->reply.size > 0);
}

static void send_bytes(world *w, bm_bytes bytes, size_t step)
{
    while (bytes.size > 0) {
        size_t size = bytes.size < step ? bytes.size : step;

        if (send(w->client, bytes.data, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            return;
        bytes = bm_bytes_slice(bytes, size, bytes.size - size);
        FUZZ_MUST(event_base_loop(w->server.base, EVLOOP_NONBLOCK) >= 0);
    }
}

/* A call as a device makes it; a ticket that the keeper may say is good: 32 times the letter T. */
static void send_call(world *w, bm_call call)
{
    static make_device device;
    bm_ticket_fields fields = {.key_id = WORLD_TICKET_KEY_ID, .expires = (int64_t)time(NULL) + 100};
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;

    if (device.ek == NULL)
        world_device(&device, "SN-1");
    bm_buf_clear(&device.request.challenge);
    bm_buf_clear(&device.request.ticket);
    if (call == BM_CALL_CERTIFICATE) {
        FUZZ_OK(bm_ticket_put_challenge(&device.request.challenge, &fields));
        FUZZ_OK(bm_buf_put_str(&device.request.ticket, "TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT"));
    }
    FUZZ_OK(bm_request_put(call, &device.request, &body));
    FUZZ_OK(bm_buf_putf(&bytes,
                        "POST /v1/%s HTTP/1.1\r\nHost: ca\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                        call == BM_CALL_CHALLENGE ? "getChallenge" : "getCertificate", body.size));
    FUZZ_OK(bm_buf_put(&bytes, bm_buf_view(&body)));
    send_bytes(w, bm_buf_view(&bytes), bytes.size);
}

void fuzz_prepare(void)
{
    static world made;

    begin(&made);
    prepared = &made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world fresh = {0};
    world *w = prepared != NULL ? prepared : &fresh;
    uint8_t what;
    uint8_t step;

    if (prepared == NULL)
        begin(w);
    prepared = NULL;
    w->pieces = bm_bytes_of(data, size);
    what = fuzz_choice(&w->pieces) % 4;
    if (what == 0) {
        step = fuzz_choice(&w->pieces);
        send_bytes(w, fuzz_piece(&w->pieces), step == 0 ? SIZE_MAX : step);
    } else if (what == 3) {
        send_bytes(w, bm_bytes_str("GET /healthz HTTP/1.1\r\nHost: ca\r\n\r\n"), SIZE_MAX);
    } else {
        send_call(w, what == 1 ? BM_CALL_CHALLENGE : BM_CALL_CERTIFICATE);
    }
    settle(w);
    if (what != 0)
        await_reply(w);
    (void)shutdown(w->client, SHUT_WR);
    settle(w);
    if (w->reply.size > 0)
        FUZZ_MUST(bm_bytes_equal(bm_bytes_slice(bm_buf_view(&w->reply), 0, 9), bm_bytes_str("HTTP/1.1 ")));
    end(w);
    return 0;
}

/* Calls while the set of anchors changes: a server in an event loop, whose ledger, keeper and client the test plays. */
#include "make_device.h"

#include "count_verify.h"
#include "server/channel.h"
#include "server/server_anchors.h"
#include "server/server_http.h"
#include "server/server_limit.h"
#include "x509/anchors.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURNS_MAX 6000 /* of 10 ms: what does not come by then does not come */

typedef struct {
    bm_server server;
    int ledger[2]; /* the server's end, the test's end */
    int keeper[2];
    int client;
    bm_buf datagram;
    make_vendor vendor;
    make_device device;
    unsigned loads; /* that the test asked for, and that are done */
} fixture;

static void add_profile(bm_config *config)
{
    bm_profile *profile = &config->profiles[config->profile_count++];

    *profile = (bm_profile){.name = "default", .trust = BM_TRUST_CERTIFICATE, .identity = BM_IDENTITY_CLAIM, .validity = 31536000, .ticket_lifetime = 300};
    profile->classes[BM_CLASS_DISCRETE] = true;
    profile->ik_keys[BM_KEY_ECC256] = true;
}

/* A listening socket on a port that is free, and where it is. */
static int listen_somewhere(struct sockaddr_in *where)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = sizeof(*where);

    *where = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)(void *)where, sizeof(*where)), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)where, &size), 0);
    return fd;
}

static void begin_server(fixture *f, int listener)
{
    bm_server *server = &f->server;

    server->base = event_base_new();
    assert_non_null(server->base);
    bm_log_init(&server->log, "test", -1);
    server->config.max_connections = 4;
    server->config.request_timeout = server->config.idle_timeout = 60;
    add_profile(&server->config);
    assert_ok(bm_channel_pair(f->ledger));
    assert_ok(bm_channel_pair(f->keeper));
    assert_ok(bm_server_peer_new(server->base, f->ledger[0], "ledger", &server->log, &server->ledger));
    assert_ok(bm_server_peer_new(server->base, f->keeper[0], "keeper", &server->log, &server->keeper));
    assert_ok(bm_server_anchors_new(server->ledger, &server->log, &server->anchors));
    assert_ok(bm_server_limit_new(&(bm_server_limits){.address_burst = 1, .total_burst = 1}, &server->limit));
    assert_ok(bm_server_http_new(server, listener, &server->http));
}

static int begin(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    struct sockaddr_in where;

    assert_non_null(f);
    begin_server(f, listen_somewhere(&where));
    f->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(f->client, (struct sockaddr *)(void *)&where, sizeof(where)), 0);
    f->vendor.key = make_key(BM_KEY_ECC256);
    f->vendor.certificate = make_x509(&(make_options){.key = f->vendor.key, .name = "Vendor", .options = make_ca_extensions});
    make_device_init(&f->device, &f->vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    bm_server *server = &f->server;

    bm_server_http_free(server->http);
    bm_server_limit_free(server->limit);
    bm_server_anchors_free(server->anchors);
    bm_server_peer_free(server->keeper);
    bm_server_peer_free(server->ledger);
    event_base_free(server->base);
    make_device_fini(&f->device);
    X509_free(f->vendor.certificate);
    EVP_PKEY_free(f->vendor.key);
    bm_buf_fini(&f->datagram);
    for (size_t i = 0; i < 2; i++) {
        (void)close(f->ledger[i]);
        (void)close(f->keeper[i]);
    }
    (void)close(f->client);
    free(f);
    return 0;
}

/* Turns the loop until there is something to read. */
static void turn_until_readable(fixture *f, int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    for (int i = 0; i < TURNS_MAX && poll(&wait, 1, i == 0 ? 0 : 10) == 0; i++)
        assert_true(event_base_loop(f->server.base, EVLOOP_NONBLOCK) >= 0);
    assert_true(wait.revents != 0);
}

/* What the server asks next of the ledger or the keeper, which must be this. */
static bm_message asked(fixture *f, int fd, bm_msg_type type)
{
    bm_message message = {0};
    bool got = false;

    turn_until_readable(f, fd);
    assert_ok(bm_channel_receive(fd, &f->datagram, &got));
    assert_true(got);
    assert_ok(bm_message_open(bm_buf_view(&f->datagram), &message));
    assert_int_equal(message.type, type);
    return message;
}

static void say(int fd, const bm_buf *out)
{
    assert_ok(bm_channel_send(fd, bm_buf_view(out)));
}

/* Answers a request for an anchor: the vendor's is the one that there is, or there is none. */
static void say_anchor(fixture *f, uint64_t id, uint64_t epoch, uint32_t index, bool is_there)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_message_anchor anchor = {.epoch = epoch, .total = is_there, .index = index, .class = BM_CLASS_DISCRETE};

    if (index < anchor.total)
        make_der(f->vendor.certificate, &der);
    anchor.der = bm_buf_view(&der);
    assert_ok(bm_message_begin(&out, BM_MSG_ANCHORS_REPLY, id));
    assert_ok(bm_message_put_anchor(&out, &anchor));
    say(f->ledger[1], &out);
}

static void on_loaded(void *context, bm_result result)
{
    fixture *f = context;

    assert_ok(result);
    f->loads++;
}

/* Has the server load its anchors, as another call would have it do. */
static void load(fixture *f, uint64_t epoch, bool is_there)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;
    bm_message message;
    unsigned before = f->loads;

    assert_ok(bm_server_anchors_load(f->server.anchors, on_loaded, f));
    message = asked(f, f->ledger[1], BM_MSG_ANCHORS);
    say_anchor(f, message.id, epoch, 0, is_there);
    message = asked(f, f->ledger[1], BM_MSG_REVOKED);
    assert_ok(bm_message_begin(&out, BM_MSG_REVOKED_REPLY, message.id));
    assert_ok(bm_message_put_revoked(&out, &(bm_message_revoked){.epoch = epoch}));
    say(f->ledger[1], &out);
    for (int i = 0; i < TURNS_MAX && f->loads == before; i++)
        assert_true(event_base_loop(f->server.base, EVLOOP_ONCE) >= 0);
    assert_int_equal(f->loads, before + 1);
}

static void call(fixture *f)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    BM_AUTO_BUF request = BM_BUF_EMPTY;

    assert_ok(bm_request_put(BM_CALL_CHALLENGE, &f->device.request, &body));
    assert_ok(bm_buf_putf(&request, "POST /v1/getChallenge HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                          body.size));
    assert_ok(bm_buf_put(&request, bm_buf_view(&body)));
    assert_int_equal(send(f->client, request.data, request.size, 0), request.size);
}

/* Says that the EK is nobody's, in this epoch. */
static void say_nobody(fixture *f, uint64_t id, uint64_t epoch)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;

    assert_ok(bm_message_begin(&out, BM_MSG_LOOK_UP_REPLY, id));
    assert_ok(bm_message_put_found(&out, &(bm_store_lookup){.anchors_epoch = epoch}, bm_bytes_of(NULL, 0)));
    say(f->ledger[1], &out);
}

/* The client gets an answer of this status. */
static void answered(fixture *f, const char *status)
{
    char answer[13] = "";

    turn_until_readable(f, f->client);
    assert_int_equal(recv(f->client, answer, sizeof(answer) - 1, 0), sizeof(answer) - 1);
    assert_string_equal(answer, status);
}

static void a_call_goes_on_when_another_one_had_the_anchors_loaded(void **state)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;
    fixture *f = *state;
    bm_message question;

    call(f);
    question = asked(f, f->ledger[1], BM_MSG_ANCHORS); /* nothing is loaded: which epoch is it? */
    load(f, 1, true);
    say_anchor(f, question.id, 1, UINT32_MAX, true);
    question = asked(f, f->ledger[1], BM_MSG_LOOK_UP);
    say_nobody(f, question.id, 1);
    question = asked(f, f->keeper[1], BM_MSG_TICKET);
    assert_ok(bm_message_put_error(&out, question.id, bm_fail(BM_E_UNAVAILABLE, NULL)));
    say(f->keeper[1], &out);
    answered(f, "HTTP/1.1 503");
}

static void what_was_judged_by_anchors_that_are_gone_is_judged_again(void **state)
{
    fixture *f = *state;
    bm_message question;

    load(f, 1, true);
    call(f);
    question = asked(f, f->ledger[1], BM_MSG_LOOK_UP);
    load(f, 2, false);
    say_nobody(f, question.id, 2);
    answered(f, "HTTP/1.1 403");
}

/* The anchor has the name of the EK certificate's issuer, so that each judgement verifies a signature: in vain. */
static void with_the_same_anchors_a_refusal_costs_one_judgement(void **state)
{
    static const char *const no_ids[] = {"basicConstraints", "critical,CA:TRUE", NULL};
    fixture *f = *state;
    EVP_PKEY *key = make_key(BM_KEY_ECC256);
    bm_message question;

    X509_free(f->vendor.certificate);
    f->vendor.certificate = make_x509(&(make_options){.key = key, .name = "Vendor", .options = no_ids});
    EVP_PKEY_free(key);
    load(f, 1, true);
    (void)count_verify();
    call(f);
    question = asked(f, f->ledger[1], BM_MSG_ANCHORS);
    assert_int_equal(count_verify(), 2); /* the CSR's, and the EK certificate's */
    say_anchor(f, question.id, 1, UINT32_MAX, true);
    answered(f, "HTTP/1.1 403");
    assert_int_equal(count_verify(), 0);
}

/* Before OpenSSL is asked for anything. */
static int begin_group(void **state)
{
    (void)state;
    count_verify_begin();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_call_goes_on_when_another_one_had_the_anchors_loaded, begin, end),
        cmocka_unit_test_setup_teardown(what_was_judged_by_anchors_that_are_gone_is_judged_again, begin, end),
        cmocka_unit_test_setup_teardown(with_the_same_anchors_a_refusal_costs_one_judgement, begin, end),
    };

    return cmocka_run_group_tests(tests, begin_group, NULL);
}

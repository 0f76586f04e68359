#include "unit.h"

#include "server/channel.h"
#include "server/server_peer.h"

#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

/* A peer in an event loop, and the other end of its socket, which the test plays. */
typedef struct {
    struct event_base *base;
    bm_log log;
    bm_server_peer *peer;
    int own;
    int other;
    bm_buf datagram;
} fixture;

/* How a request ended. */
typedef struct {
    unsigned times;
    bm_code code;
    uint32_t number; /* of a reply */
} outcome;

static int begin(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    int ends[2];

    assert_non_null(f);
    assert_ok(bm_channel_pair(ends));
    f->own = ends[0];
    f->other = ends[1];
    f->base = event_base_new();
    assert_non_null(f->base);
    bm_log_init(&f->log, "test", -1);
    assert_ok(bm_server_peer_new(f->base, f->own, "keeper", &f->log, &f->peer));
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;

    bm_server_peer_free(f->peer);
    event_base_free(f->base);
    bm_buf_fini(&f->datagram);
    (void)close(f->own);
    (void)close(f->other);
    free(f);
    return 0;
}

static void on_done(void *context, bm_result result, bm_message *reply)
{
    outcome *how = context;

    how->times++;
    how->code = result.code;
    if (reply != NULL)
        assert_ok(bm_cursor_u32(&reply->body, &how->number));
}

static void ask(fixture *f, unsigned tries, outcome *how)
{
    assert_ok(bm_server_peer_ask(f->peer, &(bm_server_peer_request){.type = BM_MSG_KEYS,
                                                                    .reply = BM_MSG_KEYS_REPLY,
                                                                    .body = bm_bytes_str("body"),
                                                                    .tries = tries,
                                                                    .done = on_done,
                                                                    .context = how}));
}

/* The next request, as the other side sees it. */
static uint64_t take_request(fixture *f)
{
    bm_message message = {0};
    bool got = false;

    assert_ok(bm_channel_receive(f->other, &f->datagram, &got));
    assert_true(got);
    assert_ok(bm_message_open(bm_buf_view(&f->datagram), &message));
    assert_int_equal(message.type, BM_MSG_KEYS);
    assert_bytes(message.body.rest, bm_bytes_str("body"));
    return message.id;
}

static void reply_with(fixture *f, bm_msg_type type, uint64_t id, uint32_t number)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;

    assert_ok(bm_message_begin(&out, type, id));
    assert_ok(bm_buf_put_u32(&out, number));
    assert_ok(bm_channel_send(f->other, bm_buf_view(&out)));
}

/* Everything that is there to be done now. */
static void turn(fixture *f)
{
    assert_true(event_base_loop(f->base, EVLOOP_NONBLOCK) >= 0);
}

/* Turns the loop until the request has ended. */
static void wait_for(fixture *f, const outcome *how)
{
    while (how->times == 0)
        assert_true(event_base_loop(f->base, EVLOOP_ONCE) == 0);
}

static void a_reply_ends_its_request_and_no_other(void **state)
{
    fixture *f = *state;
    outcome one = {0}, two = {0};
    uint64_t first, second;

    ask(f, 4, &one);
    ask(f, 4, &two);
    first = take_request(f);
    second = take_request(f);
    assert_true(first != second);
    reply_with(f, BM_MSG_KEYS_REPLY, second, 22);
    turn(f);
    assert_int_equal(one.times, 0);
    assert_int_equal(two.times, 1);
    assert_int_equal(two.code, BM_OK);
    assert_int_equal(two.number, 22);
    reply_with(f, BM_MSG_KEYS_REPLY, first, 11);
    turn(f);
    assert_int_equal(one.times, 1);
    assert_int_equal(one.number, 11);
}

static void a_second_and_a_foreign_answer_are_dropped(void **state)
{
    fixture *f = *state;
    outcome how = {0};
    uint64_t id;

    ask(f, 4, &how);
    id = take_request(f);
    reply_with(f, BM_MSG_KEYS_REPLY, id - 1, 1);
    reply_with(f, BM_MSG_KEYS_REPLY, id + 1, 2);
    assert_ok(bm_channel_send(f->other, bm_bytes_str("nonsense")));
    turn(f);
    assert_int_equal(how.times, 0);
    reply_with(f, BM_MSG_KEYS_REPLY, id, 3);
    reply_with(f, BM_MSG_KEYS_REPLY, id, 4);
    turn(f);
    assert_int_equal(how.times, 1);
    assert_int_equal(how.number, 3);
}

static void ids_begin_where_nobody_knows(void **state)
{
    fixture *f = *state;
    outcome how[2] = {{0}, {0}};
    bm_server_peer *another = NULL;
    uint64_t ids[2];

    ask(f, 4, &how[0]);
    ids[0] = take_request(f);
    bm_server_peer_free(f->peer);
    assert_ok(bm_server_peer_new(f->base, f->own, "keeper", &f->log, &another));
    f->peer = another;
    ask(f, 4, &how[1]);
    ids[1] = take_request(f);
    assert_true((ids[0] > ids[1] ? ids[0] - ids[1] : ids[1] - ids[0]) > 1000);
    /* The answer to the one before is none to the one after. */
    reply_with(f, BM_MSG_KEYS_REPLY, ids[0], 1);
    turn(f);
    assert_int_equal(how[0].times + how[1].times, 0);
}

static void an_error_and_a_reply_of_another_type_are_failures(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF error = BM_BUF_EMPTY;
    outcome one = {0}, two = {0}, three = {0};

    ask(f, 4, &one);
    assert_ok(bm_message_put_error(&error, take_request(f), bm_fail(BM_E_KEY_REFUSED, "no")));
    assert_ok(bm_channel_send(f->other, bm_buf_view(&error)));
    ask(f, 4, &two);
    reply_with(f, BM_MSG_TICKET_REPLY, take_request(f), 5);
    ask(f, 4, &three);
    reply_with(f, BM_MSG_ERROR, take_request(f), BM_CODE_COUNT);
    turn(f);
    assert_int_equal(one.code, BM_E_KEY_REFUSED);
    assert_int_equal(two.code, BM_E_INTERNAL);
    assert_int_equal(three.code, BM_E_INTERNAL);
    assert_int_equal(one.times + two.times + three.times, 3);
}

static void an_unanswered_request_is_repeated_with_its_id(void **state)
{
    fixture *f = *state;
    outcome how = {0};
    uint64_t id;
    bool got = false;

    ask(f, 4, &how);
    id = take_request(f);
    while (!got) {
        bm_message message = {0};

        assert_true(event_base_loop(f->base, EVLOOP_ONCE) == 0);
        assert_ok(bm_channel_receive(f->other, &f->datagram, &got));
        if (got) {
            assert_ok(bm_message_open(bm_buf_view(&f->datagram), &message));
            assert_int_equal(message.id, id);
        }
    }
    assert_int_equal(how.times, 0);
    reply_with(f, BM_MSG_KEYS_REPLY, id, 6);
    wait_for(f, &how);
    assert_int_equal(how.code, BM_OK);
}

static void a_request_that_nobody_answers_becomes_unavailable(void **state)
{
    fixture *f = *state;
    outcome how = {0};

    ask(f, 1, &how);
    wait_for(f, &how);
    assert_int_equal(how.code, BM_E_UNAVAILABLE);
    assert_int_equal(how.times, 1);
}

static void a_full_socket_delays_and_does_not_fail(void **state)
{
    fixture *f = *state;
    outcome how = {0};
    bool got = true;

    while (bm_server_peer_tell(f->peer, BM_MSG_REFUSAL, bm_bytes_str("filling the socket")).code == BM_OK)
        continue;
    ask(f, 4, &how);
    turn(f);
    assert_int_equal(how.times, 0);
    while (got)
        assert_ok(bm_channel_receive(f->other, &f->datagram, &got));
    /* Now there is room: the loop sends it. */
    while (!got) {
        assert_true(event_base_loop(f->base, EVLOOP_ONCE) == 0);
        assert_ok(bm_channel_receive(f->other, &f->datagram, &got));
    }
    assert_int_equal(how.times, 0);
}

static void pending_requests_are_bounded(void **state)
{
    fixture *f = *state;
    static outcome how;
    bm_server_peer_request request = {.type = BM_MSG_KEYS, .reply = BM_MSG_KEYS_REPLY, .tries = 4, .done = on_done, .context = &how};

    for (int i = 0; i < BM_SERVER_PEER_PENDING_MAX; i++)
        assert_ok(bm_server_peer_ask(f->peer, &request));
    assert_code(bm_server_peer_ask(f->peer, &request), BM_E_OVERLOADED);
}

#define PEER_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PEER_TEST(a_reply_ends_its_request_and_no_other),
        PEER_TEST(a_second_and_a_foreign_answer_are_dropped),
        PEER_TEST(ids_begin_where_nobody_knows),
        PEER_TEST(an_error_and_a_reply_of_another_type_are_failures),
        PEER_TEST(an_unanswered_request_is_repeated_with_its_id),
        PEER_TEST(a_request_that_nobody_answers_becomes_unavailable),
        PEER_TEST(a_full_socket_delays_and_does_not_fail),
        PEER_TEST(pending_requests_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

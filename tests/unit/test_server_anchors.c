#include "unit.h"

#include "server/channel.h"
#include "server/server_anchors.h"

#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT (2 * BM_MESSAGE_REVOKED_MAX + 7)

/* The anchors of a server in an event loop; the test plays the ledger, which has no anchors, and COUNT revoked certificates. */
typedef struct {
    struct event_base *base;
    bm_log log;
    bm_server_peer *peer;
    bm_server_anchors *anchors;
    int own;
    int other;
    bm_buf datagram;
    bm_buf ids;
    uint64_t epoch; /* of the ledger */
} fixture;

/* How a load ended. */
typedef struct {
    unsigned times;
    bm_code code;
} outcome;

static int begin(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    int ends[2];

    assert_non_null(f);
    assert_ok(bm_channel_pair(ends));
    f->own = ends[0];
    f->other = ends[1];
    f->epoch = 1;
    f->base = event_base_new();
    assert_non_null(f->base);
    bm_log_init(&f->log, "test", -1);
    assert_ok(bm_server_peer_new(f->base, f->own, "ledger", &f->log, &f->peer));
    assert_ok(bm_server_anchors_new(f->peer, &f->log, &f->anchors));
    for (uint32_t i = 0; i < COUNT; i++) {
        static const uint8_t rest[BM_REVOKED_ID_SIZE - sizeof(uint32_t)] = {0};

        assert_ok(bm_buf_put_u32(&f->ids, i));
        assert_ok(bm_buf_put(&f->ids, BM_BYTES_ARRAY(rest)));
    }
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;

    bm_server_anchors_free(f->anchors);
    bm_server_peer_free(f->peer);
    event_base_free(f->base);
    bm_buf_fini(&f->datagram);
    bm_buf_fini(&f->ids);
    (void)close(f->own);
    (void)close(f->other);
    free(f);
    return 0;
}

static void on_done(void *context, bm_result result)
{
    outcome *how = context;

    how->times++;
    how->code = result.code;
}

static void load(fixture *f, outcome *how)
{
    assert_ok(bm_server_anchors_load(f->anchors, on_done, how));
}

/* The next request, as the ledger sees it. */
static bm_message request_of(fixture *f, bm_msg_type type, uint32_t *index)
{
    bm_message message = {0};
    bool got = false;

    assert_ok(bm_channel_receive(f->other, &f->datagram, &got));
    assert_true(got);
    assert_ok(bm_message_open(bm_buf_view(&f->datagram), &message));
    assert_int_equal(message.type, type);
    assert_ok(bm_cursor_u32(&message.body, index));
    assert_ok(bm_cursor_end(&message.body));
    return message;
}

static void send_and_turn(fixture *f, const bm_buf *out)
{
    assert_ok(bm_channel_send(f->other, bm_buf_view(out)));
    assert_true(event_base_loop(f->base, EVLOOP_NONBLOCK) >= 0);
}

/* Answers with bytes that are no anchor, as if there were `total` of them, at this index. */
static void say_anchor(fixture *f, uint32_t index, uint32_t total)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;
    bm_message_anchor anchor = {.epoch = f->epoch, .total = total, .index = index, .der = bm_bytes_str("no anchor")};
    uint32_t asked;
    bm_message message = request_of(f, BM_MSG_ANCHORS, &asked);

    assert_ok(bm_message_begin(&out, BM_MSG_ANCHORS_REPLY, message.id));
    assert_ok(bm_message_put_anchor(&out, &anchor));
    send_and_turn(f, &out);
}

/* Answers that there are no anchors. */
static void say_no_anchors(fixture *f)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;
    bm_message_anchor none = {.epoch = f->epoch};
    bm_message message = request_of(f, BM_MSG_ANCHORS, &none.index);

    assert_int_equal(none.index, 0);
    assert_ok(bm_message_begin(&out, BM_MSG_ANCHORS_REPLY, message.id));
    assert_ok(bm_message_put_anchor(&out, &none));
    send_and_turn(f, &out);
}

/* Answers with a piece of the revoked certificates, from `shift` behind the one that was asked for. */
static void say_piece(fixture *f, uint32_t shift)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;
    bm_message_revoked piece = {.epoch = f->epoch, .total = COUNT};
    bm_message message = request_of(f, BM_MSG_REVOKED, &piece.index);
    size_t left;

    piece.index += shift;
    left = COUNT - piece.index;
    piece.ids = bm_bytes_slice(bm_buf_view(&f->ids), (size_t)piece.index * BM_REVOKED_ID_SIZE,
                               (left < BM_MESSAGE_REVOKED_MAX ? left : BM_MESSAGE_REVOKED_MAX) * BM_REVOKED_ID_SIZE);
    assert_ok(bm_message_begin(&out, BM_MSG_REVOKED_REPLY, message.id));
    assert_ok(bm_message_put_revoked(&out, &piece));
    send_and_turn(f, &out);
}

static void say_all(fixture *f)
{
    say_no_anchors(f);
    for (int i = 0; i < 3; i++)
        say_piece(f, 0);
}

static void all_pieces_make_the_set_of_an_epoch(void **state)
{
    fixture *f = *state;
    outcome one = {0};
    outcome two = {0};

    assert_false(bm_server_anchors_current(f->anchors, 1));
    load(f, &one);
    say_no_anchors(f);
    load(f, &two);
    say_piece(f, 0);
    say_piece(f, 0);
    assert_int_equal(one.times + two.times, 0);
    assert_false(bm_server_anchors_current(f->anchors, 1));
    say_piece(f, 0);
    assert_int_equal(one.times, 1);
    assert_int_equal(two.times, 1);
    assert_int_equal(one.code, BM_OK);
    assert_true(bm_server_anchors_current(f->anchors, 1));
    assert_int_equal(bm_anchors_revoked_count(bm_server_anchors_set(f->anchors)), COUNT);
}

static void a_change_between_the_pieces_begins_anew(void **state)
{
    fixture *f = *state;
    outcome how = {0};

    load(f, &how);
    say_no_anchors(f);
    say_piece(f, 0);
    f->epoch = 2;
    say_piece(f, 0);
    assert_int_equal(how.times, 0);
    say_all(f);
    assert_int_equal(how.times, 1);
    assert_int_equal(how.code, BM_OK);
    assert_true(bm_server_anchors_current(f->anchors, 2));
    assert_int_equal(bm_anchors_revoked_count(bm_server_anchors_set(f->anchors)), COUNT);
}

/* After a load that failed the set is the one before, and the next load may be good. */
static void failed_and_the_old_set_stands(fixture *f, outcome *how, bm_code code)
{
    outcome again = {0};

    assert_int_equal(how->times, 1);
    assert_int_equal(how->code, code);
    assert_true(bm_server_anchors_current(f->anchors, 1));
    assert_int_equal(bm_anchors_revoked_count(bm_server_anchors_set(f->anchors)), COUNT);
    load(f, &again);
    say_all(f);
    assert_int_equal(again.code, BM_OK);
}

static void what_was_not_asked_for_or_is_in_no_order_is_not_taken(void **state)
{
    fixture *f = *state;
    outcome first = {0};
    outcome skipped = {0};
    outcome unordered = {0};

    load(f, &first);
    say_all(f);
    load(f, &skipped);
    say_no_anchors(f);
    say_piece(f, 0);
    say_piece(f, 1);
    failed_and_the_old_set_stands(f, &skipped, BM_E_MALFORMED);
    load(f, &unordered);
    f->ids.data[0] = 0xFF;
    say_all(f);
    f->ids.data[0] = 0;
    failed_and_the_old_set_stands(f, &unordered, BM_E_MALFORMED);
}

static void anchors_without_end_are_not_loaded(void **state)
{
    fixture *f = *state;
    outcome again = {0};
    outcome many = {0};

    load(f, &again);
    say_anchor(f, 0, 2);
    assert_int_equal(again.times, 0);
    say_anchor(f, 0, 2);
    assert_int_equal(again.code, BM_E_MALFORMED);
    load(f, &many);
    say_anchor(f, 0, UINT32_MAX);
    assert_int_equal(many.code, BM_E_MALFORMED);
    assert_false(bm_server_anchors_current(f->anchors, 1));
}

static void anchors_that_never_hold_still_are_given_up(void **state)
{
    fixture *f = *state;
    outcome how = {0};

    load(f, &how);
    while (how.times == 0) {
        say_no_anchors(f);
        f->epoch++;
        say_piece(f, 0);
        assert_true(f->epoch < 100);
    }
    assert_int_equal(how.code, BM_E_UNAVAILABLE);
    assert_false(bm_server_anchors_current(f->anchors, f->epoch));
}

#define ANCHORS_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ANCHORS_TEST(all_pieces_make_the_set_of_an_epoch),
        ANCHORS_TEST(a_change_between_the_pieces_begins_anew),
        ANCHORS_TEST(what_was_not_asked_for_or_is_in_no_order_is_not_taken),
        ANCHORS_TEST(anchors_without_end_are_not_loaded),
        ANCHORS_TEST(anchors_that_never_hold_still_are_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

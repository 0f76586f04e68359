/* What the tests of the ledger share: a ledger over a database of its own, and the messages to and from it. */
#ifndef BM_TESTS_UNIT_LEDGER_H
#define BM_TESTS_UNIT_LEDGER_H

#include "unit_store.h"

#include "server/channel.h"
#include "server/ledger_requests.h"
#include "server/message.h"

#define SERVERS 3

/* A ledger over a database of its own, and the servers' ends of its sockets. */
typedef struct {
    fixture *base;
    bm_log log;
    bm_ledger *ledger;
    int server[SERVERS];
    int own[SERVERS];
    bm_buf datagram;
} ledger_fixture;

/* Set-up and tear-down of each test. */
static inline int begin(void **state)
{
    ledger_fixture *f = calloc(1, sizeof(*f));
    void *base = NULL;

    assert_non_null(f);
    (void)fixture_begin(&base);
    f->base = base;
    bm_log_init(&f->log, "ledger", -1);
    for (int i = 0; i < SERVERS; i++) {
        int ends[2];

        assert_ok(bm_channel_pair(ends));
        f->server[i] = ends[0];
        f->own[i] = ends[1];
    }
    assert_ok(bm_ledger_requests_new(f->base->store, f->own, SERVERS, &f->log, &f->ledger));
    *state = f;
    return 0;
}

static inline int end(void **state)
{
    ledger_fixture *f = *state;
    void *base = f->base;

    bm_ledger_requests_free(f->ledger);
    f->base->store = NULL;
    for (int i = 0; i < SERVERS; i++) {
        (void)close(f->server[i]);
        (void)close(f->own[i]);
    }
    bm_buf_fini(&f->datagram);
    (void)fixture_end(&base);
    free(f);
    return 0;
}

/* Messages from a server to the ledger. */
static inline void send_record(ledger_fixture *f, int server, uint64_t id, const bm_store_certificate *record_of)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;

    assert_ok(bm_message_begin(&out, BM_MSG_RECORD, id));
    assert_ok(bm_message_put_certificate(&out, record_of));
    assert_ok(bm_channel_send(f->server[server], bm_buf_view(&out)));
}

static inline void send_look_up(ledger_fixture *f, int server, uint64_t id, uint8_t ek_byte, const char *identity, const uint8_t *request_id)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;
    bm_message_look_up asked = {0};

    memcpy(asked.ek_sha256, ek(ek_byte), BM_SHA256_SIZE);
    (void)snprintf(asked.identity, sizeof(asked.identity), "%s", identity);
    if (request_id != NULL)
        memcpy(asked.request_id, request_id, BM_SHA256_SIZE);
    assert_ok(bm_message_begin(&out, BM_MSG_LOOK_UP, id));
    assert_ok(bm_message_put_look_up(&out, &asked));
    assert_ok(bm_channel_send(f->server[server], bm_buf_view(&out)));
}

/* A refusal, with its evidence. */
static inline void send_refusal_with(ledger_fixture *f, int server, bm_code code, bm_bytes evidence)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;
    const bm_message_refusal refusal = {code, bm_bytes_str("00112233"), evidence};

    assert_ok(bm_message_begin(&out, BM_MSG_REFUSAL, 1));
    assert_ok(bm_message_put_refusal(&out, &refusal));
    assert_ok(bm_channel_send(f->server[server], bm_buf_view(&out)));
}

/* A refusal with some evidence. */
static inline void send_refusal(ledger_fixture *f, int server, bm_code code)
{
    send_refusal_with(f, server, code, bm_bytes_str("evidence"));
}

/* Asks for an anchor. */
static inline void send_anchors(ledger_fixture *f, uint32_t index)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;

    assert_ok(bm_message_begin(&out, BM_MSG_ANCHORS, index));
    assert_ok(bm_buf_put_u32(&out, index));
    assert_ok(bm_channel_send(f->server[0], bm_buf_view(&out)));
}

/* One round of the ledger. */
static inline void round_of(ledger_fixture *f)
{
    assert_ok(bm_ledger_requests_round(f->ledger, NOW));
}

/* The next answer to a server; it lives until the next call. */
static inline bm_message answer_to(ledger_fixture *f, int server)
{
    bm_message message = {0};
    bool got = false;

    assert_ok(bm_channel_receive(f->server[server], &f->datagram, &got));
    assert_true(got);
    assert_ok(bm_message_open(bm_buf_view(&f->datagram), &message));
    return message;
}

/* Nothing waits for that server. */
static inline void no_answer_to(ledger_fixture *f, int server)
{
    bool got = true;

    assert_ok(bm_channel_receive(f->server[server], &f->datagram, &got));
    assert_false(got);
}

/* The next answer to a server is this certificate. */
static inline void recorded(ledger_fixture *f, int server, uint64_t id, bm_bytes der)
{
    bm_message message = answer_to(f, server);
    bm_bytes got;

    assert_int_equal(message.type, BM_MSG_RECORD_REPLY);
    assert_int_equal(message.id, id);
    assert_ok(bm_cursor_sized32(&message.body, BM_MESSAGE_MAX, &got));
    assert_bytes(got, der);
}

/* The next answer to a server is this error. */
static inline void failed(ledger_fixture *f, int server, uint64_t id, bm_code code)
{
    bm_message message = answer_to(f, server);
    bm_result error;

    assert_int_equal(message.type, BM_MSG_ERROR);
    assert_int_equal(message.id, id);
    assert_ok(bm_message_take_error(&message, &error));
    assert_int_equal(error.code, code);
}

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif

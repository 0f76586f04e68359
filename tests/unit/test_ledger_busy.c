/* The ledger while another process has the database for itself. */
#include "unit_ledger.h"

/* Another process that writes, until it is closed: somebody's sqlite3 shell. */
static sqlite3 *writer(const ledger_fixture *f)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(f->base->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void while_another_process_writes_reads_are_answered_and_writes_wait(void **state)
{
    ledger_fixture *f = *state;
    bm_store_certificate made = certificate(1, 1, "SN-1");
    sqlite3 *other = writer(f);

    for (unsigned i = 0; i < 3; i++) {
        send_record(f, 0, 1, &made); /* the server repeats it */
        send_look_up(f, 1, 10 + i, 1, "SN-1", NULL);
        round_of(f);
        assert_int_equal(answer_to(f, 1).type, BM_MSG_LOOK_UP_REPLY);
        no_answer_to(f, 0);
        assert_true(bm_ledger_requests_waiting(f->ledger));
    }
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    round_of(f);
    recorded(f, 0, 1, made.der);
    no_answer_to(f, 0);
    assert_false(bm_ledger_requests_waiting(f->ledger));
}

static void writes_that_waited_too_long_are_told_to_come_again(void **state)
{
    ledger_fixture *f = *state;
    bm_store_certificate made = certificate(1, 1, "SN-1");
    sqlite3 *other = writer(f);

    send_record(f, 0, 1, &made);
    for (unsigned i = 0; i < BM_LEDGER_ATTEMPTS; i++)
        round_of(f);
    failed(f, 0, 1, BM_E_STORE_BUSY);
    assert_false(bm_ledger_requests_waiting(f->ledger));
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    send_record(f, 0, 2, &made);
    round_of(f);
    recorded(f, 0, 2, made.der);
    assert_int_equal(certificates(f->base->store), 1);
}

static void more_writes_than_may_wait_are_turned_away_at_once(void **state)
{
    enum { EXTRA = 4 };
    ledger_fixture *f = *state;
    sqlite3 *other = writer(f);
    unsigned answered = 0;

    for (unsigned i = 0; i < BM_LEDGER_BATCH_MAX + EXTRA; i++) {
        bm_store_certificate made = certificate(i, 1, "SN-1");

        send_record(f, 0, i, &made);
        if (i % 32 == 31 || i >= BM_LEDGER_BATCH_MAX)
            round_of(f);
    }
    for (unsigned i = 0; i < EXTRA; i++)
        failed(f, 0, BM_LEDGER_BATCH_MAX + i, BM_E_STORE_BUSY);
    send_refusal(f, 1, BM_E_EK_MISMATCH);
    send_look_up(f, 1, 1, 1, "SN-1", NULL);
    round_of(f);
    assert_int_equal(answer_to(f, 1).type, BM_MSG_LOOK_UP_REPLY);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    round_of(f);
    for (bool got = true; got; answered += got)
        assert_ok(bm_channel_receive(f->server[0], &f->datagram, &got));
    assert_in_range(answered, 1, BM_LEDGER_BATCH_MAX); /* a server that does not read loses some */
    assert_int_equal(certificates(f->base->store), BM_LEDGER_BATCH_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(while_another_process_writes_reads_are_answered_and_writes_wait),
        LEDGER_TEST(writes_that_waited_too_long_are_told_to_come_again),
        LEDGER_TEST(more_writes_than_may_wait_are_turned_away_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

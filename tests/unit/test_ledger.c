#include "unit_ledger.h"

static void a_batch_is_recorded_and_each_gets_its_answer(void **state)
{
    ledger_fixture *f = *state;
    bm_store_certificate made[SERVERS];

    for (int i = 0; i < SERVERS; i++) {
        char identity[8];

        (void)snprintf(identity, sizeof(identity), "SN-%d", i);
        made[i] = certificate((unsigned)i + 1, (uint8_t)(i + 1), identity);
        send_record(f, i, 100 + (unsigned)i, &made[i]);
    }
    round_of(f);
    for (int i = 0; i < SERVERS; i++)
        recorded(f, i, 100 + (unsigned)i, made[i].der);
    assert_int_equal(certificates(f->base->store), SERVERS);
    assert_int_equal(verified(f->base->store), SERVERS);
}

static void one_that_fails_does_not_undo_the_others(void **state)
{
    ledger_fixture *f = *state;
    bm_store_certificate first = certificate(1, 1, "SN-1");
    bm_store_certificate bad = certificate(2, 2, "SN-1");
    bm_store_certificate last = certificate(3, 3, "SN-3");

    send_record(f, 0, 1, &first);
    send_record(f, 0, 2, &bad);
    send_record(f, 0, 3, &last);
    round_of(f);
    recorded(f, 0, 1, first.der);
    failed(f, 0, 2, BM_E_IDENTITY_TAKEN);
    recorded(f, 0, 3, last.der);
    assert_int_equal(certificates(f->base->store), 2);
    assert_int_equal(devices(f->base->store), 2);
    assert_int_equal(verified(f->base->store), 2);
}

static void of_two_servers_that_claim_an_identity_in_one_batch_exactly_one_wins(void **state)
{
    ledger_fixture *f = *state;
    bm_store_certificate one = certificate(1, 1, "SN-1");
    bm_store_certificate other = certificate(2, 2, "SN-1");
    unsigned won = 0, lost = 0;

    send_record(f, 0, 1, &one);
    send_record(f, 1, 2, &other);
    round_of(f);
    for (int i = 0; i < 2; i++) {
        bm_message message = answer_to(f, i);

        won += message.type == BM_MSG_RECORD_REPLY;
        lost += message.type == BM_MSG_ERROR;
    }
    assert_int_equal(won, 1);
    assert_int_equal(lost, 1);
    assert_int_equal(certificates(f->base->store), 1);
}

static void the_same_call_gets_the_certificate_that_is_there(void **state)
{
    ledger_fixture *f = *state;
    bm_store_certificate first = certificate(1, 1, "SN-1");
    bm_store_certificate again = certificate(2, 1, "SN-1");

    memcpy(again.request_id, first.request_id, sizeof(again.request_id));
    send_record(f, 0, 1, &first);
    send_record(f, 1, 2, &again);
    round_of(f);
    recorded(f, 0, 1, first.der);
    recorded(f, 1, 2, first.der);
    assert_int_equal(certificates(f->base->store), 1);
}

static void a_look_up_finds_the_earlier_certificate_of_its_call(void **state)
{
    ledger_fixture *f = *state;
    bm_store_certificate made = certificate(1, 1, "SN-1");
    bm_store_lookup found;
    bm_message message;
    bm_bytes der;

    send_record(f, 0, 1, &made);
    round_of(f);
    recorded(f, 0, 1, made.der);
    send_look_up(f, 0, 2, 1, "SN-1", made.request_id);
    send_look_up(f, 0, 3, 2, "SN-1", NULL);
    round_of(f);
    message = answer_to(f, 0);
    assert_int_equal(message.id, 2);
    assert_ok(bm_message_take_found(&message, &found, &der));
    assert_true(found.known);
    assert_int_equal(found.claim, BM_CLAIM_MINE);
    assert_bytes(der, made.der);
    message = answer_to(f, 0);
    assert_int_equal(message.id, 3);
    assert_ok(bm_message_take_found(&message, &found, &der));
    assert_false(found.known);
    assert_int_equal(found.claim, BM_CLAIM_TAKEN);
    assert_int_equal(der.size, 0);
}

static void refusals_are_in_the_log_and_get_no_answer(void **state)
{
    ledger_fixture *f = *state;
    bm_store_certificate made = certificate(1, 1, "SN-1");

    send_refusal(f, 0, BM_E_EK_MISMATCH);
    send_record(f, 0, 1, &made);
    send_refusal(f, 1, BM_E_EKC_UNTRUSTED);
    round_of(f);
    recorded(f, 0, 1, made.der);
    no_answer_to(f, 0);
    no_answer_to(f, 1);
    assert_int_equal(verified(f->base->store), 3);
}

static void a_flood_of_refusals_is_bounded(void **state)
{
    ledger_fixture *f = *state;

    for (int i = 0; i < 2 * BM_LEDGER_REFUSALS_A_SECOND; i++)
        send_refusal(f, 0, BM_E_EK_MISMATCH);
    round_of(f);
    assert_int_equal(verified(f->base->store), BM_LEDGER_REFUSALS_A_SECOND);
    send_refusal(f, 0, BM_E_EK_MISMATCH);
    assert_ok(bm_ledger_requests_round(f->ledger, NOW + 1));
    assert_int_equal(verified(f->base->store), BM_LEDGER_REFUSALS_A_SECOND + 1);
}

/* Whoever is refused all day long, with as much evidence as there may be, does not fill the disk. */
static void refusals_add_no_more_than_so_many_bytes_to_the_log(void **state)
{
    enum { SIZE = 24000, A_ROUND = 20, ROUNDS = 10 };
    static const uint8_t evidence[SIZE];
    ledger_fixture *f = *state;
    uint64_t recorded;

    for (int second = 0; second < ROUNDS; second++) {
        for (int i = 0; i < A_ROUND; i++)
            send_refusal_with(f, 0, BM_E_TICKET_INVALID, BM_BYTES_ARRAY(evidence));
        assert_ok(bm_ledger_requests_round(f->ledger, NOW + second));
    }
    recorded = verified(f->base->store);
    assert_in_range(recorded * SIZE, 1, BM_LEDGER_REFUSAL_BYTES + ROUNDS * BM_LEDGER_REFUSAL_BYTES_A_SECOND);
    send_refusal_with(f, 0, BM_E_TICKET_INVALID, BM_BYTES_ARRAY(evidence));
    assert_ok(bm_ledger_requests_round(f->ledger, NOW + 60));
    assert_int_equal(verified(f->base->store), recorded + 1);
}

static void anchors_come_one_by_one_and_anew_after_a_change(void **state)
{
    ledger_fixture *f = *state;
    bm_store_anchor row = {.class = BM_CLASS_VIRTUAL, .added = NOW, .subject = "CN=acme", .der = bm_bytes_str("an anchor")};
    bm_message_anchor anchor;
    bm_message message;
    uint64_t epoch;

    send_anchors(f, 0);
    round_of(f);
    message = answer_to(f, 0);
    assert_ok(bm_message_take_anchor(&message, &anchor));
    assert_int_equal(anchor.total, 0);
    assert_int_equal(anchor.der.size, 0);
    epoch = anchor.epoch;

    assert_ok(bm_store_begin(f->base->store));
    assert_ok(bm_store_anchor_add(f->base->store, &row));
    assert_ok(bm_store_commit(f->base->store));
    send_anchors(f, 0);
    send_anchors(f, UINT32_MAX);
    round_of(f);
    message = answer_to(f, 0);
    assert_ok(bm_message_take_anchor(&message, &anchor));
    assert_int_equal(anchor.total, 1);
    assert_true(anchor.epoch > epoch);
    assert_int_equal(anchor.class, BM_CLASS_VIRTUAL);
    assert_bytes(anchor.der, row.der);
    message = answer_to(f, 0);
    assert_ok(bm_message_take_anchor(&message, &anchor));
    assert_int_equal(anchor.total, 1);
    assert_int_equal(anchor.der.size, 0);
}

static void send_revoked(ledger_fixture *f, uint32_t index)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;

    assert_ok(bm_message_begin(&out, BM_MSG_REVOKED, index));
    assert_ok(bm_buf_put_u32(&out, index));
    assert_ok(bm_channel_send(f->server[0], bm_buf_view(&out)));
}

/* A CRL of a vendor with so many ids, of which each vendor's have every second of the numbers. */
static void add_crl(ledger_fixture *f, uint8_t vendor, uint32_t count)
{
    BM_AUTO_BUF ids = BM_BUF_EMPTY;
    bm_store_crl crl = {.issuer = "CN=Vendor", .this_update = NOW, .added = NOW, .count = count, .der = bm_bytes_str("a crl")};

    memset(crl.sha256, vendor, sizeof(crl.sha256));
    memset(crl.scope, vendor, sizeof(crl.scope));
    for (uint32_t i = 0; i < count; i++) {
        assert_ok(bm_buf_put_u32(&ids, 2 * i + vendor));
        assert_ok(bm_buf_put(&ids, bm_bytes_of(crl.sha256, BM_REVOKED_ID_SIZE - 4)));
    }
    crl.ids = bm_buf_view(&ids);
    assert_ok(bm_store_begin(f->base->store));
    assert_ok(bm_store_crl_add(f->base->store, &crl));
    assert_ok(bm_store_commit(f->base->store));
}

/* Asks for all that is revoked, piece by piece, as a server does; appends it, and says which epoch it is of. */
static uint64_t ask_all_revoked(ledger_fixture *f, bm_buf *all)
{
    bm_message_revoked piece = {.total = 1};

    for (uint32_t index = 0; index < piece.total; index = (uint32_t)(all->size / BM_REVOKED_ID_SIZE)) {
        bm_message message;

        send_revoked(f, index);
        round_of(f);
        message = answer_to(f, 0);
        assert_ok(bm_message_take_revoked(&message, &piece));
        assert_int_equal(piece.index, index);
        assert_ok(bm_buf_put(all, piece.ids));
    }
    return piece.epoch;
}

static void what_crls_revoke_is_given_piece_by_piece_in_one_order_with_its_epoch(void **state)
{
    ledger_fixture *f = *state;
    BM_AUTO_BUF none = BM_BUF_EMPTY;
    BM_AUTO_BUF all = BM_BUF_EMPTY;
    BM_AUTO_BUF fewer = BM_BUF_EMPTY;
    uint64_t epoch = ask_all_revoked(f, &none);

    assert_int_equal(none.size, 0);
    add_crl(f, 1, BM_MESSAGE_REVOKED_MAX);
    add_crl(f, 2, BM_MESSAGE_REVOKED_MAX + 5);
    assert_int_equal(ask_all_revoked(f, &all), epoch + 2);
    assert_int_equal(all.size, (2 * BM_MESSAGE_REVOKED_MAX + 5) * BM_REVOKED_ID_SIZE);
    assert_ok(bm_revoked_check(bm_buf_view(&all)));
    add_crl(f, 2, 1);
    assert_int_equal(ask_all_revoked(f, &fewer), epoch + 3);
    assert_int_equal(fewer.size, (BM_MESSAGE_REVOKED_MAX + 1) * BM_REVOKED_ID_SIZE);
}

static void revoked_certificates_out_of_their_order_are_not_given(void **state)
{
    ledger_fixture *f = *state;

    add_crl(f, 1, 2);
    raw_sql(f->base, "UPDATE crl SET ids = zeroblob(32); UPDATE meta SET value = value + 1 WHERE key = 'anchors_epoch'");
    send_revoked(f, 0);
    round_of(f);
    failed(f, 0, 0, BM_E_STORE);
}

static void what_does_not_parse_is_never_acted_upon(void **state)
{
    ledger_fixture *f = *state;
    bm_store_certificate made = certificate(1, 1, "SN-1");
    BM_AUTO_BUF out = BM_BUF_EMPTY;

    /* No message at all: dropped. */
    assert_ok(bm_channel_send(f->server[0], bm_bytes_str("nonsense")));
    round_of(f);
    no_answer_to(f, 0);
    /* A record that is cut, and one with something behind it: answered with an error. */
    assert_ok(bm_message_begin(&out, BM_MSG_RECORD, 7));
    assert_ok(bm_message_put_certificate(&out, &made));
    assert_ok(bm_channel_send(f->server[0], bm_bytes_of(out.data, out.size - 1)));
    assert_ok(bm_buf_put_u8(&out, 0));
    assert_ok(bm_channel_send(f->server[0], bm_buf_view(&out)));
    round_of(f);
    failed(f, 0, 7, BM_E_MALFORMED);
    failed(f, 0, 7, BM_E_MALFORMED);
    /* A request for the keeper. */
    bm_buf_clear(&out);
    assert_ok(bm_message_begin(&out, BM_MSG_KEYS, 8));
    assert_ok(bm_channel_send(f->server[0], bm_buf_view(&out)));
    round_of(f);
    failed(f, 0, 8, BM_E_MALFORMED);
    assert_int_equal(certificates(f->base->store), 0);
    assert_int_equal(verified(f->base->store), 0);
}

static void a_server_that_does_not_read_does_not_stop_the_others(void **state)
{
    ledger_fixture *f = *state;
    bm_message message;

    /* More answers than its socket holds, in as many rounds as that takes. */
    for (int i = 0; i < 60; i++) {
        for (int j = 0; j < 100; j++)
            send_look_up(f, 0, (unsigned)j, 1, "SN-1", NULL);
        round_of(f);
    }
    send_look_up(f, 1, 5, 1, "SN-1", NULL);
    round_of(f);
    message = answer_to(f, 1);
    assert_int_equal(message.id, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(a_batch_is_recorded_and_each_gets_its_answer),
        LEDGER_TEST(one_that_fails_does_not_undo_the_others),
        LEDGER_TEST(of_two_servers_that_claim_an_identity_in_one_batch_exactly_one_wins),
        LEDGER_TEST(the_same_call_gets_the_certificate_that_is_there),
        LEDGER_TEST(a_look_up_finds_the_earlier_certificate_of_its_call),
        LEDGER_TEST(refusals_are_in_the_log_and_get_no_answer),
        LEDGER_TEST(a_flood_of_refusals_is_bounded),
        LEDGER_TEST(refusals_add_no_more_than_so_many_bytes_to_the_log),
        LEDGER_TEST(anchors_come_one_by_one_and_anew_after_a_change),
        LEDGER_TEST(what_crls_revoke_is_given_piece_by_piece_in_one_order_with_its_epoch),
        LEDGER_TEST(revoked_certificates_out_of_their_order_are_not_given),
        LEDGER_TEST(what_does_not_parse_is_never_acted_upon),
        LEDGER_TEST(a_server_that_does_not_read_does_not_stop_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

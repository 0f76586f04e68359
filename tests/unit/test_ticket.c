#include "unit.h"

#include "protocol/ticket.h"

/* Fields in which every byte differs from its neighbours, so that a swap shows. */
static bm_ticket_fields sample(void)
{
    bm_ticket_fields fields = {.key_id = 0x01020304, .expires = 1795473000};
    uint8_t *const hashes[] = {fields.nonce,    fields.csr,     fields.ik_public, fields.ek_public, fields.ek_certificate,
                               fields.ek_chain, fields.ik_spki, fields.profile};

    for (size_t i = 0; i < 8; i++)
        for (size_t k = 0; k < 32; k++)
            hashes[i][k] = (uint8_t)(i * 32 + k);
    return fields;
}

static void a_message_has_one_size_and_parses_to_the_same_fields(void **state)
{
    bm_ticket_fields fields = sample();
    bm_ticket_fields parsed;
    BM_AUTO_BUF message = BM_BUF_EMPTY;
    BM_AUTO_BUF again = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_ticket_put_message(&message, &fields));
    assert_int_equal(message.size, BM_TICKET_MESSAGE_SIZE);
    assert_ok(bm_ticket_parse_message(bm_buf_view(&message), &parsed));
    assert_ok(bm_ticket_put_message(&again, &parsed));
    assert_bytes(bm_buf_view(&message), bm_buf_view(&again));
}

static void every_byte_of_the_fields_changes_the_message_and_the_request_id(void **state)
{
    bm_ticket_fields fields = sample();
    BM_AUTO_BUF message = BM_BUF_EMPTY;
    uint8_t id[BM_SHA256_SIZE];
    uint8_t *raw;

    (void)state;
    assert_ok(bm_ticket_put_message(&message, &fields));
    assert_ok(bm_ticket_request_id(&fields, id));
    raw = message.data;
    for (size_t i = 33; i < message.size; i++) {
        bm_ticket_fields changed;
        uint8_t other[BM_SHA256_SIZE];

        raw[i] ^= 0x01;
        if (bm_ticket_parse_message(bm_buf_view(&message), &changed).code == BM_OK) {
            assert_ok(bm_ticket_request_id(&changed, other));
            assert_memory_not_equal(id, other, BM_SHA256_SIZE);
        }
        raw[i] ^= 0x01;
    }
}

static void a_message_of_another_domain_version_or_size_is_refused(void **state)
{
    bm_ticket_fields fields = sample();
    bm_ticket_fields parsed;
    BM_AUTO_BUF message = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_ticket_put_message(&message, &fields));
    for (size_t i = 0; i <= 32; i++) {
        message.data[i] ^= 0x80;
        assert_code(bm_ticket_parse_message(bm_buf_view(&message), &parsed), BM_E_TICKET_INVALID);
        message.data[i] ^= 0x80;
    }
    for (size_t size = 0; size < message.size; size++)
        assert_code(bm_ticket_parse_message(bm_bytes_of(message.data, size), &parsed), BM_E_TICKET_INVALID);
    assert_ok(bm_buf_put_u8(&message, 0));
    assert_code(bm_ticket_parse_message(bm_buf_view(&message), &parsed), BM_E_TICKET_INVALID);
}

static void a_challenge_carries_key_expiry_and_nonce_and_nothing_else(void **state)
{
    bm_ticket_fields fields = sample();
    bm_ticket_fields parsed = {0};
    BM_AUTO_BUF challenge = BM_BUF_EMPTY;
    static const uint8_t zeros[32] = {0};

    (void)state;
    assert_ok(bm_ticket_put_challenge(&challenge, &fields));
    assert_int_equal(challenge.size, BM_TICKET_CHALLENGE_SIZE);
    assert_ok(bm_ticket_parse_challenge(bm_buf_view(&challenge), &parsed));
    assert_int_equal(parsed.key_id, fields.key_id);
    assert_true(parsed.expires == fields.expires);
    assert_memory_equal(parsed.nonce, fields.nonce, 32);
    assert_memory_equal(parsed.csr, zeros, 32);
}

static void a_challenge_that_is_cut_long_or_of_another_version_is_refused(void **state)
{
    bm_ticket_fields fields = sample();
    bm_ticket_fields parsed = {0};
    BM_AUTO_BUF challenge = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_ticket_put_challenge(&challenge, &fields));
    for (size_t size = 0; size < challenge.size; size++)
        assert_code(bm_ticket_parse_challenge(bm_bytes_of(challenge.data, size), &parsed), BM_E_TICKET_INVALID);
    challenge.data[0] = 2;
    assert_code(bm_ticket_parse_challenge(bm_buf_view(&challenge), &parsed), BM_E_TICKET_INVALID);
    challenge.data[0] = 1;
    challenge.data[5] = 0x80; /* an expiry that is no positive time */
    assert_code(bm_ticket_parse_challenge(bm_buf_view(&challenge), &parsed), BM_E_TICKET_INVALID);
    challenge.data[5] = 0;
    assert_ok(bm_buf_put_u8(&challenge, 0));
    assert_code(bm_ticket_parse_challenge(bm_buf_view(&challenge), &parsed), BM_E_TICKET_INVALID);
    assert_int_equal(parsed.key_id, 0);
}

static void a_ticket_is_good_from_its_making_to_its_expiry_only(void **state)
{
    bm_ticket_fields fields = {.expires = 1000};

    (void)state;
    assert_ok(bm_ticket_check_time(&fields, 999, 300));
    assert_ok(bm_ticket_check_time(&fields, 700, 300));
    assert_code(bm_ticket_check_time(&fields, 1000, 300), BM_E_TICKET_INVALID);
    assert_code(bm_ticket_check_time(&fields, 5000, 300), BM_E_TICKET_INVALID);
    assert_code(bm_ticket_check_time(&fields, 699, 300), BM_E_TICKET_INVALID);
    fields.expires = INT64_MAX;
    assert_code(bm_ticket_check_time(&fields, 0, 300), BM_E_TICKET_INVALID);
}

static void a_ticket_may_be_stale_where_only_its_end_is_bounded(void **state)
{
    bm_ticket_fields fields = {.expires = 1000};

    (void)state;
    assert_ok(bm_ticket_check_end(&fields, 700, 300));
    assert_ok(bm_ticket_check_end(&fields, 1000, 300));
    assert_ok(bm_ticket_check_end(&fields, INT64_MAX, 300));
    assert_code(bm_ticket_check_end(&fields, 699, 300), BM_E_TICKET_INVALID);
    assert_code(bm_ticket_check_end(&fields, 0, 300), BM_E_TICKET_INVALID);
    fields.expires = INT64_MAX;
    assert_code(bm_ticket_check_end(&fields, 0, 300), BM_E_TICKET_INVALID);
}

static void a_ticket_of_one_way_is_none_of_the_other(void **state)
{
    bm_ticket_fields online = sample();
    bm_ticket_fields offline = sample();
    bm_ticket_fields parsed = {0};
    BM_AUTO_BUF challenge = BM_BUF_EMPTY;
    BM_AUTO_BUF message = BM_BUF_EMPTY;
    uint8_t id[BM_SHA256_SIZE];
    uint8_t other[BM_SHA256_SIZE];

    (void)state;
    offline.way = BM_TICKET_OFFLINE;
    assert_ok(bm_ticket_request_id(&online, id));
    assert_ok(bm_ticket_request_id(&offline, other));
    assert_memory_not_equal(id, other, BM_SHA256_SIZE);
    assert_ok(bm_ticket_put_message(&message, &offline));
    assert_int_equal(message.size, BM_TICKET_MESSAGE_SIZE);
    assert_code(bm_ticket_parse_message(bm_buf_view(&message), &parsed), BM_E_TICKET_INVALID);
    assert_ok(bm_ticket_put_challenge(&challenge, &offline));
    assert_code(bm_ticket_parse_challenge(bm_buf_view(&challenge), &parsed), BM_E_TICKET_INVALID);
    assert_ok(bm_ticket_parse_offline_challenge(bm_buf_view(&challenge), &parsed));
    assert_true(parsed.way == BM_TICKET_OFFLINE && parsed.expires == offline.expires);
    for (size_t size = 0; size < challenge.size; size++)
        assert_code(bm_ticket_parse_offline_challenge(bm_bytes_of(challenge.data, size), &parsed), BM_E_TICKET_INVALID);
    bm_buf_clear(&challenge);
    assert_ok(bm_ticket_put_challenge(&challenge, &online));
    assert_code(bm_ticket_parse_offline_challenge(bm_buf_view(&challenge), &parsed), BM_E_TICKET_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_has_one_size_and_parses_to_the_same_fields),
        cmocka_unit_test(every_byte_of_the_fields_changes_the_message_and_the_request_id),
        cmocka_unit_test(a_message_of_another_domain_version_or_size_is_refused),
        cmocka_unit_test(a_challenge_carries_key_expiry_and_nonce_and_nothing_else),
        cmocka_unit_test(a_challenge_that_is_cut_long_or_of_another_version_is_refused),
        cmocka_unit_test(a_ticket_of_one_way_is_none_of_the_other),
        cmocka_unit_test(a_ticket_is_good_from_its_making_to_its_expiry_only),
        cmocka_unit_test(a_ticket_may_be_stale_where_only_its_end_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

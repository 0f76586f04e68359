#include "unit.h"

#include "server/message.h"

#include <stdio.h>
#include <string.h>

/* A message of each kind, with every field set to something that can be told apart. */
static bm_store_certificate example_certificate(void)
{
    bm_store_certificate made = {.issued = 1790000000, .not_before = 1789999940, .not_after = 1800000000};

    memset(made.serial, 0x11, sizeof(made.serial));
    memset(made.request_id, 0x22, sizeof(made.request_id));
    memset(made.ek_sha256, 0x33, sizeof(made.ek_sha256));
    memset(made.ik_spki_sha256, 0x44, sizeof(made.ik_spki_sha256));
    (void)snprintf(made.identity, sizeof(made.identity), "SN-1");
    (void)snprintf(made.profile, sizeof(made.profile), "default");
    made.der = bm_bytes_str("a certificate");
    made.evidence = bm_bytes_str("evidence");
    return made;
}

static bm_store_lookup example_found(void)
{
    bm_store_lookup made = {.known = true, .claim = BM_CLAIM_TAKEN, .anchors_epoch = 7, .last_expiry = 8};

    made.device = (bm_device){.id = 5, .in_inventory = true, .status = BM_DEVICE_RETIRED, .created = 1, .changed = 2, .admitted = 3};
    memset(made.device.ek_sha256, 0x55, sizeof(made.device.ek_sha256));
    (void)snprintf(made.device.identity, sizeof(made.device.identity), "SN-2");
    return made;
}

static bm_message_look_up example_look_up(void)
{
    bm_message_look_up made = {.identity = "SN-3"};

    memset(made.ek_sha256, 0x66, sizeof(made.ek_sha256));
    memset(made.request_id, 0x77, sizeof(made.request_id));
    return made;
}

static BM_RESULT put_example(bm_msg_type type, bm_buf *out)
{
    const bm_store_certificate certificate = example_certificate();
    const bm_store_lookup found = example_found();
    const bm_message_look_up look_up = example_look_up();
    const bm_message_refusal refusal = {BM_E_EK_MISMATCH, bm_bytes_str("00ff"), bm_bytes_str("why")};
    const bm_message_anchor anchor = {.epoch = 3, .total = 2, .index = 1, .class = BM_CLASS_FIRMWARE, .der = bm_bytes_str("an anchor")};

    static const uint8_t ids[2 * BM_REVOKED_ID_SIZE] = {1};
    const bm_message_revoked revoked = {.epoch = 4, .total = 5, .index = 3, .ids = BM_BYTES_ARRAY(ids)};

    BM_TRY(bm_message_begin(out, type, 99));
    if (type == BM_MSG_RECORD)
        return bm_message_put_certificate(out, &certificate);
    if (type == BM_MSG_LOOK_UP_REPLY)
        return bm_message_put_found(out, &found, bm_bytes_str("earlier"));
    if (type == BM_MSG_LOOK_UP)
        return bm_message_put_look_up(out, &look_up);
    if (type == BM_MSG_REFUSAL)
        return bm_message_put_refusal(out, &refusal);
    if (type == BM_MSG_ANCHORS_REPLY)
        return bm_message_put_anchor(out, &anchor);
    if (type == BM_MSG_REVOKED_REPLY)
        return bm_message_put_revoked(out, &revoked);
    return bm_message_put_error(out, 99, bm_fail(BM_E_STORE_BUSY, "later"));
}

/* Takes a body as its type says, whatever is in it. */
static BM_RESULT take(bm_message *message)
{
    bm_store_certificate certificate;
    bm_store_lookup found;
    bm_message_look_up look_up;
    bm_message_refusal refusal;
    bm_message_anchor anchor;
    bm_message_revoked revoked;
    bm_result error;
    bm_bytes der;

    if (message->type == BM_MSG_RECORD)
        return bm_message_take_certificate(message, &certificate);
    if (message->type == BM_MSG_LOOK_UP_REPLY)
        return bm_message_take_found(message, &found, &der);
    if (message->type == BM_MSG_LOOK_UP)
        return bm_message_take_look_up(message, &look_up);
    if (message->type == BM_MSG_REFUSAL)
        return bm_message_take_refusal(message, &refusal);
    if (message->type == BM_MSG_ANCHORS_REPLY)
        return bm_message_take_anchor(message, &anchor);
    if (message->type == BM_MSG_REVOKED_REPLY)
        return bm_message_take_revoked(message, &revoked);
    if (message->type == BM_MSG_ERROR)
        return bm_message_take_error(message, &error);
    return bm_fail(BM_E_MALFORMED, "of another type");
}

static BM_RESULT read_whole(bm_bytes datagram)
{
    bm_message message;

    BM_TRY(bm_message_open(datagram, &message));
    return take(&message);
}

static const bm_msg_type examples[] = {BM_MSG_RECORD,  BM_MSG_LOOK_UP_REPLY, BM_MSG_LOOK_UP,
                                       BM_MSG_REFUSAL, BM_MSG_ANCHORS_REPLY, BM_MSG_ERROR,
                                       BM_MSG_REVOKED_REPLY};
#define EXAMPLE_COUNT (sizeof(examples) / sizeof(examples[0]))

static void records_and_look_ups_come_out_as_they_went_in(void **state)
{
    BM_AUTO_BUF record = BM_BUF_EMPTY;
    BM_AUTO_BUF reply = BM_BUF_EMPTY;
    const bm_store_certificate made = example_certificate();
    bm_store_certificate certificate;
    bm_store_lookup found;
    bm_message message;
    bm_bytes der;

    (void)state;
    assert_ok(put_example(BM_MSG_RECORD, &record));
    assert_ok(bm_message_open(bm_buf_view(&record), &message));
    assert_int_equal(message.type, BM_MSG_RECORD);
    assert_int_equal(message.id, 99);
    assert_ok(bm_message_take_certificate(&message, &certificate));
    assert_memory_equal(certificate.serial, made.serial, sizeof(made.serial));
    assert_memory_equal(certificate.ik_spki_sha256, made.ik_spki_sha256, sizeof(made.ik_spki_sha256));
    assert_string_equal(certificate.identity, "SN-1");
    assert_string_equal(certificate.profile, "default");
    assert_int_equal(certificate.not_before, made.not_before);
    assert_int_equal(certificate.not_after, made.not_after);
    assert_bytes(certificate.der, made.der);
    assert_bytes(certificate.evidence, made.evidence);

    assert_ok(put_example(BM_MSG_LOOK_UP_REPLY, &reply));
    assert_ok(bm_message_open(bm_buf_view(&reply), &message));
    assert_ok(bm_message_take_found(&message, &found, &der));
    assert_true(found.known && found.device.in_inventory);
    assert_string_equal(found.device.identity, "SN-2");
    assert_int_equal(found.device.status, BM_DEVICE_RETIRED);
    assert_int_equal(found.claim, BM_CLAIM_TAKEN);
    assert_int_equal(found.anchors_epoch, 7);
    assert_int_equal(found.last_expiry, 8);
    assert_bytes(der, bm_bytes_str("earlier"));
}

static void an_error_keeps_its_code_and_shows_only_printable_text(void **state)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;
    bm_message message;
    bm_result error;

    (void)state;
    assert_ok(bm_message_put_error(&out, 1, bm_fail(BM_E_STORE, "a\nb\x1b[31m\xff")));
    assert_ok(bm_message_open(bm_buf_view(&out), &message));
    assert_ok(bm_message_take_error(&message, &error));
    assert_int_equal(error.code, BM_E_STORE);
    assert_string_equal(error.detail, "a?b?[31m?");
}

static void an_error_without_a_code_is_none(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 2; code++) {
        BM_AUTO_BUF out = BM_BUF_EMPTY;
        bm_message message;
        bm_result error;

        assert_ok(bm_message_begin(&out, BM_MSG_ERROR, 1));
        assert_ok(bm_buf_put_u32(&out, code == 0 ? BM_OK : BM_CODE_COUNT));
        assert_ok(bm_buf_put_sized32(&out, bm_bytes_str("")));
        assert_ok(bm_message_open(bm_buf_view(&out), &message));
        assert_code(bm_message_take_error(&message, &error), BM_E_MALFORMED);
    }
}

static void a_head_that_is_short_or_of_no_type_is_refused(void **state)
{
    static const uint8_t bytes[10] = {0};
    BM_AUTO_BUF out = BM_BUF_EMPTY;
    bm_message message;

    (void)state;
    for (size_t size = 0; size <= sizeof(bytes); size++)
        assert_code(bm_message_open(bm_bytes_of(bytes, size), &message), BM_E_MALFORMED);
    assert_ok(bm_message_begin(&out, BM_MSG_TYPE_COUNT, 1));
    assert_code(bm_message_open(bm_buf_view(&out), &message), BM_E_MALFORMED);
}

static void a_truncated_message_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        BM_AUTO_BUF out = BM_BUF_EMPTY;

        assert_ok(put_example(examples[i], &out));
        assert_ok(read_whole(bm_buf_view(&out)));
        for (size_t size = 0; size < out.size; size++)
            assert_code(read_whole(bm_bytes_of(out.data, size)), BM_E_MALFORMED);
    }
}

static void a_message_with_something_behind_it_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        BM_AUTO_BUF out = BM_BUF_EMPTY;

        assert_ok(put_example(examples[i], &out));
        assert_ok(bm_buf_put_u8(&out, 0));
        assert_code(read_whole(bm_buf_view(&out)), BM_E_MALFORMED);
    }
}

/* Every bit in turn: what still parses must still be inside its bounds (the sanitizers look on). */
static void a_flipped_bit_does_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        BM_AUTO_BUF out = BM_BUF_EMPTY;

        assert_ok(put_example(examples[i], &out));
        for (size_t bit = 0; bit < 8 * out.size; bit++) {
            bm_result result;

            out.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
            result = read_whole(bm_buf_view(&out));
            assert_true(result.code == BM_OK || result.code == BM_E_MALFORMED);
            out.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
}

/* Replaces one string by another of the same length in an example; the message must be refused. */
static void refused_with(bm_msg_type type, const char *from, const char *to)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;
    uint8_t *at;

    assert_ok(put_example(type, &out));
    at = memmem(out.data, out.size, from, strlen(from));
    assert_non_null(at);
    memcpy(at, to, strlen(from));
    assert_code(read_whole(bm_buf_view(&out)), BM_E_MALFORMED);
}

static void names_that_are_none_are_refused(void **state)
{
    (void)state;
    refused_with(BM_MSG_RECORD, "SN-1", "SN 1");
    refused_with(BM_MSG_RECORD, "SN-1", "S\0-1");
    refused_with(BM_MSG_RECORD, "default", "DEFAULT");
    refused_with(BM_MSG_LOOK_UP, "SN-3", "-N-3");
    refused_with(BM_MSG_LOOK_UP_REPLY, "SN-2", "SN\n2");
    refused_with(BM_MSG_REFUSAL, "00ff", "../f");
}

static void a_record_without_a_certificate_or_an_identity_is_refused(void **state)
{
    bm_store_certificate made = example_certificate();

    (void)state;
    for (int i = 0; i < 2; i++) {
        BM_AUTO_BUF out = BM_BUF_EMPTY;

        if (i == 0)
            made.der = bm_bytes_of(NULL, 0);
        else
            made = example_certificate(), made.identity[0] = '\0';
        assert_ok(bm_message_begin(&out, BM_MSG_RECORD, 1));
        assert_ok(bm_message_put_certificate(&out, &made));
        assert_code(read_whole(bm_buf_view(&out)), BM_E_MALFORMED);
    }
}

static void an_anchor_and_its_index_agree(void **state)
{
    static const struct {
        const char *der;
        uint32_t index;
        bool good;
    } rows[] = {{"x", 0, true}, {"x", 1, true}, {"x", 2, false}, {"", 1, false}, {"", 2, true}, {"", UINT32_MAX, true}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const bm_message_anchor anchor = {.epoch = 1, .total = 2, .index = rows[i].index, .der = bm_bytes_str(rows[i].der)};
        BM_AUTO_BUF out = BM_BUF_EMPTY;

        assert_ok(bm_message_begin(&out, BM_MSG_ANCHORS_REPLY, 1));
        assert_ok(bm_message_put_anchor(&out, &anchor));
        assert_code(read_whole(bm_buf_view(&out)), rows[i].good ? BM_OK : BM_E_MALFORMED);
    }
}

static void pieces_of_the_revoked_and_their_index_agree(void **state)
{
    static const uint8_t ids[(BM_MESSAGE_REVOKED_MAX + 1) * BM_REVOKED_ID_SIZE] = {0};
    static const struct {
        uint32_t total;
        uint32_t index;
        size_t size;
        bool good;
    } rows[] = {
        {2, 0, 2 * BM_REVOKED_ID_SIZE, true},
        {2, 1, BM_REVOKED_ID_SIZE, true},
        {2, 2, 0, true},
        {0, 0, 0, true},
        {0, UINT32_MAX, 0, true},
        {2, 0, 0, false},
        {2, 1, 2 * BM_REVOKED_ID_SIZE, false},
        {2, 2, BM_REVOKED_ID_SIZE, false},
        {2, 0, BM_REVOKED_ID_SIZE + 1, false},
        {2, 0, BM_REVOKED_ID_SIZE - 1, false},
        {BM_REVOKED_MAX, 0, BM_MESSAGE_REVOKED_MAX * BM_REVOKED_ID_SIZE, true},
        {BM_REVOKED_MAX, 0, sizeof(ids), false},
        {BM_REVOKED_MAX + 1, 0, BM_REVOKED_ID_SIZE, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const bm_message_revoked made = {.epoch = 1, .total = rows[i].total, .index = rows[i].index, .ids = bm_bytes_of(ids, rows[i].size)};
        BM_AUTO_BUF out = BM_BUF_EMPTY;

        assert_ok(bm_message_begin(&out, BM_MSG_REVOKED_REPLY, 1));
        assert_ok(bm_message_put_revoked(&out, &made));
        assert_true(!rows[i].good || out.size <= BM_MESSAGE_MAX);
        assert_code(read_whole(bm_buf_view(&out)), rows[i].good ? BM_OK : BM_E_MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_and_look_ups_come_out_as_they_went_in),
        cmocka_unit_test(an_error_keeps_its_code_and_shows_only_printable_text),
        cmocka_unit_test(an_error_without_a_code_is_none),
        cmocka_unit_test(a_head_that_is_short_or_of_no_type_is_refused),
        cmocka_unit_test(a_truncated_message_is_refused),
        cmocka_unit_test(a_message_with_something_behind_it_is_refused),
        cmocka_unit_test(a_flipped_bit_does_no_harm),
        cmocka_unit_test(names_that_are_none_are_refused),
        cmocka_unit_test(a_record_without_a_certificate_or_an_identity_is_refused),
        cmocka_unit_test(an_anchor_and_its_index_agree),
        cmocka_unit_test(pieces_of_the_revoked_and_their_index_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

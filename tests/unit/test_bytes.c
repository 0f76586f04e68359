#include "unit.h"

static void a_cursor_reads_big_endian_and_knows_its_end(void **state)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 8, 9, 0, 0, 0, 1, 7};
    bm_cursor cursor = bm_cursor_of(BM_BYTES_ARRAY(bytes));
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    bm_bytes view;

    (void)state;
    assert_ok(bm_cursor_u8(&cursor, &u8));
    assert_int_equal(u8, 1);
    assert_ok(bm_cursor_u16(&cursor, &u16));
    assert_int_equal(u16, 0x0203);
    assert_ok(bm_cursor_u32(&cursor, &u32));
    assert_int_equal(u32, 0x04050607);
    assert_ok(bm_cursor_u64(&cursor, &u64));
    assert_int_equal(u64, 9);
    assert_code(bm_cursor_end(&cursor), BM_E_MALFORMED);
    assert_ok(bm_cursor_sized16(&cursor, 2, &view));
    assert_int_equal(view.data[1], 9);
    assert_ok(bm_cursor_sized32(&cursor, 1, &view));
    assert_int_equal(view.data[0], 7);
    assert_ok(bm_cursor_end(&cursor));
}

static void a_read_past_the_end_fails_and_moves_nothing(void **state)
{
    static const uint8_t bytes[] = {0, 9, 1};
    bm_cursor cursor = bm_cursor_of(BM_BYTES_ARRAY(bytes));
    uint32_t u32;
    uint64_t u64;
    bm_bytes view;

    (void)state;
    assert_code(bm_cursor_u32(&cursor, &u32), BM_E_MALFORMED);
    assert_code(bm_cursor_u64(&cursor, &u64), BM_E_MALFORMED);
    assert_code(bm_cursor_take(&cursor, 4, &view), BM_E_MALFORMED);
    assert_code(bm_cursor_take(&cursor, SIZE_MAX, &view), BM_E_MALFORMED);
    assert_code(bm_cursor_sized16(&cursor, 100, &view), BM_E_MALFORMED);
    assert_code(bm_cursor_sized32(&cursor, 100, &view), BM_E_MALFORMED);
    assert_int_equal(cursor.rest.size, 3);
}

static void a_sized_field_above_its_limit_is_refused(void **state)
{
    static const uint8_t bytes[] = {0, 2, 1, 1};
    bm_cursor cursor = bm_cursor_of(BM_BYTES_ARRAY(bytes));
    bm_bytes view;

    (void)state;
    assert_code(bm_cursor_sized16(&cursor, 1, &view), BM_E_MALFORMED);
    assert_ok(bm_cursor_sized16(&cursor, 2, &view));
}

static void what_a_buffer_writes_a_cursor_reads(void **state)
{
    BM_AUTO_BUF buf = BM_BUF_EMPTY;
    bm_cursor cursor;
    uint64_t u64;
    bm_bytes view;

    (void)state;
    assert_ok(bm_buf_put_u64(&buf, UINT64_C(0x1122334455667788)));
    assert_ok(bm_buf_put_sized16(&buf, bm_bytes_str("abc")));
    assert_ok(bm_buf_put_sized32(&buf, bm_bytes_str("")));
    assert_ok(bm_buf_putf(&buf, "%d-%s", 7, "x"));
    cursor = bm_cursor_of(bm_buf_view(&buf));
    assert_ok(bm_cursor_u64(&cursor, &u64));
    assert_true(u64 == UINT64_C(0x1122334455667788));
    assert_ok(bm_cursor_sized16(&cursor, 3, &view));
    assert_bytes(view, bm_bytes_str("abc"));
    assert_ok(bm_cursor_sized32(&cursor, 3, &view));
    assert_int_equal(view.size, 0);
    assert_bytes(cursor.rest, bm_bytes_str("7-x"));
}

static void a_sized_field_too_large_for_its_size_is_refused(void **state)
{
    BM_AUTO_BUF big = BM_BUF_EMPTY;
    BM_AUTO_BUF out = BM_BUF_EMPTY;
    uint8_t *start;

    (void)state;
    assert_ok(bm_buf_extend(&big, 65536, &start));
    for (size_t i = 0; i < 65536; i++)
        start[i] = (uint8_t)i;
    assert_code(bm_buf_put_sized16(&out, bm_buf_view(&big)), BM_E_MALFORMED);
    assert_int_equal(out.size, 0);
    assert_code(bm_buf_reserve(&out, SIZE_MAX / 2), BM_E_NO_MEMORY);
}

static void padded_copies_keep_the_number_and_refuse_what_does_not_fit(void **state)
{
    static const uint8_t number[] = {0, 1, 2};
    uint8_t field[4];
    static const uint8_t expected[] = {0, 0, 1, 2};

    (void)state;
    assert_ok(bm_bytes_copy_padded(BM_BYTES_ARRAY(number), field, 4));
    assert_memory_equal(field, expected, 4);
    assert_code(bm_bytes_copy_padded(BM_BYTES_ARRAY(number), field, 2), BM_E_MALFORMED);
    assert_code(bm_bytes_copy_exact(BM_BYTES_ARRAY(number), field, 4), BM_E_MALFORMED);
    assert_bytes(bm_bytes_strip_zeros(BM_BYTES_ARRAY(number)), bm_bytes_of(number + 1, 2));
}

static void comparisons_tell_content_and_size_apart(void **state)
{
    (void)state;
    assert_true(bm_bytes_equal(bm_bytes_str("ab"), bm_bytes_str("ab")));
    assert_false(bm_bytes_equal(bm_bytes_str("ab"), bm_bytes_str("abc")));
    assert_true(bm_bytes_equal_secret(bm_bytes_str("ab"), bm_bytes_str("ab")));
    assert_false(bm_bytes_equal_secret(bm_bytes_str("ab"), bm_bytes_str("aB")));
    assert_false(bm_bytes_equal_secret(bm_bytes_str("ab"), bm_bytes_str("a")));
    assert_int_equal(bm_bytes_compare(bm_bytes_str("a"), bm_bytes_str("b")), -1);
    assert_int_equal(bm_bytes_compare(bm_bytes_str("ab"), bm_bytes_str("a")), 1);
    assert_int_equal(bm_bytes_slice(bm_bytes_str("abc"), 2, 2).size, 0);
    assert_int_equal(bm_bytes_slice(bm_bytes_str("abc"), SIZE_MAX, 2).size, 0);
}

static void every_code_has_a_name_a_status_and_advice(void **state)
{
    (void)state;
    for (int code = BM_OK; code < BM_CODE_COUNT; code++) {
        assert_int_equal(bm_code_by_name(bm_code_name((bm_code)code)), code);
        assert_in_range(bm_code_status((bm_code)code), 200, 599);
        assert_true(bm_bytes_str(bm_code_advice((bm_code)code)).size > 4);
    }
    assert_int_equal(bm_code_by_name("no-such-code"), BM_E_INTERNAL);
    assert_string_equal(bm_code_name((bm_code)9999), "internal-error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_reads_big_endian_and_knows_its_end),
        cmocka_unit_test(a_read_past_the_end_fails_and_moves_nothing),
        cmocka_unit_test(a_sized_field_above_its_limit_is_refused),
        cmocka_unit_test(what_a_buffer_writes_a_cursor_reads),
        cmocka_unit_test(a_sized_field_too_large_for_its_size_is_refused),
        cmocka_unit_test(padded_copies_keep_the_number_and_refuse_what_does_not_fit),
        cmocka_unit_test(comparisons_tell_content_and_size_apart),
        cmocka_unit_test(every_code_has_a_name_a_status_and_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

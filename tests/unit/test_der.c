#include "crypto/der.h"
#include "vectors.h"

static void elements_of_every_length_form_are_read_as_written(void **state)
{
    static const size_t sizes[] = {0, 1, 127, 128, 255, 256, 65535, 65536, 70000};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        BM_AUTO_BUF content = BM_BUF_EMPTY;
        BM_AUTO_BUF out = BM_BUF_EMPTY;
        uint8_t *start, tag;
        bm_bytes found, whole;
        bm_cursor cursor;

        assert_ok(bm_buf_extend(&content, sizes[i], &start));
        for (size_t at = 0; at < sizes[i]; at++)
            start[at] = (uint8_t)at;
        assert_ok(bm_der_put(&out, BM_DER_OCTET_STRING, bm_buf_view(&content)));
        cursor = bm_cursor_of(bm_buf_view(&out));
        assert_true(bm_der_peek(&cursor, BM_DER_OCTET_STRING));
        assert_ok(bm_der_any(&cursor, &tag, &found, &whole));
        assert_int_equal(tag, BM_DER_OCTET_STRING);
        assert_bytes(found, bm_buf_view(&content));
        assert_bytes(whole, bm_buf_view(&out));
        assert_ok(bm_cursor_end(&cursor));
        assert_false(bm_der_peek(&cursor, BM_DER_OCTET_STRING));
    }
}

static void numbers_are_written_in_their_shortest_form(void **state)
{
    static const struct {
        const char *number, *der;
    } rows[] = {
        {"", "020100"},         {"00", "020100"},         {"7f", "02017f"},         {"80", "02020080"},
        {"0080", "02020080"},   {"0000010001", "0203010001"}, {"ff00", "020300ff00"}, {"00000000", "020100"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BM_AUTO_BUF number = vector(rows[i].number);
        BM_AUTO_BUF expected = vector(rows[i].der);
        BM_AUTO_BUF out = BM_BUF_EMPTY;
        bm_cursor cursor;
        bm_bytes back;

        assert_ok(bm_der_put_unsigned(&out, bm_buf_view(&number)));
        assert_bytes(bm_buf_view(&out), bm_buf_view(&expected));
        cursor = bm_cursor_of(bm_buf_view(&out));
        assert_ok(bm_der_unsigned(&cursor, &back));
        assert_bytes(bm_bytes_strip_zeros(back), bm_bytes_strip_zeros(bm_buf_view(&number)));
    }
}

static void a_bit_string_gives_its_bytes_back(void **state)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;
    BM_AUTO_BUF expected = vector("03040061626330030201053000");
    bm_cursor cursor, inner;
    bm_bytes bits, number;

    (void)state;
    assert_ok(bm_der_put_bits(&out, bm_bytes_str("abc")));
    vector_put(&out, "30030201053000");
    assert_bytes(bm_buf_view(&out), bm_buf_view(&expected));
    cursor = bm_cursor_of(bm_buf_view(&out));
    assert_ok(bm_der_bits(&cursor, &bits));
    assert_bytes(bits, bm_bytes_str("abc"));
    assert_ok(bm_der_enter(&cursor, BM_DER_SEQUENCE, &inner));
    assert_ok(bm_der_unsigned(&inner, &number));
    assert_int_equal(number.data[0], 5);
    assert_ok(bm_cursor_end(&inner));
    assert_ok(bm_der_enter(&cursor, BM_DER_SEQUENCE, &inner));
    assert_ok(bm_cursor_end(&inner));
    assert_ok(bm_cursor_end(&cursor));
}

/* None of these is an element; the cursor stays where it was. */
static void what_is_not_der_is_refused(void **state)
{
    static const char *const rows[] = {
        "",                   /* nothing */
        "04",                 /* no length */
        "0480",               /* indefinite */
        "04800000",           /* indefinite, with its end */
        "0401",               /* content missing */
        "040361",             /* content too short */
        "04810161",           /* long form for 1 */
        "04817f",             /* long form for 127, and no content */
        "0482000161",         /* leading zero in the length */
        "04820080",           /* 128 in two octets */
        "048300ffff",         /* leading zero */
        "0484ffffffff",       /* 4 GiB that are not there */
        "0485000000000161",   /* five octets of length */
        "048800000000000000", /* eight */
        "04ff",               /* reserved */
        "0000",               /* end-of-contents */
        "000161",             /* the tag 0 */
        "1f0161",             /* high tag number */
        "3f810100",           /* high tag number, constructed */
        "ff1f00",             /* private, high tag number */
        "0481",               /* the length ends */
        "048201",             /* the length ends */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BM_AUTO_BUF der = vector(rows[i]);
        bm_cursor cursor = bm_cursor_of(bm_buf_view(&der));
        bm_cursor inner;
        uint8_t tag;
        bm_bytes content, whole;

        assert_code(bm_der_any(&cursor, &tag, &content, &whole), BM_E_MALFORMED);
        assert_code(bm_der_take(&cursor, 0x04, &content), BM_E_MALFORMED);
        assert_code(bm_der_take_whole(&cursor, 0x04, &whole), BM_E_MALFORMED);
        assert_code(bm_der_enter(&cursor, 0x04, &inner), BM_E_MALFORMED);
        assert_int_equal(cursor.rest.size, der.size);
    }
}

static void another_tag_is_refused_and_nothing_is_taken(void **state)
{
    BM_AUTO_BUF der = vector("020105");
    bm_cursor cursor = bm_cursor_of(bm_buf_view(&der));
    bm_cursor inner;
    bm_bytes view;

    (void)state;
    assert_code(bm_der_take(&cursor, BM_DER_OCTET_STRING, &view), BM_E_MALFORMED);
    assert_code(bm_der_take_whole(&cursor, BM_DER_BIT_STRING, &view), BM_E_MALFORMED);
    assert_code(bm_der_enter(&cursor, BM_DER_SEQUENCE, &inner), BM_E_MALFORMED);
    assert_code(bm_der_bits(&cursor, &view), BM_E_MALFORMED);
    assert_int_equal(cursor.rest.size, 3);
    assert_ok(bm_der_take_whole(&cursor, BM_DER_INTEGER, &view));
    assert_bytes(view, bm_buf_view(&der));
}

static void numbers_that_are_negative_empty_or_too_long_are_refused(void **state)
{
    static const char *const rows[] = {"0200", "0201ff", "020180", "02020001", "0202007f", "02020000", "0203000080", "040105", "0202ff7f"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BM_AUTO_BUF der = vector(rows[i]);
        bm_cursor cursor = bm_cursor_of(bm_buf_view(&der));
        bm_bytes value;

        assert_code(bm_der_unsigned(&cursor, &value), BM_E_MALFORMED);
        assert_int_equal(cursor.rest.size, der.size);
    }
}

static void bit_strings_with_unused_bits_are_refused(void **state)
{
    static const char *const rows[] = {"0300", "030101", "03020780", "030208ff", "0302", "040100"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BM_AUTO_BUF der = vector(rows[i]);
        bm_cursor cursor = bm_cursor_of(bm_buf_view(&der));
        bm_bytes value;

        assert_code(bm_der_bits(&cursor, &value), BM_E_MALFORMED);
        assert_int_equal(cursor.rest.size, der.size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_of_every_length_form_are_read_as_written),
        cmocka_unit_test(numbers_are_written_in_their_shortest_form),
        cmocka_unit_test(a_bit_string_gives_its_bytes_back),
        cmocka_unit_test(what_is_not_der_is_refused),
        cmocka_unit_test(another_tag_is_refused_and_nothing_is_taken),
        cmocka_unit_test(numbers_that_are_negative_empty_or_too_long_are_refused),
        cmocka_unit_test(bit_strings_with_unused_bits_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

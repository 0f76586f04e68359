#include "unit.h"

#include "base/text.h"

static void base64_goes_there_and_back(void **state)
{
    /* RFC 4648, section 10 */
    static const char *const vectors[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        BM_AUTO_BUF text = BM_BUF_EMPTY;
        BM_AUTO_BUF bytes = BM_BUF_EMPTY;

        assert_ok(bm_text_put_base64(&text, bm_bytes_str(vectors[i][0])));
        assert_bytes(bm_buf_view(&text), bm_bytes_str(vectors[i][1]));
        assert_ok(bm_text_from_base64(bm_bytes_str(vectors[i][1]), &bytes));
        assert_bytes(bm_buf_view(&bytes), bm_bytes_str(vectors[i][0]));
    }
}

static void base64_that_is_not_canonical_is_refused(void **state)
{
    static const char *const bad[] = {"Zg", "Zg=", "Zg==Zg==", "Zh==", "Zm9=", "Z===", "====", "Zm9v\n", "Zm 9", "Zm-_", "=m9v", "Zm8=====", "Zm9vZ\0=="};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        BM_AUTO_BUF bytes = BM_BUF_EMPTY;

        assert_code(bm_text_from_base64(bm_bytes_str(bad[i]), &bytes), BM_E_MALFORMED);
        assert_int_equal(bytes.size, 0);
    }
}

static void hex_goes_there_and_back_and_refuses_the_rest(void **state)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    BM_AUTO_BUF text = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_text_from_hex(bm_bytes_str("00fFa5"), &bytes));
    assert_ok(bm_text_put_hex(&text, bm_buf_view(&bytes)));
    assert_bytes(bm_buf_view(&text), bm_bytes_str("00ffa5"));
    assert_code(bm_text_from_hex(bm_bytes_str("0"), &bytes), BM_E_MALFORMED);
    assert_code(bm_text_from_hex(bm_bytes_str("0g"), &bytes), BM_E_MALFORMED);
    assert_code(bm_text_from_hex(bm_bytes_str("0x12"), &bytes), BM_E_MALFORMED);
}

static void utf8_is_what_rfc_3629_says(void **state)
{
    static const char *const good[] = {"", "a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"};
    static const char *const bad[] = {"\x80", "\xC3", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                                      "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xE2\x28\xA1", "\xFF", "a\xFE"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(bm_text_is_utf8(bm_bytes_str(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(bm_text_is_utf8(bm_bytes_str(bad[i])));
}

static void an_identity_has_no_character_that_could_mislead(void **state)
{
    static const char *const good[] = {"SN-001", "a", "0", "00:11:22:aa", "A.b_c-d"};
    static const char *const bad[] = {"", "-a", ".a", "a b", "a/b", "a=b", "a,b", "a\n", "caf\xC3\xA9", "a+b", "\xD0\xB0", "a*"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(bm_text_is_identity(bm_bytes_str(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(bm_text_is_identity(bm_bytes_str(bad[i])));
    assert_false(bm_text_is_identity(bm_bytes_of("a\0b", 3)));
    assert_false(bm_text_is_identity(bm_bytes_str("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
    assert_true(bm_text_is_profile_name(bm_bytes_str("default")));
    assert_false(bm_text_is_profile_name(bm_bytes_str("Default")));
    assert_false(bm_text_is_profile_name(bm_bytes_str("")));
}

static void times_go_there_and_back(void **state)
{
    static const struct {
        int64_t time;
        const char *text;
    } vectors[] = {{0, "1970-01-01T00:00:00Z"},
                   {951782400, "2000-02-29T00:00:00Z"},
                   {1795473000, "2026-11-23T22:30:00Z"},
                   {4107542399, "2100-02-28T23:59:59Z"},
                   {INT64_C(253402300799), "9999-12-31T23:59:59Z"}};

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        char text[BM_TIME_TEXT_SIZE];
        int64_t time;

        bm_text_time(vectors[i].time, text);
        assert_string_equal(text, vectors[i].text);
        assert_ok(bm_text_parse_time(bm_bytes_str(text), &time));
        assert_true(time == vectors[i].time);
    }
}

static void times_that_do_not_exist_are_refused(void **state)
{
    static const char *const bad[] = {"2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-04-31T00:00:00Z",
                                      "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "1969-12-31T23:59:59Z",
                                      "2026-01-01 00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00z", ""};
    int64_t time;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_code(bm_text_parse_time(bm_bytes_str(bad[i]), &time), BM_E_MALFORMED);
}

static void numbers_and_durations_have_limits(void **state)
{
    uint64_t value;
    int64_t seconds;

    (void)state;
    assert_ok(bm_text_parse_u64(bm_bytes_str("18446744073709551615"), UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_code(bm_text_parse_u64(bm_bytes_str("18446744073709551616"), UINT64_MAX, &value), BM_E_MALFORMED);
    assert_code(bm_text_parse_u64(bm_bytes_str("11"), 10, &value), BM_E_MALFORMED);
    assert_code(bm_text_parse_u64(bm_bytes_str("-1"), 10, &value), BM_E_MALFORMED);
    assert_code(bm_text_parse_u64(bm_bytes_str(""), 10, &value), BM_E_MALFORMED);
    assert_ok(bm_text_parse_duration(bm_bytes_str("5m"), &seconds));
    assert_int_equal(seconds, 300);
    assert_ok(bm_text_parse_duration(bm_bytes_str("365d"), &seconds));
    assert_int_equal(seconds, 31536000);
    assert_code(bm_text_parse_duration(bm_bytes_str("5"), &seconds), BM_E_MALFORMED);
    assert_code(bm_text_parse_duration(bm_bytes_str("m"), &seconds), BM_E_MALFORMED);
    assert_code(bm_text_parse_duration(bm_bytes_str("5 m"), &seconds), BM_E_MALFORMED);
    assert_code(bm_text_parse_duration(bm_bytes_str("101y"), &seconds), BM_E_MALFORMED);
    assert_code(bm_text_parse_duration(bm_bytes_str("5w"), &seconds), BM_E_MALFORMED);
}

static void a_list_is_words_between_commas_without_the_spaces_around_them(void **state)
{
    static const char *const words[] = {"a", "b c", "", "d"};
    bm_bytes rest = bm_bytes_str("  a , b c,, d,");
    bm_bytes word;

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        assert_true(bm_text_next_word(&rest, &word));
        assert_bytes(word, bm_bytes_str(words[i]));
    }
    assert_false(bm_text_next_word(&rest, &word));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_goes_there_and_back),
        cmocka_unit_test(base64_that_is_not_canonical_is_refused),
        cmocka_unit_test(hex_goes_there_and_back_and_refuses_the_rest),
        cmocka_unit_test(utf8_is_what_rfc_3629_says),
        cmocka_unit_test(an_identity_has_no_character_that_could_mislead),
        cmocka_unit_test(times_go_there_and_back),
        cmocka_unit_test(times_that_do_not_exist_are_refused),
        cmocka_unit_test(numbers_and_durations_have_limits),
        cmocka_unit_test(a_list_is_words_between_commas_without_the_spaces_around_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

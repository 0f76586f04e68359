#include "unit.h"

#include "server/log.h"

static void a_line_that_could_be_a_flood_is_written_once_a_second_with_their_number(void **state)
{
    bm_log_seldom seldom = {0};
    unsigned count = 0;

    (void)state;
    assert_true(bm_log_seldom_count(&seldom, 5000, &count));
    assert_int_equal(count, 1);
    for (int i = 0; i < 100; i++)
        assert_false(bm_log_seldom_count(&seldom, 5000 + 9 * i, &count));
    assert_true(bm_log_seldom_count(&seldom, 6000, &count));
    assert_int_equal(count, 101);
}

static void of_lines_that_differ_so_many_are_written_a_second(void **state)
{
    bm_log_often often = {0};
    unsigned left_out = 99;

    (void)state;
    for (int i = 0; i < BM_LOG_OFTEN_MAX; i++) {
        assert_true(bm_log_often_may(&often, 5000 + i, &left_out));
        assert_int_equal(left_out, 0);
    }
    for (int i = 0; i < 7; i++)
        assert_false(bm_log_often_may(&often, 5999, &left_out));
    assert_true(bm_log_often_may(&often, 6000, &left_out));
    assert_int_equal(left_out, 7);
    assert_true(bm_log_often_may(&often, 6001, &left_out));
    assert_int_equal(left_out, 0);
}

static void an_ek_is_shown_by_eight_digits(void **state)
{
    const uint8_t hash[32] = {0x88, 0x51, 0x32, 0xd7, 0x32};
    char text[BM_LOG_EK_SIZE];

    (void)state;
    bm_log_ek(hash, text);
    assert_string_equal(text, "885132d7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_that_could_be_a_flood_is_written_once_a_second_with_their_number),
        cmocka_unit_test(of_lines_that_differ_so_many_are_written_a_second),
        cmocka_unit_test(an_ek_is_shown_by_eight_digits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "unit.h"

#include "device/talk/patience.h"

static void who_is_away_is_asked_three_times_more_within_two_seconds(void **state)
{
    bm_patience patience = {0};
    int64_t wait = 0;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_true(bm_patience_next(&patience, BM_PATIENCE_AWAY, 0, 4711, &wait) && wait > 0);
    assert_false(bm_patience_next(&patience, BM_PATIENCE_AWAY, 0, 4711, &wait));
    assert_true(patience.waited_ms < 2000);
}

static void the_servers_word_counts_and_chance_comes_to_it(void **state)
{
    static const uint32_t chances[] = {0, 1, 999, 2000, 2001, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof(chances) / sizeof(chances[0]); i++) {
        bm_patience patience = {0};
        int64_t wait = 0;

        assert_true(bm_patience_next(&patience, BM_PATIENCE_BUSY, 2, chances[i], &wait));
        assert_in_range(wait, 2000, 4000);
    }
}

static void two_devices_do_not_come_back_together(void **state)
{
    bm_patience one = {0}, other = {0};
    int64_t here = 0, there = 0;

    (void)state;
    assert_true(bm_patience_next(&one, BM_PATIENCE_BUSY, 1, 10, &here));
    assert_true(bm_patience_next(&other, BM_PATIENCE_BUSY, 1, 900, &there));
    assert_int_not_equal(here, there);
}

static void who_stays_busy_is_asked_less_and_less_and_not_for_ever(void **state)
{
    bm_patience patience = {0};
    unsigned tries = 0;
    int64_t wait = 0, before = 0;

    (void)state;
    while (bm_patience_next(&patience, BM_PATIENCE_BUSY, 0, 0, &wait)) {
        assert_true(wait > before || patience.waited_ms == BM_PATIENCE_MS);
        before = wait;
        tries++;
    }
    assert_in_range(tries, 3, 10);
    assert_int_equal(patience.waited_ms, BM_PATIENCE_MS);
}

static void what_is_more_than_there_is_patience_for_is_not_waited_for(void **state)
{
    bm_patience patience = {0};
    int64_t wait = 0;

    (void)state;
    assert_false(bm_patience_next(&patience, BM_PATIENCE_BUSY, 31, 0, &wait));
    assert_false(bm_patience_next(&patience, BM_PATIENCE_BUSY, INT64_MAX, 0, &wait));
    assert_false(bm_patience_next(&patience, BM_PATIENCE_BUSY, -1, 0, &wait));
    assert_true(bm_patience_next(&patience, BM_PATIENCE_BUSY, 20, 0, &wait));
    assert_false(bm_patience_next(&patience, BM_PATIENCE_BUSY, 20, 0, &wait));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_away_is_asked_three_times_more_within_two_seconds),
        cmocka_unit_test(the_servers_word_counts_and_chance_comes_to_it),
        cmocka_unit_test(two_devices_do_not_come_back_together),
        cmocka_unit_test(who_stays_busy_is_asked_less_and_less_and_not_for_ever),
        cmocka_unit_test(what_is_more_than_there_is_patience_for_is_not_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

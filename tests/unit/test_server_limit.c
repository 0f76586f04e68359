#include "unit.h"

#include "server/server_limit.h"

#include <stdio.h>

#define NOW INT64_C(1000000)

static bm_server_limit *limit_of(unsigned address_rate, unsigned address_burst, unsigned total_rate, unsigned total_burst)
{
    bm_server_limit *limit = NULL;

    assert_ok(bm_server_limit_new(&(bm_server_limits){address_rate, address_burst, total_rate, total_burst}, &limit));
    return limit;
}

/* How often this address gets something at this time, of `tries`. */
static unsigned got(bm_server_limit *limit, const char *text, int64_t now, unsigned tries)
{
    bm_address address;
    unsigned count = 0, wait;

    assert_ok(bm_address_parse(bm_bytes_str(text), &address));
    for (unsigned i = 0; i < tries; i++) {
        bm_result result = bm_server_limit_pay(limit, &address, now, &wait);

        if (result.code == BM_OK)
            count++;
        else
            assert_int_equal(result.code, BM_E_RATE_LIMITED);
    }
    return count;
}

static void an_address_gets_its_burst_and_then_its_rate(void **state)
{
    bm_server_limit *limit = limit_of(10, 50, 0, 1);

    (void)state;
    assert_int_equal(got(limit, "192.0.2.1", NOW, 100), 50);
    assert_int_equal(got(limit, "192.0.2.1", NOW + 99, 100), 0);
    assert_int_equal(got(limit, "192.0.2.1", NOW + 100, 100), 1);
    assert_int_equal(got(limit, "192.0.2.1", NOW + 1100, 100), 10);
    assert_int_equal(got(limit, "192.0.2.1", NOW + 1000000, 100), 50);
    bm_server_limit_free(limit);
}

static void what_is_refused_costs_nothing(void **state)
{
    bm_server_limit *limit = limit_of(1, 1, 0, 1);

    (void)state;
    assert_int_equal(got(limit, "192.0.2.1", NOW, 1000), 1);
    assert_int_equal(got(limit, "192.0.2.1", NOW + 1000, 1000), 1);
    bm_server_limit_free(limit);
}

static void each_address_has_its_own_and_a_64_has_one(void **state)
{
    bm_server_limit *limit = limit_of(1, 5, 0, 1);

    (void)state;
    assert_int_equal(got(limit, "192.0.2.1", NOW, 9), 5);
    assert_int_equal(got(limit, "192.0.2.2", NOW, 9), 5);
    assert_int_equal(got(limit, "2001:db8::1", NOW, 3), 3);
    assert_int_equal(got(limit, "2001:db8::ffff:1", NOW, 9), 2);
    assert_int_equal(got(limit, "2001:db8:0:1::1", NOW, 9), 5);
    assert_int_equal(got(limit, "::1", NOW, 9), 5);
    bm_server_limit_free(limit);
}

static void all_together_have_one_more(void **state)
{
    bm_server_limit *limit = limit_of(1, 5, 1, 7);
    unsigned wait;

    (void)state;
    assert_int_equal(got(limit, "192.0.2.1", NOW, 9), 5);
    assert_int_equal(got(limit, "192.0.2.2", NOW, 9), 2);
    assert_code(bm_server_limit_pay(limit, NULL, NOW, &wait), BM_E_RATE_LIMITED);
    assert_ok(bm_server_limit_pay(limit, NULL, NOW + 1000, &wait));
    /* What the whole refused was not paid by the address. */
    assert_int_equal(got(limit, "192.0.2.2", NOW + 10000, 9), 5);
    bm_server_limit_free(limit);
}

static void zero_is_no_limit(void **state)
{
    bm_server_limit *limit = limit_of(0, 1, 0, 1);

    (void)state;
    assert_int_equal(got(limit, "192.0.2.1", NOW, 1000), 1000);
    bm_server_limit_free(limit);
}

static void the_time_that_is_told_is_the_time_that_helps(void **state)
{
    static const struct {
        unsigned rate, burst, wait;
    } rows[] = {{1, 1, 1}, {1, 1000000, 1}, {1000000, 1, 1}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bm_server_limit *limit = limit_of(rows[i].rate, rows[i].burst, 0, 1);
        unsigned wait = 0;
        bm_address address;

        assert_ok(bm_address_parse(bm_bytes_str("::1"), &address));
        while (bm_server_limit_pay(limit, &address, NOW, &wait).code == BM_OK)
            continue;
        assert_int_equal(wait, rows[i].wait);
        assert_ok(bm_server_limit_pay(limit, &address, NOW + (int64_t)wait * 1000, &wait));
        bm_server_limit_free(limit);
    }
}

static void a_clock_that_goes_back_gives_nothing(void **state)
{
    bm_server_limit *limit = limit_of(1, 5, 0, 1);

    (void)state;
    assert_int_equal(got(limit, "192.0.2.1", NOW, 9), 5);
    assert_int_equal(got(limit, "192.0.2.1", 0, 9), 0);
    bm_server_limit_free(limit);
}

/* More addresses than there are buckets: an empty bucket is not forgotten for them. */
static void a_flood_of_addresses_does_not_fill_an_empty_bucket(void **state)
{
    bm_server_limit *limit = limit_of(1, 5, 0, 1);

    (void)state;
    assert_int_equal(got(limit, "2001:db8::", NOW, 9), 5);
    for (unsigned i = 1; i <= 2 * BM_SERVER_LIMIT_BUCKETS; i++) {
        char text[40];

        (void)snprintf(text, sizeof(text), "2001:db9:%x:%x::", i >> 16, i & 0xFFFF);
        assert_int_equal(got(limit, text, NOW, 1), 1);
    }
    assert_int_equal(got(limit, "2001:db8::", NOW, 9), 0);
    bm_server_limit_free(limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_gets_its_burst_and_then_its_rate),
        cmocka_unit_test(what_is_refused_costs_nothing),
        cmocka_unit_test(each_address_has_its_own_and_a_64_has_one),
        cmocka_unit_test(all_together_have_one_more),
        cmocka_unit_test(zero_is_no_limit),
        cmocka_unit_test(the_time_that_is_told_is_the_time_that_helps),
        cmocka_unit_test(a_clock_that_goes_back_gives_nothing),
        cmocka_unit_test(a_flood_of_addresses_does_not_fill_an_empty_bucket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

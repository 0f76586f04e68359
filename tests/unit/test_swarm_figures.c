#include "unit.h"

#include "swarm/figures.h"

#include <string.h>

static void percentiles_are_near_what_they_stand_for(void **state)
{
    bm_swarm_histogram histogram = {0};

    (void)state;
    for (int64_t i = 1; i <= 100000; i++)
        bm_swarm_histogram_add(&histogram, i * 1000);
    assert_int_equal(histogram.count, 100000);
    assert_int_equal(histogram.max, 100000000);
    for (unsigned share = 1; share <= 1000; share++) {
        int64_t exact = (int64_t)share * 100000;
        int64_t got = bm_swarm_histogram_permille(&histogram, share);

        assert_true(got >= exact && got <= exact + exact / 32 + 1);
    }
    assert_int_equal(bm_swarm_histogram_permille(&histogram, 1000), histogram.max);
}

static void small_times_are_exact(void **state)
{
    bm_swarm_histogram histogram = {0};

    (void)state;
    for (int64_t i = 0; i < 10; i++)
        bm_swarm_histogram_add(&histogram, i);
    assert_int_equal(bm_swarm_histogram_permille(&histogram, 500), 4);
    assert_int_equal(bm_swarm_histogram_permille(&histogram, 999), 9);
}

static void no_time_is_lost_at_the_ends(void **state)
{
    bm_swarm_histogram histogram = {0};

    (void)state;
    assert_int_equal(bm_swarm_histogram_permille(&histogram, 500), 0);
    bm_swarm_histogram_add(&histogram, -5);
    bm_swarm_histogram_add(&histogram, INT64_MAX);
    assert_int_equal(histogram.count, 2);
    assert_int_equal(bm_swarm_histogram_permille(&histogram, 500), 0);
    assert_int_equal(bm_swarm_histogram_permille(&histogram, 990), INT64_MAX);
}

static void one_time_is_every_percentile(void **state)
{
    bm_swarm_histogram histogram = {0};

    (void)state;
    bm_swarm_histogram_add(&histogram, 1234567);
    assert_int_equal(bm_swarm_histogram_permille(&histogram, 0), 1234567);
    assert_int_equal(bm_swarm_histogram_permille(&histogram, 500), 1234567);
    assert_int_equal(bm_swarm_histogram_permille(&histogram, 999), 1234567);
}

static bool says(const bm_buf *text, const char *what)
{
    return memmem(text->data, text->size, what, strlen(what)) != NULL;
}

static bm_swarm_figures some_figures(void)
{
    bm_swarm_figures figures = {.devices = 20, .provisioned = 10, .refused = 2, .failed = 4, .accepted = 1, .wall_ns = 2000000000, .cpu_ns = 16000000};

    figures.errors[BM_OK] = 1;
    figures.errors[BM_E_EKC_UNTRUSTED] = 2;
    figures.gave_up[BM_SWARM_LINK_TIMEOUT] = 1;
    figures.retried[BM_SWARM_LINK_CLOSED] = 7;
    figures.retried_429 = 5;
    figures.watched = true;
    figures.server_ns[BM_SWARM_PROCESS_SERVER] = 32000000;
    figures.server_ns[BM_SWARM_PROCESS_LEDGER] = 16000000;
    bm_swarm_histogram_add(&figures.times[BM_SWARM_TIME_CHALLENGE], 3000000);
    return figures;
}

static void the_text_says_all_that_was_counted(void **state)
{
    bm_swarm_figures figures = some_figures();
    BM_AUTO_BUF text = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_swarm_figures_put_text(&figures, &text));
    assert_true(says(&text, "16 of 20 devices in 2.00 s: 8.0 a second\n"));
    assert_true(says(&text, "provisioned 10, refused as they must be 2, failed 4;"));
    assert_true(says(&text, "failed: accepted, and had to be refused 1\n"));
    assert_true(says(&text, "failed: ekc-untrusted 2\n"));
    assert_true(says(&text, "failed: gave up, timeout 1\n"));
    assert_true(says(&text, "tried again: 429 5\n"));
    assert_true(says(&text, "tried again: closed 7\n"));
    assert_true(says(&text, "this program 1.000 ms; birthmarkd 3.000 ms = monitor 0.000 + server 2.000 + ledger 1.000 + keeper 0.000\n"));
    assert_false(says(&text, "whole core"));
    figures.cpu_ns = figures.wall_ns;
    assert_ok(bm_swarm_figures_put_text(&figures, &text));
    assert_true(says(&text, "whole core"));
}

static void the_json_is_one_line_with_the_same(void **state)
{
    bm_swarm_figures figures = some_figures();
    BM_AUTO_BUF text = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_swarm_figures_put_json(&figures, &text));
    assert_true(says(&text, "{\"devices\":20,\"done\":16,\"provisioned\":10,\"refused_as_expected\":2,\"failed\":4,\"interrupted\":false,"));
    assert_true(says(&text, "\"errors\":{\"accepted\":1,\"ekc-untrusted\":2},\"gave_up\":{\"timeout\":1},\"retries\":{\"429\":5,\"closed\":7},"));
    assert_true(says(&text, "\"get_challenge\":{\"count\":1,\"mean_ms\":3.000,"));
    assert_true(says(&text, "\"server_cpu_ms\":{\"all\":3.0000,\"monitor\":0.0000,\"server\":2.0000,"));
    assert_ptr_equal(memchr(text.data, '\n', text.size), text.data + text.size - 1);
}

static void a_run_of_nothing_has_figures_too(void **state)
{
    bm_swarm_figures figures = {0};
    BM_AUTO_BUF text = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_swarm_figures_put_text(&figures, &text));
    assert_ok(bm_swarm_figures_put_json(&figures, &text));
    assert_false(says(&text, "nan"));
    assert_false(says(&text, "inf"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_near_what_they_stand_for), cmocka_unit_test(small_times_are_exact),
        cmocka_unit_test(no_time_is_lost_at_the_ends),              cmocka_unit_test(one_time_is_every_percentile),
        cmocka_unit_test(the_text_says_all_that_was_counted),       cmocka_unit_test(the_json_is_one_line_with_the_same),
        cmocka_unit_test(a_run_of_nothing_has_figures_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

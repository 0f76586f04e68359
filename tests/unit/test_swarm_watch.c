#include "unit.h"

#include "swarm/watch.h"

#include <unistd.h>

#define LINE(text) bm_bytes_of(text, sizeof(text) - 1)

static void children_are_read(void **state)
{
    pid_t pids[4];
    size_t count;

    (void)state;
    assert_true(bm_swarm_watch_parse_children(LINE("12 345 6 \n"), pids, 4, &count));
    assert_int_equal(count, 3);
    assert_int_equal(pids[0], 12);
    assert_int_equal(pids[2], 6);
    assert_true(bm_swarm_watch_parse_children(LINE(""), pids, 4, &count));
    assert_int_equal(count, 0);
}

static void what_is_no_list_of_pids_is_refused(void **state)
{
    pid_t pids[2];
    size_t count = 77;

    (void)state;
    assert_false(bm_swarm_watch_parse_children(LINE("1 2 3 "), pids, 2, &count));
    assert_false(bm_swarm_watch_parse_children(LINE("0 "), pids, 2, &count));
    assert_false(bm_swarm_watch_parse_children(LINE("-1 "), pids, 2, &count));
    assert_false(bm_swarm_watch_parse_children(LINE("12a "), pids, 2, &count));
    assert_false(bm_swarm_watch_parse_children(LINE("2147483648 "), pids, 2, &count));
    assert_int_equal(count, 77);
}

static void a_process_is_known_by_the_word_behind_x(void **state)
{
    (void)state;
    assert_int_equal(bm_swarm_watch_parse_kind(LINE("birthmarkd\0-x\0server\0")), BM_SWARM_PROCESS_SERVER);
    assert_int_equal(bm_swarm_watch_parse_kind(LINE("/usr/sbin/birthmarkd\0-x\0ledger\0")), BM_SWARM_PROCESS_LEDGER);
    assert_int_equal(bm_swarm_watch_parse_kind(LINE("birthmarkd\0a\0-x\0keeper")), BM_SWARM_PROCESS_KEEPER);
}

static void other_command_lines_are_other_processes(void **state)
{
    (void)state;
    assert_int_equal(bm_swarm_watch_parse_kind(LINE("")), BM_SWARM_PROCESS_OTHER);
    assert_int_equal(bm_swarm_watch_parse_kind(LINE("server\0")), BM_SWARM_PROCESS_OTHER);
    assert_int_equal(bm_swarm_watch_parse_kind(LINE("birthmarkd\0--state\0server\0")), BM_SWARM_PROCESS_OTHER);
    assert_int_equal(bm_swarm_watch_parse_kind(LINE("birthmarkd\0-x\0servers\0")), BM_SWARM_PROCESS_OTHER);
    assert_int_equal(bm_swarm_watch_parse_kind(LINE("birthmarkd\0-x\0monitor\0")), BM_SWARM_PROCESS_OTHER);
    assert_int_equal(bm_swarm_watch_parse_kind(LINE("birthmarkd\0-x\0\0server\0")), BM_SWARM_PROCESS_OTHER);
    assert_int_equal(bm_swarm_watch_parse_kind(LINE("birthmarkd\0-x")), BM_SWARM_PROCESS_OTHER);
}

static void the_time_on_the_cpu_is_read(void **state)
{
    uint64_t used;

    (void)state;
    assert_true(bm_swarm_watch_parse_used(LINE("123456789012 55 6\n"), &used));
    assert_int_equal(used, 123456789012);
    assert_false(bm_swarm_watch_parse_used(LINE(""), &used));
    assert_false(bm_swarm_watch_parse_used(LINE("x 1 2\n"), &used));
    assert_false(bm_swarm_watch_parse_used(LINE("99999999999999999999 1 2\n"), &used));
}

static void a_process_that_is_no_birthmarkd_is_refused(void **state)
{
    bm_swarm_watch watch;

    (void)state;
    assert_code(bm_swarm_watch_begin(getpid(), &watch), BM_E_USAGE);
    assert_code(bm_swarm_watch_begin(2147483647, &watch), BM_E_USAGE);
}

static void only_what_was_used_since_the_first_look_counts(void **state)
{
    bm_swarm_watch watch = {.count = 3};

    (void)state;
    watch.seen[0].kind = BM_SWARM_PROCESS_SERVER;
    watch.seen[0].first = 100;
    watch.seen[0].last = 150;
    watch.seen[1].kind = BM_SWARM_PROCESS_SERVER; /* it started later */
    watch.seen[1].last = 7;
    watch.seen[2].kind = BM_SWARM_PROCESS_KEEPER;
    watch.seen[2].last = 1;
    assert_int_equal(bm_swarm_watch_used(&watch, BM_SWARM_PROCESS_SERVER), 57);
    assert_int_equal(bm_swarm_watch_used(&watch, BM_SWARM_PROCESS_KEEPER), 1);
    assert_int_equal(bm_swarm_watch_used(&watch, BM_SWARM_PROCESS_LEDGER), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_are_read),
        cmocka_unit_test(what_is_no_list_of_pids_is_refused),
        cmocka_unit_test(a_process_is_known_by_the_word_behind_x),
        cmocka_unit_test(other_command_lines_are_other_processes),
        cmocka_unit_test(the_time_on_the_cpu_is_read),
        cmocka_unit_test(a_process_that_is_no_birthmarkd_is_refused),
        cmocka_unit_test(only_what_was_used_since_the_first_look_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

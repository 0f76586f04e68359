/* The queue of what takes long. */
#include "unit.h"

#include "server/server_work.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS 26

typedef struct fixture fixture;

typedef struct {
    fixture *of;
    char letter;
} name;

struct fixture {
    struct event_base *base;
    bm_server_work *work;
    struct event *other; /* what else the loop has to do, in each of its turns */
    char said[256];      /* a letter for each thing that was done */
    bm_server_work_item items[ITEMS];
    name names[ITEMS];
};

static void say(fixture *f, char letter)
{
    size_t size = strlen(f->said);

    assert_true(size + 1 < sizeof(f->said));
    f->said[size] = letter;
}

static void run(void *context)
{
    const name *it = context;

    say(it->of, it->letter);
}

static void on_other(evutil_socket_t fd, short events, void *context)
{
    const struct timeval next = {0};
    fixture *f = context;

    (void)fd;
    (void)events;
    say(f, '.');
    assert_int_equal(event_add(f->other, &next), 0);
}

static int begin(void **state)
{
    fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->base = event_base_new();
    f->other = evtimer_new(f->base, on_other, f);
    assert_ok(bm_server_work_new(f->base, &f->work));
    for (int i = 0; i < ITEMS; i++) {
        f->names[i] = (name){f, (char)('a' + i)};
    }
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;

    bm_server_work_free(f->work);
    event_free(f->other);
    event_base_free(f->base);
    free(f);
    return 0;
}

static void add(fixture *f, int i)
{
    bm_server_work_add(f->work, &f->items[i], run, &f->names[i]);
}

static void turn(fixture *f, int turns)
{
    for (int i = 0; i < turns; i++)
        assert_true(event_base_loop(f->base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
}

static void nothing_is_run_from_within(void **state)
{
    fixture *f = *state;

    add(f, 0);
    assert_string_equal(f->said, "");
    turn(f, 1);
    assert_string_equal(f->said, "a");
    turn(f, 3);
    assert_string_equal(f->said, "a");
}

static void all_is_run_once_in_the_order_in_which_it_came(void **state)
{
    fixture *f = *state;

    for (int i = 0; i < ITEMS; i++)
        add(f, i);
    turn(f, ITEMS);
    assert_string_equal(f->said, "abcdefghijklmnopqrstuvwxyz");
}

static void what_else_there_is_has_its_turn_between(void **state)
{
    fixture *f = *state;

    on_other(-1, 0, f);
    for (int i = 0; i < ITEMS; i++)
        add(f, i);
    turn(f, ITEMS);
    /* Never more than some of it before the other has its turn again. */
    assert_null(strstr(f->said, "abcdefghijklmnopqrst"));
    for (const char *at = f->said; *at != 0; at += strcspn(at, ".") + (at[strcspn(at, ".")] != 0))
        assert_true(strcspn(at, ".") <= 16);
    assert_non_null(strchr(f->said, 'z'));
}

static void what_is_taken_out_is_not_run(void **state)
{
    fixture *f = *state;

    add(f, 0);
    add(f, 1);
    add(f, 2);
    assert_int_equal(bm_server_work_length(f->work), 3);
    bm_server_work_remove(f->work, &f->items[1]);
    bm_server_work_remove(f->work, &f->items[1]);
    assert_int_equal(bm_server_work_length(f->work), 2);
    turn(f, 3);
    assert_int_equal(bm_server_work_length(f->work), 0);
    assert_string_equal(f->said, "ac");
    bm_server_work_remove(f->work, &f->items[0]);
    bm_server_work_remove(f->work, &f->items[5]);
    add(f, 1);
    turn(f, 3);
    assert_string_equal(f->said, "acb");
}

static void a_queue_that_was_emptied_goes_on_with_what_comes_later(void **state)
{
    fixture *f = *state;

    add(f, 0);
    bm_server_work_remove(f->work, &f->items[0]);
    turn(f, 2);
    assert_string_equal(f->said, "");
    add(f, 1);
    turn(f, 2);
    assert_string_equal(f->said, "b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_run_from_within, begin, end),
        cmocka_unit_test_setup_teardown(all_is_run_once_in_the_order_in_which_it_came, begin, end),
        cmocka_unit_test_setup_teardown(what_else_there_is_has_its_turn_between, begin, end),
        cmocka_unit_test_setup_teardown(what_is_taken_out_is_not_run, begin, end),
        cmocka_unit_test_setup_teardown(a_queue_that_was_emptied_goes_on_with_what_comes_later, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

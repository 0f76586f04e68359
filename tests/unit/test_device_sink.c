/* device/talk/sink, steps, watch and record: who is told what, of what takes long, and how it is written for machines. */
#include "unit.h"

#include "device/talk/record.h"
#include "device/talk/sink.h"
#include "device/talk/steps.h"
#include "device/talk/watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What a sink was told. */
typedef struct {
    unsigned count;
    bm_sink_kind kind[16];
    unsigned step[16];
    char text[16][64];
    atomic_uint waits;
    bool stop;
} told;

static void tell(void *context, const bm_sink_event *event)
{
    told *self = context;

    if (event->kind == BM_SINK_WAITS) {
        assert_true(event->ms >= 1000);
        self->waits++;
        return;
    }
    if (self->count == 16)
        return;
    self->kind[self->count] = event->kind;
    self->step[self->count] = event->step;
    (void)snprintf(self->text[self->count++], 64, "%s", event->text);
}

static bool stops(void *context)
{
    const told *self = context;

    return self->stop;
}

static void steps_and_notes_go_to_the_sink_in_their_order(void **state)
{
    told seen = {.count = 0};
    const bm_sink sink = {.tell = tell, .stops = stops, .context = &seen};
    bm_steps steps = {0};

    (void)state;
    assert_null(bm_sink_use(&sink));
    bm_steps_begin(&steps, "one");
    bm_steps_note("a %s", "note");
    bm_steps_end(&steps, "done %d", 1);
    bm_steps_begin(&steps, "two");
    bm_steps_total("all");
    assert_ptr_equal(bm_sink_use(NULL), &sink);
    bm_steps_note("nobody hears it");
    assert_int_equal(seen.count, 5);
    assert_int_equal(seen.kind[0], BM_SINK_BEGAN);
    assert_int_equal(seen.step[0], 1);
    assert_string_equal(seen.text[0], "one");
    assert_int_equal(seen.kind[1], BM_SINK_NOTED);
    assert_string_equal(seen.text[1], "a note");
    assert_int_equal(seen.kind[2], BM_SINK_ENDED);
    assert_string_equal(seen.text[2], "done 1");
    assert_int_equal(seen.step[3], 2);
    assert_int_equal(seen.kind[4], BM_SINK_TOTAL);
}

static void *look_elsewhere(void *context)
{
    (void)context;
    return bm_sink_current() == NULL && !bm_sink_stops() ? NULL : context;
}

static void a_sink_is_its_threads_alone_and_stops_nobody_else(void **state)
{
    told seen = {.stop = true};
    const bm_sink sink = {.tell = tell, .stops = stops, .context = &seen};
    const bm_sink silent = {.tell = NULL};
    pthread_t thread;
    void *wrong = &seen;

    (void)state;
    assert_false(bm_sink_stops());
    (void)bm_sink_use(&sink);
    assert_true(bm_sink_stops());
    assert_int_equal(pthread_create(&thread, NULL, look_elsewhere, &seen), 0);
    assert_int_equal(pthread_join(thread, &wrong), 0);
    assert_null(wrong);
    (void)bm_sink_use(&silent);
    assert_false(bm_sink_stops());
    bm_steps_note("nobody hears it");
    assert_null(bm_watch_new());
    (void)bm_sink_use(NULL);
    assert_null(bm_watch_new());
}

static void pause_ms(long ms)
{
    const struct timespec time = {.tv_nsec = ms * 1000000};

    (void)nanosleep(&time, NULL);
}

static void what_takes_long_is_told_until_it_has_ended_and_what_does_not_is_not(void **state)
{
    told seen = {.count = 0};
    const bm_sink sink = {.tell = tell, .context = &seen};
    bm_watch *watch;
    unsigned waits;

    (void)state;
    bm_watch_begin(NULL);
    bm_watch_end(NULL);
    bm_watch_free(NULL);
    (void)bm_sink_use(&sink);
    watch = bm_watch_new();
    assert_non_null(watch);
    bm_watch_begin(watch);
    bm_watch_end(watch);
    assert_int_equal(seen.waits, 0);
    bm_watch_begin(watch);
    for (int i = 0; i < 3000 && seen.waits == 0; i++)
        pause_ms(10);
    /* Another try of the same command is the same wait. */
    bm_watch_begin(watch);
    bm_watch_end(watch);
    waits = seen.waits;
    assert_true(waits > 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.kind[0], BM_SINK_RESUMED);
    bm_watch_end(watch);
    pause_ms(300);
    assert_int_equal(seen.waits, waits);
    assert_int_equal(seen.count, 1);
    bm_watch_begin(watch);
    bm_watch_free(watch);
    (void)bm_sink_use(NULL);
}

static void a_record_is_one_object(void **state)
{
    static const char want[] = "{\"a\": \"q\\\"b\\\\ \\u000a\xc3\xa4\", \"n\": -7, \"f\": true, \"g\": false, \"t\": \"1970-01-01T00:00:00Z\", "
                               "\"h\": \"0x81020000\", \"x\": \"00ff\", \"l\": [1, {\"b\": \"??\"}], \"o\": {}, \"m\": 2}";
    BM_AUTO(bm_record_fini) bm_record record = {.more = false};

    (void)state;
    assert_ok(bm_record_begin_object(&record, NULL));
    assert_ok(bm_record_put_text(&record, "a", "q\"b\\ \n\xc3\xa4"));
    assert_ok(bm_record_put_number(&record, "n", -7));
    assert_ok(bm_record_put_flag(&record, "f", true));
    assert_ok(bm_record_put_flag(&record, "g", false));
    assert_ok(bm_record_put_time(&record, "t", 0));
    assert_ok(bm_record_put_handle(&record, "h", 0x81020000u));
    assert_ok(bm_record_put_hex(&record, "x", bm_bytes_of("\x00\xff", 2)));
    assert_ok(bm_record_begin_array(&record, "l"));
    assert_ok(bm_record_put_number(&record, NULL, 1));
    assert_ok(bm_record_begin_object(&record, NULL));
    assert_ok(bm_record_put_text(&record, "b", "\xff\xc3"));
    assert_ok(bm_record_end_object(&record));
    assert_ok(bm_record_end_array(&record));
    assert_ok(bm_record_begin_object(&record, "o"));
    assert_ok(bm_record_end_object(&record));
    assert_ok(bm_record_put_number(&record, "m", 2));
    assert_ok(bm_record_end_object(&record));
    assert_bytes(bm_buf_view(&record.text), bm_bytes_str(want));
}

static void elements_that_were_kept_apart_come_into_an_array_also_when_there_are_none(void **state)
{
    BM_AUTO(bm_record_fini) bm_record elements = {.more = false};
    BM_AUTO(bm_record_fini) bm_record record = {.more = false};

    (void)state;
    assert_ok(bm_record_begin_array(&record, NULL));
    assert_ok(bm_record_put_record(&record, NULL, &elements));
    assert_ok(bm_record_put_text(&elements, NULL, "a"));
    assert_ok(bm_record_put_text(&elements, NULL, "b"));
    assert_ok(bm_record_put_record(&record, NULL, &elements));
    assert_ok(bm_record_end_array(&record));
    assert_bytes(bm_buf_view(&record.text), bm_bytes_str("[\"a\", \"b\"]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_and_notes_go_to_the_sink_in_their_order),
        cmocka_unit_test(a_sink_is_its_threads_alone_and_stops_nobody_else),
        cmocka_unit_test(what_takes_long_is_told_until_it_has_ended_and_what_does_not_is_not),
        cmocka_unit_test(a_record_is_one_object),
        cmocka_unit_test(elements_that_were_kept_apart_come_into_an_array_also_when_there_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

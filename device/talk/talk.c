#include "device/talk/talk.h"

#include "program/interrupt.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define FIRST_MS 5000
#define THEN_MS 15000

static void rub_out(bm_talk *talk)
{
    if (talk->shown)
        (void)fprintf(stderr, "\r%60s\r", "");
    talk->shown = false;
}

/* A terminal has it each second, a file or a pipe a line now and then. */
static void say_wait(bm_talk *talk, int64_t ms)
{
    if (talk->terminal) {
        (void)fprintf(stderr, "\r    the TPM is still at it, after %" PRId64 " s", ms / 1000);
        talk->shown = true;
    } else if (ms >= talk->next_ms) {
        (void)fprintf(stderr, "    the TPM is still at it, after %" PRId64 " s: keys take some chips a minute or more\n", ms / 1000);
        talk->next_ms += THEN_MS;
    }
}

static void say(bm_talk *talk, const bm_sink_event *event)
{
    rub_out(talk);
    switch (event->kind) {
    case BM_SINK_BEGAN:
        (void)fprintf(stderr, "%u/%u %s\n", event->step, event->steps, event->text);
        break;
    case BM_SINK_ENDED:
        (void)fprintf(stderr, "    %" PRId64 " ms: %s\n", event->ms, event->text);
        break;
    case BM_SINK_NOTED:
        (void)fprintf(stderr, "    %s\n", event->text);
        break;
    case BM_SINK_TOTAL:
        (void)fprintf(stderr, "%s\n", event->text);
        break;
    case BM_SINK_WAITS:
        say_wait(talk, event->ms);
        break;
    case BM_SINK_RESUMED:
        talk->next_ms = FIRST_MS;
        break;
    }
    (void)fflush(stderr);
}

static BM_RESULT keep(bm_talk *talk, const bm_sink_event *event)
{
    if (event->kind == BM_SINK_NOTED)
        return bm_record_put_text(&talk->notes, NULL, event->text);
    if (event->kind != BM_SINK_ENDED)
        return bm_ok();
    BM_TRY(bm_record_begin_object(&talk->steps, NULL));
    BM_TRY(bm_record_put_number(&talk->steps, "step", event->step));
    BM_TRY(bm_record_put_number(&talk->steps, "ms", event->ms));
    BM_TRY(bm_record_put_text(&talk->steps, "text", event->text));
    return bm_record_end_object(&talk->steps);
}

static void tell(void *context, const bm_sink_event *event)
{
    bm_talk *talk = context;

    if (!talk->quiet)
        say(talk, event);
    if (talk->keeps && keep(talk, event).code != BM_OK)
        talk->lost = true;
}

static bool stops(void *context)
{
    (void)context;
    return bm_interrupt_pending();
}

void bm_talk_begin(bm_talk *talk, bool quiet, bool keeps)
{
    *talk = (bm_talk){
        .sink = {.tell = tell, .stops = stops, .context = talk}, .quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1, .keeps = keeps, .next_ms = FIRST_MS};
    (void)bm_sink_use(&talk->sink);
}

void bm_talk_end(bm_talk *talk)
{
    rub_out(talk);
    (void)bm_sink_use(NULL);
    bm_record_fini(&talk->steps);
    bm_record_fini(&talk->notes);
}

static BM_RESULT put_array(bm_record *record, const char *name, const bm_record *elements)
{
    BM_TRY(bm_record_begin_array(record, name));
    BM_TRY(bm_record_put_record(record, NULL, elements));
    return bm_record_end_array(record);
}

BM_RESULT bm_talk_put(const bm_talk *talk, bm_record *record)
{
    BM_CHECK(!talk->lost, BM_E_NO_MEMORY, NULL);
    BM_TRY(put_array(record, "steps", &talk->steps));
    return put_array(record, "notes", &talk->notes);
}

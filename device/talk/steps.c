#include "device/talk/steps.h"

#include "device/talk/sink.h"
#include "program/clock.h"

#include <stdarg.h>
#include <stdio.h>

#define STEPS 6
#define TEXT_SIZE 1024

/* Tells it with this text. */
static void tell(bm_sink_event event, const char *format, va_list args) BM_PRINTF(2, 0);

static void tell(bm_sink_event event, const char *format, va_list args)
{
    char text[TEXT_SIZE];

    (void)vsnprintf(text, sizeof(text), format, args);
    event.text = text;
    bm_sink_tell(&event);
}

void bm_steps_begin(bm_steps *steps, const char *what)
{
    const bm_sink_event event = {.kind = BM_SINK_BEGAN, .step = ++steps->number, .steps = STEPS, .text = what};

    steps->start = bm_clock_ns();
    bm_sink_tell(&event);
}

void bm_steps_end(bm_steps *steps, const char *format, ...)
{
    bm_sink_event event = {.kind = BM_SINK_ENDED, .step = steps->number, .steps = STEPS, .ms = (bm_clock_ns() - steps->start + 500000) / 1000000};
    va_list args;

    va_start(args, format);
    tell(event, format, args);
    va_end(args);
}

void bm_steps_note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell((bm_sink_event){.kind = BM_SINK_NOTED}, format, args);
    va_end(args);
}

void bm_steps_total(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell((bm_sink_event){.kind = BM_SINK_TOTAL}, format, args);
    va_end(args);
}

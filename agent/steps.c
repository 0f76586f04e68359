#include "agent/steps.h"

#include "program/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define STEPS 6

void bm_steps_begin(bm_steps *steps, const char *what)
{
    steps->number++;
    steps->start = bm_clock_ns();
    (void)fprintf(stderr, "%u/%u %s\n", steps->number, STEPS, what);
    (void)fflush(stderr);
}

void bm_steps_end(bm_steps *steps, const char *format, ...)
{
    va_list args;

    (void)fprintf(stderr, "    %" PRId64 " ms: ", (bm_clock_ns() - steps->start + 500000) / 1000000);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    (void)fflush(stderr);
}

void bm_steps_note(const char *format, ...)
{
    va_list args;

    (void)fputs("    ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    (void)fflush(stderr);
}

/* The steps of an operation and the notes between them, as they are told to the thread's sink (sink.h). */
#ifndef BM_DEVICE_TALK_STEPS_H
#define BM_DEVICE_TALK_STEPS_H

#include "base/result.h"

#include <stdint.h>

/* Which step, and since when; zero-initialise. */
typedef struct {
    unsigned number; /* of the step that runs; 0: none */
    int64_t start;   /* of the step */
} bm_steps;

/* Begins the next step: "reading ...", at once. */
void bm_steps_begin(bm_steps *steps, const char *what);

/* Ends the step: its time, and what came of it. What is longer than 1023 bytes is cut, here and below. */
void bm_steps_end(bm_steps *steps, const char *format, ...) BM_PRINTF(2, 3);

/* A line between the steps, for what a person should know. */
void bm_steps_note(const char *format, ...) BM_PRINTF(1, 2);

/* The last line: where the time went. */
void bm_steps_total(const char *format, ...) BM_PRINTF(1, 2);

#endif

/* How the program says what happens: on stderr for a person, nothing with --quiet; and kept, for the object that --json prints at the end. */
#ifndef BM_DEVICE_TALK_H
#define BM_DEVICE_TALK_H

#include "device/talk/record.h"
#include "device/talk/sink.h"

/* A sink, and what it keeps; begin with bm_talk_begin, end with bm_talk_end. Stays where it is. */
typedef struct {
    bm_sink sink;
    bool quiet;
    bool terminal;   /* stderr is one: a wait is shown on a line of its own, which is rubbed out afterwards */
    bool keeps;
    bool shown;      /* there is such a line */
    int64_t next_ms; /* elsewhere: when a wait is told of next */
    bm_record steps; /* elements of two arrays */
    bm_record notes;
    bool lost;       /* memory ran out for what was to be kept */
} bm_talk;

/* From here on this is the thread's sink, which is stopped by a signal that waits (program/interrupt.h). */
void bm_talk_begin(bm_talk *talk, bool quiet, bool keeps);

/* No longer; the terminal is left as a line of its own wants it. Frees. */
void bm_talk_end(bm_talk *talk);

/* Adds `steps` and `notes` to an object, with what was kept. BM_E_NO_MEMORY. */
BM_RESULT bm_talk_put(const bm_talk *talk, bm_record *record);

#endif

/*
 * Whom an operation tells what happens, and asks whether to go on: the terminal, nobody, an object for machines, or the caller of the library.
 *
 * It is a property of the thread, as the detail of a failure is: what is deep inside needs no parameter for it, and two threads of a program that
 * has the library in it do not see each other's. A thread that set none tells nobody and is not stopped.
 */
#ifndef BM_DEVICE_TALK_SINK_H
#define BM_DEVICE_TALK_SINK_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    BM_SINK_BEGAN, /* a step */
    BM_SINK_ENDED, /* the step, with what came of it */
    BM_SINK_NOTED, /* what a person should know */
    BM_SINK_TOTAL, /* where the time went, at the end */
    BM_SINK_WAITS, /* the TPM is still at one command; told once a second from the first on, and from another thread */
    BM_SINK_RESUMED /* that command has ended */
} bm_sink_kind;

/* What happened. */
typedef struct {
    bm_sink_kind kind;
    unsigned step;    /* its number, from 1 on; 0: not in a step */
    unsigned steps;   /* of so many */
    int64_t ms;       /* ENDED: of the step; WAITS, RESUMED: of the command so far */
    const char *text; /* one line; valid during the call; "" for WAITS and RESUMED */
} bm_sink_event;

/*
 * Who is told. `tell` is never called by two threads at a time, and must not begin another operation. `stops` (NULL: never) is asked between two TPM
 * commands and while the network is waited for.
 */
typedef struct {
    void (*tell)(void *context, const bm_sink_event *event);
    bool (*stops)(void *context);
    void *context;
} bm_sink;

/* This thread's from here on (NULL: none), which must outlive that; returns the one before, to be set again. */
const bm_sink *bm_sink_use(const bm_sink *sink);

/* This thread's; NULL: none. */
const bm_sink *bm_sink_current(void);

/* Tells this thread's sink. */
void bm_sink_tell(const bm_sink_event *event);

/* Does this thread's sink want the operation to stop? */
bool bm_sink_stops(void);

#endif

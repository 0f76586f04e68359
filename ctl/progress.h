/* How far a command is that takes long: a line on the standard error, in place where that is a terminal. Nothing in the first second. */
#ifndef BM_CTL_PROGRESS_H
#define BM_CTL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *what;
    size_t of; /* how many there are; 0: nobody knows */
    bool in_place;
    bool shown;
    int64_t began; /* nanoseconds of a clock that does not go back */
    int64_t next;  /* when it is time for the next line */
} bm_ctl_progress;

/* Begins: `what` says what is done ("rows checked"), and lives as long. */
bm_ctl_progress bm_ctl_progress_begin(const char *what, size_t of);

/* So many are done: perhaps it is time to say so. */
void bm_ctl_progress_tell(bm_ctl_progress *progress, size_t done);

/* Takes the line away where it stands in place. */
void bm_ctl_progress_end(bm_ctl_progress *progress);

#endif

/* How far it is: on standard error, one line in place on a terminal, a line every few seconds elsewhere. */
#ifndef BM_SWARM_PROGRESS_H
#define BM_SWARM_PROGRESS_H

#include "swarm/figures.h"

/* Zero-initialise with `quiet`, then bm_swarm_progress_begin. */
typedef struct {
    bool quiet;
    bool in_place;
    bool shown; /* a line stands there without an end */
    int64_t began;
    int64_t next;
    uint64_t before;
    int64_t before_ns;
} bm_swarm_progress;

/* From now on; `quiet`: nothing is ever shown. */
void bm_swarm_progress_begin(bm_swarm_progress *progress, bool quiet);

/* So many of so many devices are made; shown when it is time. */
void bm_swarm_progress_made(bm_swarm_progress *progress, size_t made, size_t of);

/* How a run stands; shown when it is time. */
void bm_swarm_progress_run(bm_swarm_progress *progress, const bm_swarm_figures *figures, uint64_t active);

/* Ends the line that stands there. */
void bm_swarm_progress_end(bm_swarm_progress *progress);

#endif

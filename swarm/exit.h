/* How the program ends: its exit status, and the one sentence that says what went wrong and what to do. */
#ifndef BM_SWARM_EXIT_H
#define BM_SWARM_EXIT_H

#include "base/bytes.h"

/* The exit statuses; they are part of the interface, and --help and the man page list them. Those of birthmark(1), as far as they go. */
typedef enum {
    BM_SWARM_EXIT_OK = 0,
    BM_SWARM_EXIT_USAGE = 1,
    BM_SWARM_EXIT_NETWORK = 3,
    BM_SWARM_EXIT_SERVER = 4,
    BM_SWARM_EXIT_FILES = 5,
    BM_SWARM_EXIT_INTERNAL = 6,
    BM_SWARM_EXIT_INTERRUPTED = 130
} bm_swarm_exit_status;

/* The status of a result. */
bm_swarm_exit_status bm_swarm_exit_status_of(bm_result result);

/* Appends "<what happened>: <what to do>" for a failure, without a line end; BM_E_NO_MEMORY. */
BM_RESULT bm_swarm_exit_put_sentence(bm_buf *out, bm_result result);

#endif

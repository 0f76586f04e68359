/*
 * The work of birthmarkctl batch: request files go to workers, which judge them; what was judged is decided and recorded, many in a transaction;
 * tickets go back to be wrapped; answers are written. A bounded number of requests is on its way at any time.
 */
#ifndef BM_CTL_BATCH_RUN_H
#define BM_CTL_BATCH_RUN_H

#include "ctl/batch_files.h"
#include "ctl/batch_grant.h"
#include "ctl/batch_output.h"
#include "ctl/batch_worker.h"
#include "ctl/progress.h"

#define BM_CTL_BATCH_WORKERS_MAX 16
#define BM_CTL_BATCH_SLOTS 256 /* requests on their way */

/* Where a request is. */
typedef enum {
    BM_BATCH_SLOT_FREE = 0,
    BM_BATCH_SLOT_JUDGE,   /* to be sent to a worker */
    BM_BATCH_SLOT_JUDGING, /* it is there */
    BM_BATCH_SLOT_READY,   /* to be decided */
    BM_BATCH_SLOT_WRAP,    /* its ticket is to be sent to a worker */
    BM_BATCH_SLOT_WRAPPING,
    BM_BATCH_SLOT_STATES
} bm_ctl_batch_slot_state;

/* A request on its way. */
typedef struct {
    bm_ctl_batch_slot_state state;
    unsigned worker; /* that has it */
    uint64_t order;  /* when it was sent there */
    char name[BM_CTL_BATCH_NAME_SIZE];
    bm_buf bytes;
    uint8_t request[BM_SHA256_SIZE];
    bm_buf message; /* of the worker, about it */
    bm_ctl_batch_judged judged;
    bm_ctl_batch_outcome outcome;
} bm_ctl_batch_slot;

/* All of a run. Zero-initialise but for `output.fd` (-1); end with bm_ctl_batch_run_fini. */
typedef struct {
    bm_ctl_batch_files files;
    bool no_more; /* files */
    bm_ctl_batch_ca ca;
    bm_ctl_batch_output output;
    bm_ctl_batch_worker workers[BM_CTL_BATCH_WORKERS_MAX];
    unsigned worker_count;
    bm_ctl_batch_slot slots[BM_CTL_BATCH_SLOTS];
    unsigned in[BM_BATCH_SLOT_STATES]; /* how many are in each state */
    uint64_t order;
    uint64_t epoch; /* of the anchors that the workers have */
    bool stale;     /* there are newer ones */
    bm_buf message;
    bm_ctl_progress progress;
    size_t done;       /* files */
    size_t challenges; /* answered */
    size_t certificates;
    size_t refused[BM_CODE_COUNT];
    size_t unread; /* files that are no requests and got no answer */
    size_t named;  /* lines that were printed about files */
} bm_ctl_batch_run;

/* Ends the workers, closes, wipes and frees. For BM_AUTO. */
void bm_ctl_batch_run_fini(bm_ctl_batch_run *run);

/* Tells the workers the anchors of the database; they must have nothing to do. BM_E_STORE..., BM_E_INTERNAL. */
BM_RESULT bm_ctl_batch_run_tell_anchors(bm_ctl_batch_run *run);

/* Answers every file. BM_E_INTERRUPTED: a signal came; BM_E_IO, BM_E_STORE...; BM_E_INTERNAL: the workers died. What was recorded stays so. */
BM_RESULT bm_ctl_batch_run_all(bm_ctl_batch_run *run);

#endif

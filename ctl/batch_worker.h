/*
 * A worker of birthmarkctl batch: a process without keys, database or files, which reads the request files' bytes, judges them, and wraps tickets.
 * Processes, not threads: OpenSSL's decoders scale better so, and who takes one over has nothing but it.
 */
#ifndef BM_CTL_BATCH_WORKER_H
#define BM_CTL_BATCH_WORKER_H

#include "protocol/config.h"

#include <sys/types.h>

/* A worker, as birthmarkctl has it. */
typedef struct {
    pid_t pid;
    int fd; /* of a socket of datagrams; -1: it is gone */
    unsigned busy; /* messages that it has not answered */
} bm_ctl_batch_worker;

/*
 * Starts a worker, before this process knows a secret: it is a copy of it. The configuration is the worker's from then on. BM_E_INTERNAL:
 * there can be no other process.
 */
BM_RESULT bm_ctl_batch_worker_start(const bm_config *config, bm_ctl_batch_worker *worker);

/* Ends it and waits for it. */
void bm_ctl_batch_worker_stop(bm_ctl_batch_worker *worker);

/* Sends a message, and waits until there is room for it; BM_E_INTERNAL: it is gone. */
BM_RESULT bm_ctl_batch_worker_send(bm_ctl_batch_worker *worker, bm_bytes message);

/* Sends a message if there is room (`sent`); counts it as one that is to be answered. BM_E_INTERNAL: it is gone. */
BM_RESULT bm_ctl_batch_worker_ask(bm_ctl_batch_worker *worker, bm_bytes message, bool *sent);

/* Replaces `message` by the next answer, if there is one (`got`); BM_E_INTERNAL: it is gone. */
BM_RESULT bm_ctl_batch_worker_receive(bm_ctl_batch_worker *worker, bm_buf *message, bool *got);

#endif

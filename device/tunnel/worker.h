/*
 * The one thread in which handshakes wait for the TPM, one after the other, while the event loop moves what flows. A session is in one thread at a
 * time: the loop's until it is handed over, the worker's until it comes back.
 */
#ifndef BM_DEVICE_TUNNEL_WORKER_H
#define BM_DEVICE_TUNNEL_WORKER_H

#include "device/tunnel/tls.h"

/* A session on its way to the worker and back; inside whoever owns it. */
typedef struct bm_tunnel_job {
    bm_tunnel_session *session;
    bm_tunnel_step step; /* how its handshake went on */
    void *owner;
    struct bm_tunnel_job *next;
} bm_tunnel_job;

typedef struct bm_tunnel_worker bm_tunnel_worker;

/* Starts the thread; all signals are blocked in it. BM_E_INTERNAL, BM_E_NO_MEMORY. */
BM_RESULT bm_tunnel_worker_new(bm_tunnel_worker **worker);

/* Ends the thread, after the job that it has in hand, and frees. NULL is fine. */
void bm_tunnel_worker_free(bm_tunnel_worker *worker);

/* Readable when jobs are done. */
int bm_tunnel_worker_fd(const bm_tunnel_worker *worker);

/* Hands a job over; it is the worker's until bm_tunnel_worker_take gives it back. */
void bm_tunnel_worker_give(bm_tunnel_worker *worker, bm_tunnel_job *job);

/* Takes the list of all jobs that are done; NULL: none. */
bm_tunnel_job *bm_tunnel_worker_take(bm_tunnel_worker *worker);

#endif

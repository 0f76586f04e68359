/*
 * Watches how long a TPM command takes, and tells the thread's sink once a second that it is still going on: making an RSA key takes some chips a
 * minute, and the call blocks. A thread of its own looks now and then; no signal and no handler is needed.
 */
#ifndef BM_DEVICE_TALK_WATCH_H
#define BM_DEVICE_TALK_WATCH_H

typedef struct bm_watch bm_watch;

/*
 * Starts a watch for this thread's sink, which must outlive it; all signals are blocked in its thread. NULL, and nothing is told, when there is no
 * sink or no thread can be had: what is watched goes on without.
 */
bm_watch *bm_watch_new(void);

/* Ends the thread and frees. NULL is fine, here and below. */
void bm_watch_free(bm_watch *watch);

/* A command begins, or is tried again: counted from its first try. */
void bm_watch_begin(bm_watch *watch);

/* It has ended: nothing is told of it any more when this has returned. */
void bm_watch_end(bm_watch *watch);

#endif

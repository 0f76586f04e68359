/*
 * What to do when the TPM says no for now: wait and send the command again, make room, or give up. ESYS itself sends a command up to five
 * times, without a pause, when the TPM says RETRY, YIELDED or TESTING; each of these counts as one here.
 */
#ifndef BM_DEVICE_TPM_RETRY_H
#define BM_DEVICE_TPM_RETRY_H

#include <stdbool.h>
#include <stdint.h>
#include <tss2/tss2_common.h>

/* How long a command waits for a busy TPM in all, and the longest pause. */
#define BM_TPM_RETRY_WAIT_NS 10000000000
#define BM_TPM_RETRY_PAUSE_NS 1280000000

/* One command that is being tried; zero-initialise. */
typedef struct {
    unsigned pauses;
    int64_t waited; /* nanoseconds */
    bool made_room;
} bm_tpm_retry;

typedef enum {
    BM_TPM_RETRY_NEVER,     /* the code is the command's result */
    BM_TPM_RETRY_PAUSE,     /* wait, then send it again */
    BM_TPM_RETRY_MAKE_ROOM, /* flush what an earlier run left, then send it again */
} bm_tpm_retry_step;

/*
 * The next step after a TPM response code (without the layer that handed it on). Busy (RETRY, YIELDED, TESTING, NV_RATE, NV_UNAVAILABLE): a
 * pause, 20 ms at first and then twice the one before, until the time is used up. Full (objects or sessions): make room, once, when it
 * `may_make_room`. All others, and LOCKOUT above all, whose every attempt may prolong it: never.
 */
bm_tpm_retry_step bm_tpm_retry_next(bm_tpm_retry *retry, TSS2_RC code, bool may_make_room, int64_t *pause);

/* Is it the TPM's state, and not this command, that the code is about? The same command may succeed later. */
bool bm_tpm_retry_is_state(TSS2_RC code);

#endif

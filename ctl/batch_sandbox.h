/* The sandbox of a worker of birthmarkctl batch. */
#ifndef BM_CTL_BATCH_SANDBOX_H
#define BM_CTL_BATCH_SANDBOX_H

#include "base/result.h"

#define BM_CTL_BATCH_SANDBOX_FD 3 /* the socket to the parent, in the worker */

/*
 * Warms up what judges (bm_verdict_warm_up). From then on this process can compute, have memory, and speak over BM_CTL_BATCH_SANDBOX_FD: the kernel
 * ends it at the first other system call. BM_E_INTERNAL, BM_E_NO_MEMORY.
 */
BM_RESULT bm_ctl_batch_sandbox_enter(void);

/* No core file of this process, and nobody may look into it. BM_E_INTERNAL. */
BM_RESULT bm_ctl_batch_sandbox_hide(void);

#endif

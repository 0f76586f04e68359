/*
 * Ctrl-C without surprises: the signals stay pending, and are asked for where it is a good moment (the agent: between two TPM commands, and while
 * the network is waited for). So nothing is left half-way, and no handler and no global variable is needed.
 */
#ifndef BM_PROGRAM_INTERRUPT_H
#define BM_PROGRAM_INTERRUPT_H

#include "base/result.h"

/* From here on SIGINT, SIGTERM and SIGHUP wait to be asked for; SIGPIPE is ignored. BM_E_INTERNAL. */
BM_RESULT bm_interrupt_hold(void);

/* Did one of them arrive? */
bool bm_interrupt_pending(void);

#endif

/* Ctrl-C without surprises: the signals stay pending, and the loops ask for them. No handler, no global variable. */
#ifndef BM_SWARM_INTERRUPT_H
#define BM_SWARM_INTERRUPT_H

#include "base/result.h"

/* From here on SIGINT, SIGTERM and SIGHUP wait to be asked for; SIGPIPE is ignored. BM_E_INTERNAL. */
BM_RESULT bm_swarm_interrupt_hold(void);

/* Did one of them arrive? */
bool bm_swarm_interrupt_pending(void);

#endif

/* A pause that a signal ends. */
#ifndef BM_AGENT_PAUSE_H
#define BM_AGENT_PAUSE_H

#include "base/result.h"

#include <stdint.h>

/* Waits so many milliseconds. BM_E_INTERRUPTED: a signal came (bm_interrupt_hold), and is noticed within a tenth of a second. */
BM_RESULT bm_pause(int64_t wait_ms);

#endif

/* A pause that the thread's sink can end. */
#ifndef BM_DEVICE_TALK_PAUSE_H
#define BM_DEVICE_TALK_PAUSE_H

#include "base/result.h"

#include <stdint.h>

/* Waits so many milliseconds. BM_E_INTERRUPTED: the sink wants it to stop (bm_sink_stops), which is noticed within a tenth of a second. */
BM_RESULT bm_pause(int64_t wait_ms);

#endif

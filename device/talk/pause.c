#include "device/talk/pause.h"

#include "device/talk/sink.h"

#include <time.h>

#define SLICE_MS 100 /* how often a wait asks whether to stop */

BM_RESULT bm_pause(int64_t wait_ms)
{
    while (wait_ms > 0) {
        int64_t slice = wait_ms < SLICE_MS ? wait_ms : SLICE_MS;
        struct timespec time = {.tv_nsec = slice * 1000000};

        BM_CHECK(!bm_sink_stops(), BM_E_INTERRUPTED, NULL);
        (void)nanosleep(&time, NULL);
        wait_ms -= slice;
    }
    return bm_ok();
}

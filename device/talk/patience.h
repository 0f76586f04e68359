/*
 * How long a call is tried again: what fails because the server restarts is sent again soon and a few times; where the server says that it
 * has too much to do, its word counts, with some chance in it, so that a thousand devices do not come back in the same moment.
 */
#ifndef BM_DEVICE_TALK_PATIENCE_H
#define BM_DEVICE_TALK_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#define BM_PATIENCE_MS 30000 /* in all, for one call */

/* Why a try failed. */
typedef enum {
    BM_PATIENCE_AWAY, /* nobody there, or the connection broke */
    BM_PATIENCE_BUSY  /* somebody there, who asks for time: 429, 503, or a handshake that was cut off */
} bm_patience_cause;

/* The tries of one call. All zeros at the beginning. */
typedef struct {
    unsigned away;
    unsigned busy;
    int64_t waited_ms;
} bm_patience;

/*
 * Whether there is another try, and after how many milliseconds. `said_s` is what Retry-After said, in seconds (0: nothing); `chance` is any
 * number. False: enough was tried, or what the server asks for is more than there is patience for.
 */
bool bm_patience_next(bm_patience *patience, bm_patience_cause cause, int64_t said_s, uint32_t chance, int64_t *wait_ms);

#endif

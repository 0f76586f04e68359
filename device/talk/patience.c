#include "device/talk/patience.h"

#define AWAY_TRIES 3
#define AWAY_FIRST_MS 200 /* 0.2, 0.4, 0.8 s */
#define BUSY_FIRST_MS 500
#define BUSY_DOUBLED 5 /* to 16 s */

/* The wait before the next try, before chance comes to it. */
static int64_t busy_wait(const bm_patience *patience, int64_t said_s)
{
    unsigned doubled = patience->busy < BUSY_DOUBLED ? patience->busy : BUSY_DOUBLED;
    int64_t wait = (int64_t)BUSY_FIRST_MS << doubled;

    return said_s * 1000 > wait ? said_s * 1000 : wait;
}

bool bm_patience_next(bm_patience *patience, bm_patience_cause cause, int64_t said_s, uint32_t chance, int64_t *wait_ms)
{
    int64_t left = BM_PATIENCE_MS - patience->waited_ms;
    int64_t wait;

    if (cause == BM_PATIENCE_AWAY) {
        if (patience->away >= AWAY_TRIES)
            return false;
        wait = (int64_t)AWAY_FIRST_MS << patience->away++;
    } else {
        if (said_s < 0 || said_s > left / 1000)
            return false;
        wait = busy_wait(patience, said_s);
        wait += (int64_t)(chance % (uint64_t)(wait + 1));
        patience->busy++;
    }
    if (left <= 0)
        return false;
    *wait_ms = wait < left ? wait : left;
    patience->waited_ms += *wait_ms;
    return true;
}

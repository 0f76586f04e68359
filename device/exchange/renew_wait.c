#include "device/exchange/renew_wait.h"

bool bm_renew_wait_next(unsigned tries, int64_t gone_ms, int64_t limit_ms, int64_t said_ms, uint32_t chance, int64_t *wait_ms)
{
    int64_t left = limit_ms - gone_ms;
    int64_t longest = BM_RENEW_WAIT_FIRST_MS;
    int64_t wait;

    if (gone_ms < 0 || left <= 0 || said_ms < 0 || said_ms > left)
        return false;
    for (unsigned i = 1; i < tries && longest < BM_RENEW_WAIT_LONGEST_MS; i++)
        longest *= 2;
    if (longest > BM_RENEW_WAIT_LONGEST_MS)
        longest = BM_RENEW_WAIT_LONGEST_MS;
    if (said_ms > longest)
        longest = said_ms;
    wait = said_ms + (int64_t)(chance % (uint64_t)(longest + 1));
    *wait_ms = wait < left ? wait : left;
    return true;
}

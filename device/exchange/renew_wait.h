/*
 * How long a renewal waits for a server that is away: longer with each try, and each time a random part of that ("full jitter"), so that a fleet
 * that lost its server does not come back in one moment.
 */
#ifndef BM_DEVICE_EXCHANGE_RENEW_WAIT_H
#define BM_DEVICE_EXCHANGE_RENEW_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#define BM_RENEW_WAIT_FIRST_MS 2000
#define BM_RENEW_WAIT_LONGEST_MS 120000

/*
 * Whether there is another try after `tries` of them and `gone_ms` since the first began, and after how many milliseconds. `limit_ms` is for all of it,
 * `said_ms` what the server asked for (Retry-After; 0: nothing), which is waited at least, and `chance` any number. The last try is at the end of that time.
 * False: it is over, or the server asks for more than is left of it.
 */
bool bm_renew_wait_next(unsigned tries, int64_t gone_ms, int64_t limit_ms, int64_t said_ms, uint32_t chance, int64_t *wait_ms);

#endif

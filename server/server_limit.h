/*
 * How much public-key work a client may ask for: a bucket for each user (an address of IPv4, a /64 of IPv6) and one for all together, each of
 * which fills by its rate up to its burst. One operation is a TLS handshake or a call; it is paid before it is done.
 *
 * The memory is fixed. A bucket that is full again is forgotten. When a place is needed and all that it could have are taken, the bucket goes
 * that is nearest to full: what is lost is the least there is to lose, and an empty bucket stays as long as others are fuller. So nobody
 * gets his own bucket filled by being forgotten but one who has thousands of other addresses and empties all of theirs first, and that is
 * more work than the bucket would have given; which places an address can have is keyed by a secret of the process.
 */
#ifndef BM_SERVER_SERVER_LIMIT_H
#define BM_SERVER_SERVER_LIMIT_H

#include "base/address.h"

typedef struct bm_server_limit bm_server_limit;

/* Operations a second, and at once. A rate of 0: no limit. A burst is 1 to 1,000,000. */
typedef struct {
    unsigned address_rate;
    unsigned address_burst;
    unsigned total_rate;
    unsigned total_burst;
} bm_server_limits;

/* How many buckets are remembered at the most: a mebibyte of them. */
#define BM_SERVER_LIMIT_BUCKETS 32768

/* All buckets are full. BM_E_NO_MEMORY, BM_E_INTERNAL. */
BM_RESULT bm_server_limit_new(const bm_server_limits *limits, bm_server_limit **limit);

/* Frees; NULL is fine. */
void bm_server_limit_free(bm_server_limit *limit);

/*
 * Pays for one operation of this address at a time (milliseconds of a clock that does not go back); without an address (NULL) of the whole
 * alone. BM_E_RATE_LIMITED: nothing is paid; `wait` is set to the seconds, at least 1, after which there can be one.
 */
BM_RESULT bm_server_limit_pay(bm_server_limit *limit, const bm_address *address, int64_t now_ms, unsigned *wait);

#endif

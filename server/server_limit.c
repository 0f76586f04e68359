#include "server/server_limit.h"

#include "crypto/hash.h"
#include "crypto/random.h"

#include <stdlib.h>

#define WAYS 8 /* places that one address can have */
#define SETS (BM_SERVER_LIMIT_BUCKETS / WAYS)
#define UNIT 1000 /* of an operation: what one a second gives back in a millisecond */
#define KEY_SIZE 16

/* What was paid and did not come back yet. Nothing: the place is free. */
typedef struct {
    bm_address block;
    int64_t at; /* when that was so */
    uint64_t paid;
} bucket;

struct bm_server_limit {
    bm_server_limits limits;
    uint8_t key[KEY_SIZE];
    bucket total;
    bucket *buckets; /* SETS of WAYS; the kernel gives memory for those alone that are used */
};

BM_RESULT bm_server_limit_new(const bm_server_limits *limits, bm_server_limit **limit)
{
    bm_server_limit *made = calloc(1, sizeof(*made));
    bm_result result = bm_fail(BM_E_NO_MEMORY, NULL);

    if (made != NULL)
        made->buckets = calloc(BM_SERVER_LIMIT_BUCKETS, sizeof(*made->buckets));
    if (made != NULL && made->buckets != NULL)
        result = bm_random(made->key, sizeof(made->key));
    if (result.code != BM_OK) {
        bm_server_limit_free(made);
        return result;
    }
    made->limits = *limits;
    *limit = made;
    return bm_ok();
}

void bm_server_limit_free(bm_server_limit *limit)
{
    if (limit == NULL)
        return;
    free(limit->buckets);
    free(limit);
}

/* What of a bucket is paid at another time. */
static uint64_t paid_at(const bucket *one, unsigned rate, int64_t now_ms)
{
    uint64_t back = now_ms > one->at ? (uint64_t)(now_ms - one->at) * rate : 0;

    return one->paid > back ? one->paid - back : 0;
}

/* The place of a block: the one that it has, or else the one whose bucket is nearest to full. */
static bucket *find(bm_server_limit *limit, const bm_address *block, int64_t now_ms)
{
    const bm_bytes pieces[] = {BM_BYTES_ARRAY(limit->key), BM_BYTES_ARRAY(block->bytes)};
    bm_digest digest = {0};
    bm_result result = bm_hash_pieces(BM_HASH_SHA256, pieces, 2, &digest);
    bucket *set, *fullest;

    /* Without a hash all share one set, which is a place still. */
    bm_result_ignore(result);
    set = &limit->buckets[(size_t)(digest.bytes[0] | digest.bytes[1] << 8) % SETS * WAYS];
    fullest = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].paid > 0 && bm_bytes_equal(BM_BYTES_ARRAY(set[i].block.bytes), BM_BYTES_ARRAY(block->bytes)))
            return &set[i];
        if (paid_at(&set[i], limit->limits.address_rate, now_ms) < paid_at(fullest, limit->limits.address_rate, now_ms))
            fullest = &set[i];
    }
    return fullest;
}

/* Is there room for one more above what is paid? */
static BM_RESULT check(uint64_t paid, unsigned rate, unsigned burst, const char *whose, unsigned *wait)
{
    uint64_t room = (uint64_t)burst * UNIT;
    uint64_t missing = paid + UNIT > room ? paid + UNIT - room : 0;

    if (missing == 0)
        return bm_ok();
    *wait = (unsigned)((missing + (uint64_t)rate * 1000 - 1) / ((uint64_t)rate * 1000));
    return bm_fail(BM_E_RATE_LIMITED, whose);
}

static void pay(bucket *one, uint64_t paid, int64_t now_ms)
{
    one->paid = paid + UNIT;
    one->at = now_ms;
}

BM_RESULT bm_server_limit_pay(bm_server_limit *limit, const bm_address *address, int64_t now_ms, unsigned *wait)
{
    const bm_server_limits *limits = &limit->limits;
    uint64_t total = paid_at(&limit->total, limits->total_rate, now_ms);
    uint64_t paid = 0;
    bucket *own = NULL;
    bm_address block = {{0}};

    if (address != NULL && limits->address_rate > 0) {
        block = bm_address_block(address);
        own = find(limit, &block, now_ms);
        if (own->paid > 0 && bm_bytes_equal(BM_BYTES_ARRAY(own->block.bytes), BM_BYTES_ARRAY(block.bytes)))
            paid = paid_at(own, limits->address_rate, now_ms);
        BM_TRY(check(paid, limits->address_rate, limits->address_burst, "too much from this address", wait));
    }
    if (limits->total_rate > 0) {
        BM_TRY(check(total, limits->total_rate, limits->total_burst, "too much from all addresses together", wait));
        pay(&limit->total, total, now_ms);
    }
    if (own != NULL) {
        own->block = block;
        pay(own, paid, now_ms);
    }
    return bm_ok();
}

#include "swarm/histogram.h"

#define FINE_BITS 5 /* 32 buckets for each doubling */
#define FINE (1u << FINE_BITS)

/* The bucket of a time: itself below 32; then the five bits below the highest one, and where that is. */
static size_t bucket_of(uint64_t time)
{
    unsigned high = FINE_BITS;

    if (time < FINE)
        return (size_t)time;
    while (time >> (high + 1) != 0)
        high++;
    return (size_t)(high - FINE_BITS + 1) * FINE + (size_t)(time >> (high - FINE_BITS) & (FINE - 1));
}

/* The longest time of a bucket. */
static uint64_t end_of(size_t bucket)
{
    unsigned shift;

    if (bucket < FINE)
        return bucket;
    shift = (unsigned)(bucket / FINE) - 1;
    return ((uint64_t)(FINE + bucket % FINE) << shift) + ((UINT64_C(1) << shift) - 1);
}

void bm_swarm_histogram_add(bm_swarm_histogram *histogram, int64_t time)
{
    if (time < 0)
        time = 0;
    histogram->count++;
    histogram->sum += time;
    histogram->buckets[bucket_of((uint64_t)time)]++;
    if (time > histogram->max)
        histogram->max = time;
}

int64_t bm_swarm_histogram_permille(const bm_swarm_histogram *histogram, unsigned share)
{
    uint64_t wanted = (histogram->count * share + 999) / 1000;
    uint64_t seen = 0;

    if (histogram->count == 0)
        return 0;
    for (size_t i = 0; i < BM_SWARM_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted && seen > 0)
            return end_of(i) < (uint64_t)histogram->max ? (int64_t)end_of(i) : histogram->max;
    }
    return histogram->max;
}

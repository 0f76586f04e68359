/* Times, counted in buckets whose width is at most 1/32 of what is in them: percentiles of millions of calls in a few kilobytes. */
#ifndef BM_SWARM_HISTOGRAM_H
#define BM_SWARM_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define BM_SWARM_HISTOGRAM_BUCKETS 1888

/* Zero-initialise. Times are in nanoseconds. */
typedef struct {
    uint64_t count;
    int64_t sum;
    int64_t max;
    uint64_t buckets[BM_SWARM_HISTOGRAM_BUCKETS];
} bm_swarm_histogram;

/* Counts a time; one below zero counts as zero. */
void bm_swarm_histogram_add(bm_swarm_histogram *histogram, int64_t time);

/*
 * The time that this share of a thousand of all times do not exceed: the upper end of its bucket, at most the longest time. 0 when there
 * are none.
 */
int64_t bm_swarm_histogram_permille(const bm_swarm_histogram *histogram, unsigned share);

#endif

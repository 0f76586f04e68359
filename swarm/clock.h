/* The clocks of the load tool. */
#ifndef BM_SWARM_CLOCK_H
#define BM_SWARM_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds of a clock that does not go back. */
static inline int64_t bm_swarm_clock_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Nanoseconds of CPU that this process has used. */
static inline int64_t bm_swarm_clock_cpu_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif

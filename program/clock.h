/* The clocks that a program asks, for times that are shown or waited for. */
#ifndef BM_PROGRAM_CLOCK_H
#define BM_PROGRAM_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds since some fixed moment, of a clock that does not go back. */
static inline int64_t bm_clock_ns(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Nanoseconds of CPU that this process has used. */
static inline int64_t bm_clock_cpu_ns(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#endif

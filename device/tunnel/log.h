/* The tunnel's lines on stderr: one an event, and not so many that they fill a disk. */
#ifndef BM_DEVICE_TUNNEL_LOG_H
#define BM_DEVICE_TUNNEL_LOG_H

#include "base/result.h"

#include <stdint.h>

#define BM_TUNNEL_LOG_LINES 20
#define BM_TUNNEL_LOG_SECONDS 10

/* How many lines there were lately; zero-initialise. */
typedef struct {
    int64_t since; /* nanoseconds of the monotonic clock */
    unsigned lines;
    unsigned left_out;
} bm_tunnel_log;

/* May another line be written at `now` (nanoseconds)? `missed`: so many were not, since the last one that was. */
bool bm_tunnel_log_may(bm_tunnel_log *log, int64_t now, unsigned *missed);

/* Writes a line, unless there were BM_TUNNEL_LOG_LINES in BM_TUNNEL_LOG_SECONDS. */
void bm_tunnel_log_line(bm_tunnel_log *log, const char *format, ...) BM_PRINTF(2, 3);

#endif

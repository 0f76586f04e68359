#include "device/tunnel/log.h"

#include "program/clock.h"

#include <stdarg.h>
#include <stdio.h>

bool bm_tunnel_log_may(bm_tunnel_log *log, int64_t now, unsigned *missed)
{
    *missed = 0;
    if (log->lines == 0 || now - log->since >= (int64_t)BM_TUNNEL_LOG_SECONDS * 1000000000) {
        *missed = log->left_out;
        *log = (bm_tunnel_log){.since = now};
    }
    if (log->lines >= BM_TUNNEL_LOG_LINES) {
        log->left_out++;
        return false;
    }
    log->lines++;
    return true;
}

void bm_tunnel_log_line(bm_tunnel_log *log, const char *format, ...)
{
    char line[1024];
    unsigned missed;
    va_list arguments;

    if (!bm_tunnel_log_may(log, bm_clock_ns(), &missed))
        return;
    if (missed > 0)
        (void)fprintf(stderr, "birthmark tunnel: %u more lines were left out\n", missed);
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "birthmark tunnel: %s\n", line);
}

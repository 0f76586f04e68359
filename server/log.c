#include "server/log.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_SIZE 1024
#define SELDOM_MS 1000

void bm_log_init(bm_log *log, const char *process, int index)
{
    if (index < 0)
        (void)snprintf(log->name, sizeof(log->name), "%s", process);
    else
        (void)snprintf(log->name, sizeof(log->name), "%s[%d]", process, index);
}

void bm_log_line(const bm_log *log, const char *format, ...)
{
    char line[LINE_MAX_SIZE];
    char now[BM_TIME_TEXT_SIZE];
    size_t size;
    int made;
    va_list args;

    bm_text_time((int64_t)time(NULL), now);
    made = snprintf(line, sizeof(line), "%s %s ", now, log->name);
    size = made > 0 ? (size_t)made : 0;
    va_start(args, format);
    made = vsnprintf(line + size, sizeof(line) - 1 - size, format, args);
    va_end(args);
    if (made > 0)
        size += (size_t)made < sizeof(line) - 1 - size ? (size_t)made : sizeof(line) - 2 - size;
    for (size_t i = 0; i < size; i++)
        if (line[i] < 0x20 || line[i] > 0x7E)
            line[i] = '?';
    line[size] = '\n';
    /* Where the log itself cannot be written there is nobody to tell. */
    if (write(STDERR_FILENO, line, size + 1) < 0)
        return;
}

void bm_log_failure(const bm_log *log, const char *what, bm_result result)
{
    if (result.detail == NULL)
        bm_log_line(log, "%s code=%s %s", what, bm_code_name(result.code), bm_code_advice(result.code));
    else
        bm_log_line(log, "%s code=%s %s (%s)", what, bm_code_name(result.code), result.detail, bm_code_advice(result.code));
}

bool bm_log_seldom_count(bm_log_seldom *seldom, int64_t now_ms, unsigned *count)
{
    seldom->count++;
    if (now_ms < seldom->due)
        return false;
    *count = seldom->count;
    *seldom = (bm_log_seldom){.due = now_ms + SELDOM_MS};
    return true;
}

bool bm_log_often_may(bm_log_often *often, int64_t now_ms, unsigned *left_out)
{
    if (now_ms >= often->until) {
        often->until = now_ms + SELDOM_MS;
        often->lines = 0;
    }
    if (often->lines == BM_LOG_OFTEN_MAX) {
        often->left_out++;
        return false;
    }
    often->lines++;
    *left_out = often->left_out;
    often->left_out = 0;
    return true;
}

void bm_log_refused(const bm_log *log, bm_log_often *often, int64_t now_ms, bm_result failure, const char *from)
{
    unsigned left_out = 0;

    if (!bm_log_often_may(often, now_ms, &left_out))
        return;
    if (left_out > 0)
        bm_log_line(log, "%u refused requests were not logged", left_out);
    bm_log_line(log, "refused code=%s from=%s %s", bm_code_name(failure.code), from, failure.detail != NULL ? failure.detail : "");
}

void bm_log_ek(const uint8_t *sha256, char out[BM_LOG_EK_SIZE])
{
    bm_text_hex(bm_bytes_of(sha256, (BM_LOG_EK_SIZE - 1) / 2), out);
}

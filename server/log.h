/*
 * The log of the processes: one line an event on standard error, "2026-11-23T22:30:00Z server[0] event key=value ...". Never a secret,
 * never a whole certificate; what is not printable ASCII is shown as '?'.
 */
#ifndef BM_SERVER_LOG_H
#define BM_SERVER_LOG_H

#include "base/bytes.h"

/* Eight hex digits that stand for an EK, and a NUL. */
#define BM_LOG_EK_SIZE 9

/* Who speaks: "monitor", "server[0]". */
typedef struct {
    char name[24];
} bm_log;

/* Names the speaker; a negative index is left out. */
void bm_log_init(bm_log *log, const char *process, int index);

/* Writes one line, in one write; what does not fit into 1000 bytes is cut. */
void bm_log_line(const bm_log *log, const char *format, ...) BM_PRINTF(2, 3);

/* Writes one line about a failure: what, its code, its detail, and its advice. */
void bm_log_failure(const bm_log *log, const char *what, bm_result result);

/* For a line that an attacker could have written as often as he likes. Zeros at the beginning. */
typedef struct {
    int64_t due; /* when the next is written */
    unsigned count;
} bm_log_seldom;

/* Counts an event: true once a second, and then `count` is how many there were since the last line. Time in milliseconds. */
bool bm_log_seldom_count(bm_log_seldom *seldom, int64_t now_ms, unsigned *count);

/* The same for lines each of which says something of its own: so many of them a second. Zeros at the beginning. */
#define BM_LOG_OFTEN_MAX 50
typedef struct {
    int64_t until; /* when the second is over */
    unsigned lines;
    unsigned left_out;
} bm_log_often;

/* May a line be written? True up to BM_LOG_OFTEN_MAX times a second; `left_out` is how many were not since the last. Time in milliseconds. */
bool bm_log_often_may(bm_log_often *often, int64_t now_ms, unsigned *left_out);

/*
 * A refused request of this client that nobody paid for, and how many were left out before it: the log must neither fill the disk, nor lose
 * the lines of others where it is limited itself.
 */
void bm_log_refused(const bm_log *log, bm_log_often *often, int64_t now_ms, bm_result failure, const char *from);

/* The first eight digits of the hash of an EK: enough to find it, too few to be it. */
void bm_log_ek(const uint8_t *sha256, char out[BM_LOG_EK_SIZE]);

#endif

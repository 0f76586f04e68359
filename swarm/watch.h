/* What the processes of a birthmarkd cost: their CPU time, by kind, as /proc has it. */
#ifndef BM_SWARM_WATCH_H
#define BM_SWARM_WATCH_H

#include "base/bytes.h"

#include <sys/types.h>

#define BM_SWARM_WATCH_MAX 256

/* The kinds of processes. */
typedef enum {
    BM_SWARM_PROCESS_MONITOR = 0,
    BM_SWARM_PROCESS_SERVER,
    BM_SWARM_PROCESS_LEDGER,
    BM_SWARM_PROCESS_KEEPER,
    BM_SWARM_PROCESS_OTHER,
    BM_SWARM_PROCESS_COUNT
} bm_swarm_process;

/* The processes that were seen. What one used before the first look does not count, unless it started after that. */
typedef struct {
    pid_t monitor;
    size_t count;
    struct {
        pid_t pid;
        bm_swarm_process kind;
        uint64_t first;
        uint64_t last;
    } seen[BM_SWARM_WATCH_MAX];
} bm_swarm_watch;

/* The first look at the processes of this monitor. BM_E_USAGE: it is no monitor of a birthmarkd, or cannot be looked at. */
BM_RESULT bm_swarm_watch_begin(pid_t monitor, bm_swarm_watch *watch);

/* Another look; call it at least every few seconds, since a process that ends takes its time with it. */
void bm_swarm_watch_look(bm_swarm_watch *watch);

/* The nanoseconds that the processes of a kind used since the first look. */
uint64_t bm_swarm_watch_used(const bm_swarm_watch *watch, bm_swarm_process kind);

/* "monitor", "server", "ledger", "keeper", "other". */
const char *bm_swarm_watch_name(bm_swarm_process kind);

/* The pids of a list as /proc/PID/task/TID/children has it; at most `max`. False: it is no such list. */
bool bm_swarm_watch_parse_children(bm_bytes text, pid_t *pids, size_t max, size_t *count);

/* The kind of a process, by its command line as /proc has it: its words with a NUL behind each. */
bm_swarm_process bm_swarm_watch_parse_kind(bm_bytes line);

/* The nanoseconds on a CPU, the first number of /proc/PID/schedstat. False: it is no such file. */
bool bm_swarm_watch_parse_used(bm_bytes text, uint64_t *used);

#endif

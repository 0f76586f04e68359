/* A process that the monitor starts, watches and starts again. */
#ifndef BM_SERVER_MONITOR_CHILD_H
#define BM_SERVER_MONITOR_CHILD_H

#include "server/process.h"

#include <sys/types.h>

/* The monitor's own descriptors begin here, above all those that a process gets. */
#define BM_MONITOR_FD_FIRST 128

typedef struct {
    bm_process process;
    int index;      /* of a server; -1 for the others */
    pid_t pid;      /* 0: not running */
    int ready_fd;   /* readable when it has begun; -1 afterwards */
    bool was_ready; /* it has begun since it was started */
    int64_t started; /* in milliseconds: when it was started last */
    int64_t start_at; /* likewise: when it is to be started again; 0: not */
    unsigned failures; /* how often it failed in a row: see monitor_main.c */
} bm_monitor_child;

/* What a process gets: its handover, and the descriptors for BM_FD_FIRST and those that follow. */
typedef struct {
    const bm_bytes *pieces;
    size_t piece_count;
    const int *fds;
    size_t fd_count;
} bm_monitor_gift;

/* Moves a descriptor above BM_MONITOR_FD_FIRST, close-on-exec; BM_E_IO. */
BM_RESULT bm_monitor_child_raise(int *fd);

/* "keeper", "server[0]". */
void bm_monitor_child_name(const bm_monitor_child *child, char name[24]);

/* Starts it; BM_E_IO, BM_E_NO_MEMORY. */
BM_RESULT bm_monitor_child_start(bm_monitor_child *child, const bm_monitor_gift *gift);

#endif

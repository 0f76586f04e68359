/*
 * What the monitor holds for the processes and gives to each that it starts: the files' contents, the listening sockets, and both ends of the
 * socket pairs. The pairs are made once: a process that is started again gets the same ends, its peers notice nothing but the wait.
 */
#ifndef BM_SERVER_MONITOR_GIFTS_H
#define BM_SERVER_MONITOR_GIFTS_H

#include "server/monitor_child.h"
#include "server/monitor_listen.h"
#include "server/monitor_state.h"

typedef struct {
    bm_monitor_state state;
    size_t server_count;
    char listening[BM_LISTEN_TEXT_SIZE];
    int listeners[BM_PROCESS_SERVERS_MAX];
    int server_keeper[BM_PROCESS_SERVERS_MAX]; /* the servers' ends */
    int server_ledger[BM_PROCESS_SERVERS_MAX];
    int keeper[BM_PROCESS_SERVERS_MAX]; /* the keeper's */
    int ledger[BM_PROCESS_SERVERS_MAX]; /* the ledger's */
} bm_monitor_gifts;

/* Opens the sockets for `server_count` servers; the state must be there already. BM_E_USAGE, BM_E_IO. */
BM_RESULT bm_monitor_gifts_open(bm_monitor_gifts *gifts, const char *listen);

/* Starts a process with what it gets. BM_E_IO, BM_E_NO_MEMORY. */
BM_RESULT bm_monitor_gifts_start(const bm_monitor_gifts *gifts, bm_monitor_child *child);

/* Closes the listening sockets: when the servers close theirs, nobody connects any more. */
void bm_monitor_gifts_stop_listening(bm_monitor_gifts *gifts);

/* Wipes and frees the state; the descriptors end with the program. */
void bm_monitor_gifts_fini(bm_monitor_gifts *gifts);

#endif

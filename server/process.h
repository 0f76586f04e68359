/*
 * The processes of birthmarkd, each with one duty. The prefix of a file says which of them runs it.
 *
 * The monitor starts each as `birthmarkd -x NAME [INDEX]` with an empty environment and these descriptors; what the process needs besides
 * is in the handover (handover.h).
 */
#ifndef BM_SERVER_PROCESS_H
#define BM_SERVER_PROCESS_H

#include "base/bytes.h"
#include "server/log.h"

typedef enum {
    BM_PROCESS_SERVER = 0, /* TLS, HTTP, JSON, every check: no keys of the CA, no database, no files */
    BM_PROCESS_LEDGER,     /* the database, and only that */
    BM_PROCESS_KEEPER,     /* the keys, and only those: no network, no files */
    BM_PROCESS_COUNT
} bm_process;

#define BM_PROCESS_SERVERS_MAX 64

/* Descriptors of every process: 0 and 1 are /dev/null, 2 is the log. */
#define BM_FD_HANDOVER 3
#define BM_FD_READY 4 /* one byte is written to it when the loop begins */
#define BM_FD_FIRST 5
/* Of a server; the ledger and the keeper have a socket for each server from BM_FD_FIRST on. */
#define BM_FD_LISTEN BM_FD_FIRST
#define BM_FD_KEEPER (BM_FD_FIRST + 1)
#define BM_FD_LEDGER (BM_FD_FIRST + 2)
#define BM_FD_END (BM_FD_FIRST + BM_PROCESS_SERVERS_MAX)

/* Exit code of a wrong command line. */
#define BM_EXIT_USAGE 2
/* Exit code of a process that cannot begin: starting it again would not help. */
#define BM_EXIT_CANNOT_BEGIN 78

/* "server", "ledger", "keeper". */
const char *bm_process_name(bm_process process);

/* The process of a name; BM_E_USAGE. */
BM_RESULT bm_process_by_name(const char *name, bm_process *process);

/*
 * What every process does first: no core files, not dumpable (nobody reads its memory through /proc), no
 * capabilities but that of locking memory, no new privileges, every descriptor from `end` on closed; scheduled for throughput (SCHED_BATCH).
 * BM_E_IO.
 */
BM_RESULT bm_process_begin(int end);

/* What opening a sealed key (scrypt) and all that a process has besides fits into, in bytes. */
#define BM_PROCESS_LOCKED_MAX ((size_t)64 << 20)

/* Which memory is to be locked. */
typedef enum {
    BM_PROCESS_LOCK_NOW = 0, /* what there is: the process may grow beyond what can be locked */
    BM_PROCESS_LOCK_ALWAYS   /* and all that it will have */
} bm_process_lock;

/*
 * Keeps the memory of this process out of the swap. Without the right to lock as much nothing is locked, and the log says so: the process can go
 * on. Not with a sanitizer, whose own memory is too much.
 */
void bm_process_lock_memory(bm_process_lock which, const bm_log *log);

/* Lets this process and those that it starts lock as much memory as they need, as far as its rights go. */
void bm_process_raise_locked(void);

/* Tells the monitor that the loop begins, and closes BM_FD_READY; BM_E_IO. */
BM_RESULT bm_process_ready(void);

/* A descriptor that becomes readable when SIGTERM comes, which does nothing else then; SIGINT, SIGHUP and SIGPIPE are ignored. BM_E_IO. */
BM_RESULT bm_process_term_fd(int *fd);

/* Milliseconds of a clock that does not go back. */
int64_t bm_process_now_ms(void);

/* The main functions: they return the process' exit code. */
int bm_server_main(int index);
int bm_ledger_main(void);
int bm_keeper_main(void);

#endif

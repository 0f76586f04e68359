/*
 * What each process may ask of the kernel once its loop begins. Everything else ends the process (SIGSYS): whoever takes over a
 * process can execute nothing, open nothing new, and trace nobody.
 */
#ifndef BM_SERVER_SANDBOX_H
#define BM_SERVER_SANDBOX_H

#include "server/process.h"

/*
 * Enters the sandbox of a process, for good. The ledger is told that it may open and remove nothing, since SQLite tries; the others are ended for
 * it. Before that the server warms up what judges (bm_verdict_warm_up). BM_E_IO, BM_E_INTERNAL, BM_E_NO_MEMORY: the process must not go on.
 */
BM_RESULT bm_sandbox_enter(bm_process process);

/*
 * The monitor's, for good: it must be able to start the others, and these begin in it. It can open no socket, trace nobody, change its user, mount
 * nothing, and use no part of the kernel that none of them needs: an error, where the others are ended. BM_E_IO: it must not go on.
 */
BM_RESULT bm_sandbox_enter_monitor(void);

#endif

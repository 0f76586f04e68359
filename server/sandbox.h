/*
 * What each process may ask of the kernel once its loop begins. Everything else ends the process (SIGSYS): whoever takes over a
 * process can execute nothing, open nothing new, and trace nobody.
 */
#ifndef BM_SERVER_SANDBOX_H
#define BM_SERVER_SANDBOX_H

#include "server/process.h"

/* Enters the sandbox of a process, for good. The ledger may use files below `directory` alone, where the kernel has landlock; NULL for the others. BM_E_IO: the process must not go on. */
BM_RESULT bm_sandbox_enter(bm_process process, const char *directory);

/*
 * The monitor's, for good: it must be able to start the others, and these begin in it. It can open no socket, trace nobody, change its user, mount
 * nothing, and use no part of the kernel that none of them needs: an error, where the others are ended. BM_E_IO: it must not go on.
 */
BM_RESULT bm_sandbox_enter_monitor(void);

/* Does the kernel have landlock (5.13 and later, when it is enabled)? */
bool bm_sandbox_has_landlock(void);

#endif

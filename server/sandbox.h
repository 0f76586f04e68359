/*
 * What each process may ask of the kernel once its loop begins. Everything else ends the process (SIGSYS): whoever takes over a
 * process can execute nothing, open nothing new, and trace nobody.
 */
#ifndef BM_SERVER_SANDBOX_H
#define BM_SERVER_SANDBOX_H

#include "server/process.h"

/* Enters the sandbox of a process, for good. The ledger may use files below `directory` alone, where the kernel has landlock; NULL for the others. BM_E_IO: the process must not go on. */
BM_RESULT bm_sandbox_enter(bm_process process, const char *directory);

/* Does the kernel have landlock (5.13 and later, when it is enabled)? */
bool bm_sandbox_has_landlock(void);

#endif

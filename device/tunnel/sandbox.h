/*
 * What the tunnel's processes may ask of the kernel. The one that talks to the network, to programs and to servers alike, can open no file,
 * execute nothing, trace nobody, and connect to IP addresses alone; anything else ends it (SIGSYS). The helpers, whose libraries do many things
 * (NSS, the TCTI of the TPM), can do what a program does, but not become another one.
 */
#ifndef BM_DEVICE_TUNNEL_SANDBOX_H
#define BM_DEVICE_TUNNEL_SANDBOX_H

#include "base/result.h"

/*
 * Before the first thread: no core dump and no tracing, for this process and those it starts, and no heaps of
 * threads, which need files. BM_E_INTERNAL.
 */
BM_RESULT bm_tunnel_sandbox_begin(void);

/* A helper's, for good: no other program, no other user, nothing of the system's administration: an error (EPERM). BM_E_INTERNAL: it must not go on. */
BM_RESULT bm_tunnel_sandbox_enter_helper(void);

/* The event loop's, for good, and for all threads of the process. BM_E_INTERNAL: it must not go on. */
BM_RESULT bm_tunnel_sandbox_enter(void);

#endif

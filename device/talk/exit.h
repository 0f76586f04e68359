/* How the program ends: its exit status, and the one sentence that says what went wrong and what to do. */
#ifndef BM_DEVICE_TALK_EXIT_H
#define BM_DEVICE_TALK_EXIT_H

#include "base/bytes.h"

/* The exit statuses; they are part of the interface, and --help and the man page list them. */
typedef enum {
    BM_EXIT_OK = 0,
    BM_EXIT_USAGE = 1,         /* the command line */
    BM_EXIT_TPM = 2,           /* the TPM, or what is in it */
    BM_EXIT_NETWORK = 3,       /* the server cannot be reached, or its TLS certificate is not good */
    BM_EXIT_SERVER = 4,        /* the server refused, or what it sent is not right */
    BM_EXIT_FILES = 5,         /* a file here */
    BM_EXIT_INTERNAL = 6,      /* out of memory, or a fault of the program */
    BM_EXIT_PROBLEM = 7,       /* doctor found a problem */
    BM_EXIT_INTERRUPTED = 130  /* stopped by SIGINT, SIGTERM or SIGHUP */
} bm_exit_status;

/* The status of a result. */
bm_exit_status bm_exit_status_of(bm_result result);

/* Appends "<what happened>: <what to do>" for a failure, without a line end; BM_E_NO_MEMORY. */
BM_RESULT bm_exit_put_sentence(bm_buf *out, bm_result result);

#endif

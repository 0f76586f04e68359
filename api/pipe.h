/* SIGPIPE of what we write, kept from the program, whose handlers and dispositions stay as they are. */
#ifndef BM_API_PIPE_H
#define BM_API_PIPE_H

#include <signal.h>
#include <stdbool.h>

/* What was before. */
typedef struct {
    sigset_t mask;
    bool pending;
} bm_pipe;

/* From here on a SIGPIPE of this thread waits. */
void bm_pipe_hold(bm_pipe *before);

/* As it was before; one that came meanwhile is gone. */
void bm_pipe_release(const bm_pipe *before);

#endif

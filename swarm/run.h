/* The run: devices of a fleet against a server, so many at a time, in one event loop. */
#ifndef BM_SWARM_RUN_H
#define BM_SWARM_RUN_H

#include "swarm/fleet.h"
#include "swarm/figures.h"

/* What is to be done. */
typedef struct {
    const bm_swarm_fleet *fleet; /* its selection has `devices` devices */
    const char *server;
    const char *ca;
    const char *profile; /* "": none is named */
    const char *held;    /* a file for the certificates; NULL: none */
    size_t devices;
    unsigned concurrency;
    unsigned bad;   /* of a thousand */
    unsigned tries; /* of one call */
    bool reconnect; /* all connect, all connections drop, all come back at once */
    pid_t watch;    /* 0: nobody */
    bool quiet;
} bm_swarm_run_options;

/*
 * Runs; the figures are those so far in any case. BM_OK: every device ended as it must. Otherwise why not, in a sentence: BM_E_NETWORK,
 * BM_E_SERVER_REFUSED, BM_E_SERVER_REPLY, BM_E_INTERRUPTED (a signal), BM_E_USAGE, BM_E_IO, BM_E_NO_MEMORY, BM_E_INTERNAL.
 */
BM_RESULT bm_swarm_run(const bm_swarm_run_options *options, bm_swarm_figures *figures);

#endif

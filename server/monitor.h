/* The monitor: starts the other processes, opens what they need, starts again what dies, and takes no input from the network. */
#ifndef BM_SERVER_MONITOR_H
#define BM_SERVER_MONITOR_H

#include "base/bytes.h"

/* The command line. */
typedef struct {
    const char *state;
    const char *listen;
    const char *passphrase_file; /* NULL: none named */
    const char *user;            /* whom to become when root starts it; NULL: nobody */
    bool plain;
    unsigned servers; /* 0: as the configuration says */
} bm_monitor_options;

/*
 * Runs until SIGTERM or SIGINT, and returns the program's exit code: 0; BM_EXIT_CANNOT_BEGIN when something
 * is wrong that a person must put right (said on standard error). SIGHUP is answered with a line in the log.
 * A process that dies after all have begun is started again, however often.
 */
int bm_monitor_main(const bm_monitor_options *options);

#endif

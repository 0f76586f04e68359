/* The command line. */
#ifndef BM_SWARM_OPTIONS_H
#define BM_SWARM_OPTIONS_H

#include "crypto/pubkey.h"

#include <sys/types.h>

#define BM_SWARM_FLEET_DEFAULT "birthmark.fleet"
#define BM_SWARM_CONCURRENCY_MAX 100000

/* What to do. */
typedef enum { BM_SWARM_COMMAND_RUN, BM_SWARM_COMMAND_MAKE, BM_SWARM_COMMAND_VENDOR, BM_SWARM_COMMAND_INVENTORY, BM_SWARM_COMMAND_REQUESTS, BM_SWARM_COMMAND_HELP, BM_SWARM_COMMAND_VERSION } bm_swarm_command;

/* The options; strings are the command line's. */
typedef struct {
    bm_swarm_command command;
    const char *fleet;
    const char *prefix;  /* NULL: the fleet's */
    const char *server;
    const char *ca;
    const char *profile; /* "": the server's default */
    const char *held;    /* NULL: not kept */
    const char *out;     /* NULL: standard output; a directory for request files */
    const char *answers; /* to the first requests; NULL: those are written */
    uint64_t devices;
    uint64_t concurrency;
    uint64_t tries;
    unsigned bad;        /* of a thousand */
    bm_key_type ek;
    bm_key_type ik;
    pid_t watch;         /* 0: nobody */
    bool reconnect;
    bool json;
    bool quiet;
} bm_swarm_options;

/* Parses the command line; BM_E_USAGE with the reason. */
BM_RESULT bm_swarm_options_parse(int argc, char **argv, bm_swarm_options *options);

/* A share as "1%" or "0.5%", of a thousand; BM_E_USAGE: not 0% to 100% in steps of a tenth. */
BM_RESULT bm_swarm_options_share(const char *text, unsigned *share);

/* What --help prints. */
const char *bm_swarm_options_help(void);

#endif

/* The commands of the program. */
#ifndef BM_SWARM_COMMANDS_H
#define BM_SWARM_COMMANDS_H

#include "base/bytes.h"
#include "swarm/options.h"

/* Carries out the command; what it prints goes to standard output, or to the file of --out. */
BM_RESULT bm_swarm_commands_run(const bm_swarm_options *options);

#endif

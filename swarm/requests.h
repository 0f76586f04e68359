/* The devices of a fleet without a network: their request files, as 'birthmark request' and 'birthmark accept' write them. */
#ifndef BM_SWARM_REQUESTS_H
#define BM_SWARM_REQUESTS_H

#include "swarm/fleet.h"
#include "swarm/options.h"

/*
 * Writes a file for each device into the directory --out: SERIAL.1, or with --answers, for each device whose challenge is in there, SERIAL.2. Bad
 * devices (--bad) write bad files. BM_E_IO, BM_E_SERVER_REPLY: the answers are none; BM_E_CHALLENGE_FAILED, BM_E_INTERRUPTED.
 */
BM_RESULT bm_swarm_requests_write(const bm_swarm_options *options, const bm_swarm_fleet *fleet);

#endif

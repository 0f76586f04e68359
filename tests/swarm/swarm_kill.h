/* Kill -9 of the processes of birthmarkd, at random. */
#ifndef BM_TESTS_SWARM_KILL_H
#define BM_TESTS_SWARM_KILL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What was killed, by kind. */
typedef struct {
    unsigned server;
    unsigned ledger;
    unsigned keeper;
    unsigned starting; /* a process that had no name yet */
} swarm_killed;

/* A number below `limit`, which is above 0; `state` is any number at first. */
uint32_t swarm_below(uint64_t *state, uint32_t limit);

/*
 * Kills one process that the monitor of this pid has started, and no other: which one is random, a keeper seldom (it is slow to start). False
 * when there was none.
 */
bool swarm_kill_one(pid_t monitor, uint64_t *state, swarm_killed *killed);

#endif

/* The same identity claimed at the same instant by two TPMs: exactly one gets it. */
#ifndef BM_ATTACKS_RACE_H
#define BM_ATTACKS_RACE_H

#include "guard.h"

/* Tries so often; true when each time exactly one certificate came and the other was refused with identity-taken. */
bool atk_race_run(atk_world *world, unsigned tries);

#endif

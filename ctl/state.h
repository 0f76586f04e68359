/* The state directory of a CA that exists. */
#ifndef BM_CTL_STATE_H
#define BM_CTL_STATE_H

#include "ctl/ctl.h"
#include "store/state.h"

/* Opens its database; BM_E_STORE_NOT_FOUND: there is no CA in this directory. */
BM_RESULT bm_ctl_state_open(const bm_ctl *ctl, bm_store **store);

/* What is done in a transaction. */
typedef BM_RESULT (*bm_ctl_state_act)(bm_store *store, void *context);

/* Opens the database and does `act` in one transaction: committed when it succeeds, rolled back when not. */
BM_RESULT bm_ctl_state_change(const bm_ctl *ctl, bm_ctl_state_act act, void *context);

/* Does the hex of this hash begin with these digits, in either case? */
bool bm_ctl_state_begins(const uint8_t sha256[BM_SHA256_SIZE], bm_bytes digits);

#endif

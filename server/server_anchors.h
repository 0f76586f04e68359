/* The trust anchors, and what vendors' CRLs revoke, as a server has them: taken from the ledger when it starts, and again when a look-up shows that they changed. */
#ifndef BM_SERVER_SERVER_ANCHORS_H
#define BM_SERVER_SERVER_ANCHORS_H

#include "server/server_peer.h"
#include "x509/anchors.h"

/* The anchors are as new as was wanted, or could not be had. */
typedef void (*bm_server_anchors_done)(void *context, bm_result result);

/* An empty set that is loaded from this ledger; BM_E_NO_MEMORY. */
BM_RESULT bm_server_anchors_new(bm_server_peer *ledger, const bm_log *log, bm_server_anchors **anchors);

/* Frees; NULL is fine. */
void bm_server_anchors_free(bm_server_anchors *anchors);

/* The set as it is now: to be used at once, not kept. */
bm_anchors *bm_server_anchors_set(const bm_server_anchors *anchors);

/* How many sets were loaded: as long as this number stays, the set is the same. */
uint64_t bm_server_anchors_loads(const bm_server_anchors *anchors);

/* Is the set the one of this epoch? False until the first load. */
bool bm_server_anchors_current(const bm_server_anchors *anchors, uint64_t epoch);

/* Loads the anchors anew (once for all who wait); `done` is called later, never from within, and only when this returns BM_OK. BM_E_NO_MEMORY, BM_E_OVERLOADED. */
BM_RESULT bm_server_anchors_load(bm_server_anchors *anchors, bm_server_anchors_done done, void *context);

#endif

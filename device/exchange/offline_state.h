/*
 * What the state directory keeps of an exchange by files that is half done:
 *
 *   offline.request  the request of the first trip, as it was written     offline.handle  where its key is: handle:0x...
 *   offline.answer   the request of the second trip, as it was written
 *
 * Nothing of it is secret (docs/threat-model.md, "The exchange by files").
 */
#ifndef BM_DEVICE_EXCHANGE_OFFLINE_STATE_H
#define BM_DEVICE_EXCHANGE_OFFLINE_STATE_H

#include "device/identity/identity.h"
#include "protocol/request.h"

/* An exchange that is half done. Owns its buffers; zero-initialise, end with bm_offline_state_fini. */
typedef struct {
    bm_buf request; /* as it was written; empty: there is none */
    bm_request parsed;
    uint32_t handle;
    bm_buf answer;  /* as it was written; empty: the challenge was not opened yet */
    int64_t expires; /* of the ticket in it */
} bm_offline_state;

/* Wipes and frees what it owns. For BM_AUTO. */
void bm_offline_state_fini(bm_offline_state *state);

/* Reads what is there; what is damaged counts as none. BM_E_IO. */
BM_RESULT bm_offline_state_read(const bm_identity *identity, bm_offline_state *state);

/* Writes down the first request, in place of all that was there. BM_E_IO. */
BM_RESULT bm_offline_state_begin(bm_identity *identity, uint32_t handle, bm_bytes request);

/* Writes down the second. BM_E_IO. */
BM_RESULT bm_offline_state_go_on(bm_identity *identity, bm_bytes answer);

/* Forgets the second request, or everything. BM_E_IO. */
BM_RESULT bm_offline_state_go_back(bm_identity *identity);
BM_RESULT bm_offline_state_end(bm_identity *identity);

#endif

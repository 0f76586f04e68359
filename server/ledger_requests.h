/*
 * What the ledger answers. Reads are answered at once; everything that writes waits for the end of the round and is committed together
 * (group commit), and only then answered: an answer means that it is on disk.
 */
#ifndef BM_SERVER_LEDGER_REQUESTS_H
#define BM_SERVER_LEDGER_REQUESTS_H

#include "server/log.h"
#include "server/process.h"
#include "store/store.h"

#define BM_LEDGER_BATCH_MAX 256        /* messages of a round, whose writes are committed together */
/* While another process writes: how long one attempt waits, and after how many everybody is told to come again: before a server's patience ends. */
#define BM_LEDGER_ATTEMPT_MS 50
#define BM_LEDGER_ATTEMPTS 50
#define BM_LEDGER_REFUSALS_A_SECOND 50 /* that are recorded; a flood is counted, not kept */
/* Anybody can be refused, and the log is for ever: the bytes that refusals may add to it, at once and in the long run. */
#define BM_LEDGER_REFUSAL_BYTES (1024 * 1024)
#define BM_LEDGER_REFUSAL_BYTES_A_SECOND 8192
#define BM_LEDGER_REFUSAL_OVERHEAD 256 /* of an entry, besides its evidence */

typedef struct bm_ledger bm_ledger;

/* A ledger over an open store (which it owns from now on, and makes impatient) and the sockets of its servers. BM_E_NO_MEMORY: the store is still the caller's. */
BM_RESULT bm_ledger_requests_new(bm_store *store, const int *sockets, size_t count, const bm_log *log, bm_ledger **ledger);

/* Frees; NULL is fine. The second is for BM_AUTO. */
void bm_ledger_requests_free(bm_ledger *ledger);
void bm_ledger_requests_freep(bm_ledger **ledger);

/*
 * Reads what waits in the sockets (at most a batch), performs it, commits, answers. While another process has the database for itself, reads are
 * answered and writes stay for the next rounds, BM_LEDGER_ATTEMPTS at most; then they get BM_E_STORE_BUSY. `now` in seconds since 1970.
 * BM_E_IO: a socket is gone.
 */
BM_RESULT bm_ledger_requests_round(bm_ledger *ledger, int64_t now);

/* Do writes wait, so that the next round must come without a message? */
bool bm_ledger_requests_waiting(const bm_ledger *ledger);

#endif

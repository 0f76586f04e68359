/*
 * The revoked certificates as the ledger hands them out: the ids of all CRLs in one list, kept for an epoch, since a server that loads them
 * asks for one piece after the other.
 */
#ifndef BM_SERVER_LEDGER_REVOKED_H
#define BM_SERVER_LEDGER_REVOKED_H

#include "server/message.h"

/* The list of an epoch; zero-initialise. */
typedef struct {
    bool loaded;
    uint64_t epoch;
    bm_buf ids;
} bm_ledger_revoked;

/* Frees what it owns. */
void bm_ledger_revoked_fini(bm_ledger_revoked *revoked);

/* Answers a BM_MSG_REVOKED, with the list brought up to date. BM_E_MALFORMED, and what the store says. */
BM_RESULT bm_ledger_revoked_answer(bm_ledger_revoked *revoked, bm_store *store, bm_message *message, bm_buf *reply);

#endif

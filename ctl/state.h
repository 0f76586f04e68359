/* The state directory of a CA that exists. */
#ifndef BM_CTL_STATE_H
#define BM_CTL_STATE_H

#include "ctl/ctl.h"

/* The names in it. */
#define BM_STATE_CA "ca.crt"
#define BM_STATE_TLS "tls.crt"
#define BM_STATE_CA_KEY "keys/ca.key"
#define BM_STATE_TICKET_KEY "keys/ticket.key"
#define BM_STATE_TLS_KEY "keys/tls.key"
#define BM_STATE_DATABASE_FOLDER "database"
#define BM_STATE_DATABASE BM_STATE_DATABASE_FOLDER "/birthmark.db"
#define BM_STATE_DATABASE_WAL BM_STATE_DATABASE "-wal"
#define BM_STATE_DATABASE_SHM BM_STATE_DATABASE "-shm"
#define BM_STATE_CONFIG "birthmark.conf"

/* Opens its database; BM_E_STORE_NOT_FOUND: there is no CA in this directory. */
BM_RESULT bm_ctl_state_open(const bm_ctl *ctl, bm_store **store);

/* What is done in a transaction. */
typedef BM_RESULT (*bm_ctl_state_act)(bm_store *store, void *context);

/* Opens the database and does `act` in one transaction: committed when it succeeds, rolled back when not. */
BM_RESULT bm_ctl_state_change(const bm_ctl *ctl, bm_ctl_state_act act, void *context);

#endif

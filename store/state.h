/* The files of a CA's state directory: made by birthmarkctl init, read by birthmarkd. (The passphrase's is in keys/passphrase.h.) */
#ifndef BM_STORE_STATE_H
#define BM_STORE_STATE_H

#define BM_STATE_CONFIG "birthmark.conf"
#define BM_STATE_CA "ca.crt"   /* the CA's chain, PEM, the issuing CA first */
#define BM_STATE_TLS "tls.crt" /* the server's certificate and what is above it, PEM */
#define BM_STATE_KEYS_FOLDER "keys"
#define BM_STATE_CA_KEY "keys/ca.key"
#define BM_STATE_TICKET_KEY "keys/ticket.key"
#define BM_STATE_TLS_KEY "keys/tls.key"
#define BM_STATE_DATABASE_FOLDER "database" /* all that the ledger sees of the disk */
#define BM_STATE_DATABASE BM_STATE_DATABASE_FOLDER "/birthmark.db"
#define BM_STATE_DATABASE_WAL BM_STATE_DATABASE "-wal"
#define BM_STATE_DATABASE_SHM BM_STATE_DATABASE "-shm"

#endif

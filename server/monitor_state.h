/* What the monitor reads of a state directory, once, at its start: so that it can start processes again whatever happens to the files. */
#ifndef BM_SERVER_MONITOR_STATE_H
#define BM_SERVER_MONITOR_STATE_H

#include "protocol/config.h"
#include "store/state.h"

/* Owns its buffers; what is secret is wiped with them. The CA's key and the ticket keys are sealed, and stay so here. */
typedef struct {
    bm_config config;
    bm_buf directory;     /* a C string */
    bm_buf database_folder; /* its path; a C string */
    bm_buf database;      /* its path; a C string */
    bm_buf config_path;   /* a C string */
    bm_buf config_text;
    bm_buf ca_pem;
    bm_buf ca_der;        /* the first certificate of ca_pem */
    bm_buf tls_pem;
    bm_buf tls_key;       /* open: the servers get it */
    bm_buf ca_key;        /* sealed */
    bm_buf ticket_key;    /* sealed */
    bm_buf passphrase;
} bm_monitor_state;

/*
 * Reads and checks a state directory; `passphrase_file` may be NULL (see keys/passphrase.h), and `plain` leaves the TLS files out. The state must be zero;
 * end it with bm_monitor_state_fini on every path. BM_E_IO: a file cannot be read, or others can change it or read a secret (monitor_file.h); BM_E_CONFIG_INVALID with file, line and reason;
 * BM_E_KEY_PASSPHRASE, BM_E_KEY_INVALID, BM_E_STORE_NOT_FOUND (no passphrase, no database).
 */
BM_RESULT bm_monitor_state_read(const char *directory, const char *passphrase_file, bool plain, bm_monitor_state *state);

/* Wipes and frees. */
void bm_monitor_state_fini(bm_monitor_state *state);

#endif

/* What birthmarkctl batch does with a judged request: ticket, identity, certificate, record. The part that has the keys and the database. */
#ifndef BM_CTL_BATCH_GRANT_H
#define BM_CTL_BATCH_GRANT_H

#include "ctl/batch_message.h"
#include "keys/keys.h"
#include "protocol/config.h"
#include "store/store.h"
#include "x509/ca.h"

/* The CA at work. Zero-initialise; end with bm_ctl_batch_grant_close. */
typedef struct {
    bm_config config;
    bm_ca ca;
    bm_buf chain[BM_CA_CHAIN_MAX];
    size_t chain_count;
    bm_keys *keys;
    bm_store *store;
} bm_ctl_batch_ca;

/* Closes and wipes. For BM_AUTO. */
void bm_ctl_batch_grant_close(bm_ctl_batch_ca *ca);

/* Reads the configuration and the certificates of a state directory: nothing secret. BM_E_IO, BM_E_CONFIG_INVALID, BM_E_MALFORMED, BM_E_STORE_NOT_FOUND: there is no CA. */
BM_RESULT bm_ctl_batch_grant_read(const char *state, bm_ctl_batch_ca *ca);

/* Opens keys and database; `passphrase_file` may be NULL. BM_E_KEY_PASSPHRASE, BM_E_KEY_INVALID, BM_E_STORE... */
BM_RESULT bm_ctl_batch_grant_open(const char *state, const char *passphrase_file, bm_ctl_batch_ca *ca);

/* What becomes of a request. Owns its buffers. */
typedef struct {
    bm_code code;     /* BM_OK, or that of the refusal */
    bm_buf body;      /* the answer: a problem document, the reply of getCertificate; empty when a ticket is to be wrapped */
    bm_buf challenge; /* of that ticket */
    bm_buf ticket;    /* secret */
    int64_t expires;
} bm_ctl_batch_outcome;

/* Wipes and frees what it owns. */
void bm_ctl_batch_grant_fini(bm_ctl_batch_outcome *outcome);

/* A refusal, as the server would tell it: its problem document. */
BM_RESULT bm_ctl_batch_grant_refuse(bm_result refusal, bm_ctl_batch_outcome *outcome);

/*
 * Decides upon a request inside the open write transaction, with the checks and the records of birthmarkd; what is in `outcome` counts when that is
 * committed. A failure is ours and not the request's: BM_E_STORE..., BM_E_NO_MEMORY, BM_E_INTERNAL; roll back then.
 */
BM_RESULT bm_ctl_batch_grant_decide(bm_ctl_batch_ca *ca, const bm_ctl_batch_judged *judged, int64_t now, bm_ctl_batch_outcome *outcome);

#endif

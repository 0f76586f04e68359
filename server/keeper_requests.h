/* What the keeper answers: typed requests over fixed-size fields, never "sign this digest". */
#ifndef BM_SERVER_KEEPER_REQUESTS_H
#define BM_SERVER_KEEPER_REQUESTS_H

#include "crypto/pkey.h"
#include "keys/keys.h"
#include "x509/ca.h"

/*
 * The keys, and the CA certificate whose key they have. Owns both. And how far ahead a ticket may end at
 * most, in seconds.
 */
typedef struct {
    bm_keys *keys;
    bm_ca ca;
    bm_sig_alg alg;
    int64_t ticket_lifetime;
} bm_keeper;

/*
 * What the monitor hands to the keeper: the sealed keys, the CA's certificate (DER), the longest life that a
 * profile gives a ticket.
 */
typedef struct {
    bm_bytes passphrase;
    bm_bytes ca_key;
    bm_bytes ticket_keys;
    bm_bytes ca;
    int64_t ticket_lifetime;
} bm_keeper_options;

/*
 * Opens the keys. BM_E_KEY_PASSPHRASE; BM_E_KEY_INVALID: also a certificate of another key; BM_E_MALFORMED:
 * no CA certificate. The keeper must be zero; end it with bm_keeper_requests_fini.
 */
BM_RESULT bm_keeper_requests_init(bm_keeper *keeper, const bm_keeper_options *options);
void bm_keeper_requests_fini(bm_keeper *keeper);

/*
 * Answers one datagram: `reply` becomes a reply or a BM_MSG_ERROR. `now` is the keeper's own clock: no ticket
 * is made or taken that ends later than its longest life from then. BM_E_MALFORMED: it is no message, and
 * gets no answer; BM_E_NO_MEMORY.
 */
BM_RESULT bm_keeper_requests_answer(bm_keeper *keeper, bm_bytes datagram, int64_t now, bm_buf *reply);

#endif

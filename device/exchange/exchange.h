/* The two calls to the server, over libcurl. */
#ifndef BM_DEVICE_EXCHANGE_H
#define BM_DEVICE_EXCHANGE_H

#include "protocol/request.h"

typedef struct bm_exchange bm_exchange;

/*
 * Prepares for calls to `server` (https://HOST[:PORT][/PREFIX], or http://), trusting the certificates in the file `ca` and no others.
 * Both strings must outlive it. BM_E_IO: `ca` cannot be read; BM_E_NO_MEMORY.
 */
BM_RESULT bm_exchange_new(const char *server, const char *ca, bm_exchange **exchange);

/* Trusts these certificates (PEM), and no others, where no file was given. BM_E_NO_MEMORY. */
BM_RESULT bm_exchange_trust(bm_exchange *exchange, bm_bytes pem);

/* Frees; NULL is fine. The second is for BM_AUTO. */
void bm_exchange_free(bm_exchange *exchange);
void bm_exchange_freep(bm_exchange **exchange);

/*
 * Sends a call and appends the body of the answer. A server that is just restarting is asked again, three times within two seconds, and one
 * that has too much to do (429, 503) when it says, for at most BM_PATIENCE_MS in all:
 * both calls may be repeated. BM_E_NETWORK; BM_E_SERVER_REFUSED: a problem document, said in the detail; BM_E_SERVER_REPLY; BM_E_IO: --ca
 * is no file of certificates; BM_E_INTERRUPTED.
 */
BM_RESULT bm_exchange_call(bm_exchange *exchange, bm_call call, const bm_request *request, bm_buf *reply);

/*
 * GET /healthz, once: BM_OK when the server and all behind it are well. BM_E_NETWORK: it cannot be reached, is not the one that `ca` verifies, or
 * is not well; BM_E_SERVER_REPLY: something else answers; BM_E_IO, BM_E_INTERRUPTED.
 */
BM_RESULT bm_exchange_look(bm_exchange *exchange);

/* The code of the problem document of the last call that ended with BM_E_SERVER_REFUSED; BM_E_INTERNAL for one that we do not know. */
bm_code bm_exchange_refusal(const bm_exchange *exchange);

/* The seconds that the last answer asked to wait (Retry-After); 0: none, or it did not ask. */
int64_t bm_exchange_said(const bm_exchange *exchange);

/* Nanoseconds spent in calls so far. */
int64_t bm_exchange_spent(const bm_exchange *exchange);

/* The result of an answer's status and body: BM_OK for 200, or else what the problem document says. */
BM_RESULT bm_exchange_verdict(long status, bm_bytes body);

#endif

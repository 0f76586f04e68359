/*
 * Requests to the keeper and to the ledger, without waiting: each is sent, repeated when no answer comes (the process behind it
 * was restarted), and given up after some tries. Ids begin at a random number, so that an answer to a server that died is recognised
 * as foreign and dropped.
 */
#ifndef BM_SERVER_SERVER_PEER_H
#define BM_SERVER_SERVER_PEER_H

#include "server/log.h"
#include "server/message.h"
#include "server/server.h"

#define BM_SERVER_PEER_TRIES 4
#define BM_SERVER_PEER_REPEAT_MS 1000
#define BM_SERVER_PEER_PENDING_MAX 4096

/* How a request ended: with a reply of the expected type, to be read during the call; or with a failure, and `reply` NULL. Called once, from the loop. */
typedef void (*bm_server_peer_done)(void *context, bm_result result, bm_message *reply);

/* A request. `body` is a view that lives during the call. */
typedef struct {
    bm_msg_type type;
    bm_msg_type reply;
    bm_bytes body;
    unsigned tries;
    bm_server_peer_done done;
    void *context;
} bm_server_peer_request;

/* A peer behind a socket (the caller's). BM_E_NO_MEMORY, BM_E_INTERNAL. */
BM_RESULT bm_server_peer_new(struct event_base *base, int fd, const char *name, const bm_log *log, bm_server_peer **peer);

/* Frees; what is pending is forgotten without a call. NULL is fine. */
void bm_server_peer_free(bm_server_peer *peer);

/* Sends a request. `done` is called later, never from within, and only when this returns BM_OK. BM_E_OVERLOADED: too many are pending; BM_E_NO_MEMORY. */
BM_RESULT bm_server_peer_ask(bm_server_peer *peer, const bm_server_peer_request *request);

/* Sends what has no reply; lost when the peer does not read. BM_E_OVERLOADED, BM_E_NO_MEMORY. */
BM_RESULT bm_server_peer_tell(bm_server_peer *peer, bm_msg_type type, bm_bytes body);

#endif

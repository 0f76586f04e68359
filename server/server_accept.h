/* Taking connections from the listening socket: none that its limit refuses, none while there is no place. */
#ifndef BM_SERVER_SERVER_ACCEPT_H
#define BM_SERVER_SERVER_ACCEPT_H

#include "base/address.h"
#include "server/server.h"

typedef struct bm_server_accept bm_server_accept;

/* A connection has come: the socket is the callee's. Called from the loop, and from bm_server_accept_stop. */
typedef void (*bm_server_accepted)(void *context, int fd, const bm_address *peer);

/* Accepts from a listening socket (its own for good) from the next turn of the loop on. BM_E_NO_MEMORY. */
BM_RESULT bm_server_accept_new(bm_server *server, int listener, bm_server_accepted accepted, void *context, bm_server_accept **accept);

/* Frees; NULL is fine. */
void bm_server_accept_free(bm_server_accept *accept);

/* Stops accepting, or goes on; what comes meanwhile waits in the kernel's queue. */
void bm_server_accept_hold(bm_server_accept *accept, bool hold);

/* The end of accepting: what waits in the queue is taken, for its client takes it for made; then the listening socket is closed. */
void bm_server_accept_stop(bm_server_accept *accept);

#endif

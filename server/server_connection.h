/*
 * A connection and the phases that it goes through, each with an absolute deadline that trickled bytes do not move; and which connection has to go
 * when a new one comes and there is no place. For server_http.c alone.
 */
#ifndef BM_SERVER_SERVER_CONNECTION_H
#define BM_SERVER_SERVER_CONNECTION_H

#include "server/server_accept.h"
#include "server/server_head.h"
#include "server/server_http.h"
#include "server/server_routes.h"
#include "server/server_stream.h"
#include "server/server_work.h"

#include <sys/queue.h>

struct event;

/* What a connection is doing. */
typedef enum {
    BM_PHASE_HEAD,   /* handshake and first head, or the rest of a head of which something is there */
    BM_PHASE_IDLE,   /* nothing is there of the next request */
    BM_PHASE_BODY,
    BM_PHASE_QUEUED, /* the request is there, and waits for its turn */
    BM_PHASE_BUSY,   /* the handler has it: the deadlines are those of its requests to the other processes */
    BM_PHASE_REPLY,  /* the reply is on its way */
    BM_PHASE_LINGER  /* the reply is sent; what the client still sends is thrown away, so that it can read the reply */
} bm_server_phase;

/* Which connections may be closed to make room for a new one: first those that are idle, then those whose client is to do something. */
typedef enum { BM_PLACE_IDLE, BM_PLACE_WAITING, BM_PLACE_BUSY, BM_PLACE_COUNT } bm_server_place;

struct bm_server_connection {
    TAILQ_ENTRY(bm_server_connection) link;
    bm_server_http *http;
    bm_server_stream *stream; /* NULL: the client is gone while the handler is busy */
    struct event *timer;
    bm_server_phase phase;
    bool listed; /* it is in the list of its phase */
    bool close; /* after the reply */
    bool unread; /* something of the request was not read */
    bm_server_work_item work;
    const bm_server_route *route;
    bm_server_head head;
    bm_address peer;
    bm_address client; /* the peer, or who it is that a trusted proxy speaks for */
    char client_text[BM_ADDRESS_TEXT_SIZE];
};

struct bm_server_http {
    bm_server *server;
    bm_server_accept *accept;
    bm_server_work *work;
    TAILQ_HEAD(connections, bm_server_connection) lists[BM_PLACE_COUNT]; /* each in the order in which they came into their phase */
    size_t count;
    bool stopping;
    bool behind; /* with the work */
    bm_log_seldom full;
    bm_log_seldom limited;
    bm_log_often unread;
};

/* Puts the connection into a phase, whose deadline begins. */
void bm_server_connection_enter(bm_server_connection *connection, bm_server_phase phase);

/* The end of a connection; with the last one a server that stops is done. */
void bm_server_connection_end(bm_server_connection *connection);

/* The same from the loop, and not at once: a caller may still look at the connection. */
void bm_server_connection_end_soon(bm_server_connection *connection);

/* The client is gone, or too slow. A handler that is busy still answers: then the connection ends. */
void bm_server_connection_drop(bm_server_connection *connection);

/* The connection that may be closed for a new one: the one that is idle longest, or else the one whose client lets us wait longest. NULL when all are at work. */
bm_server_connection *bm_server_connection_oldest(bm_server_http *http);

#endif

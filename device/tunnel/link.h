/*
 * The links: each is one program's connection and the connection to the server that goes with it. What one side sends goes to the other as that takes
 * it; no side is read while the other has not taken what came before, so a link holds little and passes the pressure on. An end is passed on, too:
 * either direction may end before the other.
 */
#ifndef BM_DEVICE_TUNNEL_LINK_H
#define BM_DEVICE_TUNNEL_LINK_H

#include "device/tunnel/log.h"
#include "device/tunnel/worker.h"

struct event_base;
typedef struct bm_tunnel_link bm_tunnel_link;

#define BM_TUNNEL_SHAKING_MAX 32 /* handshakes at a time: the others wait here, where no server's patience ends */

/* All links and what they share. The members of the first block are set by the owner, those of the second are the links' own. */
typedef struct {
    struct event_base *base;
    bm_tunnel_worker *worker;
    bm_tunnel_tls *tls;            /* of new connections */
    bm_tunnel_addresses addresses; /* of the server; none: links wait */
    uint16_t port;
    const char *to;                /* the server as the log has it */
    int64_t idle_seconds;
    bm_tunnel_log log;
    void (*want_addresses)(void *context); /* called when a link waits for them, or could not reach any */
    void (*ended)(void *context);          /* a link is gone */
    void *context;

    bm_tunnel_link *first;
    bm_tunnel_link *last;
    size_t count;
    size_t shaking;
    bool busy; /* no waiting link is begun just now */
} bm_tunnel_links;

/* A link for a program's connection, which does not block; it is closed when the link ends. BM_E_NO_MEMORY: it is still the caller's. */
BM_RESULT bm_tunnel_link_new(bm_tunnel_links *links, int fd);

/* Begins as many of the waiting links as may be: when there is room, or when addresses came. */
void bm_tunnel_links_begin(bm_tunnel_links *links);

/* Ends those that wait, with this reason: no address of the server is known. */
void bm_tunnel_links_fail_waiting(bm_tunnel_links *links, const char *why);

/* Takes the sessions back that the worker is done with. */
void bm_tunnel_links_take(bm_tunnel_links *links);

/* Ends the links whose time is over; to be called every second or so. */
void bm_tunnel_links_sweep(bm_tunnel_links *links);

/* Ends all; the worker must have ended. */
void bm_tunnel_links_free(bm_tunnel_links *links);

#endif

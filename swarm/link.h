/* A connection of a device: a socket, TLS over it, and one HTTP call at a time. Nothing here waits; the event loop calls. */
#ifndef BM_SWARM_LINK_H
#define BM_SWARM_LINK_H

#include "swarm/http.h"
#include "swarm/tls.h"

#include <event2/event.h>

/* Why a connection is no more. */
typedef enum {
    BM_SWARM_LINK_REFUSED = 0, /* nobody listens */
    BM_SWARM_LINK_UNREACHABLE, /* no way there */
    BM_SWARM_LINK_NO_PORT,     /* this machine has no port or descriptor left */
    BM_SWARM_LINK_CUT_OFF,     /* closed before the handshake was done: so does a server that has too much to do */
    BM_SWARM_LINK_CLOSED,      /* closed, or reset, afterwards */
    BM_SWARM_LINK_TIMEOUT,     /* no answer in time */
    BM_SWARM_LINK_STRANGER,    /* the server's certificate is not good */
    BM_SWARM_LINK_TLS,         /* another failure of TLS */
    BM_SWARM_LINK_REPLY,       /* the answer is none of the protocol */
    BM_SWARM_LINK_END_COUNT
} bm_swarm_link_end;

/* What a connection tells. It may be closed, opened and used again inside each of these. */
typedef struct {
    void (*up)(void *context);
    void (*reply)(void *context, const bm_swarm_http_reply *reply);
    void (*down)(void *context, bm_swarm_link_end end, const char *reason); /* it is closed already */
} bm_swarm_link_events;

/* Zero-initialise, then bm_swarm_link_init. */
typedef struct {
    struct event_base *base;
    bm_swarm_tls *tls;
    const bm_swarm_link_events *events;
    void *context;
    int fd;
    SSL *ssl;
    struct event *event;
    unsigned generation; /* counts openings: whether it is still the same connection after a call outside */
    bool connected;
    bool up;
    bm_buf out;
    size_t sent;
    bm_buf in;
} bm_swarm_link;

/* Closed, for this loop and server. */
void bm_swarm_link_init(bm_swarm_link *link, struct event_base *base, bm_swarm_tls *tls, const bm_swarm_link_events *events, void *context);

/* Begins to connect; `up` or `down` is called later, or false is returned with the reason why it cannot begin. */
bool bm_swarm_link_open(bm_swarm_link *link, const bm_swarm_target *target, bm_swarm_link_end *end, const char **reason);

/* Is there a connection over which can be sent? */
bool bm_swarm_link_is_up(const bm_swarm_link *link);

/* Sends a request: a POST of this body; `reply` or `down` is called, `down` perhaps before it returns. BM_E_NO_MEMORY. */
BM_RESULT bm_swarm_link_send(bm_swarm_link *link, const char *host, const char *path, bm_bytes body);

/* Closes at once, if it is open, and nothing is told. */
void bm_swarm_link_close(bm_swarm_link *link);

/* Closes and frees. */
void bm_swarm_link_fini(bm_swarm_link *link);

/* "refused", ... for the figures. */
const char *bm_swarm_link_name(bm_swarm_link_end end);

#endif

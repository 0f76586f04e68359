/*
 * What flows on a link once its handshake is done: bytes both ways, each end, and the pressure of whoever reads
 * slowly. No byte that came is thrown away while there is still somebody to take it, however its sender ended.
 */
#ifndef BM_DEVICE_TUNNEL_FLOW_H
#define BM_DEVICE_TUNNEL_FLOW_H

#include "device/tunnel/tls.h"

struct event_base;
typedef struct bm_tunnel_flow bm_tunnel_flow;

/* What happens; called from the loop alone. */
typedef struct {
    /* Something went through, or the first direction ended. */
    void (*flowed)(void *context);
    /* The server's direction has ended, and not as it should. What came before still flows to the program. */
    void (*cut)(void *context, const char *why);
    /* It is over: all that came has gone. Not well: the program must see a reset. The flow may be freed in the call. */
    void (*ended)(void *context, bool well);
    void *context;
} bm_tunnel_flow_events;

/* Begins to move bytes between a plain socket and a session over another; all three stay the caller's. BM_E_NO_MEMORY. */
BM_RESULT bm_tunnel_flow_new(struct event_base *base, int local, int remote, bm_tunnel_session *session, const bm_tunnel_flow_events *events,
                             bm_tunnel_flow **flow);

/* Frees; NULL is fine. */
void bm_tunnel_flow_free(bm_tunnel_flow *flow);

/*
 * Ends the server's direction as one that was cut, if it has not ended so already; the flow goes on until the
 * program has what came before.
 */
void bm_tunnel_flow_cut(bm_tunnel_flow *flow, const char *why);

/* Was the server's direction cut? */
bool bm_tunnel_flow_is_cut(const bm_tunnel_flow *flow);

/* Has one of the two directions ended? */
bool bm_tunnel_flow_is_half(const bm_tunnel_flow *flow);

#endif

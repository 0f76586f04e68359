/* What flows on a link once its handshake is done: bytes both ways, each end, and the pressure of whoever reads slowly. */
#ifndef BM_AGENT_TUNNEL_FLOW_H
#define BM_AGENT_TUNNEL_FLOW_H

#include "agent/tunnel_tls.h"

struct event_base;
typedef struct bm_tunnel_flow bm_tunnel_flow;

/* What happens; called from the loop alone. */
typedef struct {
    void (*flowed)(void *context);                 /* something went through */
    void (*ended)(void *context, const char *why); /* it is over, well when `why` is NULL; the flow must be freed, and may be at once */
    void *context;
} bm_tunnel_flow_events;

/* Begins to move bytes between a plain socket and a session over another; all three stay the caller's. BM_E_NO_MEMORY. */
BM_RESULT bm_tunnel_flow_new(struct event_base *base, int local, int remote, bm_tunnel_session *session, const bm_tunnel_flow_events *events,
                             bm_tunnel_flow **flow);

/* Frees; NULL is fine. */
void bm_tunnel_flow_free(bm_tunnel_flow *flow);

/* Has one of the two directions ended? */
bool bm_tunnel_flow_is_half(const bm_tunnel_flow *flow);

#endif

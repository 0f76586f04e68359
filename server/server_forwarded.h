/* Who the client is when a proxy stands in front. */
#ifndef BM_SERVER_SERVER_FORWARDED_H
#define BM_SERVER_SERVER_FORWARDED_H

#include "protocol/config.h"
#include "server/server_head.h"

/* Is this one of [server] trusted_proxies? */
bool bm_server_forwarded_is_trusted(const bm_config *config, const bm_address *address);

/*
 * The client of a request that came from `peer`. From a trusted proxy it is the last address in X-Forwarded-For that is no trusted
 * proxy itself (the first, when all are; the peer, when there is none); from anybody else it is the peer, whatever the head says. What stands
 * before that address is what the client says of itself, and is not looked at. Several fields are one list, in their order (RFC 9110, 5.3).
 * BM_E_REQUEST_MALFORMED: what a trusted proxy sent is no list of addresses so far, or is more than four fields.
 */
BM_RESULT bm_server_forwarded_find(const bm_config *config, const bm_address *peer, const bm_server_head *head, bm_address *client);

#endif

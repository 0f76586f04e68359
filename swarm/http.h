/* HTTP/1.1 as a client of birthmarkd needs it (RFC 9112): a request's head, and a reply read strictly. */
#ifndef BM_SWARM_HTTP_H
#define BM_SWARM_HTTP_H

#include "base/bytes.h"

#define BM_SWARM_HTTP_HEAD_MAX 8192
#define BM_SWARM_HTTP_BODY_MAX 65536

/* A reply; `body` is a view of what was received. */
typedef struct {
    unsigned status;      /* 200 to 599 */
    unsigned retry_after; /* seconds, at most a day; 0: not said */
    bool close;           /* the server closes the connection behind it */
    bm_bytes body;
} bm_swarm_http_reply;

/* Appends the head of a POST of a JSON body of this size. */
BM_RESULT bm_swarm_http_put_head(bm_buf *out, const char *host, const char *path, size_t body_size);

/*
 * Reads a reply from the beginning of what was received so far; `complete` is false when there must come more. BM_E_SERVER_REPLY: it is no
 * reply that birthmarkd gives: another version, a status outside 200 to 599, a field name or value that cannot be, no Content-Length or two,
 * a Transfer-Encoding, too long a head or body, or bytes behind the body.
 */
BM_RESULT bm_swarm_http_parse(bm_bytes received, bm_swarm_http_reply *reply, bool *complete);

#endif

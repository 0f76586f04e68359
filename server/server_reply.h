/* What the server sends: whole HTTP replies as bytes. */
#ifndef BM_SERVER_SERVER_REPLY_H
#define BM_SERVER_SERVER_REPLY_H

#include "base/bytes.h"

#define BM_SERVER_REPLY_JSON "application/json"
#define BM_SERVER_REPLY_PEM "application/x-pem-file"
#define BM_SERVER_REPLY_PROBLEM "application/problem+json"

/* A reply. `allow` is what stands in Allow with a 405, or NULL; `retry_after` are seconds, or 0 for none but the one of a 503. */
typedef struct {
    int status;
    const char *type;
    const char *allow;
    unsigned retry_after;
    bool close; /* the connection ends with it */
    bm_bytes body;
} bm_server_reply;

/* Appends head and body; BM_E_NO_MEMORY. */
BM_RESULT bm_server_reply_put(bm_buf *out, const bm_server_reply *reply);

/* The whole reply for when there is no memory to write another: out-of-memory, and the connection ends. It needs none, and is there for ever. */
bm_bytes bm_server_reply_out_of_memory(void);

#endif

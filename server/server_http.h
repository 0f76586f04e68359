/*
 * HTTP/1.1 for the server: connections, their deadlines, and the table of what is answered. A request is given to its handler when head and
 * body are there; it may be answered at once or later.
 *
 * Each phase of a connection has an absolute deadline, which trickled bytes do not move.
 */
#ifndef BM_SERVER_SERVER_HTTP_H
#define BM_SERVER_SERVER_HTTP_H

#include "server/server.h"

typedef struct bm_server_connection bm_server_connection;

/* Begins to accept from a listening socket (the server's for good). BM_E_NO_MEMORY. */
BM_RESULT bm_server_http_new(bm_server *server, int listener, bm_server_http **http);

/* Closes every connection and frees; NULL is fine. */
void bm_server_http_free(bm_server_http *http);

/* Accepts nothing any more, closes what is idle; what is in flight is finished. When nothing is left, the event loop is ended. */
void bm_server_http_stop(bm_server_http *http);

/* Answers a request, once. The connection is not the handler's any more afterwards. */
void bm_server_http_answer(bm_server_connection *connection, int status, const char *type, bm_bytes body);

/* Answers with the problem document of a failure. */
void bm_server_http_refuse(bm_server_connection *connection, bm_result failure);

/* The same, and says in how many seconds the client may try again; 0: not. */
void bm_server_http_refuse_for(bm_server_connection *connection, bm_result failure, unsigned retry_after);

/* The client's address, for the log. */
const char *bm_server_http_client(const bm_server_connection *connection);

#endif

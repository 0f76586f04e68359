/* What the server answers, in one table. */
#ifndef BM_SERVER_SERVER_ROUTES_H
#define BM_SERVER_SERVER_ROUTES_H

#include "server/server_head.h"
#include "server/server_http.h"

/* Answers a request, now or later. `body` is a view that lives during the call. */
typedef void (*bm_server_handler)(bm_server *server, bm_server_connection *connection, bm_bytes body);

/* A row of the table. */
typedef struct {
    const char *path;
    bm_server_method method;
    bool costly;       /* it is public-key work, which is limited */
    const char *allow; /* the method's name */
    bm_server_handler handler;
} bm_server_route;

/* The row for a head, before the body is read. BM_E_NOT_FOUND, BM_E_METHOD_NOT_ALLOWED (`route` is set all the same), BM_E_MEDIA_TYPE. */
BM_RESULT bm_server_routes_find(const bm_server_head *head, const bm_server_route **route);

#endif

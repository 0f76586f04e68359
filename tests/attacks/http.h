/* The two calls over HTTP or HTTPS, as any client makes them. */
#ifndef BM_ATTACKS_HTTP_H
#define BM_ATTACKS_HTTP_H

#include "words.h"

#include <curl/curl.h>

/* A server, and the connection to it that is kept. */
typedef struct {
    const char *url;
    const char *ca; /* a file that verifies it; NULL for what the system has */
    CURL *curl;
    struct curl_slist *headers;
} atk_server;

typedef struct {
    long status; /* 0: no answer */
    char code[64]; /* of the problem document; "ok" for status 200, "no-answer", or "no-problem-document" */
    bm_buf body;
} atk_reply;

void atk_server_open(atk_server *server, const char *url, const char *ca);
void atk_server_close(atk_server *server);

/*
 * Sends a request and takes the answer. With 429 and 503 it is sent again after a while, as the protocol says. `type` is the Content-Type, NULL for
 * a GET. The reply must be zero, or one of before.
 */
void atk_server_post(atk_server *server, const char *path, const char *type, bm_bytes body, atk_reply *reply);

/* The next request goes over a new connection. */
void atk_server_again(atk_server *server);

void atk_reply_fini(atk_reply *reply);

#endif

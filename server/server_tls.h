/* TLS for the server: the only file, with server_tls.c, that knows libssl. */
#ifndef BM_SERVER_SERVER_TLS_H
#define BM_SERVER_SERVER_TLS_H

#include "server/server.h"

struct bufferevent;

/*
 * A TLS context: `certificates` is PEM, the server's first; when it holds that one alone, `ca` (PEM) gives the intermediates. `key` is
 * the private key (PKCS#8 or traditional DER). TLS 1.2 and 1.3, X25519 first, no session cache and no tickets: a device connects once.
 * Makes one connection with itself in memory, so that everything that OpenSSL loads late is loaded. BM_E_KEY_INVALID: certificate and key
 * are none, or not of each other; BM_E_INTERNAL.
 */
BM_RESULT bm_server_tls_new(bm_bytes certificates, bm_bytes ca, bm_bytes key, bm_server_tls **tls);

/* Frees; NULL is fine. */
void bm_server_tls_free(bm_server_tls *tls);

/* A stream over an accepted socket, which it closes when it is freed: TLS, or plain when `tls` is NULL. NULL when memory ran out; the socket is then still open. */
struct bufferevent *bm_server_tls_stream(bm_server_tls *tls, struct event_base *base, int fd);

/* Says goodbye (close_notify); nothing can be written afterwards. */
void bm_server_tls_shutdown(struct bufferevent *stream);

#endif

/* TLS for the server: the only file, with server_tls.c, that knows libssl. */
#ifndef BM_SERVER_SERVER_TLS_H
#define BM_SERVER_SERVER_TLS_H

#include "server/server.h"

/* One connection's TLS. */
typedef struct ssl_st bm_server_tls_session;

/* How a step of a session ended. */
typedef enum {
    BM_TLS_DONE = 0,
    BM_TLS_WANTS_READ,  /* to be done again when the socket is readable */
    BM_TLS_WANTS_WRITE, /* to be done again when the socket is writable */
    BM_TLS_OVER         /* the client said goodbye, is gone, or does not speak TLS; or memory ran out */
} bm_server_tls_end;

/*
 * A TLS context: `certificates` is PEM, the server's first; when it holds that one alone, `ca` (PEM) gives the intermediates. `key` is
 * the private key (PKCS#8 or traditional DER). TLS 1.2 and 1.3, X25519 or P-256, no session cache and no tickets: a device connects once.
 * Makes one connection with itself in memory, so that everything that OpenSSL loads late is loaded. BM_E_KEY_INVALID: certificate and key
 * are none, or not of each other; BM_E_INTERNAL.
 */
BM_RESULT bm_server_tls_new(bm_bytes certificates, bm_bytes ca, bm_bytes key, bm_server_tls **tls);

/* Frees; NULL is fine. */
void bm_server_tls_free(bm_server_tls *tls);

/* The server's end of a session over an accepted socket that does not block, which stays the caller's. BM_E_NO_MEMORY. */
BM_RESULT bm_server_tls_session_new(bm_server_tls *tls, int fd, bm_server_tls_session **session);

/* Frees; NULL is fine. */
void bm_server_tls_session_free(bm_server_tls_session *session);

/* Goes on with the handshake; BM_TLS_DONE when it is complete. */
bm_server_tls_end bm_server_tls_shake(bm_server_tls_session *session);

/* Reads up to `size` bytes; `got` is how many, above 0 only with BM_TLS_DONE. */
bm_server_tls_end bm_server_tls_read(bm_server_tls_session *session, uint8_t *to, size_t size, size_t *got);

/* Has the session read more from its socket than it has given out? False for NULL. */
bool bm_server_tls_has_more(const bm_server_tls_session *session);

/* Writes some of the bytes; `put` is how many, above 0 only with BM_TLS_DONE. What was not written must be the beginning of what is written next. */
bm_server_tls_end bm_server_tls_write(bm_server_tls_session *session, bm_bytes bytes, size_t *put);

/* Says goodbye (close_notify), not waiting for the client's own; nothing can be written afterwards. */
void bm_server_tls_say_goodbye(bm_server_tls_session *session);

#endif

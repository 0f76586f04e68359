/* TLS 1.3 to one server, whose certificate is verified in full once, and by its bytes from then on. */
#ifndef BM_SWARM_TLS_H
#define BM_SWARM_TLS_H

#include "swarm/url.h"

#include <openssl/ssl.h>

typedef struct bm_swarm_tls bm_swarm_tls;

/* `ca` is the file of PEM certificates that verify the server of this address. BM_E_IO: it is none. BM_E_INTERNAL. */
BM_RESULT bm_swarm_tls_new(const char *ca, const bm_swarm_url *url, bm_swarm_tls **tls);

/* Frees; NULL is fine. The second is for BM_AUTO. */
void bm_swarm_tls_free(bm_swarm_tls *tls);
void bm_swarm_tls_freep(bm_swarm_tls **tls);

/* A client's end over a connected socket, which stays the caller's; NULL when there is no memory. The caller frees it. */
SSL *bm_swarm_tls_connect(bm_swarm_tls *tls, int fd);

/* After a handshake that failed: whether it did because of the server's certificate, and OpenSSL's reason. Clears its errors. */
bool bm_swarm_tls_is_stranger(const SSL *ssl, const char **reason);

#endif

/*
 * TLS to the server, with the identity and its key in the TPM; OpenSSL's libssl stands behind it. The handshake stops before the one signature, so
 * that whoever drives it can go on elsewhere, where waiting for the TPM holds nobody up.
 */
#ifndef BM_DEVICE_TUNNEL_TLS_H
#define BM_DEVICE_TUNNEL_TLS_H

#include "device/tunnel/helper.h"

/* An identity at work: certificate, key, and the sessions that the server lets us resume. Counted: see bm_tunnel_tls_ref. */
typedef struct bm_tunnel_tls bm_tunnel_tls;

/* One TLS connection. */
typedef struct bm_tunnel_session bm_tunnel_session;

typedef enum {
    BM_TUNNEL_DONE,
    BM_TUNNEL_WANTS_READ,
    BM_TUNNEL_WANTS_WRITE,
    BM_TUNNEL_WANTS_KEY, /* the handshake: the next step makes the signature */
    BM_TUNNEL_CLOSED,    /* the server said that it sends no more */
    BM_TUNNEL_BROKEN     /* bm_tunnel_session_failure says why */
} bm_tunnel_step;

/*
 * An identity from its files, for a server that must prove this name (or IP address); the signatures come from the helper, which must outlive it.
 * What is known of the TPM is taken over from the identity `before` (NULL: none). BM_E_IO: the files are no identity, or do not belong together; BM_E_INTERNAL.
 */
BM_RESULT bm_tunnel_tls_new(const bm_tunnel_files *files, const char *name, const bm_tunnel_helper *signer, const bm_tunnel_tls *before, bm_tunnel_tls **tls);

/* One more who uses it; and one less (NULL is fine): the last frees it. In the thread of the event loop. */
bm_tunnel_tls *bm_tunnel_tls_ref(bm_tunnel_tls *tls);
void bm_tunnel_tls_unref(bm_tunnel_tls *tls);

/* A connection over a socket that does not block and stays the caller's. It resumes a session if there is one. BM_E_NO_MEMORY. */
BM_RESULT bm_tunnel_session_new(bm_tunnel_tls *tls, int fd, bm_tunnel_session **session);

/* Frees; NULL is fine. */
void bm_tunnel_session_free(bm_tunnel_session *session);

/* Goes on with the handshake. With `may_sign`, in one thread at a time, it waits for the TPM; without, it gives BM_TUNNEL_WANTS_KEY instead. */
bm_tunnel_step bm_tunnel_session_shake(bm_tunnel_session *session, bool may_sign);

/* Reads and writes as much as goes; `got` and `put` are zero unless it is BM_TUNNEL_DONE. */
bm_tunnel_step bm_tunnel_session_read(bm_tunnel_session *session, uint8_t *to, size_t size, size_t *got);
bm_tunnel_step bm_tunnel_session_write(bm_tunnel_session *session, bm_bytes bytes, size_t *put);

/* Is there more to read that no socket tells of? */
bool bm_tunnel_session_has_more(const bm_tunnel_session *session);

/* Says that we send no more (close_notify); we may still read. */
bm_tunnel_step bm_tunnel_session_end(bm_tunnel_session *session);

/* Did this connection need no signature, because the server resumed a session? */
bool bm_tunnel_session_was_resumed(const bm_tunnel_session *session);

/* What went wrong, and what to do, without the server's name; valid as long as the session. */
const char *bm_tunnel_session_failure(const bm_tunnel_session *session);

#endif

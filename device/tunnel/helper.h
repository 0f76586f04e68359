/*
 * A helper of the tunnel: a process that opens files, asks the DNS, and talks to the TPM, one request after the other, so that the process that
 * talks to the network does none of that. There are two of them: the signer waits for the TPM while the clerk reads files.
 */
#ifndef BM_DEVICE_TUNNEL_HELPER_H
#define BM_DEVICE_TUNNEL_HELPER_H

#include "device/tpm/auth.h"
#include "device/tunnel/address.h"
#include "device/tunnel/message.h"

#include <sys/types.h>

#define BM_TUNNEL_CA_DEFAULT "/etc/ssl/certs/ca-certificates.crt"

/* What a helper is for; the strings must outlive it. */
typedef struct {
    bool signs; /* this is the signer, which does nothing else */
    const char *state;
    const char *ca;
    const char *tcti;
    bm_tunnel_server server;
    const bm_tpm_auth *auth; /* of the one that signs: the values of hierarchies; or NULL */
    bm_bytes key_auth;       /* of the identity key; secret */
    const bm_tunnel_place *leftover; /* a unix socket to be removed when the tunnel has ended; or NULL */
} bm_tunnel_duty;

/* A running helper, and our end of the socket pair, which blocks; -1: none. */
typedef struct {
    int fd;
    pid_t pid;
    bool ended;
} bm_tunnel_helper;

/* Starts one. It ends when it is dismissed, or our end is closed. BM_E_INTERNAL. */
BM_RESULT bm_tunnel_helper_start(const bm_tunnel_duty *duty, bm_tunnel_helper *helper);

/* Dismisses it, closes our end, and waits for its end, which comes when what it is doing is done. A clerk that was not dismissed says so. */
void bm_tunnel_helper_stop(bm_tunnel_helper *helper);

/* Has it ended by itself? */
bool bm_tunnel_helper_has_ended(bm_tunnel_helper *helper);

/* Asks and waits for the reply, appended to `reply`. BM_E_INTERNAL: the helper has ended. */
BM_RESULT bm_tunnel_helper_ask(const bm_tunnel_helper *helper, bm_bytes ask, bm_buf *reply);

#endif

/* birthmark tunnel: a plain socket on this device, and mutual TLS with the identity to a server. */
#ifndef BM_DEVICE_TUNNEL_H
#define BM_DEVICE_TUNNEL_H

#include "device/tpm/context.h"
#include "device/tunnel/address.h"

/* What it is told. The strings are the caller's, and stay as long as it runs. */
typedef struct {
    const char *state; /* the directory of the identity */
    const char *tcti;
    const char *auth[BM_TPM_HIERARCHIES]; /* where their values are: "file:...", "env:..."; or NULL */
    const char *key_auth;                 /* where the identity key's value is; or NULL */
    const char *ca;                       /* the file that verifies the server; NULL: BM_TUNNEL_CA_DEFAULT */
    bm_tunnel_server to;
    const char *name;                     /* that the server's certificate must have; NULL: the host of `to` */
    bool listens;                         /* at `place`; false: where the service manager does */
    bm_tunnel_place place;
    unsigned mode;                        /* of a unix socket */
    int64_t idle;                         /* seconds without a byte that end a connection */
} bm_tunnel_options;

/*
 * Runs until SIGTERM or SIGINT. BM_E_IO: the files or the socket; BM_E_USAGE: nowhere to listen; BM_E_INTERNAL. What goes wrong later is one line on
 * stderr, and ends the connection that it is about.
 */
BM_RESULT bm_tunnel(const bm_tunnel_options *options);

#endif

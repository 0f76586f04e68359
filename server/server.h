/* What the parts of a server process share. One of it exists in a process; everything runs in one event loop. */
#ifndef BM_SERVER_SERVER_H
#define BM_SERVER_SERVER_H

#include "crypto/pkey.h"
#include "protocol/config.h"
#include "server/log.h"
#include "x509/ca.h"

struct event_base;
typedef struct bm_server_tls bm_server_tls;
typedef struct bm_server_peer bm_server_peer;
typedef struct bm_server_anchors bm_server_anchors;
typedef struct bm_server_limit bm_server_limit;
typedef struct bm_server_http bm_server_http;

typedef struct {
    struct event_base *base;
    bm_log log;
    bm_config config;
    bm_ca ca;                       /* the CA that issues; its certificate alone */
    bm_sig_alg alg;                 /* with which it signs */
    bm_buf chain[BM_CA_CHAIN_MAX];  /* ca.crt as DER, the issuing one first */
    size_t chain_count;
    bm_buf ca_pem;                  /* ca.crt as it is */
    bm_server_tls *tls;             /* NULL: plain HTTP */
    bm_server_peer *keeper;
    bm_server_peer *ledger;
    bm_server_anchors *anchors;
    bm_server_limit *limit;         /* of public-key work */
    bm_server_http *http;
} bm_server;

#endif

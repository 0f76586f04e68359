/*
 * What the tunnel and its two helpers say to each other, over a socket pair each: a request, then its reply. A helper is the one part of the
 * tunnel that opens files, asks the DNS or talks to the TPM; it trusts what asks it no further than these requests go.
 */
#ifndef BM_DEVICE_TUNNEL_MESSAGE_H
#define BM_DEVICE_TUNNEL_MESSAGE_H

#include "base/address.h"
#include "device/tls/files.h"
#include "device/tls/wish.h"

#define BM_TUNNEL_STAMP_SIZE BM_TLS_STAMP_SIZE
#define BM_TUNNEL_ADDRESSES_MAX 16

typedef enum {
    BM_TUNNEL_ASK_LOAD = 1, /* the files */
    BM_TUNNEL_ASK_STAMP,    /* which certificate the state directory has */
    BM_TUNNEL_ASK_RESOLVE,  /* the server's addresses */
    BM_TUNNEL_ASK_SIGN,     /* one signature in the TPM */
    BM_TUNNEL_ASK_END       /* the tunnel ends; there is no reply */
} bm_tunnel_ask;

/* The files of an identity and those that verify the server, PEM; the key's handle; and what changes with the certificate. */
typedef struct {
    bm_buf certificate;
    bm_buf chain;
    bm_buf ca;
    uint32_t handle;
    uint8_t stamp[BM_TUNNEL_STAMP_SIZE];
} bm_tunnel_files;

/* The addresses of the server, in the order in which they are tried. */
typedef struct {
    bm_address address[BM_TUNNEL_ADDRESSES_MAX];
    size_t count;
} bm_tunnel_addresses;

/* Wipes and frees. For BM_AUTO. */
void bm_tunnel_message_files_fini(bm_tunnel_files *files);

/* Sends one message over a socket that blocks. BM_E_INTERNAL: the other side has ended. */
BM_RESULT bm_tunnel_message_send(int fd, bm_bytes body);

/* Waits for one message, appended to `body`; `ended`: the other side has ended, and there is none. BM_E_INTERNAL, BM_E_NO_MEMORY. */
BM_RESULT bm_tunnel_message_receive(int fd, bm_buf *body, bool *ended);

/* Appends a request without content (LOAD, STAMP, RESOLVE, END), and one for a signature. */
BM_RESULT bm_tunnel_message_put_ask(bm_buf *out, bm_tunnel_ask ask);
BM_RESULT bm_tunnel_message_put_wish(bm_buf *out, const bm_tls_wish *wish);

/* Reads a request; `wish` is set for SIGN. BM_E_MALFORMED. */
BM_RESULT bm_tunnel_message_parse_ask(bm_bytes body, bm_tunnel_ask *ask, bm_tls_wish *wish);

/* Appends the reply that something failed: the code, and the sentence for a person. */
BM_RESULT bm_tunnel_message_put_failure(bm_buf *out, bm_result failure);

/* Appends the reply to each request. */
BM_RESULT bm_tunnel_message_put_files(bm_buf *out, const bm_tunnel_files *files);
BM_RESULT bm_tunnel_message_put_bytes(bm_buf *out, bm_bytes bytes);
BM_RESULT bm_tunnel_message_put_addresses(bm_buf *out, const bm_tunnel_addresses *addresses);

/* Reads the reply to each request: the failure that the helper told of, or BM_E_MALFORMED when it is none. `bytes` is appended to. */
BM_RESULT bm_tunnel_message_parse_files(bm_bytes body, bm_tunnel_files *files);
BM_RESULT bm_tunnel_message_parse_bytes(bm_bytes body, bm_buf *bytes);
BM_RESULT bm_tunnel_message_parse_addresses(bm_bytes body, bm_tunnel_addresses *addresses);

#endif

/* Where the tunnel listens and where it goes to, as the command line has it. */
#ifndef BM_DEVICE_TUNNEL_ADDRESS_H
#define BM_DEVICE_TUNNEL_ADDRESS_H

#include "base/address.h"

#define BM_TUNNEL_PATH_MAX 107 /* bytes of a unix socket's path (unix(7)) */
#define BM_TUNNEL_HOST_MAX 253 /* of a name in the DNS (RFC 1035, 2.3.4), without its last dot */

/* A place on this device: a unix socket when `path` is not empty, else a port of 127.0.0.1 or ::1 (0: the kernel chooses). */
typedef struct {
    char path[BM_TUNNEL_PATH_MAX + 1];
    bm_address address;
    uint16_t port;
} bm_tunnel_place;

/* The server: a name or the text of an IP address (then `is_address`), and a port. */
typedef struct {
    char host[BM_TUNNEL_HOST_MAX + 1];
    bool is_address;
    bm_address address;
    uint16_t port;
} bm_tunnel_server;

/* Reads unix:PATH, 127.0.0.1:PORT or [::1]:PORT. BM_E_USAGE for all else: whoever reaches the socket is the device, to the server. */
BM_RESULT bm_tunnel_address_parse_place(const char *text, bm_tunnel_place *place);

/* Reads HOST:PORT, where HOST is a name, an IPv4 address, or an IPv6 address in brackets. BM_E_USAGE. */
BM_RESULT bm_tunnel_address_parse_server(const char *text, bm_tunnel_server *server);

/* Is this a name that may stand in a certificate: labels of 1 to 63 of A-Z a-z 0-9 - _, with dots between them? */
bool bm_tunnel_address_is_name(const char *text);

#endif

/* birthmark tunnel: a plain socket on this device, and mutual TLS with the identity to a server. */
#ifndef BM_DEVICE_TUNNEL_H
#define BM_DEVICE_TUNNEL_H

#include "device/cli/options.h"

/*
 * Runs until SIGTERM or SIGINT. BM_E_IO: the files or the socket; BM_E_USAGE: nowhere to listen; BM_E_INTERNAL. What goes wrong later is one line on
 * stderr, and ends the connection that it is about.
 */
BM_RESULT bm_tunnel(const bm_options *options);

#endif

/* The listening sockets: one for each server, on one port (SO_REUSEPORT: the kernel spreads the connections). */
#ifndef BM_SERVER_MONITOR_LISTEN_H
#define BM_SERVER_MONITOR_LISTEN_H

#include "base/bytes.h"

#define BM_LISTEN_TEXT_SIZE 64

/*
 * Opens `count` sockets at "ADDR:PORT" ("[ADDR]:PORT" for IPv6, an empty ADDR for every address; port 0 is the kernel's choice), close-on-exec,
 * with TCP_NODELAY. Writes where they listen as "ADDR:PORT" into `text`. BM_E_USAGE: no such address; BM_E_IO: the address is in use, or not ours.
 */
BM_RESULT bm_monitor_listen(const char *address, int *sockets, size_t count, char text[BM_LISTEN_TEXT_SIZE]);

#endif

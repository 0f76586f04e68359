/* One end of a socket pair between two processes: a datagram out, a datagram in, never waiting. */
#ifndef BM_SERVER_CHANNEL_H
#define BM_SERVER_CHANNEL_H

#include "base/bytes.h"

/* Makes a pair of connected SOCK_SEQPACKET sockets, non-blocking and close-on-exec; BM_E_IO. */
BM_RESULT bm_channel_pair(int ends[2]);

/* Sends one datagram. BM_E_OVERLOADED: the other side does not read at the moment (nothing was sent); BM_E_IO. */
BM_RESULT bm_channel_send(int fd, bm_bytes datagram);

/*
 * Receives one datagram into `datagram`, whatever it held; `got` says whether there was one. One longer than BM_MESSAGE_MAX comes
 * out empty, and so parses as no message. BM_E_IO, BM_E_NO_MEMORY.
 */
BM_RESULT bm_channel_receive(int fd, bm_buf *datagram, bool *got);

/* Writes all bytes to a file descriptor that blocks; BM_E_IO. */
BM_RESULT bm_channel_write_all(int fd, bm_bytes bytes);

#endif

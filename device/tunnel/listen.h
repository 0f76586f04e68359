/* The socket to which programs connect: made here, or handed over by the service manager. */
#ifndef BM_DEVICE_TUNNEL_LISTEN_H
#define BM_DEVICE_TUNNEL_LISTEN_H

#include "device/tunnel/address.h"

#include <sys/types.h>

/*
 * Listens at a place; a unix socket gets this mode, and takes the place of one at which nobody listens any more. The socket does not block and is the
 * caller's. BM_E_IO: somebody listens there already, or it cannot be made.
 */
BM_RESULT bm_tunnel_listen_at(const bm_tunnel_place *place, mode_t mode, int *fd);

/* Takes the socket that the service manager opened (sd_listen_fds(3)); -1: it opened none. BM_E_IO: several, or one that is reached from elsewhere. */
BM_RESULT bm_tunnel_listen_inherited(int *fd);

/* Appends where a socket listens, as --listen has it. BM_E_IO, BM_E_NO_MEMORY. */
BM_RESULT bm_tunnel_listen_put_place(bm_buf *out, int fd);

/* Removes the unix socket at a place, if there is one at which nobody listens (any more). */
void bm_tunnel_listen_remove(const bm_tunnel_place *place);

#endif

/* Certificates that devices hold, kept in a file: for whoever compares them with the database after a crash. */
#ifndef BM_SWARM_HELD_H
#define BM_SWARM_HELD_H

#include "base/bytes.h"

/* Opens the file to append to it, and makes it where there is none; BM_E_IO. */
BM_RESULT bm_swarm_held_open(const char *path, int *fd);

/* Appends a certificate as a line of hex, in one write, so that what is there is whole whatever happens; BM_E_IO. */
BM_RESULT bm_swarm_held_put(int fd, bm_bytes der);

#endif

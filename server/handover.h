/*
 * What the monitor hands to a process that it starts: pieces of bytes, in order, in a memory file that the process reads once, wipes and
 * closes. Nothing of it is in arguments, in the environment or on a disk.
 */
#ifndef BM_SERVER_HANDOVER_H
#define BM_SERVER_HANDOVER_H

#include "base/bytes.h"

/* Puts the pieces into a new memory file (close-on-exec); BM_E_IO, BM_E_NO_MEMORY. */
BM_RESULT bm_handover_put(const bm_bytes *pieces, size_t count, int *fd);

/* Takes everything out of a memory file, empties and closes it; BM_E_IO, BM_E_NO_MEMORY. */
BM_RESULT bm_handover_take(int fd, bm_buf *all);

/* Splits what was taken into exactly `count` pieces, views; BM_E_MALFORMED. */
BM_RESULT bm_handover_split(bm_bytes all, bm_bytes *pieces, size_t count);

/* A number as a piece of four bytes, and back; BM_E_MALFORMED, BM_E_NO_MEMORY. */
BM_RESULT bm_handover_put_number(bm_buf *out, uint32_t number);
BM_RESULT bm_handover_number(bm_bytes piece, uint32_t *number);

#endif

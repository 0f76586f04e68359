/* Descriptors that are owned: for BM_AUTO. */
#ifndef BM_PROGRAM_DESCRIPTOR_H
#define BM_PROGRAM_DESCRIPTOR_H

#include <unistd.h>

/* Closes a descriptor at the end of its scope; below 0 there is none. */
static inline void bm_descriptor_close(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

/* Takes a descriptor away from its scope, which has none then. */
static inline int bm_descriptor_release(int *fd)
{
    int released = *fd;

    *fd = -1;
    return released;
}

#endif

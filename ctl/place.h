/*
 * Where init makes a CA: in a directory beside the one that was asked for, which gets that name at the end. Root may do this where a
 * user of less trust can rename and plant things, so what is made is held by descriptors: no path is walked a second time, and no symbolic
 * link is followed below the directory above.
 */
#ifndef BM_CTL_PLACE_H
#define BM_CTL_PLACE_H

#include "base/bytes.h"

#include <sys/types.h>

typedef struct {
    bm_buf target;    /* where it will be, for a person: a C string without a slash at its end */
    bm_buf beside;    /* where it is made, likewise; empty: not begun */
    size_t base;      /* where the last part of both begins */
    int parent;       /* the directory that holds both; -1: not open */
    int directory;    /* `beside`; -1: not made, or in its place already */
    bool there;       /* `target` is an empty directory of this owner */
    uid_t owner;
    gid_t group;
} bm_ctl_place;

#define BM_CTL_PLACE_NONE ((bm_ctl_place){.parent = -1, .directory = -1})

/* Finds out where the CA will be. BM_E_STORE_CONFLICT: something is there already; BM_E_IO. */
BM_RESULT bm_ctl_place_find(const char *path, bm_ctl_place *place);

/* Makes the directory beside it, and the directories in that. BM_E_IO. */
BM_RESULT bm_ctl_place_begin(bm_ctl_place *place);

/* Makes a file in it; BM_E_IO. */
BM_RESULT bm_ctl_place_make(const bm_ctl_place *place, const char *name, mode_t mode, bm_bytes bytes);

/* Is this file, which a library made by its path, where it belongs? BM_E_STORE_CONFLICT: somebody exchanged the directory. */
BM_RESULT bm_ctl_place_check(const bm_ctl_place *place, const char *name);

/*
 * Everything goes to the owner of the directory that was there, on disk, and under its name. BM_E_STORE_CONFLICT: somebody was faster, or
 * exchanged the directory; BM_E_IO. Either it is in its place, or bm_ctl_place_fini removes it.
 */
BM_RESULT bm_ctl_place_finish(bm_ctl_place *place);

/* Removes what was made and did not come to its place. */
void bm_ctl_place_fini(bm_ctl_place *place);

#endif

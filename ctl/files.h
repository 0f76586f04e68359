/* Files as birthmarkctl reads and makes them. */
#ifndef BM_CTL_FILES_H
#define BM_CTL_FILES_H

#include "base/bytes.h"

#include <sys/types.h>

/* Appends "directory/name" with a NUL behind it (not counted); BM_E_NO_MEMORY. */
BM_RESULT bm_ctl_files_path(bm_buf *out, const char *directory, const char *name);

/* Appends what is in a file; BM_E_IO: it cannot be read, or has more than `max` bytes. */
BM_RESULT bm_ctl_files_read(const char *path, size_t max, bm_buf *out);

/* Makes a file in an open directory with this mode and puts it on disk; BM_E_IO, also when there is one. `name` may begin with a directory in which nobody else may write. */
BM_RESULT bm_ctl_files_make(int directory, const char *name, mode_t mode, bm_bytes bytes);

/*
 * Replaces the file directory/name at once, by renaming; it belongs to whom the old one belonged to. BM_E_IO: also when it is no file, or
 * there is none.
 */
BM_RESULT bm_ctl_files_replace(const char *directory, const char *name, mode_t mode, bm_bytes bytes);

#endif

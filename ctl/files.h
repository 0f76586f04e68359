/* Files as birthmarkctl reads and makes them. */
#ifndef BM_CTL_FILES_H
#define BM_CTL_FILES_H

#include "base/bytes.h"

#include <sys/types.h>

/* Appends "directory/name" with a NUL behind it (not counted); BM_E_NO_MEMORY. */
BM_RESULT bm_ctl_files_path(bm_buf *out, const char *directory, const char *name);

/* Appends what is in a file; BM_E_IO: it cannot be read, or has more than `max` bytes. */
BM_RESULT bm_ctl_files_read(const char *path, size_t max, bm_buf *out);

/* Makes a file directory/name with this mode and puts it on disk; BM_E_IO, also when there is one. */
BM_RESULT bm_ctl_files_make(const char *directory, const char *name, mode_t mode, bm_bytes bytes);

/* The same for a file that may be there: it is replaced at once, by renaming. */
BM_RESULT bm_ctl_files_replace(const char *directory, const char *name, mode_t mode, bm_bytes bytes);

/* Puts a directory's entries on disk; BM_E_IO. */
BM_RESULT bm_ctl_files_sync(const char *directory);

#endif

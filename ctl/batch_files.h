/* The directory of request files, read one by one. Whoever filled it is a stranger: only whole, plain files of a request's size are read. */
#ifndef BM_CTL_BATCH_FILES_H
#define BM_CTL_BATCH_FILES_H

#include "base/bytes.h"

#include <dirent.h>

#define BM_CTL_BATCH_NAME_SIZE 256 /* of a file's name, with its NUL */

/* An open directory. Zero-initialise; end with bm_ctl_batch_files_close. */
typedef struct {
    DIR *directory;
    size_t taken; /* names so far */
    size_t count; /* how many files there were when it was opened; hidden ones do not count */
} bm_ctl_batch_files;

/* Opens a directory and counts what is in it; BM_E_IO. */
BM_RESULT bm_ctl_batch_files_open(const char *path, bm_ctl_batch_files *files);

/* Closes it. For BM_AUTO. */
void bm_ctl_batch_files_close(bm_ctl_batch_files *files);

/*
 * The next name, hidden ones (.NAME) passed over; `found` is false at the end, or when there were as many as at the beginning: who adds to the
 * directory all the time does not keep a run from its end. BM_E_IO.
 */
BM_RESULT bm_ctl_batch_files_next(bm_ctl_batch_files *files, char name[BM_CTL_BATCH_NAME_SIZE], bool *found);

/* Replaces `bytes` by what is in the file; BM_E_IO: it is a symbolic link, no plain file, or cannot be read; BM_E_BODY_TOO_LARGE. */
BM_RESULT bm_ctl_batch_files_read(const bm_ctl_batch_files *files, const char *name, bm_buf *bytes);

/* A name as it can be shown: what is not printable ASCII as '?'. */
void bm_ctl_batch_files_show(const char *name, char out[BM_CTL_BATCH_NAME_SIZE]);

#endif

/*
 * The files of the state directory, as the monitor finds them: a file that somebody else could have put there or changed, or a secret that
 * others can read, is refused, with the command that puts it right.
 */
#ifndef BM_SERVER_MONITOR_FILE_H
#define BM_SERVER_MONITOR_FILE_H

#include "base/bytes.h"

typedef enum {
    BM_MONITOR_FILE_PUBLIC = 0, /* everybody may read it */
    BM_MONITOR_FILE_SECRET      /* nobody but its owner may read it */
} bm_monitor_file_kind;

/*
 * Appends what is in the file directory/name. Neither the file nor a directory on the way from `directory` may be a symbolic link; the owner
 * is our user or root, and nobody else may write. BM_E_IO.
 */
BM_RESULT bm_monitor_file_read(const char *directory, const char *name, bm_monitor_file_kind kind, bm_buf *out);

/* The same without reading it; a file or directory that is not there is fine when it is `optional`. `name` is "." for the directory itself. BM_E_IO. */
BM_RESULT bm_monitor_file_check(const char *directory, const char *name, bm_monitor_file_kind kind, bool optional);

#endif

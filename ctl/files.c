#include "ctl/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP 16384

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static BM_RESULT failed(const char *path)
{
    return bm_failf(BM_E_IO, "%s: %s", path, strerror(errno));
}

BM_RESULT bm_ctl_files_path(bm_buf *out, const char *directory, const char *name)
{
    BM_TRY(bm_buf_putf(out, "%s/%s", directory, name));
    return bm_buf_terminate(out);
}

BM_RESULT bm_ctl_files_read(const char *path, size_t max, bm_buf *out)
{
    BM_AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t start = out->size;
    ssize_t got;

    if (fd < 0)
        return failed(path);
    do {
        uint8_t *to;

        BM_TRY(bm_buf_extend(out, READ_STEP, &to));
        got = read(fd, to, READ_STEP);
        out->size -= READ_STEP - (got > 0 ? (size_t)got : 0);
        if (out->size - start > max)
            return bm_failf(BM_E_IO, "%s: it has more than %zu bytes; is it the right file?", path, max);
    } while (got > 0 || (got < 0 && errno == EINTR));
    return got < 0 ? failed(path) : bm_ok();
}

static BM_RESULT write_all(int fd, const char *path, bm_bytes bytes)
{
    bm_bytes rest = bytes;

    while (rest.size > 0) {
        ssize_t put = write(fd, rest.data, rest.size);

        if (put < 0 && errno != EINTR)
            return failed(path);
        if (put > 0)
            rest = bm_bytes_slice(rest, (size_t)put, rest.size - (size_t)put);
    }
    return bm_ok();
}

static BM_RESULT make(const char *path, mode_t mode, bm_bytes bytes)
{
    BM_AUTO(close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);

    if (fd < 0)
        return failed(path);
    BM_TRY(write_all(fd, path, bytes));
    /* The mode that was asked for, whatever the umask. */
    if (fchmod(fd, mode) != 0 || fsync(fd) != 0)
        return failed(path);
    return bm_ok();
}

BM_RESULT bm_ctl_files_make(const char *directory, const char *name, mode_t mode, bm_bytes bytes)
{
    BM_AUTO_BUF path = BM_BUF_EMPTY;

    BM_TRY(bm_ctl_files_path(&path, directory, name));
    return make((const char *)path.data, mode, bytes);
}

BM_RESULT bm_ctl_files_replace(const char *directory, const char *name, mode_t mode, bm_bytes bytes)
{
    BM_AUTO_BUF path = BM_BUF_EMPTY;
    BM_AUTO_BUF fresh = BM_BUF_EMPTY;
    struct stat old;
    bm_result result;

    BM_TRY(bm_ctl_files_path(&path, directory, name));
    BM_TRY(bm_buf_putf(&fresh, "%s.new-%ld", (const char *)path.data, (long)getpid()));
    BM_TRY(bm_buf_terminate(&fresh));
    result = make((const char *)fresh.data, mode, bytes);
    if (result.code != BM_OK)
        return result;
    /* It belongs to whom the old one belonged to: root may renew what the server's user must read. */
    if (stat((const char *)path.data, &old) == 0 && old.st_uid != geteuid() &&
        chown((const char *)fresh.data, old.st_uid, old.st_gid) != 0)
        result = failed((const char *)fresh.data);
    else if (rename((const char *)fresh.data, (const char *)path.data) != 0)
        result = failed((const char *)path.data);
    if (result.code != BM_OK)
        (void)unlink((const char *)fresh.data);
    return result.code == BM_OK ? bm_ctl_files_sync(directory) : result;
}

BM_RESULT bm_ctl_files_sync(const char *directory)
{
    BM_AUTO(close_fd) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0)
        return failed(directory);
    return bm_ok();
}

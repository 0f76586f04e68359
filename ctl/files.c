#include "ctl/files.h"

#include "program/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP 16384

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
    BM_AUTO(bm_descriptor_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
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

/* Fills a file, for `owner` where that is not our user; root may renew what the server's user must read. */
static BM_RESULT fill(int fd, const char *name, mode_t mode, const struct stat *owner, bm_bytes bytes)
{
    BM_TRY(write_all(fd, name, bytes));
    if (owner != NULL && owner->st_uid != geteuid() && fchown(fd, owner->st_uid, owner->st_gid) != 0)
        return failed(name);
    /* The mode that was asked for, whatever the umask. */
    if (fchmod(fd, mode) != 0 || fsync(fd) != 0)
        return failed(name);
    return bm_ok();
}

/* Makes a file, or leaves nothing. */
static BM_RESULT make(int directory, const char *name, mode_t mode, const struct stat *owner, bm_bytes bytes)
{
    BM_AUTO(bm_descriptor_close) int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    bm_result result;

    if (fd < 0)
        return failed(name);
    result = fill(fd, name, mode, owner, bytes);
    if (result.code != BM_OK)
        (void)unlinkat(directory, name, 0);
    return result;
}

BM_RESULT bm_ctl_files_make(int directory, const char *name, mode_t mode, bm_bytes bytes)
{
    return make(directory, name, mode, NULL, bytes);
}

BM_RESULT bm_ctl_files_replace(const char *directory, const char *name, mode_t mode, bm_bytes bytes)
{
    BM_AUTO(bm_descriptor_close) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    BM_AUTO_BUF fresh = BM_BUF_EMPTY;
    struct stat old;
    bm_result result;

    if (fd < 0)
        return failed(directory);
    if (fstatat(fd, name, &old, AT_SYMLINK_NOFOLLOW) != 0)
        return failed(name);
    if (!S_ISREG(old.st_mode))
        return bm_failf(BM_E_IO, "%s/%s is a symbolic link, or no file: put the file itself in its place", directory, name);
    BM_TRY(bm_buf_putf(&fresh, "%s.new-%ld", name, (long)getpid()));
    BM_TRY(bm_buf_terminate(&fresh));
    result = make(fd, (const char *)fresh.data, mode, &old, bytes);
    if (result.code != BM_OK)
        return bm_failf(result.code, "%s/%s", directory, result.detail != NULL ? result.detail : name);
    if (renameat(fd, (const char *)fresh.data, fd, name) != 0) {
        result = failed(name);
        (void)unlinkat(fd, (const char *)fresh.data, 0);
        return result;
    }
    return fsync(fd) == 0 ? bm_ok() : failed(directory);
}

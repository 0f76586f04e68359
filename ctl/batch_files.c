#include "ctl/batch_files.h"

#include "program/descriptor.h"
#include "protocol/request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Counts, and begins anew. */
static BM_RESULT count_files(bm_ctl_batch_files *files)
{
    char name[BM_CTL_BATCH_NAME_SIZE];
    bool found = true;

    files->count = SIZE_MAX;
    while (found)
        BM_TRY(bm_ctl_batch_files_next(files, name, &found));
    files->count = files->taken;
    files->taken = 0;
    rewinddir(files->directory);
    return bm_ok();
}

BM_RESULT bm_ctl_batch_files_open(const char *path, bm_ctl_batch_files *files)
{
    files->directory = opendir(path);
    if (files->directory == NULL)
        return bm_failf(BM_E_IO, "%s cannot be read: %s", path, strerror(errno));
    return count_files(files);
}

void bm_ctl_batch_files_close(bm_ctl_batch_files *files)
{
    if (files->directory != NULL)
        (void)closedir(files->directory);
    files->directory = NULL;
}

BM_RESULT bm_ctl_batch_files_next(bm_ctl_batch_files *files, char name[BM_CTL_BATCH_NAME_SIZE], bool *found)
{
    const struct dirent *entry;

    do {
        errno = 0;
        entry = readdir(files->directory);
        if (entry == NULL && errno != 0)
            return bm_failf(BM_E_IO, "the directory cannot be read any further: %s", strerror(errno));
    } while (entry != NULL && entry->d_name[0] == '.');
    *found = entry != NULL && files->taken < files->count;
    files->taken += *found;
    if (*found)
        (void)snprintf(name, BM_CTL_BATCH_NAME_SIZE, "%s", entry->d_name);
    return bm_ok();
}

static BM_RESULT failed(void)
{
    if (errno == ELOOP)
        return bm_fail(BM_E_IO, "it is a symbolic link");
    return bm_failf(BM_E_IO, "it cannot be read: %s", strerror(errno));
}

/* Is it a plain file of a size that a request can have? */
static BM_RESULT check(const struct stat *status)
{
    if (S_ISLNK(status->st_mode))
        return bm_fail(BM_E_IO, "it is a symbolic link");
    BM_CHECK(S_ISREG(status->st_mode), BM_E_IO, "it is no plain file");
    BM_CHECK(status->st_size <= BM_REQUEST_FILE_MAX, BM_E_BODY_TOO_LARGE, "it is larger than a request can be");
    return bm_ok();
}

BM_RESULT bm_ctl_batch_files_read(const bm_ctl_batch_files *files, const char *name, bm_buf *bytes)
{
    int directory = dirfd(files->directory);
    BM_AUTO(bm_descriptor_close) int fd = -1;
    struct stat status;
    uint8_t *start;
    ssize_t got;

    /* Looked at before it is opened, which with a device or a pipe would do something; and once more, should somebody exchange it. */
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return failed();
    BM_TRY(check(&status));
    fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) != 0)
        return failed();
    BM_TRY(check(&status));
    bm_buf_clear(bytes);
    do {
        BM_TRY(bm_buf_extend(bytes, BM_REQUEST_FILE_MAX + 1 - bytes->size, &start));
        got = read(fd, start, BM_REQUEST_FILE_MAX + 1 - (size_t)(start - bytes->data));
        bytes->size = (size_t)(start - bytes->data) + (got > 0 ? (size_t)got : 0);
        BM_CHECK(bytes->size <= BM_REQUEST_FILE_MAX, BM_E_BODY_TOO_LARGE, "it is larger than a request can be");
    } while (got > 0 || (got < 0 && errno == EINTR));
    return got < 0 ? failed() : bm_ok();
}

void bm_ctl_batch_files_show(const char *name, char out[BM_CTL_BATCH_NAME_SIZE])
{
    size_t i = 0;

    for (; name[i] != 0 && i + 1 < BM_CTL_BATCH_NAME_SIZE; i++)
        out[i] = name[i] >= 0x20 && name[i] < 0x7F ? name[i] : '?';
    out[i] = 0;
}

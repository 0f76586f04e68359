#include "server/monitor_file.h"

#include "program/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_SIZE 131072
#define NAME_SIZE 64

/* What is looked at: its name for a person is directory/name. */
typedef struct {
    const char *directory;
    const char *name;
} place;

static BM_RESULT failed(place where, const char *reason)
{
    return bm_failf(BM_E_IO, "%s/%s: %s", where.directory, where.name, reason);
}

static BM_RESULT not_there(place where)
{
    if (errno == ELOOP)
        return bm_failf(BM_E_IO, "%s/%s is a symbolic link: put what it points to in its place", where.directory, where.name);
    if (errno == EACCES)
        return bm_failf(BM_E_IO, "%s/%s: this user (%u) may not open it: start birthmarkd as its owner (--user, or User= of the unit), or chown it",
                        where.directory, where.name, (unsigned)geteuid());
    return bm_failf(BM_E_IO, "%s/%s: %s; is this a state directory that birthmarkctl init made?", where.directory, where.name, strerror(errno));
}

/* Whose it is, and who else may do what with it. */
static BM_RESULT check_status(const struct stat *status, place where, bm_monitor_file_kind kind)
{
    mode_t others = status->st_mode & (S_IRWXG | S_IRWXO);

    if (S_ISLNK(status->st_mode)) {
        errno = ELOOP;
        return not_there(where);
    }
    if (status->st_uid != geteuid() && status->st_uid != 0)
        return bm_failf(BM_E_IO, "%s/%s belongs to user %u, and birthmarkd runs as user %u: start it as user %u (--user, or User= of the unit), or chown %u %s/%s",
                        where.directory, where.name, (unsigned)status->st_uid, (unsigned)geteuid(), (unsigned)status->st_uid,
                        (unsigned)geteuid(), where.directory, where.name);
    if ((others & (S_IWGRP | S_IWOTH)) != 0)
        return bm_failf(BM_E_IO, "%s/%s can be changed by other users: chmod go-w %s/%s, and look whether somebody did", where.directory,
                        where.name, where.directory, where.name);
    if (kind == BM_MONITOR_FILE_SECRET && others != 0)
        return bm_failf(BM_E_IO, "%s/%s is open to other users: chmod go= %s/%s, and think whether somebody has read it", where.directory, where.name,
                        where.directory, where.name);
    return bm_ok();
}

/* Opens a path that begins in `directory`, one part after the other, following no symbolic link. errno says what was wrong. */
static int open_inside(const char *directory, const char *name, int flags)
{
    BM_AUTO(bm_descriptor_close) int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const char *slash;

    while (at >= 0 && (slash = strchr(name, '/')) != NULL) {
        char part[NAME_SIZE] = "";
        int next;

        if ((size_t)(slash - name) >= sizeof(part)) {
            errno = ENAMETOOLONG;
            return -1;
        }
        for (size_t i = 0; name + i < slash; i++)
            part[i] = name[i];
        next = openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        (void)close(at);
        at = next;
        name = slash + 1;
    }
    return at < 0 ? -1 : openat(at, name, flags | O_NOFOLLOW | O_CLOEXEC);
}

BM_RESULT bm_monitor_file_check(const char *directory, const char *name, bm_monitor_file_kind kind, bool optional)
{
    place where = {directory, name};
    BM_AUTO(bm_descriptor_close) int fd = open_inside(directory, name, O_PATH);
    struct stat status;

    if (fd < 0 && errno == ENOENT && optional)
        return bm_ok();
    if (fd < 0)
        return not_there(where);
    if (fstat(fd, &status) != 0)
        return failed(where, strerror(errno));
    return check_status(&status, where, kind);
}

BM_RESULT bm_monitor_file_read(const char *directory, const char *name, bm_monitor_file_kind kind, bm_buf *out)
{
    place where = {directory, name};
    BM_AUTO(bm_descriptor_close) int fd = open_inside(directory, name, O_RDONLY | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    uint8_t *start;

    if (fd < 0)
        return not_there(where);
    if (fstat(fd, &status) != 0)
        return failed(where, strerror(errno));
    BM_TRY(check_status(&status, where, kind));
    if (!S_ISREG(status.st_mode) || status.st_size > FILE_MAX_SIZE)
        return bm_failf(BM_E_IO, "%s/%s: not a file of at most %d bytes", directory, name, FILE_MAX_SIZE);
    BM_TRY(bm_buf_extend(out, (size_t)status.st_size, &start));
    if (read(fd, start, out->size) != status.st_size)
        return failed(where, "cannot be read");
    return bm_ok();
}

#include "keys/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

/* Appends what is in the file, up to one byte more than a passphrase may have. */
static BM_RESULT read_all(int fd, const char *path, bm_buf *out)
{
    size_t start = out->size;
    uint8_t *to;
    ssize_t got = 1;

    /* Room for all of it at once, so that no copy is left behind. */
    BM_TRY(bm_buf_reserve(out, BM_PASSPHRASE_MAX + 3));
    while (got > 0 && out->size - start < BM_PASSPHRASE_MAX + 3) {
        size_t room = BM_PASSPHRASE_MAX + 3 - (out->size - start);

        BM_TRY(bm_buf_extend(out, room, &to));
        do
            got = read(fd, to, room);
        while (got < 0 && errno == EINTR);
        out->size -= room - (got > 0 ? (size_t)got : 0);
    }
    if (got < 0)
        return bm_failf(BM_E_IO, "%s: %s", path, strerror(errno));
    return bm_ok();
}

static BM_RESULT check_line(bm_buf *passphrase, size_t start, const char *where)
{
    if (passphrase->size > start && passphrase->data[passphrase->size - 1] == '\n')
        passphrase->size--;
    if (passphrase->size > start && passphrase->data[passphrase->size - 1] == '\r')
        passphrase->size--;
    if (passphrase->size == start)
        return bm_failf(BM_E_KEY_PASSPHRASE, "the passphrase in %s is empty", where);
    if (passphrase->size - start > BM_PASSPHRASE_MAX)
        return bm_failf(BM_E_KEY_PASSPHRASE, "the passphrase in %s is longer than %d bytes", where, BM_PASSPHRASE_MAX);
    return bm_ok();
}

/* Whose file it is decides who else may read it. */
typedef enum {
    FILE_OF_INIT,       /* in the state directory: its owner alone */
    FILE_OF_OPERATOR,   /* named by him: its owner, and a group that root lets read it */
    FILE_OF_SYSTEMD     /* its own access control lists look like modes that they are not */
} file_origin;

static BM_RESULT check_access(const char *path, file_origin origin, const struct stat *about)
{
    mode_t others = about->st_mode & (S_IRWXG | S_IRWXO);

    /* What is no file (a pipe) belongs to whoever gave it. */
    if (origin == FILE_OF_SYSTEMD || !S_ISREG(about->st_mode))
        return bm_ok();
    if (geteuid() != 0 && about->st_uid != geteuid() && about->st_uid != 0)
        return bm_failf(BM_E_KEY_PASSPHRASE, "%s belongs to user %u; chown %u it", path, (unsigned)about->st_uid, (unsigned)geteuid());
    if (origin == FILE_OF_OPERATOR && others == S_IRGRP && about->st_uid == 0)
        return bm_ok();
    if (others != 0)
        return bm_failf(BM_E_KEY_PASSPHRASE, "%s can be read by others; chmod 600 it", path);
    return bm_ok();
}

static BM_RESULT from_file(const char *path, file_origin origin, bm_buf *passphrase)
{
    int follow = origin == FILE_OF_INIT ? O_NOFOLLOW : 0;
    BM_AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | follow);
    size_t start = passphrase->size;
    struct stat about;

    if (fd < 0 && errno == ELOOP)
        return bm_failf(BM_E_KEY_PASSPHRASE, "%s is a symbolic link; name the file itself with --passphrase-file", path);
    if (fd < 0)
        return bm_failf(errno == ENOENT ? BM_E_STORE_NOT_FOUND : BM_E_IO, "%s: %s", path, strerror(errno));
    if (fstat(fd, &about) != 0)
        return bm_failf(BM_E_IO, "%s: %s", path, strerror(errno));
    BM_TRY(check_access(path, origin, &about));
    BM_TRY(read_all(fd, path, passphrase));
    return check_line(passphrase, start, path);
}

static BM_RESULT from_directory(const char *directory, const char *name, file_origin origin, bm_buf *passphrase)
{
    BM_AUTO_BUF path = BM_BUF_EMPTY;

    BM_TRY(bm_buf_putf(&path, "%s/%s", directory, name));
    BM_TRY(bm_buf_terminate(&path));
    return from_file((const char *)path.data, origin, passphrase);
}

static BM_RESULT find(const char *state_dir, const char *file, bm_buf *passphrase)
{
    const char *environment = getenv(BM_PASSPHRASE_ENVIRONMENT);
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    size_t start = passphrase->size;
    bm_result result;

    if (file != NULL) {
        result = from_file(file, FILE_OF_OPERATOR, passphrase);
        return result.code == BM_E_STORE_NOT_FOUND ? bm_result_as(result, BM_E_IO) : result;
    }
    if (environment != NULL) {
        BM_TRY(bm_buf_put_str(passphrase, environment));
        return check_line(passphrase, start, "$" BM_PASSPHRASE_ENVIRONMENT);
    }
    if (credentials != NULL) {
        result = from_directory(credentials, BM_PASSPHRASE_CREDENTIAL, FILE_OF_SYSTEMD, passphrase);
        if (result.code != BM_E_STORE_NOT_FOUND)
            return result;
    }
    if (state_dir == NULL)
        return bm_fail(BM_E_STORE_NOT_FOUND, "no passphrase was given");
    return from_directory(state_dir, BM_PASSPHRASE_FILE, FILE_OF_INIT, passphrase);
}

BM_RESULT bm_passphrase_read(const char *state_dir, const char *file, bm_buf *passphrase)
{
    size_t start = passphrase->size;
    bm_result result = find(state_dir, file, passphrase);

    if (result.code != BM_OK && passphrase->size > start) {
        bm_wipe(passphrase->data + start, passphrase->size - start);
        passphrase->size = start;
    }
    return result;
}

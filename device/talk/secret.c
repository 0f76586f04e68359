#include "device/talk/secret.h"

#include "program/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char file_scheme[] = "file:";
static const char env_scheme[] = "env:";

/* What stands behind the scheme; NULL when the source is of another. */
static const char *behind(const char *source, const char *scheme)
{
    size_t length = strlen(scheme);

    return strncmp(source, scheme, length) == 0 && source[length] != 0 ? source + length : NULL;
}

BM_RESULT bm_secret_check(const char *option, const char *source)
{
    if (behind(source, file_scheme) != NULL || behind(source, env_scheme) != NULL)
        return bm_ok();
    return bm_failf(BM_E_USAGE,
                    "%s does not take the value itself, which everybody would see in the list of processes: write it to a file that you alone "
                    "can read and give file:PATH, or put it into the environment and give env:NAME",
                    option);
}

/* Reads one byte more than a value may have, and its line end. */
static BM_RESULT read_file(const char *option, const char *path, bm_buf *secret)
{
    BM_AUTO(bm_descriptor_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *room;
    ssize_t got = 1;
    size_t size = 0;

    if (fd < 0)
        return bm_failf(BM_E_IO, "the file of %s, %s, cannot be read (%s): check the path and its permissions", option, path, strerror(errno));
    BM_TRY(bm_buf_extend(secret, BM_SECRET_MAX + 3, &room));
    while (size < BM_SECRET_MAX + 3 && got > 0) {
        got = read(fd, room + size, BM_SECRET_MAX + 3 - size);
        if (got < 0)
            return bm_failf(BM_E_IO, "the file of %s, %s, cannot be read (%s): check that it is a file", option, path, strerror(errno));
        size += (size_t)got;
    }
    if (size > 0 && room[size - 1] == '\n')
        size -= size > 1 && room[size - 2] == '\r' ? 2 : 1;
    secret->size = size;
    return bm_ok();
}

static BM_RESULT read_variable(const char *option, const char *name, bm_buf *secret)
{
    char *value = getenv(name);
    bm_result result;

    if (value == NULL)
        return bm_failf(BM_E_USAGE, "the environment has no variable %.60s, which %s names: export it, or give file:PATH", name, option);
    result = bm_buf_put_str(secret, value);
    /* Where the kernel shows it to whoever may read /proc/PID/environ. */
    bm_wipe(value, strlen(value));
    return result;
}

BM_RESULT bm_secret_read(const char *option, const char *source, bm_buf *secret)
{
    const char *path = behind(source, file_scheme);

    BM_TRY(bm_secret_check(option, source));
    if (path != NULL)
        BM_TRY(read_file(option, path, secret));
    else
        BM_TRY(read_variable(option, behind(source, env_scheme), secret));
    if (secret->size == 0)
        return bm_failf(BM_E_USAGE, "the value that %s names is empty: leave the option out when the TPM has none", option);
    if (secret->size > BM_SECRET_MAX)
        return bm_failf(BM_E_USAGE, "the value that %s names is longer than %d bytes, which no TPM takes: check the file or the variable", option,
                        BM_SECRET_MAX);
    return bm_ok();
}

bool bm_secret_is_open(const char *source)
{
    const char *path = behind(source, file_scheme);
    struct stat info;

    return path != NULL && stat(path, &info) == 0 && (info.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

#include "device/exchange/offline_files.h"

#include "program/descriptor.h"
#include "program/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CA_FILE_MAX ((size_t)1024 * 1024)
#define CHUNK 65536

static bm_result failed(const char *path, const char *what)
{
    return bm_failf(BM_E_IO, "%s cannot be %s (%s)", path, what, strerror(errno));
}

static BM_RESULT write_all(int fd, const char *path, bm_bytes bytes)
{
    while (bytes.size > 0) {
        ssize_t put = write(fd, bytes.data, bytes.size);

        if (put < 0 && errno != EINTR)
            return failed(path, "written");
        if (put > 0)
            bytes = bm_bytes_slice(bytes, (size_t)put, bytes.size - (size_t)put);
    }
    return fsync(fd) == 0 ? bm_ok() : failed(path, "written");
}

/* The name is on the medium too, as far as its file system can do that. */
static BM_RESULT sync_directory(const char *path)
{
    BM_AUTO(bm_descriptor_close) int directory = -1;
    BM_AUTO_BUF copy = BM_BUF_EMPTY;

    BM_TRY(bm_buf_put_str(&copy, path));
    BM_TRY(bm_buf_terminate(&copy));
    directory = open(dirname((char *)copy.data), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0)
        (void)fsync(directory);
    return bm_ok();
}

BM_RESULT bm_offline_files_write(const char *path, bm_bytes bytes)
{
    BM_AUTO(bm_descriptor_close) int fd = -1;
    BM_AUTO_BUF part = BM_BUF_EMPTY;

    BM_TRY(bm_buf_putf(&part, "%s.part", path));
    BM_TRY(bm_buf_terminate(&part));
    fd = open((const char *)part.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    if (fd < 0)
        return failed(path, "written");
    BM_TRY(write_all(fd, path, bytes));
    if (rename((const char *)part.data, path) != 0)
        return failed(path, "written");
    return sync_directory(path);
}

/* Hands a file to `take`, piece by piece. */
static BM_RESULT read_pieces(const char *path, BM_RESULT (*take)(void *context, bm_bytes piece), void *context)
{
    BM_AUTO(bm_descriptor_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    BM_AUTO_BUF room = BM_BUF_EMPTY;
    uint8_t *start;
    ssize_t got = 1;

    if (fd < 0)
        return failed(path, "read");
    BM_TRY(bm_buf_extend(&room, CHUNK, &start));
    while (got != 0) {
        BM_CHECK(!bm_interrupt_pending(), BM_E_INTERRUPTED, NULL);
        got = read(fd, start, CHUNK);
        if (got < 0 && errno != EINTR)
            return failed(path, "read");
        if (got > 0)
            BM_TRY(take(context, bm_bytes_of(start, (size_t)got)));
    }
    return bm_ok();
}

static BM_RESULT take_pem(void *context, bm_bytes piece)
{
    bm_buf *pem = context;

    BM_CHECK(pem->size + piece.size <= CA_FILE_MAX, BM_E_IO, "the file of --ca has more than 1 MiB: give the identity CA's ca.crt");
    return bm_buf_put(pem, piece);
}

static BM_RESULT take_cas(bm_bytes pem, bm_ca *cas, size_t *count)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bool found = true;

    while (*count < BM_OFFLINE_CAS_MAX) {
        BM_TRY(bm_ca_next_pem(&pem, "CERTIFICATE", &der, &found));
        if (!found)
            return bm_ok();
        *count += bm_ca_parse(bm_buf_view(&der), &cas[*count]).code == BM_OK;
    }
    return bm_ok();
}

BM_RESULT bm_offline_files_read_cas(const char *path, bm_ca cas[BM_OFFLINE_CAS_MAX], size_t *count)
{
    BM_AUTO_BUF pem = BM_BUF_EMPTY;
    bm_result taken;

    *count = 0;
    BM_TRY(read_pieces(path, take_pem, &pem));
    taken = take_cas(bm_buf_view(&pem), cas, count);
    if (taken.code != BM_OK && taken.code != BM_E_MALFORMED)
        return taken;
    if (taken.code != BM_OK || *count == 0)
        return bm_failf(BM_E_IO, "%s has no certificate of a CA in PEM: give with --ca the identity CA's ca.crt", path);
    return bm_ok();
}

static BM_RESULT take_answers(void *context, bm_bytes piece)
{
    return bm_answers_reader_feed(context, piece);
}

BM_RESULT bm_offline_files_read_answers(const char *path, const char *ca_path, int64_t now, bm_answers_reader *reader)
{
    bm_ca cas[BM_OFFLINE_CAS_MAX] = {0};
    size_t count = 0;
    bm_result result = bm_offline_files_read_cas(ca_path, cas, &count);

    if (result.code == BM_OK)
        result = read_pieces(path, take_answers, reader);
    if (result.code == BM_OK)
        result = bm_answers_reader_end(reader, cas, count, now);
    for (size_t i = 0; i < BM_OFFLINE_CAS_MAX; i++)
        bm_ca_fini(&cas[i]);
    if (result.code == BM_E_ANSWER_INVALID)
        return bm_failf(BM_E_ANSWER_INVALID, "%s: %s", path, result.detail != NULL ? result.detail : "not good");
    return result;
}

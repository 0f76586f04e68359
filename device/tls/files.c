#include "device/tls/files.h"

#include "device/identity/identity.h"
#include "program/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 10
#define CA_MAX (2u << 20)

void bm_tls_files_fini(bm_tls_files *files)
{
    bm_buf_fini(&files->certificate);
    bm_buf_fini(&files->chain);
}

/* The certificate's file as it is named now: another inode after each renewal. */
static BM_RESULT take_stamp(const bm_identity *identity, uint8_t stamp[BM_TLS_STAMP_SIZE])
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    struct stat file;

    /* A directory that is not there is not open. */
    errno = ENOENT;
    if (identity->fd < 0 || fstatat(identity->fd, "device.crt", &file, 0) != 0)
        return bm_failf(BM_E_IO, "%s has no device.crt (%s): run 'birthmark enroll', or check --state", identity->path, strerror(errno));
    BM_TRY(bm_buf_put_u64(&bytes, (uint64_t)file.st_ino));
    BM_TRY(bm_buf_put_u64(&bytes, (uint64_t)file.st_mtim.tv_sec));
    BM_TRY(bm_buf_put_u64(&bytes, (uint64_t)file.st_mtim.tv_nsec));
    BM_TRY(bm_buf_put_u64(&bytes, (uint64_t)file.st_size));
    return bm_bytes_copy_exact(bm_buf_view(&bytes), stamp, BM_TLS_STAMP_SIZE);
}

static BM_RESULT read_needed(const bm_identity *identity, const char *name, bm_buf *out)
{
    bool found;

    BM_TRY(bm_identity_read(identity, name, out, &found));
    if (!found)
        return bm_failf(BM_E_IO, "%s has no %s: run 'birthmark enroll', or check --state", identity->path, name);
    return bm_ok();
}

/* The persistent handle, or 0: the key is in device.key. */
static BM_RESULT read_handle(const bm_identity *identity, uint32_t *handle)
{
    BM_AUTO_BUF uri = BM_BUF_EMPTY;
    bm_bytes text;

    BM_TRY(read_needed(identity, "key.uri", &uri));
    text = bm_buf_view(&uri);
    *handle = 0;
    if (text.size > 5 && bm_bytes_equal(bm_bytes_slice(text, 0, 5), bm_bytes_str("file:")))
        return bm_ok();
    if (bm_identity_parse_handle(text, handle) == 0)
        return bm_failf(BM_E_IO, "%s/key.uri names no key: run 'birthmark enroll'", identity->path);
    return bm_ok();
}

static BM_RESULT open_state(const char *state, bm_identity *identity)
{
    BM_TRY(bm_identity_open_to_read(state, identity));
    identity->path = state;
    return bm_ok();
}

static BM_RESULT load_once(const char *state, bm_tls_files *files, bool *still)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    uint8_t after[BM_TLS_STAMP_SIZE];

    BM_TRY(open_state(state, &identity));
    BM_TRY(take_stamp(&identity, files->stamp));
    BM_TRY(read_needed(&identity, "device.crt", &files->certificate));
    BM_TRY(read_needed(&identity, "chain.crt", &files->chain));
    BM_TRY(read_handle(&identity, &files->handle));
    BM_TRY(take_stamp(&identity, after));
    *still = bm_bytes_equal(BM_BYTES_ARRAY(after), BM_BYTES_ARRAY(files->stamp));
    return bm_ok();
}

BM_RESULT bm_tls_files_load(const char *state, bm_tls_files *files)
{
    /* A renewal may be replacing the files one by one just now. */
    for (int i = 0; i < TRIES; i++) {
        BM_AUTO(bm_tls_files_fini) bm_tls_files read = {.handle = 0};
        bool still = false;

        BM_TRY(load_once(state, &read, &still));
        if (!still)
            continue;
        bm_tls_files_fini(files);
        *files = read;
        read = (bm_tls_files){.handle = 0};
        return bm_ok();
    }
    return bm_failf(BM_E_IO, "%s changes all the time: see which program writes there", state);
}

BM_RESULT bm_tls_files_stamp(const char *state, uint8_t stamp[BM_TLS_STAMP_SIZE])
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;

    BM_TRY(open_state(state, &identity));
    return take_stamp(&identity, stamp);
}

BM_RESULT bm_tls_files_read_ca(const char *path, bm_buf *out)
{
    BM_AUTO(bm_descriptor_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;

    while (fd >= 0 && got > 0) {
        uint8_t chunk[4096];

        got = read(fd, chunk, sizeof(chunk));
        if (got > 0)
            BM_TRY(bm_buf_put(out, bm_bytes_of(chunk, (size_t)got)));
        BM_CHECK(out->size <= CA_MAX, BM_E_IO, "the file of --ca is too large: give the certificates that verify the other side alone");
    }
    if (fd < 0 || got < 0)
        return bm_failf(BM_E_IO, "%s cannot be read (%s): check --ca", path, strerror(errno));
    return bm_ok();
}

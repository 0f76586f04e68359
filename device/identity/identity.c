#include "device/identity/identity.h"

#include "base/text.h"
#include "program/descriptor.h"
#include "x509/ca.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX 65536

/* The files in the order in which they take their place. */
typedef enum { F_CHAIN, F_FULLCHAIN, F_CA, F_URI, F_OPENSSL, F_RENEW, F_EK, F_DEVICE, F_COUNT } file_id;

static const char *const names[F_COUNT] = {
    [F_CHAIN] = "chain.crt", [F_FULLCHAIN] = "fullchain.crt", [F_CA] = "ca.crt",         [F_URI] = "key.uri",
    [F_OPENSSL] = "openssl.cnf", [F_RENEW] = "renew_after",   [F_EK] = "ek",         [F_DEVICE] = "device.crt",
};
static const char key_name[] = "device.key";
static const char mark_name[] = ".loaded";
static const char renewed_name[] = "renewed";
static const char lock_name[] = ".lock";

static bm_result io_error(const bm_identity *identity, const char *name, const char *what)
{
    return bm_failf(BM_E_IO, "%s%s%s %s (%s): check --state, the permissions and the space on the disk", identity->path,
                    name[0] == 0 ? "" : "/", name, what, strerror(errno));
}

BM_RESULT bm_identity_open_to_read(const char *path, bm_identity *identity)
{
    bm_identity opened = {.path = path, .fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .lock = -1};

    if (opened.fd < 0 && errno != ENOENT)
        return io_error(&opened, "", "cannot be opened");
    *identity = opened;
    return bm_ok();
}

/* Of a file that this user alone may open: the directory itself could be locked by whoever may read it, and kept locked. */
static BM_RESULT take_lock(bm_identity *identity)
{
    identity->lock = openat(identity->fd, lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (identity->lock < 0)
        return io_error(identity, lock_name, "cannot be opened");
    if (flock(identity->lock, LOCK_EX | LOCK_NB) == 0)
        return bm_ok();
    if (errno != EWOULDBLOCK)
        return io_error(identity, lock_name, "cannot be locked");
    return bm_failf(BM_E_IO, "another birthmark is at work in %s: wait until it has ended", identity->path);
}

BM_RESULT bm_identity_open(const char *path, bm_identity *identity)
{
    BM_AUTO(bm_identity_close) bm_identity opened = {.path = path, .fd = -1, .lock = -1};

    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return io_error(&opened, "", "cannot be made");
    opened.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened.fd < 0)
        return io_error(&opened, "", "cannot be opened");
    BM_TRY(take_lock(&opened));
    *identity = opened;
    opened.fd = opened.lock = -1;
    return bm_ok();
}

void bm_identity_close(bm_identity *identity)
{
    if (identity->fd >= 0)
        (void)close(identity->fd);
    if (identity->lock >= 0)
        (void)close(identity->lock);
    identity->fd = identity->lock = -1;
}

BM_RESULT bm_identity_read(const bm_identity *identity, const char *name, bm_buf *out, bool *found)
{
    BM_AUTO(bm_descriptor_close) int fd = openat(identity->fd, name, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;

    if (fd < 0 && errno != ENOENT)
        return io_error(identity, name, "cannot be read");
    *found = fd >= 0;
    while (fd >= 0 && got > 0) {
        uint8_t chunk[4096];

        got = read(fd, chunk, sizeof(chunk));
        if (got < 0)
            return io_error(identity, name, "cannot be read");
        errno = EFBIG;
        if (out->size + (size_t)got > FILE_MAX)
            return io_error(identity, name, "is too large");
        BM_TRY(bm_buf_put(out, bm_bytes_of(chunk, (size_t)got)));
    }
    return bm_ok();
}

/* The name under which a file is written before it takes its place; what a crash leaves is overwritten by the next run. */
static void draft_name(const char *name, char draft[64])
{
    (void)snprintf(draft, 64, ".%s.new", name);
}

/* Writes a draft and leaves it open, its way to the disk begun. */
static BM_RESULT write_draft(const bm_identity *identity, const char *name, mode_t mode, bm_bytes content, int *draft_fd)
{
    char draft[64];
    BM_AUTO(bm_descriptor_close) int fd = -1;

    draft_name(name, draft);
    fd = openat(identity->fd, draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return io_error(identity, name, "cannot be written");
    while (content.size > 0) {
        ssize_t put = write(fd, content.data, content.size);

        if (put <= 0)
            return io_error(identity, name, "cannot be written");
        content = bm_bytes_slice(content, (size_t)put, content.size - (size_t)put);
    }
    if (fchmod(fd, mode) != 0)
        return io_error(identity, name, "cannot be written");
    (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    *draft_fd = bm_descriptor_release(&fd);
    return bm_ok();
}

static BM_RESULT place_draft(const bm_identity *identity, const char *name)
{
    char draft[64];

    draft_name(name, draft);
    if (renameat(identity->fd, draft, identity->fd, name) != 0)
        return io_error(identity, name, "cannot be replaced");
    return bm_ok();
}

BM_RESULT bm_identity_put(bm_identity *identity, const char *name, mode_t mode, bm_bytes content)
{
    BM_AUTO(bm_descriptor_close) int fd = -1;

    BM_TRY(write_draft(identity, name, mode, content, &fd));
    if (fsync(fd) != 0)
        return io_error(identity, name, "cannot be written");
    BM_TRY(place_draft(identity, name));
    if (fsync(identity->fd) != 0)
        return io_error(identity, "", "cannot be synced");
    return bm_ok();
}

BM_RESULT bm_identity_remove(bm_identity *identity, const char *name)
{
    if (unlinkat(identity->fd, name, 0) != 0 && errno != ENOENT)
        return io_error(identity, name, "cannot be removed");
    if (fsync(identity->fd) != 0)
        return io_error(identity, "", "cannot be synced");
    return bm_ok();
}

/* On disk before the key is persistent: after a power cut the directory still knows whose key is at the handle. */
BM_RESULT bm_identity_save_key(bm_identity *identity, bm_bytes pem)
{
    return bm_identity_put(identity, key_name, 0600, pem);
}

BM_RESULT bm_identity_note_renewed(bm_identity *identity)
{
    BM_AUTO_BUF certificate = BM_BUF_EMPTY;
    BM_AUTO_BUF text = BM_BUF_EMPTY;
    BM_AUTO_BUF there = BM_BUF_EMPTY;
    BM_AUTO(bm_descriptor_close) int fd = -1;
    uint8_t digest[BM_SHA256_SIZE];
    bool found;

    BM_TRY(bm_identity_read(identity, names[F_DEVICE], &certificate, &found));
    BM_TRY(bm_hash_sha256(bm_buf_view(&certificate), digest));
    BM_TRY(bm_text_put_hex(&text, BM_BYTES_ARRAY(digest)));
    BM_TRY(bm_buf_put_str(&text, "\n"));
    BM_TRY(bm_identity_read(identity, renewed_name, &there, &found));
    if (found && bm_bytes_equal(bm_buf_view(&there), bm_buf_view(&text)))
        return bm_ok();
    BM_TRY(write_draft(identity, renewed_name, 0644, bm_buf_view(&text), &fd));
    return place_draft(identity, renewed_name);
}

const char *bm_identity_file(size_t i)
{
    if (i == F_COUNT)
        return key_name;
    return i < F_COUNT ? names[i] : NULL;
}

BM_RESULT bm_identity_put_openssl(bm_buf *out)
{
    return bm_buf_put_str(out,
                          "# OpenSSL with the TPM's keys: OPENSSL_CONF=<this file>; TPM2OPENSSL_TCTI names the TPM, where it is not\n"
                          "# the device's own. The default provider stands first and does what has no key in it: digests and ciphers\n"
                          "# in the TPM would fill its few object slots in the middle of a handshake.\n"
                          "openssl_conf = birthmark\n"
                          "\n"
                          "[birthmark]\n"
                          "providers = birthmark_providers\n"
                          "alg_section = birthmark_algorithms\n"
                          "\n"
                          "[birthmark_providers]\n"
                          "default = birthmark_active\n"
                          "tpm2 = birthmark_active\n"
                          "\n"
                          "[birthmark_active]\n"
                          "activate = 1\n"
                          "\n"
                          "[birthmark_algorithms]\n"
                          "default_properties = "
                          "?provider=tpm2,tpm2.digest!=yes,tpm2.cipher!=yes,tpm2.rand!=yes,tpm2.mac!=yes\n");
}

/* A program that is given a file's name has another directory than we. */
static BM_RESULT put_uri(const bm_identity *identity, uint32_t handle, bm_buf *out)
{
    char path[PATH_MAX];

    if (handle != 0)
        return bm_buf_putf(out, "handle:0x%08x\n", handle);
    if (realpath(identity->path, path) == NULL)
        return io_error(identity, "", "cannot be found");
    return bm_buf_putf(out, "file:%s/%s\n", path, key_name);
}

static BM_RESULT put_contents(const bm_identity *identity, uint32_t handle, const bm_pubkey *ek, const bm_reply_certificate *reply, bm_buf content[F_COUNT])
{
    char renew_after[BM_TIME_TEXT_SIZE];
    uint8_t digest[BM_SHA256_SIZE];

    bm_text_time(reply->renew_after, renew_after);
    BM_TRY(bm_ca_put_pem(&content[F_DEVICE], "CERTIFICATE", bm_buf_view(&reply->certificate)));
    for (size_t i = 0; i < reply->chain_count; i++) {
        bm_buf_clear(&content[F_CA]);
        BM_TRY(bm_ca_put_pem(&content[F_CA], "CERTIFICATE", bm_buf_view(&reply->chain[i])));
        BM_TRY(bm_buf_put(&content[F_CHAIN], bm_buf_view(&content[F_CA])));
    }
    BM_TRY(bm_buf_put(&content[F_FULLCHAIN], bm_buf_view(&content[F_DEVICE])));
    BM_TRY(bm_buf_put(&content[F_FULLCHAIN], bm_buf_view(&content[F_CHAIN])));
    BM_TRY(put_uri(identity, handle, &content[F_URI]));
    BM_TRY(bm_identity_put_openssl(&content[F_OPENSSL]));
    BM_TRY(bm_pubkey_spki_sha256(ek, digest));
    BM_TRY(bm_text_put_hex(&content[F_EK], BM_BYTES_ARRAY(digest)));
    BM_TRY(bm_buf_put_str(&content[F_EK], "\n"));
    return bm_buf_putf(&content[F_RENEW], "%s\n", renew_after);
}

/* Files that are on their way to the disk; -1: none. */
typedef struct {
    int fd[F_COUNT];
} drafts;

static void drafts_fini(drafts *open_drafts)
{
    for (size_t i = 0; i < F_COUNT; i++)
        bm_descriptor_close(&open_drafts->fd[i]);
}

static BM_RESULT write_drafts(const bm_identity *identity, const bm_buf content[F_COUNT], drafts *open_drafts)
{
    for (size_t i = 0; i < F_COUNT; i++) {
        BM_AUTO_BUF old = BM_BUF_EMPTY;
        bool found;

        BM_TRY(bm_identity_read(identity, names[i], &old, &found));
        if (!found || !bm_bytes_equal(bm_buf_view(&old), bm_buf_view(&content[i])))
            BM_TRY(write_draft(identity, names[i], 0644, bm_buf_view(&content[i]), &open_drafts->fd[i]));
    }
    return bm_ok();
}

/* All are written before the first is waited for, so that the disk has one pause and not one for each. */
static BM_RESULT replace_files(bm_identity *identity, const bm_buf content[F_COUNT])
{
    BM_AUTO(drafts_fini) drafts open_drafts;

    for (size_t i = 0; i < F_COUNT; i++)
        open_drafts.fd[i] = -1;
    BM_TRY(write_drafts(identity, content, &open_drafts));
    for (size_t i = 0; i < F_COUNT; i++)
        if (open_drafts.fd[i] >= 0 && fsync(open_drafts.fd[i]) != 0)
            return io_error(identity, names[i], "cannot be written");
    for (size_t i = 0; i < F_COUNT; i++)
        if (open_drafts.fd[i] >= 0)
            BM_TRY(place_draft(identity, names[i]));
    if (fsync(identity->fd) != 0)
        return io_error(identity, "", "cannot be synced");
    return bm_ok();
}

BM_RESULT bm_identity_save(bm_identity *identity, uint32_t handle, const bm_pubkey *ek, const bm_reply_certificate *reply)
{
    bm_buf content[F_COUNT] = {0};
    bm_result result = put_contents(identity, handle, ek, reply, content);

    if (result.code == BM_OK)
        result = replace_files(identity, content);
    for (size_t i = 0; i < F_COUNT; i++)
        bm_buf_fini(&content[i]);
    return result;
}

static void take_certificate(bm_bytes pem, bm_identity_state *state)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO(bm_ekc_freep) bm_ekc *certificate = NULL;
    bool found;

    if (bm_ca_next_pem(&pem, "CERTIFICATE", &der, &found).code != BM_OK || !found ||
        bm_ekc_parse(bm_buf_view(&der), &certificate).code != BM_OK ||
        bm_ekc_describe(certificate, &state->info).code != BM_OK)
        return;
    state->key = *bm_ekc_key(certificate);
}

static void take_renew_after(bm_bytes text, bm_identity_state *state)
{
    int64_t time;

    if (bm_text_parse_time(bm_bytes_slice(text, 0, BM_TIME_TEXT_SIZE - 1), &time).code == BM_OK)
        state->renew_after = time;
}

static void take_ek(bm_bytes text, bm_identity_state *state)
{
    BM_AUTO_BUF digest = BM_BUF_EMPTY;

    state->has_ek = text.size == 2 * BM_SHA256_SIZE + 1 && bm_text_from_hex(bm_bytes_slice(text, 0, 2 * BM_SHA256_SIZE), &digest).code == BM_OK &&
                    bm_bytes_copy_exact(bm_buf_view(&digest), state->ek, sizeof(state->ek)).code == BM_OK;
}

size_t bm_identity_parse_handle(bm_bytes uri, uint32_t *handle)
{
    static const char scheme[] = "handle:0x";
    const size_t length = sizeof(scheme) - 1;
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    bm_cursor cursor;

    if (uri.size < length + 8 || !bm_bytes_equal(bm_bytes_slice(uri, 0, length), bm_bytes_str(scheme)) ||
        bm_text_from_hex(bm_bytes_slice(uri, length, 8), &bytes).code != BM_OK)
        return 0;
    cursor = bm_cursor_of(bm_buf_view(&bytes));
    return bm_cursor_u32(&cursor, handle).code == BM_OK ? length + 8 : 0;
}

static void take_uri(bm_bytes text, bm_identity_state *state)
{
    uint32_t handle;
    size_t end = bm_identity_parse_handle(text, &handle);

    state->in_file = text.size >= 5 && bm_bytes_equal(bm_bytes_slice(text, 0, 5), bm_bytes_str("file:"));
    if (end > 0 && text.size == end + 1 && text.data[end] == '\n')
        state->handle = handle;
}

BM_RESULT bm_identity_look(const bm_identity *identity, bm_identity_state *state)
{
    bm_identity_state seen = {.complete = identity->fd >= 0};

    for (size_t i = 0; identity->fd >= 0 && i < F_COUNT; i++) {
        BM_AUTO_BUF content = BM_BUF_EMPTY;
        bool found;

        BM_TRY(bm_identity_read(identity, names[i], &content, &found));
        seen.complete = seen.complete && (found || i == F_EK);
        if (i == F_DEVICE)
            take_certificate(bm_buf_view(&content), &seen);
        else if (i == F_RENEW)
            take_renew_after(bm_buf_view(&content), &seen);
        else if (i == F_URI)
            take_uri(bm_buf_view(&content), &seen);
        else if (i == F_EK)
            take_ek(bm_buf_view(&content), &seen);
    }
    *state = seen;
    return bm_ok();
}

bool bm_identity_is_current(const bm_identity_state *state, const bm_pubkey *ik, int64_t now)
{
    return state->complete && state->key.type != BM_KEY_NONE && bm_pubkey_equal(&state->key, ik) &&
           now < state->renew_after && now <= state->info.not_after;
}

void bm_identity_name(const bm_ekc_info *info, char name[BM_IDENTITY_MAX + 1])
{
    const char *at = strncmp(info->subject, "CN=", 3) == 0 ? info->subject : strstr(info->subject, ", CN=");
    bm_bytes value;

    name[0] = 0;
    if (at == NULL)
        return;
    at += at == info->subject ? 3 : 5;
    value = bm_bytes_of(at, strcspn(at, ","));
    if (bm_text_is_identity(value))
        (void)snprintf(name, BM_IDENTITY_MAX + 1, "%.*s", (int)value.size, at);
}

BM_RESULT bm_identity_mark(bm_identity *identity)
{
    BM_AUTO(bm_descriptor_close) int fd = openat(identity->fd, mark_name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return io_error(identity, mark_name, "cannot be written");
    return bm_ok();
}

bool bm_identity_is_marked(const bm_identity *identity)
{
    return faccessat(identity->fd, mark_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void bm_identity_unmark(bm_identity *identity)
{
    (void)unlinkat(identity->fd, mark_name, 0);
}

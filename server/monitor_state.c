#include "server/monitor_state.h"

#include "crypto/cipher.h"
#include "keys/keys.h"
#include "keys/passphrase.h"
#include "x509/ca.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_SIZE 131072

static BM_RESULT put_path(bm_buf *path, const char *directory, const char *name)
{
    BM_TRY(bm_buf_putf(path, "%s/%s", directory, name));
    return bm_buf_terminate(path);
}

static BM_RESULT read_open(int fd, const char *path, bm_buf *out)
{
    struct stat status;
    uint8_t *start;
    ssize_t size;

    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > FILE_MAX_SIZE)
        return bm_failf(BM_E_IO, "%s: not a file of at most %d bytes", path, FILE_MAX_SIZE);
    BM_TRY(bm_buf_extend(out, (size_t)status.st_size, &start));
    size = read(fd, start, out->size);
    if (size != status.st_size)
        return bm_failf(BM_E_IO, "%s: cannot be read", path);
    return bm_ok();
}

/* The content of a file of the state directory. */
static BM_RESULT read_file(const char *directory, const char *name, bm_buf *out)
{
    BM_AUTO_BUF path = BM_BUF_EMPTY;
    bm_result result;
    int fd;

    BM_TRY(put_path(&path, directory, name));
    fd = open((const char *)path.data, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return bm_failf(BM_E_IO, "%s: %s; is this a state directory that birthmarkctl init made?", (const char *)path.data, strerror(errno));
    result = read_open(fd, (const char *)path.data, out);
    (void)close(fd);
    return result;
}

static BM_RESULT read_config(const char *directory, bm_monitor_state *state)
{
    BM_TRY(read_file(directory, BM_STATE_CONFIG, &state->config_text));
    BM_TRY(put_path(&state->config_path, directory, BM_STATE_CONFIG));
    return bm_config_parse((const char *)state->config_path.data, bm_buf_view(&state->config_text), &state->config);
}

static BM_RESULT read_ca(const char *directory, bm_monitor_state *state)
{
    bm_bytes rest;
    bool found = false;

    BM_TRY(read_file(directory, BM_STATE_CA, &state->ca_pem));
    rest = bm_buf_view(&state->ca_pem);
    BM_TRY(bm_result_as(bm_ca_next_pem(&rest, "CERTIFICATE", &state->ca_der, &found), BM_E_KEY_INVALID));
    BM_CHECK(found, BM_E_KEY_INVALID, "ca.crt has no certificate");
    return bm_ok();
}

static BM_RESULT read_tls(const char *directory, bm_monitor_state *state)
{
    BM_AUTO_BUF sealed = BM_BUF_EMPTY;

    BM_TRY(read_file(directory, BM_STATE_TLS, &state->tls_pem));
    BM_TRY(read_file(directory, BM_STATE_TLS_KEY, &sealed));
    return bm_cipher_unseal(bm_buf_view(&state->passphrase), BM_KEYS_LABEL_TLS, bm_buf_view(&sealed), &state->tls_key);
}

/* The absolute path of the directory: what is handed on must not depend on where we stand. */
static BM_RESULT resolve(const char *directory, bm_monitor_state *state)
{
    char *absolute = realpath(directory, NULL);
    bm_result result;

    if (absolute == NULL)
        return bm_failf(BM_E_IO, "%s: %s; birthmarkctl init makes a state directory", directory, strerror(errno));
    result = bm_buf_put_str(&state->directory, absolute);
    free(absolute);
    BM_TRY(result);
    BM_TRY(bm_buf_terminate(&state->directory));
    BM_TRY(put_path(&state->database_folder, (const char *)state->directory.data, BM_STATE_DATABASE_FOLDER));
    return put_path(&state->database, (const char *)state->directory.data, BM_STATE_DATABASE);
}

/* Where nobody gave a passphrase and init made none, the person needs the ways to give one. */
static BM_RESULT read_passphrase(const char *directory, const char *file, bm_buf *passphrase)
{
    bm_result result = bm_passphrase_read(directory, file, passphrase);

    if (result.code != BM_E_STORE_NOT_FOUND)
        return result;
    return bm_failf(BM_E_KEY_PASSPHRASE,
                    "no passphrase: give it by --passphrase-file, in $" BM_PASSPHRASE_ENVIRONMENT ", or as the systemd credential %s "
                    "(there is no %s/" BM_PASSPHRASE_FILE " either)",
                    BM_PASSPHRASE_CREDENTIAL, directory);
}

BM_RESULT bm_monitor_state_read(const char *directory, const char *passphrase_file, bool plain, bm_monitor_state *state)
{
    const char *path;

    BM_TRY(resolve(directory, state));
    path = (const char *)state->directory.data;
    BM_TRY(read_config(path, state));
    BM_TRY(read_ca(path, state));
    BM_TRY(read_file(path, BM_STATE_CA_KEY, &state->ca_key));
    BM_TRY(read_file(path, BM_STATE_TICKET_KEY, &state->ticket_key));
    BM_TRY(read_passphrase(path, passphrase_file, &state->passphrase));
    if (!plain)
        BM_TRY(read_tls(path, state));
    return bm_ok();
}

void bm_monitor_state_fini(bm_monitor_state *state)
{
    bm_buf *const buffers[] = {&state->directory, &state->database,   &state->config_path, &state->config_text,
                               &state->ca_pem,    &state->ca_der,     &state->tls_pem,     &state->tls_key,
                               &state->ca_key,    &state->ticket_key, &state->passphrase};

    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        bm_buf_fini(buffers[i]);
}

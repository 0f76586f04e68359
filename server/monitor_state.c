#include "server/monitor_state.h"

#include "crypto/cipher.h"
#include "keys/keys.h"
#include "keys/passphrase.h"
#include "server/monitor_file.h"
#include "x509/ca.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static BM_RESULT put_path(bm_buf *path, const char *directory, const char *name)
{
    BM_TRY(bm_buf_putf(path, "%s/%s", directory, name));
    return bm_buf_terminate(path);
}

static BM_RESULT read_config(const char *directory, bm_monitor_state *state)
{
    BM_TRY(bm_monitor_file_read(directory, BM_STATE_CONFIG, BM_MONITOR_FILE_PUBLIC, &state->config_text));
    BM_TRY(put_path(&state->config_path, directory, BM_STATE_CONFIG));
    return bm_config_parse((const char *)state->config_path.data, bm_buf_view(&state->config_text), &state->config);
}

static BM_RESULT read_ca(const char *directory, bm_monitor_state *state)
{
    bm_bytes rest;
    bool found = false;

    BM_TRY(bm_monitor_file_read(directory, BM_STATE_CA, BM_MONITOR_FILE_PUBLIC, &state->ca_pem));
    rest = bm_buf_view(&state->ca_pem);
    BM_TRY(bm_result_as(bm_ca_next_pem(&rest, "CERTIFICATE", &state->ca_der, &found), BM_E_KEY_INVALID));
    BM_CHECK(found, BM_E_KEY_INVALID, "ca.crt has no certificate");
    return bm_ok();
}

static BM_RESULT read_tls(const char *directory, bm_monitor_state *state)
{
    BM_AUTO_BUF sealed = BM_BUF_EMPTY;

    BM_TRY(bm_monitor_file_read(directory, BM_STATE_TLS, BM_MONITOR_FILE_PUBLIC, &state->tls_pem));
    BM_TRY(bm_monitor_file_read(directory, BM_STATE_TLS_KEY, BM_MONITOR_FILE_SECRET, &sealed));
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

/* The directories, and the files that are not read here but by the ledger. */
static BM_RESULT check_files(const char *directory)
{
    BM_TRY(bm_monitor_file_check(directory, ".", BM_MONITOR_FILE_PUBLIC, false));
    BM_TRY(bm_monitor_file_check(directory, BM_STATE_KEYS_FOLDER, BM_MONITOR_FILE_SECRET, false));
    BM_TRY(bm_monitor_file_check(directory, BM_STATE_DATABASE_FOLDER, BM_MONITOR_FILE_PUBLIC, false));
    BM_TRY(bm_monitor_file_check(directory, BM_STATE_DATABASE, BM_MONITOR_FILE_SECRET, false));
    BM_TRY(bm_monitor_file_check(directory, BM_STATE_DATABASE_WAL, BM_MONITOR_FILE_SECRET, true));
    return bm_monitor_file_check(directory, BM_STATE_DATABASE_SHM, BM_MONITOR_FILE_SECRET, true);
}

BM_RESULT bm_monitor_state_read(const char *directory, const char *passphrase_file, bool plain, bm_monitor_state *state)
{
    const char *path;

    BM_TRY(resolve(directory, state));
    path = (const char *)state->directory.data;
    BM_TRY(check_files(path));
    BM_TRY(read_config(path, state));
    BM_TRY(read_ca(path, state));
    BM_TRY(bm_monitor_file_read(path, BM_STATE_CA_KEY, BM_MONITOR_FILE_SECRET, &state->ca_key));
    BM_TRY(bm_monitor_file_read(path, BM_STATE_TICKET_KEY, BM_MONITOR_FILE_SECRET, &state->ticket_key));
    BM_TRY(read_passphrase(path, passphrase_file, &state->passphrase));
    if (!plain)
        BM_TRY(read_tls(path, state));
    return bm_ok();
}

void bm_monitor_state_fini(bm_monitor_state *state)
{
    bm_buf *const buffers[] = {&state->directory, &state->database_folder, &state->database, &state->config_path, &state->config_text,
                               &state->ca_pem,    &state->ca_der,     &state->tls_pem,     &state->tls_key,
                               &state->ca_key,    &state->ticket_key, &state->passphrase};

    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        bm_buf_fini(buffers[i]);
}

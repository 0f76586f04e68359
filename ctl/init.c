/*
 * init: everything is made in a directory beside the one that was asked for, put on disk, and renamed at the end. Until then there is
 * no CA; after a crash there is none either, or all of it.
 */
#include "crypto/cipher.h"
#include "crypto/random.h"
#include "ctl/files.h"
#include "ctl/output.h"
#include "ctl/state.h"
#include "ctl/tls.h"
#include "keys/keys.h"
#include "keys/passphrase.h"
#include "protocol/config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GENERATED_PASSPHRASE_SIZE 32

/* A CA in the making. */
typedef struct {
    const bm_ctl *ctl;
    bm_buf target;     /* where it will be, without a slash at the end */
    bm_buf beside;     /* where it is made; empty: not begun */
    bool there;        /* `target` is an empty directory of this owner */
    uid_t owner;
    gid_t group;
    bm_buf passphrase;
    bool generated;    /* nobody gave one */
    bm_ctl_ca ca;
    bm_pkey *tls_key;
} making;

/* What may be in the directory while it is made, files before the directories that hold them. */
static const char *const parts[] = {BM_STATE_CA,       BM_STATE_TLS,        BM_STATE_CONFIG,       BM_STATE_CA_KEY,
                                    BM_STATE_TICKET_KEY, BM_STATE_TLS_KEY,  BM_PASSPHRASE_FILE,    BM_STATE_DATABASE,
                                    BM_STATE_DATABASE_WAL, BM_STATE_DATABASE_SHM};

/* The directories in it. The ledger may see the one of the database and no other. */
static const char *const folders[] = {BM_STATE_KEYS_FOLDER, BM_STATE_DATABASE_FOLDER};
#define FOLDER_COUNT (sizeof(folders) / sizeof(folders[0]))

static const char *text_of(const bm_buf *path)
{
    return (const char *)path->data;
}

/* Removes what was made; after the rename there is nothing under that name any more. */
static void making_fini(making *m)
{
    if (m->beside.size > 0) {
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
            BM_AUTO_BUF path = BM_BUF_EMPTY;

            if (bm_ctl_files_path(&path, text_of(&m->beside), parts[i]).code == BM_OK)
                (void)unlink(text_of(&path));
        }
        for (size_t i = 0; i < FOLDER_COUNT; i++) {
            BM_AUTO_BUF path = BM_BUF_EMPTY;

            if (bm_ctl_files_path(&path, text_of(&m->beside), folders[i]).code == BM_OK)
                (void)rmdir(text_of(&path));
        }
        (void)rmdir(text_of(&m->beside));
    }
    bm_buf_fini(&m->target);
    bm_buf_fini(&m->beside);
    bm_buf_fini(&m->passphrase);
    bm_ctl_ca_fini(&m->ca);
    bm_pkey_free(m->tls_key);
}

static BM_RESULT failed(const char *path)
{
    return bm_failf(BM_E_IO, "%s: %s", path, strerror(errno));
}

static void close_dir(DIR **dir)
{
    if (*dir != NULL)
        (void)closedir(*dir);
}

/* BM_E_STORE_CONFLICT unless the directory is empty. */
static BM_RESULT check_empty(const char *path)
{
    BM_AUTO(close_dir) DIR *dir = opendir(path);
    bool ca = false;
    bool other = false;
    const struct dirent *entry;

    if (dir == NULL)
        return failed(path);
    while ((entry = readdir(dir)) != NULL) {
        ca = ca || strcmp(entry->d_name, BM_STATE_CA) == 0;
        other = other || (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0);
    }
    if (ca)
        return bm_failf(BM_E_STORE_CONFLICT, "%s holds a CA already: nothing was changed; name another directory with --state", path);
    if (other)
        return bm_failf(BM_E_STORE_CONFLICT, "%s is not empty: nothing was changed; name another directory with --state", path);
    return bm_ok();
}

/* Finds out where the CA will be. */
static BM_RESULT find_target(making *m)
{
    bm_bytes path = bm_bytes_str(m->ctl->state);
    struct stat about;
    char *real;

    while (path.size > 1 && path.data[path.size - 1] == '/')
        path.size--;
    BM_TRY(bm_buf_put(&m->target, path));
    BM_TRY(bm_buf_terminate(&m->target));
    if (stat(text_of(&m->target), &about) != 0)
        return errno == ENOENT ? bm_ok() : failed(text_of(&m->target));
    BM_TRY(check_empty(text_of(&m->target)));
    m->there = true;
    m->owner = about.st_uid;
    m->group = about.st_gid;
    /* A symbolic link would be replaced by the rename, and not what it points to. */
    real = realpath(text_of(&m->target), NULL);
    if (real == NULL)
        return failed(text_of(&m->target));
    bm_buf_clear(&m->target);
    bm_result result = bm_buf_put_str(&m->target, real);
    free(real);
    BM_TRY(result);
    return bm_buf_terminate(&m->target);
}

static BM_RESULT make_directories(making *m)
{
    BM_AUTO_BUF beside = BM_BUF_EMPTY;

    BM_TRY(bm_buf_putf(&beside, "%s.init-XXXXXX", text_of(&m->target)));
    BM_TRY(bm_buf_terminate(&beside));
    if (mkdtemp((char *)beside.data) == NULL)
        return failed(text_of(&beside));
    bm_buf_move(&m->beside, &beside);
    for (size_t i = 0; i < FOLDER_COUNT; i++) {
        BM_AUTO_BUF path = BM_BUF_EMPTY;

        BM_TRY(bm_ctl_files_path(&path, text_of(&m->beside), folders[i]));
        if (mkdir(text_of(&path), 0700) != 0)
            return failed(text_of(&path));
    }
    return bm_ok();
}

static BM_RESULT find_passphrase(making *m)
{
    uint8_t random[GENERATED_PASSPHRASE_SIZE];
    bm_result result = bm_passphrase_read(NULL, m->ctl->values[BM_OPTION_PASSPHRASE_FILE], &m->passphrase);

    if (result.code != BM_E_STORE_NOT_FOUND)
        return result;
    m->generated = true;
    BM_TRY(bm_random(random, sizeof(random)));
    result = bm_text_put_base64(&m->passphrase, BM_BYTES_ARRAY(random));
    bm_wipe(random, sizeof(random));
    return result;
}

static BM_RESULT make_keys(making *m)
{
    BM_AUTO_BUF ca = BM_BUF_EMPTY;
    BM_AUTO_BUF ticket = BM_BUF_EMPTY;
    BM_AUTO_BUF tls = BM_BUF_EMPTY;
    BM_AUTO_BUF tls_private = BM_BUF_EMPTY;
    BM_AUTO_BUF line = BM_BUF_EMPTY;
    bm_bytes passphrase = bm_buf_view(&m->passphrase);
    const char *dir = text_of(&m->beside);

    BM_TRY(bm_keys_file_seal_ca(passphrase, m->ca.key, &ca));
    BM_TRY(bm_ctl_files_make(dir, BM_STATE_CA_KEY, 0600, bm_buf_view(&ca)));
    BM_TRY(bm_keys_file_new_ticket(passphrase, &ticket));
    BM_TRY(bm_ctl_files_make(dir, BM_STATE_TICKET_KEY, 0600, bm_buf_view(&ticket)));
    BM_TRY(bm_pkey_generate(BM_KEY_ECC256, &m->tls_key));
    BM_TRY(bm_pkey_put_private(&tls_private, m->tls_key));
    BM_TRY(bm_cipher_seal(passphrase, BM_KEYS_LABEL_TLS, bm_buf_view(&tls_private), &tls));
    BM_TRY(bm_ctl_files_make(dir, BM_STATE_TLS_KEY, 0600, bm_buf_view(&tls)));
    if (!m->generated)
        return bm_ok();
    BM_TRY(bm_buf_put(&line, passphrase));
    BM_TRY(bm_buf_put_u8(&line, '\n'));
    return bm_ctl_files_make(dir, BM_PASSPHRASE_FILE, 0600, bm_buf_view(&line));
}

static BM_RESULT make_certificates(making *m)
{
    BM_AUTO_BUF tls = BM_BUF_EMPTY;
    const char *dir = text_of(&m->beside);

    BM_TRY(bm_ctl_files_make(dir, BM_STATE_CA, 0644, bm_buf_view(&m->ca.chain)));
    BM_TRY(bm_ctl_tls_certificate(m->ctl, &m->ca, m->tls_key, &tls));
    BM_TRY(bm_ctl_files_make(dir, BM_STATE_TLS, 0644, bm_buf_view(&tls)));
    return bm_ctl_files_make(dir, BM_STATE_CONFIG, 0644, bm_bytes_str(bm_config_default_text()));
}

static BM_RESULT make_database(const making *m)
{
    BM_AUTO(bm_store_freep) bm_store *store = NULL;
    BM_AUTO_BUF path = BM_BUF_EMPTY;
    bm_store_log_entry entry = {.time = m->ctl->now,
                                .kind = BM_LOG_OPERATOR,
                                .subject = BM_STATE_CA,
                                .text = m->ctl->values[BM_OPTION_CA_CERT] == NULL ? "make CA" : "bring in CA",
                                .evidence = bm_buf_view(&m->ca.certificate.der)};

    BM_TRY(bm_ctl_files_path(&path, text_of(&m->beside), BM_STATE_DATABASE));
    BM_TRY(bm_store_open(text_of(&path), true, &store));
    BM_TRY(bm_store_begin(store));
    BM_TRY(bm_store_record_log(store, &entry));
    return bm_store_commit(store);
}

/* The owner of a directory that was there gets what is made in it: root may set up what the server's user must read. */
static BM_RESULT give_to_owner(const making *m)
{
    if (!m->there || m->owner == geteuid())
        return bm_ok();
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        BM_AUTO_BUF path = BM_BUF_EMPTY;

        BM_TRY(bm_ctl_files_path(&path, text_of(&m->beside), parts[i]));
        if (lchown(text_of(&path), m->owner, m->group) != 0 && errno != ENOENT)
            return failed(text_of(&path));
    }
    for (size_t i = 0; i < FOLDER_COUNT; i++) {
        BM_AUTO_BUF path = BM_BUF_EMPTY;

        BM_TRY(bm_ctl_files_path(&path, text_of(&m->beside), folders[i]));
        if (lchown(text_of(&path), m->owner, m->group) != 0)
            return failed(text_of(&path));
    }
    return lchown(text_of(&m->beside), m->owner, m->group) == 0 ? bm_ok() : failed(text_of(&m->beside));
}

/* Everything on disk, then the name: this is the moment in which the CA comes to be. */
static BM_RESULT put_in_place(const making *m)
{
    BM_AUTO_BUF parent = BM_BUF_EMPTY;
    const char *slash = strrchr(text_of(&m->target), '/');

    for (size_t i = 0; i < FOLDER_COUNT; i++) {
        BM_AUTO_BUF path = BM_BUF_EMPTY;

        BM_TRY(bm_ctl_files_path(&path, text_of(&m->beside), folders[i]));
        BM_TRY(bm_ctl_files_sync(text_of(&path)));
    }
    BM_TRY(bm_ctl_files_sync(text_of(&m->beside)));
    if (rename(text_of(&m->beside), text_of(&m->target)) != 0) {
        if (errno == ENOTEMPTY || errno == EEXIST)
            return bm_failf(BM_E_STORE_CONFLICT, "%s was made by somebody else meanwhile: nothing was changed in it", text_of(&m->target));
        return failed(text_of(&m->target));
    }
    if (slash == NULL)
        return bm_ctl_files_sync(".");
    BM_TRY(bm_buf_put(&parent, bm_bytes_of(m->target.data, (size_t)(slash - text_of(&m->target)) + 1)));
    BM_TRY(bm_buf_terminate(&parent));
    return bm_ctl_files_sync(text_of(&parent));
}

static BM_RESULT report(const making *m)
{
    const char *dir = text_of(&m->target);
    char until[BM_TIME_TEXT_SIZE];

    bm_text_time(m->ca.certificate.not_after, until);
    printf("The identity CA is in %s:\n", dir);
    printf("  ca.crt          its certificate (%s key, valid until %s)\n", bm_pubkey_type_name(m->ca.certificate.key.type), until);
    printf("  tls.crt         the server's TLS certificate, signed by the CA\n");
    printf("  keys/           the CA's key, the ticket key and the TLS key, encrypted\n");
    printf("  database/       devices, certificates, trust anchors and the log\n");
    printf("  birthmark.conf  the configuration\n\n");
    if (m->generated)
        printf("No passphrase was given, so one was made: %s/%s (mode 0600). Whoever can read it, or has a copy of\n"
               "the whole directory, can use the CA's keys. To keep it apart, give init one by --passphrase-file, by\n"
               "$" BM_PASSPHRASE_ENVIRONMENT ", or as the systemd credential '" BM_PASSPHRASE_CREDENTIAL "'.\n\n",
               dir, BM_PASSPHRASE_FILE);
    printf("Next: trust the TPM vendors' CAs (birthmarkctl trust add --class discrete FILE... --state %s),\n"
           "then start birthmarkd --state %s.\n",
           dir, dir);
    return bm_ctl_output_flush();
}

BM_RESULT bm_ctl_init_run(const bm_ctl *ctl)
{
    BM_AUTO(making_fini) making m = {.ctl = ctl};
    bool import = ctl->values[BM_OPTION_CA_CERT] != NULL || ctl->values[BM_OPTION_CA_KEY_FILE] != NULL;

    BM_TRY(find_target(&m));
    BM_TRY(import ? bm_ctl_ca_import(ctl, &m.ca) : bm_ctl_ca_generate(ctl, &m.ca));
    BM_TRY(find_passphrase(&m));
    BM_TRY(make_directories(&m));
    BM_TRY(make_keys(&m));
    BM_TRY(make_certificates(&m));
    BM_TRY(make_database(&m));
    BM_TRY(give_to_owner(&m));
    BM_TRY(put_in_place(&m));
    return report(&m);
}

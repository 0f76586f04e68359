/*
 * init: everything is made in a directory beside the one that was asked for, put on disk, and renamed at the end. Until then there is
 * no CA; after a crash there is none either, or all of it.
 */
#include "crypto/cipher.h"
#include "crypto/random.h"
#include "ctl/files.h"
#include "ctl/output.h"
#include "ctl/place.h"
#include "ctl/state.h"
#include "ctl/tls.h"
#include "keys/keys.h"
#include "keys/passphrase.h"
#include "protocol/config.h"

#include <stdio.h>

#define GENERATED_PASSPHRASE_SIZE 32

/* A CA in the making. */
typedef struct {
    const bm_ctl *ctl;
    bm_ctl_place place;
    bm_buf passphrase;
    bool generated;    /* nobody gave one */
    bm_ctl_ca ca;
    bm_pkey *tls_key;
} making;

static void making_fini(making *m)
{
    bm_ctl_place_fini(&m->place);
    bm_buf_fini(&m->passphrase);
    bm_ctl_ca_fini(&m->ca);
    bm_pkey_free(m->tls_key);
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
    bm_cipher_passphrase kind = m->generated ? BM_CIPHER_RANDOM : BM_CIPHER_CHOSEN;
    const bm_ctl_place *place = &m->place;

    BM_TRY(bm_keys_file_seal_ca(passphrase, kind, m->ca.key, &ca));
    BM_TRY(bm_ctl_place_make(place, BM_STATE_CA_KEY, 0600, bm_buf_view(&ca)));
    BM_TRY(bm_keys_file_new_ticket(passphrase, kind, &ticket));
    BM_TRY(bm_ctl_place_make(place, BM_STATE_TICKET_KEY, 0600, bm_buf_view(&ticket)));
    BM_TRY(bm_pkey_generate(BM_KEY_ECC256, &m->tls_key));
    BM_TRY(bm_pkey_put_private(&tls_private, m->tls_key));
    BM_TRY(bm_cipher_seal(passphrase, kind, BM_KEYS_LABEL_TLS, bm_buf_view(&tls_private), &tls));
    BM_TRY(bm_ctl_place_make(place, BM_STATE_TLS_KEY, 0600, bm_buf_view(&tls)));
    if (!m->generated)
        return bm_ok();
    BM_TRY(bm_buf_put(&line, passphrase));
    BM_TRY(bm_buf_put_u8(&line, '\n'));
    return bm_ctl_place_make(place, BM_PASSPHRASE_FILE, 0600, bm_buf_view(&line));
}

static BM_RESULT make_certificates(making *m)
{
    BM_AUTO_BUF tls = BM_BUF_EMPTY;
    const bm_ctl_place *place = &m->place;

    BM_TRY(bm_ctl_place_make(place, BM_STATE_CA, 0644, bm_buf_view(&m->ca.chain)));
    BM_TRY(bm_ctl_tls_certificate(m->ctl, &m->ca, m->tls_key, &tls));
    BM_TRY(bm_ctl_place_make(place, BM_STATE_TLS, 0644, bm_buf_view(&tls)));
    return bm_ctl_place_make(place, BM_STATE_CONFIG, 0644, bm_bytes_str(bm_config_default_text()));
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

    BM_TRY(bm_ctl_files_path(&path, (const char *)m->place.beside.data, BM_STATE_DATABASE));
    BM_TRY(bm_store_open((const char *)path.data, true, &store));
    BM_TRY(bm_ctl_place_check(&m->place, BM_STATE_DATABASE));
    BM_TRY(bm_store_begin(store));
    BM_TRY(bm_store_record_log(store, &entry));
    return bm_store_commit(store);
}

static BM_RESULT report(const making *m)
{
    const char *dir = (const char *)m->place.target.data;
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
           "then start birthmarkd --state %s --listen ADDR:PORT.\n",
           dir, dir);
    return bm_ctl_output_flush();
}

BM_RESULT bm_ctl_init_run(const bm_ctl *ctl)
{
    BM_AUTO(making_fini) making m = {.ctl = ctl, .place = BM_CTL_PLACE_NONE};
    bool import = ctl->values[BM_OPTION_CA_CERT] != NULL || ctl->values[BM_OPTION_CA_KEY_FILE] != NULL;

    BM_TRY(bm_ctl_place_find(ctl->state, &m.place));
    BM_TRY(import ? bm_ctl_ca_import(ctl, &m.ca) : bm_ctl_ca_generate(ctl, &m.ca));
    BM_TRY(find_passphrase(&m));
    BM_TRY(bm_ctl_place_begin(&m.place));
    BM_TRY(make_keys(&m));
    BM_TRY(make_certificates(&m));
    BM_TRY(make_database(&m));
    BM_TRY(bm_ctl_place_finish(&m.place));
    return report(&m);
}

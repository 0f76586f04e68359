#include "ctl/tls.h"

#include "crypto/cipher.h"
#include "ctl/files.h"
#include "ctl/output.h"
#include "ctl/state.h"
#include "keys/keys.h"
#include "keys/passphrase.h"

#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#define TLS_VALIDITY (INT64_C(730) * 86400) /* two years */
#define CLOCK_SKEW INT64_C(3600)
#define HOST_NAME_SIZE 256
#define FILE_MAX 65536

/* A host name that can stand in a certificate and says more than localhost does. */
static bool is_useful_host(const char *host)
{
    bm_bytes name = bm_bytes_str(host);

    if (name.size == 0 || name.size > 253 || strcasecmp(host, "localhost") == 0)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool edge = i == 0 || i + 1 == name.size || name.data[i - 1] == '.' || name.data[i + 1] == '.';
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!alnum && (edge || (c != '.' && c != '-')))
            return false;
    }
    return true;
}

BM_RESULT bm_ctl_tls_certificate(const bm_ctl *ctl, const bm_ctl_ca *ca, const bm_pkey *tls_key, bm_buf *pem)
{
    char host[HOST_NAME_SIZE] = "";
    const char *const usual[] = {"localhost", "127.0.0.1", "::1", host};
    bm_ca_tls_options options = {.names = usual,
                                 .name_count = 3,
                                 .not_before = ctl->now - CLOCK_SKEW,
                                 .not_after = ctl->now + TLS_VALIDITY};
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_pubkey key;

    if (gethostname(host, sizeof(host) - 1) == 0 && is_useful_host(host))
        options.name_count = 4;
    if (ctl->tls_name_count > 0) {
        options.names = ctl->tls_names;
        options.name_count = ctl->tls_name_count;
    }
    if (options.not_before < ca->certificate.not_before)
        options.not_before = ca->certificate.not_before;
    if (options.not_after > ca->certificate.not_after)
        options.not_after = ca->certificate.not_after;
    BM_TRY(bm_ctl_ca_serial(options.serial));
    BM_TRY(bm_pkey_public(tls_key, &key));
    BM_TRY(bm_ca_tls_certificate(&ca->certificate, ca->key, &key, &options, &der));
    BM_TRY(bm_ca_put_pem(pem, "CERTIFICATE", bm_buf_view(&der)));
    return bm_buf_put(pem, bm_buf_view(&ca->chain));
}

/* Opens a sealed private key of the state directory. */
static BM_RESULT open_key(const char *state, const char *file, const char *label, bm_bytes passphrase, bm_pkey **key)
{
    BM_AUTO_BUF path = BM_BUF_EMPTY;
    BM_AUTO_BUF sealed = BM_BUF_EMPTY;
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    bm_result result;

    BM_TRY(bm_ctl_files_path(&path, state, file));
    BM_TRY(bm_ctl_files_read((const char *)path.data, FILE_MAX, &sealed));
    result = bm_cipher_unseal(passphrase, label, bm_buf_view(&sealed), &bytes);
    if (result.code != BM_OK)
        return bm_failf(result.code, "%s", (const char *)path.data);
    return bm_pkey_from_private(bm_buf_view(&bytes), key);
}

static BM_RESULT note_renewal(bm_store *store, void *context)
{
    const bm_ctl *ctl = context;
    bm_store_log_entry entry = {.time = ctl->now, .kind = BM_LOG_OPERATOR, .subject = BM_STATE_TLS, .text = "renew TLS certificate"};

    return bm_store_record_log(store, &entry);
}

/* The names of the first certificate become those of the command line; they are in `names`. */
static BM_RESULT take_over(bm_bytes pem, bm_buf *names, bm_ctl *ctl)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    size_t count;
    bool found;

    BM_TRY(bm_ca_next_pem(&pem, "CERTIFICATE", &der, &found));
    BM_CHECK(found, BM_E_MALFORMED, "there is no certificate in it");
    BM_TRY(bm_ca_tls_names(bm_buf_view(&der), names, &count));
    BM_CHECK(count <= BM_CTL_TLS_NAMES_MAX, BM_E_MALFORMED, "it has more than 32 names");
    ctl->tls_name_count = count;
    for (size_t i = 0, begin = 0; i < count; i++) {
        ctl->tls_names[i] = (const char *)names->data + begin;
        begin += bm_bytes_str(ctl->tls_names[i]).size + 1;
    }
    return bm_ok();
}

/* Whoever gives no names keeps those that there are: devices know the server by them. */
static BM_RESULT find_names(bm_buf *names, bm_ctl *ctl)
{
    BM_AUTO_BUF path = BM_BUF_EMPTY;
    BM_AUTO_BUF pem = BM_BUF_EMPTY;
    bm_result result;

    if (ctl->tls_name_count > 0)
        return bm_ok();
    BM_TRY(bm_ctl_files_path(&path, ctl->state, BM_STATE_TLS));
    result = bm_ctl_files_read((const char *)path.data, FILE_MAX, &pem);
    if (result.code == BM_OK)
        result = take_over(bm_buf_view(&pem), names, ctl);
    if (result.code == BM_OK || result.code == BM_E_NO_MEMORY)
        return result;
    return bm_failf(result.code, "the names of %s cannot be taken over (%s): give all that the new certificate is to have, each with "
                    "--tls-name",
                    (const char *)path.data, result.detail == NULL ? bm_code_name(result.code) : result.detail);
}

static void print_names(const bm_ctl *ctl)
{
    for (size_t i = 0; i < ctl->tls_name_count; i++)
        printf("%s %s", i == 0 ? "" : ",", ctl->tls_names[i]);
}

BM_RESULT bm_ctl_tls_renew(const bm_ctl *ctl)
{
    BM_AUTO_BUF passphrase = BM_BUF_EMPTY;
    BM_AUTO_BUF path = BM_BUF_EMPTY;
    BM_AUTO_BUF chain = BM_BUF_EMPTY;
    BM_AUTO_BUF names = BM_BUF_EMPTY;
    BM_AUTO_BUF pem = BM_BUF_EMPTY;
    BM_AUTO(bm_ctl_ca_fini) bm_ctl_ca ca = {0};
    BM_AUTO(bm_pkey_freep) bm_pkey *tls_key = NULL;
    BM_AUTO(bm_store_freep) bm_store *store = NULL;
    bm_ctl copy = *ctl;
    bm_result result;

    /* Where there is no CA, that is what is said, and not that its server has no names. */
    BM_TRY(bm_ctl_state_open(ctl, &store));
    bm_store_freep(&store);
    BM_TRY(find_names(&names, &copy));
    BM_TRY(bm_ctl_files_path(&path, ctl->state, BM_STATE_CA));
    BM_TRY(bm_ctl_files_read((const char *)path.data, FILE_MAX, &chain));
    BM_TRY(bm_ctl_ca_read_chain((const char *)path.data, bm_buf_view(&chain), &ca));
    result = bm_passphrase_read(ctl->state, ctl->values[BM_OPTION_PASSPHRASE_FILE], &passphrase);
    if (result.code == BM_E_STORE_NOT_FOUND)
        return bm_fail(BM_E_KEY_PASSPHRASE, "no passphrase: name its file with --passphrase-file, or set $" BM_PASSPHRASE_ENVIRONMENT);
    BM_TRY(result);
    BM_TRY(open_key(ctl->state, BM_STATE_CA_KEY, BM_KEYS_LABEL_CA, bm_buf_view(&passphrase), &ca.key));
    BM_TRY(open_key(ctl->state, BM_STATE_TLS_KEY, BM_KEYS_LABEL_TLS, bm_buf_view(&passphrase), &tls_key));
    BM_TRY(bm_ctl_tls_certificate(&copy, &ca, tls_key, &pem));
    BM_TRY(bm_ctl_files_replace(ctl->state, BM_STATE_TLS, 0644, bm_buf_view(&pem)));
    BM_TRY(bm_ctl_state_change(ctl, note_renewal, &copy));
    printf("renewed %s/%s for", ctl->state, BM_STATE_TLS);
    print_names(&copy);
    printf("; restart birthmarkd to use it\n");
    return bm_ctl_output_flush();
}

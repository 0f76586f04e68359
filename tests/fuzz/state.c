/*
 * bm_identity_look, _is_current, _save (device/identity/identity.h), bm_key_file_parse and _put (device/identity/key_file.h), bm_renewal_parse and _put (device/exchange/renewal.h):
 * what a device finds in its state directory. The first byte says which file the rest is: 0 device.crt, 1 device.crt made of the rest as DER, 2
 * renew_after, 3 device.key, 4 device.key made of the rest as DER, 5 ek, 6 renewal. The other files are good ones.
 */
#include "world.h"

#include "device/exchange/renewal.h"
#include "device/identity/identity.h"
#include "device/identity/key_file.h"

#include <fcntl.h>
#include <unistd.h>

static char directory[128];

static void remove_directory(void)
{
    static const char *const names[] = {"chain.crt", "fullchain.crt", "ca.crt", "key.uri", "openssl.cnf", "renew_after", "ek", "device.crt", ".lock"};
    char path[256];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(directory);
}

/* A good identity, written once by the agent's own hand. */
static void make_directory(void)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    BM_AUTO(bm_reply_certificate_fini) bm_reply_certificate reply = {.device = "SN-1", .renew_after = MAKE_NOW, .chain_count = 1};
    bm_pubkey ek;

    fuzz_directory(directory, sizeof(directory));
    FUZZ_MUST(atexit(remove_directory) == 0);
    world_put_issued(&reply.certificate);
    world_put_ca(&reply.chain[0]);
    FUZZ_OK(bm_pkey_public(world_key(WORLD_EK), &ek));
    FUZZ_OK(bm_identity_open(directory, &identity));
    FUZZ_OK(bm_identity_save(&identity, 0x81020000, &ek, &reply));
}

static void write_file(const char *name, bm_bytes content)
{
    char path[256];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    FUZZ_MUST(fd >= 0 && write(fd, content.data, content.size) == (ssize_t)content.size);
    (void)close(fd);
}

static void look(void)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    bm_identity_state state = {0};
    bm_result result;

    FUZZ_OK(bm_identity_open_to_read(directory, &identity));
    result = bm_identity_look(&identity, &state);
    FUZZ_MUST(result.code == BM_OK || result.code == BM_E_IO);
    if (result.code != BM_OK || state.key.type == BM_KEY_NONE)
        return;
    FUZZ_MUST(fuzz_printable(state.info.subject, sizeof(state.info.subject)));
    if (bm_identity_is_current(&state, &state.key, MAKE_NOW - 1))
        FUZZ_MUST(state.renew_after >= MAKE_NOW && state.complete);
}

static void read_key(bm_bytes pem)
{
    BM_AUTO_BUF public_area = BM_BUF_EMPTY;
    BM_AUTO_BUF private_area = BM_BUF_EMPTY;
    BM_AUTO_BUF made = BM_BUF_EMPTY;
    BM_AUTO_BUF public_again = BM_BUF_EMPTY;
    BM_AUTO_BUF private_again = BM_BUF_EMPTY;
    bm_tpm_kind kind = {.has_auth = false};
    bm_tpm_kind kind_again;

    if (bm_key_file_parse(pem, &kind, &public_area, &private_area).code != BM_OK) {
        FUZZ_MUST(public_area.size == 0 && private_area.size == 0);
        return;
    }
    FUZZ_OK(bm_key_file_put(&made, &kind, bm_buf_view(&public_area), bm_buf_view(&private_area)));
    FUZZ_OK(bm_key_file_parse(bm_buf_view(&made), &kind_again, &public_again, &private_again));
    FUZZ_MUST(bm_tpm_kind_equal(&kind, &kind_again));
    FUZZ_MUST(bm_bytes_equal(bm_buf_view(&public_again), bm_buf_view(&public_area)));
    FUZZ_MUST(bm_bytes_equal(bm_buf_view(&private_again), bm_buf_view(&private_area)));
}

/* A record that is taken is written as it was. */
static void read_renewal(bm_bytes text)
{
    BM_AUTO(bm_renewal_fini) bm_renewal renewal = {.server = BM_BUF_EMPTY};
    BM_AUTO_BUF again = BM_BUF_EMPTY;
    bm_enrolment_options options = {.server = NULL};

    if (bm_renewal_parse(text, &renewal).code != BM_OK) {
        FUZZ_MUST(renewal.server.size == 0 && renewal.ca.size == 0);
        return;
    }
    FUZZ_OK(bm_renewal_put(&again, &renewal));
    FUZZ_MUST(bm_bytes_equal(bm_buf_view(&again), text));
    bm_renewal_use(&renewal, &options);
    FUZZ_MUST(options.server != NULL && options.serial != NULL && options.profile != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"device.crt", "device.crt", "renew_after", NULL, NULL, "ek"};
    bm_bytes rest = bm_bytes_of(data, size);
    uint8_t what = fuzz_choice(&rest) % 7;
    BM_AUTO_BUF good = BM_BUF_EMPTY;
    BM_AUTO_BUF pem = BM_BUF_EMPTY;

    if (directory[0] == 0)
        make_directory();
    if (what == 1 || what == 4)
        FUZZ_OK(bm_ca_put_pem(&pem, what == 1 ? "CERTIFICATE" : "TSS2 PRIVATE KEY", rest));
    else
        FUZZ_OK(bm_buf_put(&pem, rest));
    if (what == 6) {
        read_renewal(rest);
        return 0;
    }
    if (what == 3 || what == 4) {
        read_key(bm_buf_view(&pem));
        return 0;
    }
    write_file(names[what], bm_buf_view(&pem));
    look();
    bm_buf_clear(&pem);
    if (what == 5)
        return 0;
    if (what == 2) {
        write_file("renew_after", bm_bytes_str("2030-01-01T00:00:00Z\n"));
        return 0;
    }
    world_put_issued(&good);
    FUZZ_OK(bm_ca_put_pem(&pem, "CERTIFICATE", bm_buf_view(&good)));
    write_file("device.crt", bm_buf_view(&pem));
    return 0;
}

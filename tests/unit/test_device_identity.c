/* device/identity/identity: the state directory, in a temporary one. */
#include "unit.h"

#include "device/identity/identity.h"
#include "x509/ca.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOT_BEFORE 1700000000
#define RENEW_AFTER 1800000000
#define NOT_AFTER 1900000000

static const char *const all[] = {"device.crt", "chain.crt", "fullchain.crt", "ca.crt", "device.key",
                                  "key.uri",    "openssl.cnf", "renew_after", "ek"};

/* A state directory in a temporary one, and an answer to put there. */
typedef struct {
    char base[64];
    char path[80];
    bm_pubkey key;
    bm_reply_certificate reply;
} fixture;

/* A certificate that has the key and the dates of an answer's; that it signs itself does not matter here. */
static void put_certificate(bm_buf *der, bm_pubkey *key, const char *name)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *pair = NULL;
    const bm_ca_options options = {.common_name = name, .not_before = NOT_BEFORE, .not_after = NOT_AFTER, .serial = {1}};

    assert_ok(bm_pkey_generate(BM_KEY_ECC256, &pair));
    assert_ok(bm_pkey_public(pair, key));
    assert_ok(bm_ca_self_signed(pair, &options, der));
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    bm_pubkey other;

    assert_non_null(f);
    (void)snprintf(f->base, sizeof(f->base), "/tmp/bm-identity.XXXXXX");
    assert_non_null(mkdtemp(f->base));
    (void)snprintf(f->path, sizeof(f->path), "%s/state", f->base);
    put_certificate(&f->reply.certificate, &f->key, "SN-1");
    put_certificate(&f->reply.chain[0], &other, "Issuer");
    put_certificate(&f->reply.chain[1], &other, "Root");
    f->reply.chain_count = 2;
    f->reply.renew_after = RENEW_AFTER;
    (void)snprintf(f->reply.device, sizeof(f->reply.device), "SN-1");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    char path[160];

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", f->path, all[i]);
        (void)unlink(path);
        (void)snprintf(path, sizeof(path), "%s/.%s.new", f->path, all[i]);
        (void)unlink(path);
    }
    (void)chmod(f->path, 0755);
    (void)snprintf(path, sizeof(path), "%s/.lock", f->path);
    (void)unlink(path);
    (void)rmdir(f->path);
    assert_int_equal(rmdir(f->base), 0);
    bm_reply_certificate_fini(&f->reply);
    free(f);
    return 0;
}

static void fill(const fixture *f, bm_identity *identity)
{
    assert_ok(bm_identity_open(f->path, identity));
    assert_ok(bm_identity_save_key(identity, bm_bytes_str("key\n")));
    assert_ok(bm_identity_save(identity, 0x81020000, &f->key, &f->reply));
}

static void test_a_saved_identity_has_every_file_and_is_current(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    bm_identity_state seen;
    bool found;

    fill(f, &identity);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        BM_AUTO_BUF content = BM_BUF_EMPTY;

        assert_ok(bm_identity_read(&identity, all[i], &content, &found));
        assert_true(found);
        assert_true(content.size > 0);
    }
    assert_ok(bm_identity_look(&identity, &seen));
    assert_true(seen.complete);
    assert_int_equal(seen.renew_after, RENEW_AFTER);
    assert_int_equal(seen.info.not_after, NOT_AFTER);
    assert_true(bm_identity_is_current(&seen, &f->key, RENEW_AFTER - 1));
}

static void test_the_handle_is_that_of_key_uri_or_none(void **state)
{
    static const struct {
        const char *text;
        uint32_t handle;
    } rows[] = {{"handle:0x81020001\n", 0x81020001u}, {"handle:0x81020001", 0}, {"handle:0x8102000g\n", 0}, {"handle:0x810200011\n", 0}, {"handle:81020001\n", 0}, {"", 0}};
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    bm_identity_state seen;

    fill(f, &identity);
    assert_ok(bm_identity_look(&identity, &seen));
    assert_int_equal(seen.handle, 0x81020000u);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_ok(bm_identity_put(&identity, "key.uri", 0644, bm_bytes_str(rows[i].text)));
        assert_ok(bm_identity_look(&identity, &seen));
        if (seen.handle != rows[i].handle)
            fail_msg("row %zu: 0x%08x", i, seen.handle);
    }
}

static void test_what_is_noted_as_renewed_is_the_certificate_in_use(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    BM_AUTO_BUF first = BM_BUF_EMPTY;
    BM_AUTO_BUF again = BM_BUF_EMPTY;
    BM_AUTO_BUF other = BM_BUF_EMPTY;
    char path[160];
    bool found;

    fill(f, &identity);
    assert_ok(bm_identity_note_renewed(&identity));
    assert_ok(bm_identity_read(&identity, "renewed", &first, &found));
    assert_int_equal(first.size, 65);
    assert_ok(bm_identity_note_renewed(&identity));
    assert_ok(bm_identity_read(&identity, "renewed", &again, &found));
    assert_bytes(bm_buf_view(&first), bm_buf_view(&again));
    assert_ok(bm_identity_put(&identity, "device.crt", 0644, bm_bytes_str("another")));
    assert_ok(bm_identity_note_renewed(&identity));
    assert_ok(bm_identity_read(&identity, "renewed", &other, &found));
    assert_false(bm_bytes_equal(bm_buf_view(&first), bm_buf_view(&other)));
    (void)snprintf(path, sizeof(path), "%s/renewed", f->path);
    assert_int_equal(unlink(path), 0);
}

static void test_the_files_hold_what_their_names_say(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    BM_AUTO_BUF device = BM_BUF_EMPTY;
    BM_AUTO_BUF chain = BM_BUF_EMPTY;
    BM_AUTO_BUF full = BM_BUF_EMPTY;
    BM_AUTO_BUF root = BM_BUF_EMPTY;
    BM_AUTO_BUF uri = BM_BUF_EMPTY;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_bytes rest;
    bool found;

    fill(f, &identity);
    assert_ok(bm_identity_read(&identity, "device.crt", &device, &found));
    assert_ok(bm_identity_read(&identity, "chain.crt", &chain, &found));
    assert_ok(bm_identity_read(&identity, "fullchain.crt", &full, &found));
    assert_ok(bm_identity_read(&identity, "ca.crt", &root, &found));
    assert_ok(bm_identity_read(&identity, "key.uri", &uri, &found));
    assert_bytes(bm_buf_view(&uri), bm_bytes_str("handle:0x81020000\n"));
    rest = bm_buf_view(&device);
    assert_ok(bm_ca_next_pem(&rest, "CERTIFICATE", &der, &found));
    assert_bytes(bm_buf_view(&der), bm_buf_view(&f->reply.certificate));
    rest = bm_buf_view(&chain);
    assert_ok(bm_ca_next_pem(&rest, "CERTIFICATE", &der, &found));
    assert_bytes(bm_buf_view(&der), bm_buf_view(&f->reply.chain[0]));
    rest = bm_buf_view(&root);
    assert_ok(bm_ca_next_pem(&rest, "CERTIFICATE", &der, &found));
    assert_bytes(bm_buf_view(&der), bm_buf_view(&f->reply.chain[1]));
    assert_ok(bm_buf_put(&device, bm_buf_view(&chain)));
    assert_bytes(bm_buf_view(&full), bm_buf_view(&device));
}

static void test_the_key_file_is_for_its_owner_alone(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    struct stat status;

    fill(f, &identity);
    assert_int_equal(fstatat(identity.fd, "device.key", &status, 0), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(fstatat(identity.fd, "device.crt", &status, 0), 0);
    assert_int_equal(status.st_mode & 07777, 0644);
}

static void test_a_key_in_its_file_alone_is_named_by_that_file(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    BM_AUTO_BUF uri = BM_BUF_EMPTY;
    bm_identity_state seen;
    char expected[192];
    bool found;

    fill(f, &identity);
    assert_ok(bm_identity_look(&identity, &seen));
    assert_false(seen.in_file);
    assert_ok(bm_identity_save(&identity, 0, &f->key, &f->reply));
    assert_ok(bm_identity_look(&identity, &seen));
    assert_true(seen.in_file);
    assert_ok(bm_identity_read(&identity, "key.uri", &uri, &found));
    (void)snprintf(expected, sizeof(expected), "file:%s/device.key\n", f->path);
    assert_bytes(bm_buf_view(&uri), bm_bytes_str(expected));
}

static void test_files_that_do_not_change_are_not_written(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    struct stat before;
    struct stat after;

    fill(f, &identity);
    assert_int_equal(fstatat(identity.fd, "openssl.cnf", &before, 0), 0);
    assert_ok(bm_identity_save(&identity, 0x81020000, &f->key, &f->reply));
    assert_int_equal(fstatat(identity.fd, "openssl.cnf", &after, 0), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

static void test_drafts_that_a_crash_left_are_in_nobodys_way(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    bm_identity_state seen;
    int fd;

    assert_ok(bm_identity_open(f->path, &identity));
    fd = openat(identity.fd, ".device.crt.new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "half a certificate, longer than nothing", 39), 39);
    assert_int_equal(close(fd), 0);
    bm_identity_close(&identity);
    fill(f, &identity);
    assert_ok(bm_identity_look(&identity, &seen));
    assert_true(bm_identity_is_current(&seen, &f->key, NOT_BEFORE));
    assert_int_equal(faccessat(identity.fd, ".device.crt.new", F_OK, 0), -1);
}

static void write_ek(const bm_identity *identity, const char *text)
{
    int fd = openat(identity->fd, "ek", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static void test_the_directory_knows_its_ek_and_may_be_older_than_that(void **state)
{
    static const char *const damaged[] = {"", "\n", "00", "zz5132d732ef6d22a562c9ed627e3131b031f5e085194e057ef5abc00595929f\n",
                                          "885132d732ef6d22a562c9ed627e3131b031f5e085194e057ef5abc00595929f",
                                          "885132d732ef6d22a562c9ed627e3131b031f5e085194e057ef5abc00595929f00\n"};
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    uint8_t digest[BM_SHA256_SIZE];
    bm_identity_state seen;

    fill(f, &identity);
    assert_ok(bm_pubkey_spki_sha256(&f->key, digest));
    assert_ok(bm_identity_look(&identity, &seen));
    assert_true(seen.has_ek);
    assert_bytes(BM_BYTES_ARRAY(seen.ek), BM_BYTES_ARRAY(digest));
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        write_ek(&identity, damaged[i]);
        assert_ok(bm_identity_look(&identity, &seen));
        assert_false(seen.has_ek);
    }
    assert_int_equal(unlinkat(identity.fd, "ek", 0), 0);
    assert_ok(bm_identity_look(&identity, &seen));
    assert_false(seen.has_ek);
    assert_true(bm_identity_is_current(&seen, &f->key, NOT_BEFORE));
}

static void test_an_identity_is_not_current_when_anything_is_wrong(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_identity_state seen;
    bm_identity_state changed;
    bm_pubkey other;

    fill(f, &identity);
    put_certificate(&der, &other, "Other");
    assert_ok(bm_identity_look(&identity, &seen));
    assert_false(bm_identity_is_current(&seen, &other, NOT_BEFORE));
    assert_false(bm_identity_is_current(&seen, &f->key, RENEW_AFTER));
    assert_false(bm_identity_is_current(&seen, &f->key, NOT_AFTER + 1));
    changed = seen;
    changed.complete = false;
    assert_false(bm_identity_is_current(&changed, &f->key, NOT_BEFORE));
    changed = seen;
    changed.renew_after = NOT_AFTER + 100;
    assert_false(bm_identity_is_current(&changed, &f->key, NOT_AFTER + 1));
}

static void test_a_missing_file_makes_it_incomplete(void **state)
{
    fixture *f = *state;
    bm_identity_state seen;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;

        if (strcmp(all[i], "device.key") == 0 || strcmp(all[i], "ek") == 0)
            continue; /* who uses the handle alone may remove the first; the second is younger than many directories */
        fill(f, &identity);
        assert_int_equal(unlinkat(identity.fd, all[i], 0), 0);
        assert_ok(bm_identity_look(&identity, &seen));
        assert_false(bm_identity_is_current(&seen, &f->key, NOT_BEFORE));
    }
}

static void test_a_damaged_certificate_counts_as_none(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    bm_identity_state seen;
    int fd;

    fill(f, &identity);
    fd = openat(identity.fd, "device.crt", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "????????", 8, 60), 8);
    assert_int_equal(close(fd), 0);
    assert_ok(bm_identity_look(&identity, &seen));
    assert_int_equal(seen.key.type, BM_KEY_NONE);
    assert_false(bm_identity_is_current(&seen, &f->key, NOT_BEFORE));
}

static void test_two_agents_never_share_a_directory(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity first = BM_IDENTITY_CLOSED;
    BM_AUTO(bm_identity_close) bm_identity second = BM_IDENTITY_CLOSED;

    assert_ok(bm_identity_open(f->path, &first));
    assert_code(bm_identity_open(f->path, &second), BM_E_IO);
    bm_identity_close(&first);
    assert_ok(bm_identity_open(f->path, &second));
}

static void test_looking_makes_nothing_and_finds_nothing(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    bm_identity_state seen;

    assert_ok(bm_identity_open_to_read(f->path, &identity));
    assert_ok(bm_identity_look(&identity, &seen));
    assert_false(seen.complete);
    assert_int_equal(seen.key.type, BM_KEY_NONE);
    assert_int_equal(access(f->path, F_OK), -1);
}

static void test_places_that_are_no_directory_are_refused(void **state)
{
    fixture *f = *state;
    bm_identity identity = BM_IDENTITY_CLOSED;
    char deep[100];

    (void)snprintf(deep, sizeof(deep), "%s/no/such", f->base);
    assert_code(bm_identity_open(deep, &identity), BM_E_IO);
    assert_code(bm_identity_open("/dev/null", &identity), BM_E_IO);
    assert_code(bm_identity_open_to_read("/dev/null", &identity), BM_E_IO);
    assert_int_equal(identity.fd, -1);
}

static void test_a_file_of_endless_size_is_refused(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    BM_AUTO_BUF content = BM_BUF_EMPTY;
    bool found;
    int fd;

    assert_ok(bm_identity_open(f->path, &identity));
    fd = openat(identity.fd, "device.crt", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 1 << 24), 0);
    assert_int_equal(close(fd), 0);
    assert_code(bm_identity_read(&identity, "device.crt", &content, &found), BM_E_IO);
}

static void test_the_mark_of_a_run_stays_until_it_is_taken_away(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;

    assert_false(bm_identity_is_marked(&identity));
    assert_ok(bm_identity_open(f->path, &identity));
    assert_false(bm_identity_is_marked(&identity));
    assert_ok(bm_identity_mark(&identity));
    assert_ok(bm_identity_mark(&identity));
    bm_identity_close(&identity);
    assert_ok(bm_identity_open(f->path, &identity));
    assert_true(bm_identity_is_marked(&identity));
    bm_identity_unmark(&identity);
    assert_false(bm_identity_is_marked(&identity));
    bm_identity_unmark(&identity);
}

static void test_a_mark_is_no_way_to_another_file(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;

    assert_ok(bm_identity_open(f->path, &identity));
    assert_int_equal(symlinkat("../elsewhere", identity.fd, ".loaded"), 0);
    assert_code(bm_identity_mark(&identity), BM_E_IO);
    assert_true(bm_identity_is_marked(&identity));
    bm_identity_unmark(&identity);
    assert_int_not_equal(faccessat(identity.fd, "../elsewhere", F_OK, 0), 0);
}

static void the_name_is_the_common_name_if_it_is_one_that_we_give(void **state)
{
    static const struct {
        const char *subject;
        const char *name;
    } rows[] = {
        {"CN=SN-1, serialNumber=SN-1", "SN-1"}, {"O=Acme, CN=a.b:c", "a.b:c"},     {"CN=SN-1", "SN-1"}, {"", ""}, {"O=CN=x", ""},
        {"serialNumber=SN-1", ""},              {"CN=, serialNumber=SN-1", ""},    {"CN=two words", ""}, {"xCN=SN-1", ""},
        {"CN=0123456789012345678901234567890123456789012345678901234567890123", "0123456789012345678901234567890123456789012345678901234567890123"},
        {"CN=01234567890123456789012345678901234567890123456789012345678901234", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bm_ekc_info info = {.subject = ""};
        char name[BM_IDENTITY_MAX + 1] = "before";

        (void)snprintf(info.subject, sizeof(info.subject), "%s", rows[i].subject);
        bm_identity_name(&info, name);
        assert_string_equal(name, rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_saved_identity_has_every_file_and_is_current, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_files_hold_what_their_names_say, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_handle_is_that_of_key_uri_or_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_noted_as_renewed_is_the_certificate_in_use, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_key_file_is_for_its_owner_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_key_in_its_file_alone_is_named_by_that_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_that_do_not_change_are_not_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drafts_that_a_crash_left_are_in_nobodys_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_directory_knows_its_ek_and_may_be_older_than_that, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_identity_is_not_current_when_anything_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_missing_file_makes_it_incomplete, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_damaged_certificate_counts_as_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_agents_never_share_a_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_looking_makes_nothing_and_finds_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_places_that_are_no_directory_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_of_endless_size_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_mark_of_a_run_stays_until_it_is_taken_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_mark_is_no_way_to_another_file, set_up, tear_down),
        cmocka_unit_test(the_name_is_the_common_name_if_it_is_one_that_we_give),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

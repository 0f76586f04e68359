#include "unit.h"

#include "crypto/cipher.h"
#include "keys/keys.h"
#include "keys/passphrase.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char word[] = "correct horse";

static bm_bytes passphrase(void)
{
    return bm_bytes_str(word);
}

/* Sealing and opening are slow on purpose: what can be is sealed once, for all tests. */
typedef struct {
    bm_buf ca; /* P-256 */
    bm_buf tickets;
    bm_pubkey public_key;
} sealed_files;

static sealed_files files;

static int seal_files(void **state)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;

    (void)state;
    assert_ok(bm_pkey_generate(BM_KEY_ECC256, &key));
    assert_ok(bm_pkey_public(key, &files.public_key));
    assert_ok(bm_keys_file_seal_ca(passphrase(), BM_CIPHER_RANDOM, key, &files.ca));
    assert_ok(bm_keys_file_new_ticket(passphrase(), BM_CIPHER_RANDOM, &files.tickets));
    return 0;
}

static int free_files(void **state)
{
    (void)state;
    bm_buf_fini(&files.ca);
    bm_buf_fini(&files.tickets);
    return 0;
}

static bm_result try_open(bm_bytes word_given, bm_bytes ca, bm_bytes tickets)
{
    BM_AUTO(bm_keys_freep) bm_keys *keys = NULL;
    bm_result result = bm_keys_file_open(word_given, ca, tickets, &keys);

    assert_true((keys != NULL) == (result.code == BM_OK));
    return result;
}

/* The key store signs with the CA's key, by the algorithm that certificates of such a key have. */
static void check_signs(bm_bytes ca, const bm_pubkey *made)
{
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    BM_AUTO(bm_keys_freep) bm_keys *keys = NULL;
    BM_AUTO(bm_pkey_freep) bm_pkey *verifier = NULL;
    bm_sig_alg alg = bm_pkey_default_sig(made->type);
    bm_pubkey opened;

    assert_ok(bm_keys_file_open(passphrase(), ca, bm_buf_view(&files.tickets), &keys));
    assert_ok(bm_keys_public(keys, &opened));
    assert_true(bm_pubkey_equal(made, &opened));
    assert_ok(bm_keys_sign(keys, bm_bytes_str("message"), &signature));
    assert_ok(bm_pkey_from_public(made, &verifier));
    assert_ok(bm_pkey_verify(verifier, alg, bm_bytes_str("message"), bm_buf_view(&signature)));
    assert_code(bm_pkey_verify(verifier, alg, bm_bytes_str("massage"), bm_buf_view(&signature)), BM_E_MALFORMED);
}

static void the_ca_key_signs_as_its_certificate_says(void **state)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *rsa = NULL;
    BM_AUTO_BUF ca = BM_BUF_EMPTY;
    bm_pubkey made;

    (void)state;
    check_signs(bm_buf_view(&files.ca), &files.public_key);
    assert_ok(bm_pkey_generate(BM_KEY_RSA3072, &rsa));
    assert_ok(bm_pkey_public(rsa, &made));
    assert_ok(bm_keys_file_seal_ca(passphrase(), BM_CIPHER_RANDOM, rsa, &ca));
    check_signs(bm_buf_view(&ca), &made);
}

static void a_ticket_is_hmac_sha256_under_the_key_of_its_number(void **state)
{
    BM_AUTO_BUF rows = BM_BUF_EMPTY;
    BM_AUTO_BUF tickets = BM_BUF_EMPTY;
    BM_AUTO(bm_keys_freep) bm_keys *keys = NULL;
    bm_bytes message = bm_bytes_str("message");
    uint8_t mac[BM_SHA256_SIZE] = {0};
    bm_digest expected;

    (void)state;
    assert_ok(bm_buf_put_u32(&rows, 7));
    assert_ok(bm_buf_put_str(&rows, "the first key has 32 characters."));
    assert_ok(bm_buf_put_u32(&rows, 9));
    assert_ok(bm_buf_put_str(&rows, "the second has 32 characters too"));
    assert_ok(bm_cipher_seal(passphrase(), BM_CIPHER_RANDOM, BM_KEYS_LABEL_TICKET, bm_buf_view(&rows), &tickets));
    assert_ok(bm_keys_file_open(passphrase(), bm_buf_view(&files.ca), bm_buf_view(&tickets), &keys));
    assert_int_equal(bm_keys_ticket_key_id(keys), 9);
    assert_ok(bm_keys_ticket_mac(keys, 7, message, mac));
    assert_ok(bm_hash_hmac(BM_HASH_SHA256, bm_bytes_str("the first key has 32 characters."), &message, 1, &expected));
    assert_bytes(BM_BYTES_ARRAY(mac), bm_hash_view(&expected));
    assert_ok(bm_keys_ticket_mac(keys, 9, message, mac));
    assert_ok(bm_hash_hmac(BM_HASH_SHA256, bm_bytes_str("the second has 32 characters too"), &message, 1, &expected));
    assert_bytes(BM_BYTES_ARRAY(mac), bm_hash_view(&expected));
    assert_code(bm_keys_ticket_mac(keys, 8, message, mac), BM_E_TICKET_INVALID);
    assert_code(bm_keys_ticket_mac(keys, 0, message, mac), BM_E_TICKET_INVALID);
}

static void new_ticket_keys_differ_and_their_number_is_not_zero(void **state)
{
    BM_AUTO_BUF second = BM_BUF_EMPTY;
    BM_AUTO_BUF a = BM_BUF_EMPTY;
    BM_AUTO_BUF b = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_keys_file_new_ticket(passphrase(), BM_CIPHER_RANDOM, &second));
    assert_ok(bm_cipher_unseal(passphrase(), BM_KEYS_LABEL_TICKET, bm_buf_view(&files.tickets), &a));
    assert_ok(bm_cipher_unseal(passphrase(), BM_KEYS_LABEL_TICKET, bm_buf_view(&second), &b));
    assert_int_equal(a.size, 36);
    assert_int_equal(b.size, 36);
    assert_false(bm_bytes_equal(bm_bytes_slice(bm_buf_view(&a), 4, 32), bm_bytes_slice(bm_buf_view(&b), 4, 32)));
    assert_false(bm_bytes_equal(bm_bytes_slice(bm_buf_view(&a), 0, 4), bm_bytes_of("\0\0\0\0", 4)));
}

static void what_is_not_ours_does_not_open(void **state)
{
    BM_AUTO_BUF changed = BM_BUF_EMPTY;
    bm_bytes ca = bm_buf_view(&files.ca);
    bm_bytes tickets = bm_buf_view(&files.tickets);

    (void)state;
    assert_code(try_open(bm_bytes_str("incorrect horse"), ca, tickets), BM_E_KEY_PASSPHRASE);
    assert_code(try_open(passphrase(), tickets, ca), BM_E_KEY_PASSPHRASE);
    assert_code(try_open(passphrase(), ca, ca), BM_E_KEY_PASSPHRASE);
    assert_code(try_open(passphrase(), tickets, tickets), BM_E_KEY_PASSPHRASE);
    assert_code(try_open(passphrase(), bm_bytes_str("no envelope"), tickets), BM_E_KEY_INVALID);
    assert_code(try_open(passphrase(), bm_bytes_slice(ca, 0, ca.size - 1), tickets), BM_E_KEY_INVALID);
    assert_code(try_open(passphrase(), ca, bm_bytes_of(NULL, 0)), BM_E_KEY_INVALID);
    assert_ok(bm_buf_put(&changed, ca));
    changed.data[changed.size - 1] ^= 1;
    assert_code(try_open(passphrase(), bm_buf_view(&changed), tickets), BM_E_KEY_PASSPHRASE);
}

static void what_is_sealed_but_no_key_does_not_open(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {{"", 0},
               {"\0\0\0\1 35 bytes are one too few here..", 35},
               {"\0\0\0\0the key of number zero: 32 bytes", 36},
               {"\0\0\0\1one key of number one: 32 bytes!\0\0\0\1one key of number one: 32 bytes!", 72}};
    BM_AUTO_BUF sealed = BM_BUF_EMPTY;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bm_buf_clear(&sealed);
        assert_ok(bm_cipher_seal(passphrase(), BM_CIPHER_RANDOM, BM_KEYS_LABEL_TICKET, bm_bytes_of(bad[i].bytes, bad[i].size), &sealed));
        assert_code(try_open(passphrase(), bm_buf_view(&files.ca), bm_buf_view(&sealed)), BM_E_KEY_INVALID);
    }
    bm_buf_clear(&sealed);
    assert_ok(bm_cipher_seal(passphrase(), BM_CIPHER_RANDOM, BM_KEYS_LABEL_CA, bm_bytes_str("not a key"), &sealed));
    assert_code(try_open(passphrase(), bm_buf_view(&sealed), bm_buf_view(&files.tickets)), BM_E_KEY_INVALID);
}

/* A state directory with keys/, in which passphrases can be put. */
typedef struct {
    char dir[64];
    char keys[80];
    char own[96];
    char file[96];
    char credential[128];
} places;

static int places_begin(void **state)
{
    places *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    (void)snprintf(p->dir, sizeof(p->dir), "/tmp/bmkeys.XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    (void)snprintf(p->keys, sizeof(p->keys), "%s/keys", p->dir);
    assert_int_equal(mkdir(p->keys, 0700), 0);
    (void)snprintf(p->own, sizeof(p->own), "%s/passphrase", p->keys);
    (void)snprintf(p->file, sizeof(p->file), "%s/file", p->dir);
    (void)snprintf(p->credential, sizeof(p->credential), "%s/%s", p->dir, BM_PASSPHRASE_CREDENTIAL);
    assert_int_equal(unsetenv(BM_PASSPHRASE_ENVIRONMENT), 0);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    *state = p;
    return 0;
}

static int places_end(void **state)
{
    places *p = *state;

    (void)unlink(p->own);
    (void)unlink(p->file);
    (void)unlink(p->credential);
    assert_int_equal(rmdir(p->keys), 0);
    assert_int_equal(rmdir(p->dir), 0);
    free(p);
    return 0;
}

static void put(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static void assert_reads(const char *dir, const char *file, const char *expected)
{
    BM_AUTO_BUF found = BM_BUF_EMPTY;

    assert_ok(bm_passphrase_read(dir, file, &found));
    assert_bytes(bm_buf_view(&found), bm_bytes_str(expected));
}

static void the_passphrase_comes_from_the_first_place_that_has_one(void **state)
{
    places *p = *state;
    BM_AUTO_BUF none = BM_BUF_EMPTY;

    assert_code(bm_passphrase_read(p->dir, NULL, &none), BM_E_STORE_NOT_FOUND);
    put(p->own, "own\n", 0600);
    assert_reads(p->dir, NULL, "own");
    assert_code(bm_passphrase_read(NULL, NULL, &none), BM_E_STORE_NOT_FOUND);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", p->dir, 1), 0);
    assert_reads(p->dir, NULL, "own");
    put(p->credential, "credential", 0400);
    assert_reads(p->dir, NULL, "credential");
    assert_int_equal(setenv(BM_PASSPHRASE_ENVIRONMENT, "environment", 1), 0);
    assert_reads(p->dir, NULL, "environment");
    put(p->file, "file\r\n", 0600);
    assert_reads(p->dir, p->file, "file");
    assert_int_equal(none.size, 0);
}

static void one_line_end_is_no_part_of_a_passphrase(void **state)
{
    places *p = *state;

    put(p->file, " two words \n\n", 0600);
    assert_reads(NULL, p->file, " two words \n");
}

static void an_unusable_passphrase_is_refused_and_no_other_place_is_tried(void **state)
{
    places *p = *state;
    BM_AUTO_BUF found = BM_BUF_EMPTY;
    char longest[BM_PASSPHRASE_MAX + 2];

    put(p->own, "own", 0600);
    assert_code(bm_passphrase_read(p->dir, p->file, &found), BM_E_IO);
    put(p->file, "\n", 0600);
    assert_code(bm_passphrase_read(p->dir, p->file, &found), BM_E_KEY_PASSPHRASE);
    assert_code(bm_passphrase_read(p->dir, p->dir, &found), BM_E_IO);
    memset(longest, 'a', sizeof(longest));
    longest[BM_PASSPHRASE_MAX + 1] = 0;
    put(p->file, longest, 0600);
    assert_code(bm_passphrase_read(p->dir, p->file, &found), BM_E_KEY_PASSPHRASE);
    longest[BM_PASSPHRASE_MAX] = 0;
    put(p->file, longest, 0600);
    assert_reads(p->dir, p->file, longest);
    assert_int_equal(setenv(BM_PASSPHRASE_ENVIRONMENT, "", 1), 0);
    assert_code(bm_passphrase_read(p->dir, NULL, &found), BM_E_KEY_PASSPHRASE);
    assert_int_equal(found.size, 0);
}

static void a_passphrase_that_others_can_read_is_refused(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0660};
    places *p = *state;
    BM_AUTO_BUF found = BM_BUF_EMPTY;

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        put(p->own, "own", modes[i]);
        assert_code(bm_passphrase_read(p->dir, NULL, &found), BM_E_KEY_PASSPHRASE);
    }
    /* One that is named: the same, but that a group may read what root gives it. */
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        put(p->file, "named", modes[i]);
        if (modes[i] == 0640 && geteuid() == 0)
            assert_reads(NULL, p->file, "named");
        else
            assert_code(bm_passphrase_read(NULL, p->file, &found), BM_E_KEY_PASSPHRASE);
    }
    assert_int_equal(found.size, 0);
}

static void a_link_in_the_place_of_inits_passphrase_is_not_followed(void **state)
{
    places *p = *state;
    BM_AUTO_BUF found = BM_BUF_EMPTY;

    put(p->file, "planted", 0600);
    assert_int_equal(symlink(p->file, p->own), 0);
    assert_code(bm_passphrase_read(p->dir, NULL, &found), BM_E_KEY_PASSPHRASE);
    assert_int_equal(found.size, 0);
    assert_reads(NULL, p->own, "planted");
}

static void a_pipe_can_be_named(void **state)
{
    char path[32];
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "word\n", 5), 5);
    assert_int_equal(close(ends[1]), 0);
    (void)snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    assert_reads(NULL, path, "word");
    assert_int_equal(close(ends[0]), 0);
}

#define P(name) cmocka_unit_test_setup_teardown(name, places_begin, places_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ca_key_signs_as_its_certificate_says),
        cmocka_unit_test(a_ticket_is_hmac_sha256_under_the_key_of_its_number),
        cmocka_unit_test(new_ticket_keys_differ_and_their_number_is_not_zero),
        cmocka_unit_test(what_is_not_ours_does_not_open),
        cmocka_unit_test(what_is_sealed_but_no_key_does_not_open),
        P(the_passphrase_comes_from_the_first_place_that_has_one),
        P(one_line_end_is_no_part_of_a_passphrase),
        P(an_unusable_passphrase_is_refused_and_no_other_place_is_tried),
        P(a_passphrase_that_others_can_read_is_refused),
        P(a_link_in_the_place_of_inits_passphrase_is_not_followed),
        P(a_pipe_can_be_named),
    };

    return cmocka_run_group_tests(tests, seal_files, free_files);
}

/* device/tunnel/ours: the signer signs with the keys that the state directory names, and named, and with no others. */
#include "unit.h"

#include "device/tunnel/ours.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A state directory. */
typedef struct {
    char base[32];
} fixture;

static void begin(fixture *f)
{
    (void)snprintf(f->base, sizeof(f->base), "/tmp/bm-ours.XXXXXX");
    assert_non_null(mkdtemp(f->base));
}

static FILE *create(const fixture *f, const char *name)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", f->base, name);
    file = fopen(path, "we");
    assert_non_null(file);
    return file;
}

static void take_away(const fixture *f, const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", f->base, name);
    (void)unlink(path);
}

static void end(const fixture *f)
{
    take_away(f, "device.crt");
    take_away(f, "chain.crt");
    take_away(f, "key.uri");
    assert_int_equal(rmdir(f->base), 0);
}

static void put(const fixture *f, const char *name, const char *text)
{
    FILE *file = create(f, name);

    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void put_uri(const fixture *f, const char *text)
{
    put(f, "key.uri", text);
    put(f, "chain.crt", "-\n");
}

/* A certificate for a new key, and the wish that goes with it. */
static void put_certificate(const fixture *f, bm_tls_wish *wish)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *made = X509_new();
    unsigned char *der = NULL;
    FILE *file = create(f, "device.crt");
    bm_pubkey parsed;
    int size;

    assert_int_equal(X509_set_version(made, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(made), 7), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(made), -100);
    (void)X509_gmtime_adj(X509_getm_notAfter(made), 10000);
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC, (const unsigned char *)"SN-1", -1, -1, 0), 1);
    assert_int_equal(X509_set_issuer_name(made, X509_get_subject_name(made)), 1);
    assert_int_equal(X509_set_pubkey(made, key), 1);
    assert_int_not_equal(X509_sign(made, key, EVP_sha256()), 0);
    assert_int_equal(PEM_write_X509(file, made), 1);
    assert_int_equal(fclose(file), 0);
    size = i2d_PUBKEY(key, &der);
    assert_true(size > 0);
    assert_ok(bm_pubkey_parse_spki(bm_bytes_of(der, (size_t)size), &parsed));
    assert_ok(bm_pubkey_spki_sha256(&parsed, wish->key));
    OPENSSL_free(der);
    X509_free(made);
    EVP_PKEY_free(key);
}

static void test_the_key_of_the_directory_and_no_other(void **state)
{
    bm_tunnel_ours ours = {.count = 0};
    bm_tls_wish wish = {.handle = 0x81020000u};
    fixture f;

    (void)state;
    begin(&f);
    put_uri(&f, "handle:0x81020000\n");
    put_certificate(&f, &wish);
    assert_ok(bm_tunnel_ours_check(&ours, f.base, &wish));
    wish.handle++;
    assert_code(bm_tunnel_ours_check(&ours, f.base, &wish), BM_E_TPM_HANDLE_TAKEN);
    wish.handle--;
    wish.key[31] ^= 1;
    assert_code(bm_tunnel_ours_check(&ours, f.base, &wish), BM_E_TPM_HANDLE_TAKEN);
    assert_int_equal(ours.count, 1);
    end(&f);
}

static void test_a_renewed_key_comes_and_the_one_before_stays(void **state)
{
    bm_tunnel_ours ours = {.count = 0};
    bm_tls_wish old = {.handle = 0x81020000u};
    bm_tls_wish new = {.handle = 0x81020001u};
    fixture f;

    (void)state;
    begin(&f);
    put_uri(&f, "handle:0x81020000\n");
    put_certificate(&f, &old);
    assert_ok(bm_tunnel_ours_look(&ours, f.base));
    put_uri(&f, "handle:0x81020001\n");
    put_certificate(&f, &new);
    assert_ok(bm_tunnel_ours_check(&ours, f.base, &new));
    assert_ok(bm_tunnel_ours_check(&ours, f.base, &old));
    take_away(&f, "device.crt");
    assert_ok(bm_tunnel_ours_check(&ours, f.base, &new));
    end(&f);
}

static void test_many_renewals_are_remembered_as_far_as_there_is_room(void **state)
{
    bm_tunnel_ours ours = {.count = 0};
    bm_tls_wish wishes[BM_TUNNEL_OURS_MAX + 2] = {{.handle = 0}};
    fixture f;

    (void)state;
    begin(&f);
    put_uri(&f, "handle:0x81020000\n");
    for (size_t i = 0; i < BM_TUNNEL_OURS_MAX + 2; i++) {
        wishes[i].handle = 0x81020000u;
        put_certificate(&f, &wishes[i]);
        assert_ok(bm_tunnel_ours_check(&ours, f.base, &wishes[i]));
    }
    assert_int_equal(ours.count, BM_TUNNEL_OURS_MAX);
    assert_ok(bm_tunnel_ours_check(&ours, f.base, &wishes[2]));
    assert_code(bm_tunnel_ours_check(&ours, f.base, &wishes[1]), BM_E_TPM_HANDLE_TAKEN);
    end(&f);
}

static void test_without_an_identity_nothing_is_signed(void **state)
{
    static const char *const bad[] = {"", "handle:", "handle:0x8102000", "handle:0xnonsense", "fil:0x81020000"};
    bm_tunnel_ours ours = {.count = 0};
    bm_tls_wish wish = {.handle = 0x81020000u};
    fixture f;

    (void)state;
    begin(&f);
    assert_code(bm_tunnel_ours_check(&ours, f.base, &wish), BM_E_TPM_HANDLE_TAKEN);
    put_certificate(&f, &wish);
    assert_code(bm_tunnel_ours_look(&ours, f.base), BM_E_IO);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put_uri(&f, bad[i]);
        assert_code(bm_tunnel_ours_look(&ours, f.base), BM_E_IO);
        assert_code(bm_tunnel_ours_check(&ours, f.base, &wish), BM_E_TPM_HANDLE_TAKEN);
    }
    put_uri(&f, "handle:0x81020000\n");
    take_away(&f, "device.crt");
    assert_code(bm_tunnel_ours_look(&ours, f.base), BM_E_IO);
    assert_code(bm_tunnel_ours_look(&ours, "/nonexistent/identity"), BM_E_IO);
    assert_int_equal(ours.count, 0);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_key_of_the_directory_and_no_other),
        cmocka_unit_test(test_a_renewed_key_comes_and_the_one_before_stays),
        cmocka_unit_test(test_many_renewals_are_remembered_as_far_as_there_is_room),
        cmocka_unit_test(test_without_an_identity_nothing_is_signed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

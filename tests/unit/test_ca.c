#include "make_x509.h"

#include "crypto/random.h"
#include "x509/ca.h"

#include <openssl/pem.h>
#include <string.h>

/* A CA of each kind that init makes, and a key for TLS. */
static const bm_key_type types[] = {BM_KEY_ECC256, BM_KEY_ECC384, BM_KEY_RSA3072};
#define TYPE_COUNT 3
static bm_pkey *ca_keys[TYPE_COUNT];
static bm_pkey *tls_key;
static bm_pubkey tls_public;

static int make_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPE_COUNT; i++)
        assert_ok(bm_pkey_generate(types[i], &ca_keys[i]));
    assert_ok(bm_pkey_generate(BM_KEY_ECC256, &tls_key));
    assert_ok(bm_pkey_public(tls_key, &tls_public));
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPE_COUNT; i++)
        bm_pkey_free(ca_keys[i]);
    bm_pkey_free(tls_key);
    return 0;
}

static const bm_ca_options ca_options = {
    .common_name = "Fleet CA", .not_before = MAKE_FROM, .not_after = INT64_C(4102444800), .serial = {0x5A, 1, 2, 3}};

static void put_ca(size_t which, bm_buf *der)
{
    assert_ok(bm_ca_self_signed(ca_keys[which], &ca_options, der));
}

static X509 *decode(bm_bytes der)
{
    const unsigned char *at = der.data;
    X509 *x509 = d2i_X509(NULL, &at, (long)der.size);

    assert_non_null(x509);
    assert_ptr_equal(at, der.data + der.size);
    return x509;
}

/* OpenSSL's opinion, strict: X509_V_OK or its error. */
static int opinion(X509 *leaf, X509 *anchor, int purpose, const char *host, const char *address)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *parameters;
    int error;

    assert_int_equal(X509_STORE_add_cert(store, anchor), 1);
    assert_int_equal(X509_STORE_CTX_init(context, store, leaf, NULL), 1);
    parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    X509_VERIFY_PARAM_set_time(parameters, (time_t)MAKE_NOW);
    X509_VERIFY_PARAM_set_auth_level(parameters, 2);
    if (purpose != 0)
        assert_int_equal(X509_VERIFY_PARAM_set_purpose(parameters, purpose), 1);
    if (host != NULL)
        assert_int_equal(X509_VERIFY_PARAM_set1_host(parameters, host, 0), 1);
    if (address != NULL)
        assert_int_equal(X509_VERIFY_PARAM_set1_ip_asc(parameters, address), 1);
    (void)X509_verify_cert(context);
    error = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return error;
}

static void a_ca_certificate_stands_before_openssl(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        X509 *x509;

        put_ca(i, &der);
        x509 = decode(bm_buf_view(&der));
        assert_int_equal(opinion(x509, x509, 0, NULL, NULL), X509_V_OK);
        assert_int_equal(X509_check_ca(x509), 1);
        assert_int_equal(X509_get_pathlen(x509), 0);
        assert_int_equal(X509_get_key_usage(x509), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
        assert_int_equal(X509_get_extension_flags(x509) & (EXFLAG_BCONS_CRITICAL | EXFLAG_SS), EXFLAG_BCONS_CRITICAL | EXFLAG_SS);
        X509_free(x509);
    }
}

static void a_ca_is_parsed_as_it_was_made(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        BM_AUTO(bm_ca_fini) bm_ca ca = {0};
        bm_pubkey public_key;
        X509 *x509;

        put_ca(i, &der);
        assert_ok(bm_ca_parse(bm_buf_view(&der), &ca));
        assert_ok(bm_pkey_public(ca_keys[i], &public_key));
        assert_true(bm_pubkey_equal(&ca.key, &public_key));
        assert_bytes(bm_buf_view(&ca.der), bm_buf_view(&der));
        assert_true(ca.not_before == ca_options.not_before);
        assert_true(ca.not_after == ca_options.not_after);
        x509 = decode(bm_buf_view(&der));
        assert_bytes(bm_buf_view(&ca.key_id), bm_bytes_of(ASN1_STRING_get0_data(X509_get0_subject_key_id(x509)), 20));
        X509_free(x509);
    }
}

static void a_ca_needs_a_name(void **state)
{
    static const char *const bad[] = {"", "a\nb", "\xFF", "0123456789012345678901234567890123456789012345678901234567890123x"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        bm_ca_options options = ca_options;

        options.common_name = bad[i];
        assert_code(bm_ca_self_signed(ca_keys[0], &options, &der), BM_E_USAGE);
        assert_int_equal(der.size, 0);
    }
}

/* Parses a certificate that OpenSSL makes. */
static bm_result parse_made(const make_options *options)
{
    BM_AUTO(bm_ca_fini) bm_ca ca = {0};
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    make_x509_der(options, &der);
    return bm_ca_parse(bm_buf_view(&der), &ca);
}

static void a_sub_ca_of_somebody_else_is_parsed(void **state)
{
    EVP_PKEY *key = bm_evp_of(ca_keys[0]);
    static const char *const more[] = {"basicConstraints", "critical,CA:TRUE,pathlen:3", "keyUsage", "keyCertSign",
                                       "subjectKeyIdentifier", "0102", "certificatePolicies", "DER:3007300506032A0304", NULL};

    (void)state;
    assert_ok(parse_made(&(make_options){.key = key, .name = "Sub", .options = make_ca_extensions}));
    assert_ok(parse_made(&(make_options){.key = key, .name = "Sub", .options = more, .md = EVP_sha512()}));
}

static void what_may_not_sign_certificates_is_no_ca(void **state)
{
    static const char *const cases[][8] = {
        {NULL},
        {"basicConstraints", "critical,CA:FALSE", "keyUsage", "keyCertSign", "subjectKeyIdentifier", "hash", NULL},
        {"keyUsage", "keyCertSign", "subjectKeyIdentifier", "hash", NULL},
        {"basicConstraints", "critical,CA:TRUE", "subjectKeyIdentifier", "hash", NULL},
        {"basicConstraints", "critical,CA:TRUE", "keyUsage", "cRLSign", "subjectKeyIdentifier", "hash", NULL},
        {"basicConstraints", "critical,CA:TRUE", "keyUsage", "keyCertSign", NULL},
        /* explicit FALSE, two booleans, a key usage of no bits, a key identifier that is none */
        {"basicConstraints", "DER:3003010100", "keyUsage", "keyCertSign", "subjectKeyIdentifier", "hash", NULL},
        {"basicConstraints", "DER:30060101FF0101FF", "keyUsage", "keyCertSign", "subjectKeyIdentifier", "hash", NULL},
        {"basicConstraints", "critical,CA:TRUE", "keyUsage", "DER:030100", "subjectKeyIdentifier", "hash", NULL},
        {"basicConstraints", "critical,CA:TRUE", "keyUsage", "keyCertSign", "subjectKeyIdentifier", "DER:0400", NULL},
    };
    EVP_PKEY *key = bm_evp_of(ca_keys[0]);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_code(parse_made(&(make_options){.key = key, .name = "x", .options = cases[i]}), BM_E_MALFORMED);
    assert_code(parse_made(&(make_options){.key = key, .name = "x", .version_1 = true}), BM_E_MALFORMED);
    assert_code(parse_made(&(make_options){.key = key, .options = make_ca_extensions}), BM_E_MALFORMED);
    assert_code(bm_ca_parse(bm_bytes_str("no certificate"), &(bm_ca){0}), BM_E_MALFORMED);
}

static make_verdict torture_ca(bm_bytes bytes, void *context)
{
    BM_AUTO(bm_ca_fini) bm_ca ca = {0};

    (void)context;
    return bm_ca_parse(bytes, &ca).code == BM_OK ? MAKE_PARSED : MAKE_REFUSED;
}

static void no_changed_ca_crashes_the_parser(void **state)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    (void)state;
    put_ca(0, &der);
    make_torture(bm_buf_view(&der), torture_ca, NULL);
}

static bm_result put_tls(size_t which, const char *const *names, size_t count, bm_buf *ca_der, bm_buf *der)
{
    BM_AUTO(bm_ca_fini) bm_ca ca = {0};
    bm_ca_tls_options options = {.names = names, .name_count = count, .not_before = MAKE_FROM, .not_after = MAKE_UNTIL, .serial = {1}};

    put_ca(which, ca_der);
    assert_ok(bm_ca_parse(bm_buf_view(ca_der), &ca));
    return bm_ca_tls_certificate(&ca, ca_keys[which], &tls_public, &options, der);
}

static void a_tls_certificate_stands_before_openssl(void **state)
{
    static const char *const names[] = {"ca.example.com", "localhost", "*.fleet.example.com", "127.0.0.1", "::1", "fd00::12:ab"};

    (void)state;
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        BM_AUTO_BUF ca_der = BM_BUF_EMPTY;
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        X509 *anchor;
        X509 *x509;

        assert_ok(put_tls(i, names, 6, &ca_der, &der));
        anchor = decode(bm_buf_view(&ca_der));
        x509 = decode(bm_buf_view(&der));
        assert_int_equal(opinion(x509, anchor, X509_PURPOSE_SSL_SERVER, "ca.example.com", NULL), X509_V_OK);
        assert_int_equal(opinion(x509, anchor, X509_PURPOSE_SSL_SERVER, "localhost", "127.0.0.1"), X509_V_OK);
        assert_int_equal(opinion(x509, anchor, X509_PURPOSE_SSL_SERVER, "a.fleet.example.com", "::1"), X509_V_OK);
        assert_int_equal(opinion(x509, anchor, X509_PURPOSE_SSL_SERVER, NULL, "fd00:0::12:ab"), X509_V_OK);
        assert_int_equal(opinion(x509, anchor, X509_PURPOSE_SSL_SERVER, "example.com", NULL), X509_V_ERR_HOSTNAME_MISMATCH);
        assert_int_equal(opinion(x509, anchor, X509_PURPOSE_SSL_SERVER, NULL, "127.0.0.2"), X509_V_ERR_IP_ADDRESS_MISMATCH);
        assert_int_equal(opinion(x509, anchor, X509_PURPOSE_SSL_CLIENT, NULL, NULL), X509_V_ERR_INVALID_PURPOSE);
        assert_int_equal(X509_check_ca(x509), 0);
        assert_int_equal(X509_get_key_usage(x509), KU_DIGITAL_SIGNATURE);
        X509_free(anchor);
        X509_free(x509);
    }
}

/* Its names, with a comma behind each. */
static bm_result names_of(bm_bytes der, char *out, size_t size)
{
    BM_AUTO_BUF names = BM_BUF_EMPTY;
    size_t count = 0;

    BM_TRY(bm_ca_tls_names(der, &names, &count));
    for (size_t i = 0; i < names.size; i++)
        if (names.data[i] == 0) {
            names.data[i] = ',';
            count--;
        }
    assert_int_equal(count, 0);
    (void)snprintf(out, size, "%.*s", (int)names.size, (const char *)names.data);
    return bm_ok();
}

static void the_names_of_a_tls_certificate_are_those_that_it_was_given(void **state)
{
    static const char *const names[] = {"ca.example.com", "*.fleet.example.com", "192.0.2.7", "::1", "2001:db8::7", "::ffff:192.0.2.8"};
    static const char *const long_one[] = {
        "a-very-long-label-that-fills-much.of-the-space-that-there-is-in-a-name.and-goes-on.example.com"};
    BM_AUTO_BUF ca_der = BM_BUF_EMPTY;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    char text[256];

    (void)state;
    assert_ok(put_tls(0, names, 6, &ca_der, &der));
    assert_ok(names_of(bm_buf_view(&der), text, sizeof(text)));
    assert_string_equal(text, "ca.example.com,*.fleet.example.com,192.0.2.7,::1,2001:db8::7,::ffff:192.0.2.8,");
    bm_buf_clear(&ca_der);
    bm_buf_clear(&der);
    assert_ok(put_tls(0, long_one, 1, &ca_der, &der));
    assert_ok(names_of(bm_buf_view(&der), text, sizeof(text)));
    assert_true(strncmp(text, long_one[0], strlen(long_one[0])) == 0);
}

static void names_that_no_tls_certificate_of_ours_has_are_not_taken(void **state)
{
    static const char *const cases[][3] = {{"basicConstraints", "CA:FALSE", NULL},
                                           {"subjectAltName", "email:a@example.com", NULL},
                                           {"subjectAltName", "DNS:a.example.com,URI:https://a.example.com", NULL},
                                           {"subjectAltName", "DNS:a_b.example.com", NULL},
                                           {"subjectAltName", "DNS:1.2.3.4", NULL},
                                           {"subjectAltName", "DER:3000", NULL},
                                           {"subjectAltName", "DER:300882066100622E6465", NULL},
                                           {"subjectAltName", "DER:30058703010203", NULL},
                                           {"subjectAltName", "DER:300382016100", NULL}};
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;

        make_x509_der(&(make_options){.key = bm_evp_of(ca_keys[0]), .name = "x", .options = cases[i]}, &der);
        if (names_of(bm_buf_view(&der), text, sizeof(text)).code != BM_E_MALFORMED)
            fail_msg("case %zu: %s", i, text);
    }
    assert_code(names_of(bm_bytes_str("no certificate"), text, sizeof(text)), BM_E_MALFORMED);
}

static void a_first_name_too_long_for_a_cn_stands_in_the_san_alone(void **state)
{
    static const char *const names[] = {
        "a-very-long-label-that-fills-much.of-the-space-that-there-is-in-a-name.and-goes-on.example.com"};
    BM_AUTO_BUF ca_der = BM_BUF_EMPTY;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    X509 *anchor;
    X509 *x509;

    (void)state;
    assert_ok(put_tls(0, names, 1, &ca_der, &der));
    anchor = decode(bm_buf_view(&ca_der));
    x509 = decode(bm_buf_view(&der));
    assert_int_equal(opinion(x509, anchor, X509_PURPOSE_SSL_SERVER, names[0], NULL), X509_V_OK);
    assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(x509)), 0);
    X509_free(anchor);
    X509_free(x509);
}

static void what_is_no_servers_name_is_refused(void **state)
{
    static const char *const bad[] = {
        "", ".", "a.", ".a", "a..b", "-a.com", "a-.com", "a_b.com", "a b", "a/b", "http://a", "a:443", "*", "*.", "a.*.com",
        "a*.com", "1.2.3", "1.2.3.4.5", "256.0.0.1", "1.2.3.-4", "a.123", "::g", ":::", "1::2::3", "12345::",
        "::1%eth0", "[::1]", "caf\xC3\xA9.fr", "a\n",
        "0123456789012345678901234567890123456789012345678901234567890123.com"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        BM_AUTO_BUF ca_der = BM_BUF_EMPTY;
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        const char *names[] = {"good.example.com", bad[i]};

        if (put_tls(0, names, 2, &ca_der, &der).code != BM_E_USAGE)
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(der.size, 0);
    }
    {
        BM_AUTO_BUF ca_der = BM_BUF_EMPTY;
        BM_AUTO_BUF der = BM_BUF_EMPTY;

        assert_code(put_tls(0, NULL, 0, &ca_der, &der), BM_E_USAGE);
    }
}

static void pem_is_what_openssl_writes(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        BM_AUTO_BUF pem = BM_BUF_EMPTY;
        BIO *bio = BIO_new(BIO_s_mem());
        X509 *x509;
        char *text;
        long size;

        put_ca(i, &der);
        x509 = decode(bm_buf_view(&der));
        assert_int_equal(PEM_write_bio_X509(bio, x509), 1);
        size = BIO_get_mem_data(bio, &text);
        assert_ok(bm_ca_put_pem(&pem, "CERTIFICATE", bm_buf_view(&der)));
        assert_bytes(bm_buf_view(&pem), bm_bytes_of(text, (size_t)size));
        BIO_free(bio);
        X509_free(x509);
    }
}

static void pem_of_every_size_goes_there_and_back(void **state)
{
    (void)state;
    for (size_t size = 1; size < 200; size++) {
        BM_AUTO_BUF pem = BM_BUF_EMPTY;
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        uint8_t bytes[200];
        bm_bytes rest;
        bool found;

        assert_ok(bm_random(bytes, size));
        assert_ok(bm_ca_put_pem(&pem, "X", bm_bytes_of(bytes, size)));
        rest = bm_buf_view(&pem);
        assert_ok(bm_ca_next_pem(&rest, "X", &der, &found));
        assert_true(found);
        assert_bytes(bm_buf_view(&der), bm_bytes_of(bytes, size));
        assert_int_equal(rest.size, 0);
    }
}

#define BLOCK(label, text) "-----BEGIN " label "-----\n" text "\n-----END " label "-----\n"

static void pem_blocks_are_found_among_other_text(void **state)
{
    static const char text[] = "a comment\n" BLOCK("OTHER", "not base64 at all") "subject=/CN=a\r\n"
                               "-----BEGIN CERT-----\r\nAA \t\r\nEC\r\n\r\n-----END CERT-----\r\n"
                               "between\n" BLOCK("CERT REQUEST", "AAEC") BLOCK("CERT", "/w==") "-----BEGIN CERT";
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_bytes rest = bm_bytes_str(text);
    bool found;

    (void)state;
    assert_ok(bm_ca_next_pem(&rest, "CERT", &der, &found));
    assert_true(found);
    assert_bytes(bm_buf_view(&der), bm_bytes_of("\0\1\2", 3));
    assert_ok(bm_ca_next_pem(&rest, "CERT", &der, &found));
    assert_true(found);
    assert_bytes(bm_buf_view(&der), bm_bytes_of("\xFF", 1));
    assert_ok(bm_ca_next_pem(&rest, "CERT", &der, &found));
    assert_false(found);
    assert_int_equal(der.size, 0);
    assert_int_equal(rest.size, 0);
    assert_ok(bm_ca_next_pem(&rest, "CERT", &der, &found));
    assert_false(found);
}

static void a_pem_block_that_is_broken_is_refused(void **state)
{
    static const char *const bad[] = {
        "-----BEGIN CERT-----", "-----BEGIN CERT-----\n", "-----BEGIN CERT-----\nAAEC\n", "-----BEGIN CERT-----\nAAEC\n-----END CERT----",
        "-----BEGIN CERT-----\nAAEC\n-----END OTHER-----\n", BLOCK("CERT", ""), BLOCK("CERT", "AAE"), BLOCK("CERT", "AAE=AAEC"),
        BLOCK("CERT", "A A E C"), BLOCK("CERT", "AA-_"), BLOCK("CERT", "Proc-Type: 4,ENCRYPTED\n\nAAEC"),
        "-----BEGIN CERT-----\n" BLOCK("CERT", "AAEC")};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        bm_bytes rest = bm_bytes_str(bad[i]);
        bool found;

        if (bm_ca_next_pem(&rest, "CERT", &der, &found).code != BM_E_MALFORMED)
            fail_msg("block %zu was taken", i);
        assert_int_equal(rest.size, strlen(bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ca_certificate_stands_before_openssl),
        cmocka_unit_test(a_ca_is_parsed_as_it_was_made),
        cmocka_unit_test(a_ca_needs_a_name),
        cmocka_unit_test(a_sub_ca_of_somebody_else_is_parsed),
        cmocka_unit_test(what_may_not_sign_certificates_is_no_ca),
        cmocka_unit_test(no_changed_ca_crashes_the_parser),
        cmocka_unit_test(a_tls_certificate_stands_before_openssl),
        cmocka_unit_test(the_names_of_a_tls_certificate_are_those_that_it_was_given),
        cmocka_unit_test(names_that_no_tls_certificate_of_ours_has_are_not_taken),
        cmocka_unit_test(a_first_name_too_long_for_a_cn_stands_in_the_san_alone),
        cmocka_unit_test(what_is_no_servers_name_is_refused),
        cmocka_unit_test(pem_is_what_openssl_writes),
        cmocka_unit_test(pem_of_every_size_goes_there_and_back),
        cmocka_unit_test(pem_blocks_are_found_among_other_text),
        cmocka_unit_test(a_pem_block_that_is_broken_is_refused),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}

/* Who signed an EK certificate: our own reading of it, beside OpenSSL's. */
#include "make_anchors.h"

#include "x509/issuer.h"

#include <openssl/x509_vfy.h>

/* Is it the same for OpenSSL and for us whether `issuer` issued and signed this certificate? Returns it. */
static bool agreed(X509 *issuer, bm_bytes der)
{
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
    const unsigned char *at = der.data;
    X509 *x509 = d2i_X509(NULL, &at, (long)der.size);
    bool theirs;
    bool ours;

    assert_non_null(x509);
    theirs = X509_check_issued(issuer, x509) == X509_V_OK && X509_verify(x509, X509_get0_pubkey(issuer)) == 1;
    assert_ok(bm_ekc_parse(der, &ekc));
    ours = bm_issuer_has_signed(issuer, ekc);
    X509_free(x509);
    assert_int_equal(ours, theirs);
    return ours;
}

static bool agreed_on(X509 *issuer, const make_options *options)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    make_options made = *options;

    made.key = pki.ek_key;
    made.options = made.options == NULL ? make_ek_ecc_extensions : made.options;
    make_x509_der(&made, &der);
    return agreed(issuer, bm_buf_view(&der));
}

/* A CA of this name and key. */
static X509 *ca_of(EVP_PKEY *key, const char *name, const char *const *options)
{
    return make_x509(&(make_options){.key = key, .name = name, .options = options});
}

static void a_signature_of_each_kind_is_read_as_openssl_reads_it(void **state)
{
    const EVP_MD *digests[] = {EVP_sha256(), EVP_sha384(), EVP_sha512(), EVP_sha224(), EVP_sha3_256()};
    X509 *issuers[] = {pki.root, pki.mid, pki.low};
    EVP_PKEY *keys[] = {pki.root_key, pki.mid_key, pki.low_key};

    (void)state;
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < sizeof(digests) / sizeof(digests[0]); k++) {
            assert_true(agreed_on(issuers[i], &(make_options){.issuer = issuers[i], .signer = keys[i], .md = digests[k]}) || k == 4);
            assert_false(agreed_on(issuers[i], &(make_options){.issuer = issuers[i], .signer = pki.stranger, .md = digests[k]}));
            assert_false(agreed_on(issuers[i], &(make_options){.issuer = issuers[i], .signer = keys[(i + 1) % 3], .md = digests[k]}));
        }
}

static void names_are_compared_without_case_and_repeated_spaces(void **state)
{
    static const struct {
        const char *name;
        bool same;
    } cases[] = {{"Some TPM vendor", true},   {"SOME tpm VENDOR", true},    {"  Some   TPM vendor ", true}, {"SomeTPM vendor", false},
                 {"Some TPM vendors", false}, {"Some TPM vend\xC3\xB6r", false}, {"S", false}};
    X509 *issuer = ca_of(pki.low_key, "Some TPM vendor", make_ca_extensions);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        X509 *named = ca_of(pki.low_key, cases[i].name, make_ca_extensions);

        assert_int_equal(agreed_on(issuer, &(make_options){.issuer = named, .signer = pki.low_key}), cases[i].same);
        X509_free(named);
    }
    X509_free(issuer);
}

static void another_key_identifier_is_another_issuer(void **state)
{
    static const char *const with_id[] = {"basicConstraints", "critical,CA:TRUE", "subjectKeyIdentifier", "hash", NULL};
    static const char *const keyed[] = {"extendedKeyUsage", "2.23.133.8.1", "authorityKeyIdentifier", "keyid:always", NULL};
    static const char *const named[] = {"extendedKeyUsage", "2.23.133.8.1", "authorityKeyIdentifier", "issuer:always", NULL};
    X509 *issuer = ca_of(pki.low_key, "Twin", with_id);
    X509 *twin = ca_of(pki.stranger, "Twin", with_id);

    (void)state;
    assert_true(agreed_on(issuer, &(make_options){.issuer = issuer, .signer = pki.low_key, .options = keyed}));
    assert_false(agreed_on(issuer, &(make_options){.issuer = twin, .signer = pki.low_key, .options = keyed}));
    /* by name and serial number, which the twins have in common; and those of another CA */
    assert_true(agreed_on(issuer, &(make_options){.issuer = issuer, .signer = pki.low_key, .options = named}));
    assert_false(agreed_on(issuer, &(make_options){.issuer = pki.mid, .signer = pki.low_key, .options = named}));
    X509_free(issuer);
    X509_free(twin);
}

static void a_key_that_may_not_sign_certificates_signed_none(void **state)
{
    static const char *const usages[] = {"digitalSignature", "cRLSign", "keyCertSign", "digitalSignature,keyCertSign"};

    (void)state;
    for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
        const char *options[] = {"basicConstraints", "critical,CA:TRUE", "keyUsage", usages[i], NULL};
        X509 *issuer = ca_of(pki.low_key, "Usage", options);

        assert_int_equal(agreed_on(issuer, &(make_options){.issuer = issuer, .signer = pki.low_key}), i >= 2);
        X509_free(issuer);
    }
}

/* The algorithm stands in a certificate twice, and only the first is signed. */
static void two_algorithms_are_none(void **state)
{
    static const uint8_t sha256[] = {0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};
    static const uint8_t sha384[] = {0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03};
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    (void)state;
    make_x509_der(&(make_options){.key = pki.ek_key, .issuer = pki.low, .signer = pki.low_key, .options = make_ek_ecc_extensions}, &der);
    assert_true(agreed(pki.low, bm_buf_view(&der)));
    make_replace(&der, BM_BYTES_ARRAY(sha256), BM_BYTES_ARRAY(sha384));
    assert_false(agreed(pki.low, bm_buf_view(&der)));
    make_replace(&der, BM_BYTES_ARRAY(sha256), BM_BYTES_ARRAY(sha384)); /* the second now: both say what was not signed */
    assert_false(agreed(pki.low, bm_buf_view(&der)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_of_each_kind_is_read_as_openssl_reads_it),
        cmocka_unit_test(names_are_compared_without_case_and_repeated_spaces),
        cmocka_unit_test(another_key_identifier_is_another_issuer),
        cmocka_unit_test(a_key_that_may_not_sign_certificates_signed_none),
        cmocka_unit_test(two_algorithms_are_none),
    };

    return cmocka_run_group_tests(tests, make_pki_begin, make_pki_end);
}

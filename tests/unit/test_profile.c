#include "make_x509.h"

#include "x509/profile.h"

#include <string.h>

static const uint8_t ek[BM_SHA256_SIZE] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x01, 0x23, 0x45, 0x67, 0x89,
                                           0xAB, 0xCD, 0xEF, 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x01, 0x23,
                                           0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF};
#define EK_TEXT "0123456789abcdef0123456789abcdef01234567"
#define SIXTY "012345678901234567890123456789012345678901234567890123456789"

static bm_result parse(const char *text, bm_profile *profile)
{
    *profile = (bm_profile){.name = "fleet"};
    return bm_profile_parse_subject(bm_bytes_str(text), profile);
}

/* The name of an identity under a template, as OpenSSL prints it (RFC 2253, in the order of the encoding). */
static void show(const char *text, const char *identity, char *out, size_t size)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BIO *bio = BIO_new(BIO_s_mem());
    bm_profile profile;
    const unsigned char *at;
    X509_NAME *name;
    int used;

    assert_ok(parse(text, &profile));
    assert_ok(bm_profile_put_subject(&der, &profile, identity, ek));
    at = der.data;
    name = d2i_X509_NAME(NULL, &at, (long)der.size);
    assert_non_null(name);
    assert_ptr_equal(at, der.data + der.size);
    X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~(unsigned long)XN_FLAG_SPC_EQ);
    used = BIO_read(bio, out, (int)size - 1);
    assert_true(used > 0);
    out[used] = '\0';
    X509_NAME_free(name);
    BIO_free(bio);
}

static void a_template_becomes_the_name_that_it_says(void **state)
{
    static const char *const cases[][2] = {
        {"CN=%i", "CN=SN-1"},
        {"CN=%i, serialNumber=%i, O=Example Ltd", "CN=SN-1, serialNumber=SN-1, O=Example Ltd"},
        {"C=DE,ST=Bavaria,L=Munich,O=a,OU=b,OU=c,CN=%i", "C=DE, ST=Bavaria, L=Munich, O=a, OU=b, OU=c, CN=SN-1"},
        {"CN=%e", "CN=" EK_TEXT},
        {"CN=device %i of %p at 100%%", "CN=device SN-1 of fleet at 100%"},
        {"  CN =  %i  ", "CN=SN-1"},
        {"CN=%i%i-%e", "CN=SN-1SN-1-" EK_TEXT},
    };
    char text[512];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        show(cases[i][0], "SN-1", text, sizeof(text));
        assert_string_equal(text, cases[i][1]);
    }
}

static void a_template_that_is_wrong_is_refused(void **state)
{
    static const char *const bad[] = {
        "", " ", "CN", "CN=", "=%i", "%i", "CN=%i,", ",CN=%i", "CN=%i,,O=a", "CN=%i O=a", "CN==%i", "cn=%i", "X=%i",
        "2.5.4.3=%i", "CN=%", "CN=%i%", "CN=%x", "CN=%I", "CN=% i", "CN=%i\n", "CN=\t%i\x01", "CN=caf\xC3\xA9 %i",
        "C=%i", "C=D", "C=DEU", "C=D1, CN=%i", "C=%%, CN=%i", "CN=%i, CN=%e", "O=a, O=b, CN=%i", "serialNumber=%i, serialNumber=%i",
        /* names no device */
        "CN=device", "CN=%p", "CN=%%i",
        /* nine attributes */
        "CN=%i,OU=1,OU=2,OU=3,OU=4,OU=5,OU=6,OU=7,OU=8",
        /* 65 characters */
        ("CN=%i, O=" SIXTY "01234")};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bm_profile profile;
        bm_result result = parse(bad[i], &profile);

        if (result.code != BM_E_CONFIG_INVALID)
            fail_msg("'%s' was taken", bad[i]);
        assert_non_null(result.detail);
        assert_int_equal(profile.subject_count, 0);
    }
    assert_code(bm_profile_parse_subject(bm_bytes_of("CN=%i\0", 6), &(bm_profile){0}), BM_E_CONFIG_INVALID);
}

static void a_template_replaces_the_one_before(void **state)
{
    bm_profile profile;

    (void)state;
    assert_ok(parse("C=DE, O=a, CN=%i", &profile));
    assert_int_equal(profile.subject_count, 3);
    assert_ok(bm_profile_parse_subject(bm_bytes_str("CN=%i,OU=1,OU=2,OU=3,OU=4,OU=5,OU=6,OU=7"), &profile));
    assert_int_equal(profile.subject_count, 8);
    assert_int_equal(profile.subject[0].type, BM_ATTR_CN);
    assert_string_equal(profile.subject[0].text, "%i");
    assert_string_equal(profile.name, "fleet");
}

static void a_value_becomes_no_longer_than_64_characters(void **state)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_profile profile;

    (void)state;
    assert_ok(parse("CN=%i", &profile));
    assert_ok(bm_profile_put_subject(&der, &profile, SIXTY "0123", ek));
    bm_buf_clear(&der);
    assert_ok(parse("CN=x%i", &profile));
    assert_code(bm_profile_put_subject(&der, &profile, SIXTY "0123", ek), BM_E_IDENTITY_INVALID);
    assert_ok(parse("CN=%e%e", &profile));
    assert_code(bm_profile_put_subject(&der, &profile, "a", ek), BM_E_IDENTITY_INVALID);
    assert_int_equal(der.size, 0);
}

static void what_is_no_identity_gets_no_name(void **state)
{
    static const char *const bad[] = {"", "-a", "a,CN=b", "a=b", "a/b", "a b", "a\n", "\xD0\xB0", (SIXTY "01234"), NULL};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        bm_profile profile;

        assert_ok(parse("CN=%i", &profile));
        assert_code(bm_profile_put_subject(&der, &profile, bad[i], ek), BM_E_IDENTITY_INVALID);
        assert_int_equal(der.size, 0);
    }
}

/* The type of the first value of an attribute in a name. */
static int type_of(const char *text, const char *identity, int nid)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_profile profile;
    const unsigned char *at;
    X509_NAME *name;
    int type;

    assert_ok(parse(text, &profile));
    assert_ok(bm_profile_put_subject(&der, &profile, identity, ek));
    at = der.data;
    name = d2i_X509_NAME(NULL, &at, (long)der.size);
    type = ASN1_STRING_type(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, X509_NAME_get_index_by_NID(name, nid, -1))));
    X509_NAME_free(name);
    return type;
}

static void strings_have_the_types_of_rfc_5280(void **state)
{
    (void)state;
    assert_int_equal(type_of("C=DE, CN=%i", "a", NID_countryName), V_ASN1_PRINTABLESTRING);
    assert_int_equal(type_of("serialNumber=%i", "A.b-c:1", NID_serialNumber), V_ASN1_PRINTABLESTRING);
    assert_int_equal(type_of("CN=%i", "a", NID_commonName), V_ASN1_UTF8STRING);
    assert_int_equal(type_of("CN=%i, O=Example Ltd", "a", NID_organizationName), V_ASN1_UTF8STRING);
    /* PrintableString has no underscore: Go, for one, refuses a certificate that has one in it */
    assert_int_equal(type_of("serialNumber=%i", "a_b", NID_serialNumber), V_ASN1_UTF8STRING);
}

static void attributes_have_names(void **state)
{
    static const char *const names[BM_ATTR_COUNT] = {"CN", "serialNumber", "C", "ST", "L", "O", "OU"};

    (void)state;
    for (int i = 0; i < BM_ATTR_COUNT; i++)
        assert_string_equal(bm_profile_attribute_name((bm_subject_attribute_type)i), names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_template_becomes_the_name_that_it_says),
        cmocka_unit_test(a_template_that_is_wrong_is_refused),
        cmocka_unit_test(a_template_replaces_the_one_before),
        cmocka_unit_test(a_value_becomes_no_longer_than_64_characters),
        cmocka_unit_test(what_is_no_identity_gets_no_name),
        cmocka_unit_test(strings_have_the_types_of_rfc_5280),
        cmocka_unit_test(attributes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "make_x509.h"

#include "crypto/der.h"
#include "x509/ekc.h"

#include <openssl/rsa.h>
#include <string.h>

static EVP_PKEY *rsa;
static EVP_PKEY *ecc;
static EVP_PKEY *ca_key;
static X509 *ca;

#define EKU_EK "2.23.133.8.1"
/* Extensions in DER, in hex: as a vendor wrote them. */
#define RAW_CA_FALSE_EXPLICIT "300F" "0603551D13" "0101FF" "0405" "3003010100"
#define RAW_EKU "3010" "0603551D25" "0409" "3007" "06056781050801"
#define RAW_EKU_CRITICAL_FALSE "3013" "0603551D25" "010100" "0409" "3007" "06056781050801"
#define RAW_KU_ENCIPHER "300E" "0603551D0F" "0101FF" "0404" "03020520"

static int make_keys(void **state)
{
    (void)state;
    rsa = make_key(BM_KEY_RSA2048);
    ecc = make_key(BM_KEY_ECC256);
    ca_key = make_key(BM_KEY_ECC256);
    ca = make_x509(&(make_options){.key = ca_key, .name = "Vendor CA", .options = make_ca_extensions});
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ecc);
    EVP_PKEY_free(ca_key);
    X509_free(ca);
    return 0;
}

/* An EK certificate of our CA. */
static void put_ekc(EVP_PKEY *key, const char *const *options, bm_buf *der)
{
    make_x509_der(&(make_options){.key = key, .issuer = ca, .signer = ca_key, .options = options}, der);
}

static void put_filler(bm_buf *out, uint8_t byte, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_ok(bm_buf_put_u8(out, byte));
}

static void padding_and_prefix_are_cut_off(void **state)
{
    static const uint8_t paddings[] = {0x00, 0xFF};
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    (void)state;
    put_ekc(rsa, make_ek_extensions, &der);
    for (size_t padded = 0; padded <= 2; padded++)
        for (size_t prefixed = 0; prefixed <= 1; prefixed++) {
            BM_AUTO_BUF nv = BM_BUF_EMPTY;
            bm_bytes cut;

            if (prefixed == 1) {
                make_hex(&nv, "100100");
                assert_ok(bm_buf_put_u16(&nv, (uint16_t)der.size));
            }
            assert_ok(bm_buf_put(&nv, bm_buf_view(&der)));
            if (padded > 0)
                put_filler(&nv, paddings[padded - 1], 300);
            assert_ok(bm_ekc_trim(bm_buf_view(&nv), &cut));
            assert_bytes(cut, bm_buf_view(&der));
        }
}

static void nv_bytes_without_a_certificate_are_refused(void **state)
{
    static const char *const bad[] = {
        "", "30", "3082", "308210", "30820005", "3081", "3080", "308000", "30800000", "FFFFFFFF", "0000000000", "3103020100", "100100", "1001000005", "1001000003300302", "10010000033001",
        "10020000053003020100", "10010100053003020100", "3084FFFFFFFF00", "308100", "30820003020100"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        BM_AUTO_BUF nv = BM_BUF_EMPTY;
        bm_bytes cut;

        make_hex(&nv, bad[i]);
        assert_code(bm_ekc_trim(bm_buf_view(&nv), &cut), BM_E_EKC_MALFORMED);
    }
}

static make_verdict torture_trim(bm_bytes bytes, void *context)
{
    bm_bytes cut;

    (void)context;
    if (bm_ekc_trim(bytes, &cut).code != BM_OK)
        return MAKE_REFUSED;
    return cut.size == bytes.size ? MAKE_PARSED : MAKE_REFUSED;
}

static void an_nv_index_cut_short_is_refused_at_every_byte(void **state)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    (void)state;
    put_ekc(ecc, make_ek_ecc_extensions, &der);
    make_torture(bm_buf_view(&der), torture_trim, NULL);
}

static void a_concatenated_chain_falls_into_its_certificates(void **state)
{
    static const uint8_t paddings[] = {0x00, 0xFF};
    BM_AUTO_BUF one = BM_BUF_EMPTY;
    BM_AUTO_BUF two = BM_BUF_EMPTY;

    (void)state;
    put_ekc(rsa, make_ek_extensions, &one);
    put_ekc(ecc, make_ek_ecc_extensions, &two);
    for (size_t gap = 0; gap <= 40; gap += 40)
        for (size_t i = 0; i < 2; i++) {
            BM_AUTO_BUF all = BM_BUF_EMPTY;
            bm_bytes rest;
            bm_bytes der;

            assert_ok(bm_buf_put(&all, bm_buf_view(&one)));
            put_filler(&all, paddings[i], gap);
            assert_ok(bm_buf_put(&all, bm_buf_view(&two)));
            put_filler(&all, paddings[i], gap);
            rest = bm_buf_view(&all);
            assert_ok(bm_ekc_next(&rest, &der));
            assert_bytes(der, bm_buf_view(&one));
            assert_ok(bm_ekc_next(&rest, &der));
            assert_bytes(der, bm_buf_view(&two));
            assert_ok(bm_ekc_next(&rest, &der));
            assert_int_equal(der.size, 0);
            assert_ok(bm_ekc_next(&rest, &der));
            assert_int_equal(der.size, 0);
        }
}

static void a_broken_chain_is_refused(void **state)
{
    static const char *const bad[] = {"41", "300302010041", "30", "3003", "30030201", "00FF30", "30030201003005"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        BM_AUTO_BUF bytes = BM_BUF_EMPTY;
        bm_bytes rest;
        bm_bytes der;
        bm_result result;

        make_hex(&bytes, bad[i]);
        rest = bm_buf_view(&bytes);
        do
            result = bm_ekc_next(&rest, &der);
        while (result.code == BM_OK && der.size > 0);
        assert_code(result, BM_E_EKC_MALFORMED);
    }
}

static void the_key_of_an_ek_certificate_is_read(void **state)
{
    EVP_PKEY *const keys[] = {rsa, ecc, make_key(BM_KEY_ECC384), rsa};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        BM_AUTO(bm_pkey_freep) bm_pkey *key = make_wrap(keys[i]);
        BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        bm_pubkey expected;

        /* the last one under id-RSAES-OAEP, which OpenSSL cannot read */
        make_x509_der(&(make_options){.key = keys[i], .issuer = ca, .signer = ca_key, .oaep = i == 3}, &der);
        assert_ok(bm_ekc_parse(bm_buf_view(&der), &ekc));
        assert_ok(bm_pkey_public(key, &expected));
        assert_true(bm_pubkey_equal(bm_ekc_key(ekc), &expected));
        assert_bytes(bm_ekc_der(ekc), bm_buf_view(&der));
    }
    EVP_PKEY_free(keys[2]);
}

static void a_certificate_of_a_key_that_no_ek_has_is_refused(void **state)
{
    EVP_PKEY *const keys[] = {EVP_RSA_gen(1024), EVP_EC_gen("secp256k1"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
        BM_AUTO_BUF der = BM_BUF_EMPTY;

        put_ekc(keys[i], NULL, &der);
        assert_code(bm_ekc_parse(bm_buf_view(&der), &ekc), BM_E_EKC_MALFORMED);
        assert_null(ekc);
        EVP_PKEY_free(keys[i]);
    }
}

static void a_certificate_over_4096_bytes_is_refused(void **state)
{
    static const unsigned sizes[] = {3000, 4096};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
        BM_AUTO_BUF value = BM_BUF_EMPTY;
        BM_AUTO_BUF der = BM_BUF_EMPTY;

        assert_ok(bm_buf_put_str(&value, "DER:0482"));
        assert_ok(bm_buf_putf(&value, "%04X", sizes[i]));
        for (unsigned k = 0; k < sizes[i]; k++)
            assert_ok(bm_buf_put_str(&value, "41"));
        assert_ok(bm_buf_terminate(&value));
        put_ekc(ecc, (const char *const[]){"1.2.3.4", (const char *)value.data, NULL}, &der);
        assert_code(bm_ekc_parse(bm_buf_view(&der), &ekc), i == 0 ? BM_OK : BM_E_EKC_MALFORMED);
    }
}

static bm_result check(EVP_PKEY *key, const char *const *options)
{
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    put_ekc(key, options, &der);
    assert_ok(bm_ekc_parse(bm_buf_view(&der), &ekc));
    return bm_ekc_check_usage(ekc);
}

static void an_ek_certificate_is_for_an_ek(void **state)
{
    (void)state;
    assert_ok(check(rsa, make_ek_extensions));
    assert_ok(check(ecc, make_ek_ecc_extensions));
    /* without a key usage, or with the other one for ECC; the purpose among others; extensions that nobody knows */
    assert_ok(check(rsa, (const char *const[]){"extendedKeyUsage", EKU_EK, NULL}));
    assert_ok(check(ecc, (const char *const[]){"extendedKeyUsage", EKU_EK, "keyUsage", "keyEncipherment", NULL}));
    assert_ok(check(rsa, (const char *const[]){"extendedKeyUsage", "1.2.3," EKU_EK, NULL}));
    assert_ok(check(rsa, (const char *const[]){"extendedKeyUsage", EKU_EK, "1.2.3.4", "DER:0500", NULL}));
    assert_ok(check(rsa, (const char *const[]){"extendedKeyUsage", EKU_EK, "basicConstraints", "CA:FALSE", NULL}));
}

static void a_certificate_for_something_else_is_refused(void **state)
{
    static const char *const cases[][8] = {
        {"basicConstraints", "critical,CA:FALSE", NULL},
        {"extendedKeyUsage", "clientAuth", NULL},
        {"extendedKeyUsage", "2.23.133.8.3", NULL},
        {"extendedKeyUsage", "2.23.133.8.1.1", NULL},
        {"extendedKeyUsage", "anyExtendedKeyUsage", NULL},
        {"extendedKeyUsage", EKU_EK, "basicConstraints", "critical,CA:TRUE", NULL},
        {"extendedKeyUsage", EKU_EK, "basicConstraints", "CA:TRUE,pathlen:0", NULL},
        {"extendedKeyUsage", EKU_EK, "keyUsage", "keyEncipherment,keyCertSign", NULL},
        {"extendedKeyUsage", EKU_EK, "keyUsage", "digitalSignature", NULL},
        {"extendedKeyUsage", EKU_EK, "keyUsage", "keyAgreement", NULL},
        {"extendedKeyUsage", EKU_EK, "1.2.3.4", "critical,DER:0500", NULL},
        {NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_code(check(rsa, cases[i]), BM_E_EKC_USAGE);
    assert_code(check(ecc, (const char *const[]){"extendedKeyUsage", EKU_EK, "keyUsage", "digitalSignature", NULL}),
                BM_E_EKC_USAGE);
}

static void a_version_1_certificate_is_for_no_ek(void **state)
{
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    (void)state;
    make_x509_der(&(make_options){.key = rsa, .issuer = ca, .signer = ca_key, .version_1 = true}, &der);
    assert_ok(bm_ekc_parse(bm_buf_view(&der), &ekc));
    assert_code(bm_ekc_check_usage(ekc), BM_E_EKC_USAGE);
}

/* Parses a certificate of these extensions and checks it. */
static bm_result check_raw(const char *extensions, const char *subject)
{
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
    BM_AUTO_BUF list = BM_BUF_EMPTY;
    BM_AUTO_BUF name = BM_BUF_EMPTY;
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    make_hex(&list, extensions);
    make_hex(&name, subject);
    make_raw(rsa, ca, ca_key, bm_buf_view(&name), bm_buf_view(&list), &der);
    BM_TRY(bm_ekc_parse(bm_buf_view(&der), &ekc));
    assert_bytes(bm_ekc_der(ekc), bm_buf_view(&der));
    return bm_ekc_check_usage(ekc);
}

static void encodings_that_are_not_der_but_in_the_field_are_taken(void **state)
{
    (void)state;
    assert_ok(check_raw(RAW_EKU RAW_KU_ENCIPHER, ""));
    assert_ok(check_raw(RAW_CA_FALSE_EXPLICIT RAW_EKU RAW_KU_ENCIPHER, ""));
    assert_ok(check_raw(RAW_EKU_CRITICAL_FALSE RAW_KU_ENCIPHER, ""));
    /* one RDN of O=b, CN=a: DER would have CN first */
    assert_ok(check_raw(RAW_EKU RAW_KU_ENCIPHER, "3018" "3116" "3009060355040A0C0262" "62" "30090603550403" "0C026161"));
}

static void extensions_that_cannot_be_read_are_refused(void **state)
{
    (void)state;
    assert_code(check_raw(RAW_EKU RAW_EKU, ""), BM_E_EKC_MALFORMED);
    assert_code(check_raw("3010" "0603551D25" "0409" "3007" "06056781050881", ""), BM_E_EKC_MALFORMED);
    assert_code(check_raw(RAW_EKU "300C" "0603551D13" "0101FF" "0402" "0500", ""), BM_E_EKC_MALFORMED);
    assert_code(check_raw(RAW_EKU "300B" "0603551D11" "0101FF" "0401" "30", ""), BM_E_EKC_MALFORMED);
}

static void extensions_stand_in_version_3_alone(void **state)
{
    static const uint8_t version_3[] = {0xA0, 0x03, 0x02, 0x01, 0x02};

    (void)state;
    for (uint8_t version = 0; version < 4; version++) {
        const uint8_t other[] = {0xA0, 0x03, 0x02, 0x01, version};
        BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
        BM_AUTO_BUF der = BM_BUF_EMPTY;

        put_ekc(rsa, make_ek_extensions, &der);
        make_replace(&der, BM_BYTES_ARRAY(version_3), BM_BYTES_ARRAY(other));
        assert_code(bm_ekc_parse(bm_buf_view(&der), &ekc), version == 2 ? BM_OK : BM_E_EKC_MALFORMED);
    }
}

static void validity_has_both_ends_inside(void **state)
{
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
    BM_AUTO(bm_ekc_freep) bm_ekc *endless = NULL;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO_BUF other = BM_BUF_EMPTY;

    (void)state;
    put_ekc(ecc, make_ek_ecc_extensions, &der);
    assert_ok(bm_ekc_parse(bm_buf_view(&der), &ekc));
    assert_ok(bm_ekc_check_validity(ekc, MAKE_FROM));
    assert_ok(bm_ekc_check_validity(ekc, MAKE_UNTIL));
    assert_code(bm_ekc_check_validity(ekc, MAKE_FROM - 1), BM_E_EKC_VALIDITY);
    assert_code(bm_ekc_check_validity(ekc, MAKE_UNTIL + 1), BM_E_EKC_VALIDITY);
    assert_code(bm_ekc_check_validity(ekc, 0), BM_E_EKC_VALIDITY);
    /* 99991231235959Z */
    make_x509_der(&(make_options){.key = ecc, .issuer = ca, .signer = ca_key, .until = INT64_C(253402300799)}, &other);
    assert_ok(bm_ekc_parse(bm_buf_view(&other), &endless));
    assert_ok(bm_ekc_check_validity(endless, INT64_C(253402300799)));
    assert_code(bm_ekc_check_validity(endless, INT64_C(253402300800)), BM_E_EKC_VALIDITY);
}

static make_verdict torture_ekc(bm_bytes bytes, void *context)
{
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
    bm_ekc_info info;

    (void)context;
    if (bm_ekc_parse(bytes, &ekc).code != BM_OK)
        return MAKE_REFUSED;
    bm_result_ignore(bm_ekc_check_usage(ekc));
    bm_result_ignore(bm_ekc_describe(ekc, &info));
    return MAKE_PARSED;
}

/* The TPM's attributes as a SAN's directoryName: manufacturer, model, version, each text in hex. */
static void put_tpm_san(const char *manufacturer, const char *model, const char *version, bm_buf *extension)
{
    const char *const texts[] = {manufacturer, model, version};
    BM_AUTO_BUF set = BM_BUF_EMPTY;
    bm_buf layers[5] = {BM_BUF_EMPTY};

    for (uint8_t i = 0; i < 3; i++) {
        const uint8_t oid[] = {0x67, 0x81, 0x05, 0x02, (uint8_t)(i + 1)};
        BM_AUTO_BUF pair = BM_BUF_EMPTY;

        make_put(&pair, BM_DER_OID, BM_BYTES_ARRAY(oid));
        make_put(&pair, BM_DER_UTF8_STRING, bm_bytes_str(texts[i]));
        make_put(&set, BM_DER_SEQUENCE, bm_buf_view(&pair));
    }
    make_put(&layers[0], BM_DER_SET, bm_buf_view(&set));
    make_put(&layers[1], BM_DER_SEQUENCE, bm_buf_view(&layers[0]));
    make_hex(&layers[2], "820161"); /* a dNSName before it */
    make_put(&layers[2], BM_DER_CONTEXT(4), bm_buf_view(&layers[1]));
    make_put(&layers[3], BM_DER_SEQUENCE, bm_buf_view(&layers[2]));
    make_hex(&layers[4], "0603551D110101FF");
    make_put(&layers[4], BM_DER_OCTET_STRING, bm_buf_view(&layers[3]));
    make_put(extension, BM_DER_SEQUENCE, bm_buf_view(&layers[4]));
    for (size_t i = 0; i < 5; i++)
        bm_buf_fini(&layers[i]);
}

static void put_tpm_ekc(const char *manufacturer, const char *model, const char *version, bm_buf *der)
{
    BM_AUTO_BUF extensions = BM_BUF_EMPTY;

    make_hex(&extensions, RAW_EKU RAW_KU_ENCIPHER);
    put_tpm_san(manufacturer, model, version, &extensions);
    make_raw(rsa, ca, ca_key, bm_bytes_of(NULL, 0), bm_buf_view(&extensions), der);
}

static void no_changed_certificate_crashes_the_parser(void **state)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    (void)state;
    put_tpm_ekc("id:49465800", "SLB9670", "id:0007", &der);
    make_torture(bm_buf_view(&der), torture_ekc, NULL);
}

static void describe(const char *manufacturer, const char *model, const char *version, bm_ekc_info *info)
{
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    put_tpm_ekc(manufacturer, model, version, &der);
    assert_ok(bm_ekc_parse(bm_buf_view(&der), &ekc));
    /* an empty subject with a critical directoryName is what the profile wants */
    assert_ok(bm_ekc_check_usage(ekc));
    assert_ok(bm_ekc_describe(ekc, info));
}

static void a_description_says_whose_tpm_it_is(void **state)
{
    bm_ekc_info info;

    (void)state;
    describe("id:49465800", "SLB9670", "id:00070055", &info);
    assert_string_equal(info.manufacturer, "IFX");
    assert_string_equal(info.model, "SLB9670");
    assert_string_equal(info.version, "id:00070055");
    assert_string_equal(info.subject, "tpmManufacturer=id:49465800, tpmModel=SLB9670, tpmVersion=id:00070055");
    assert_string_equal(info.issuer, "CN=Vendor CA");
    assert_true(info.not_before == MAKE_FROM);
    assert_true(info.not_after == MAKE_UNTIL);
    describe("id:53544D20", "", "", &info);
    assert_string_equal(info.manufacturer, "STM");
}

static void a_description_shows_nothing_that_a_terminal_obeys(void **state)
{
    bm_ekc_info info;

    (void)state;
    describe("id:1B5B324A", "\x1B[2J\r\n", "\xC3\xA9", &info);
    assert_string_equal(info.manufacturer, "?[2J");
    assert_string_equal(info.model, "?[2J??");
    assert_string_equal(info.version, "??");
    assert_null(strchr(info.subject, '\x1B'));
    /* what is no vendor number is shown as it is, and what is long is cut */
    describe("id:4946580", "m", "v", &info);
    assert_string_equal(info.manufacturer, "id:4946580");
    describe("id:494658zz", "m", "v", &info);
    assert_string_equal(info.manufacturer, "id:494658zz");
    describe("0123456789012345678901234567890123456789",
             "01234567890123456789012345678901234567890123456789012345678901234567890123456789", "v", &info);
    assert_int_equal(strlen(info.manufacturer), sizeof(info.manufacturer) - 1);
    assert_int_equal(strlen(info.model), sizeof(info.model) - 1);
    assert_int_equal(strlen(info.subject), sizeof(info.subject) - 1);
}

static void a_description_does_without_tpm_attributes(void **state)
{
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_ekc_info info;

    (void)state;
    make_x509_der(&(make_options){.key = ecc, .name = "an EK", .issuer = ca, .signer = ca_key}, &der);
    assert_ok(bm_ekc_parse(bm_buf_view(&der), &ekc));
    assert_ok(bm_ekc_describe(ekc, &info));
    assert_string_equal(info.subject, "CN=an EK");
    assert_string_equal(info.manufacturer, "");
    assert_string_equal(info.model, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding_and_prefix_are_cut_off),
        cmocka_unit_test(nv_bytes_without_a_certificate_are_refused),
        cmocka_unit_test(an_nv_index_cut_short_is_refused_at_every_byte),
        cmocka_unit_test(a_concatenated_chain_falls_into_its_certificates),
        cmocka_unit_test(a_broken_chain_is_refused),
        cmocka_unit_test(the_key_of_an_ek_certificate_is_read),
        cmocka_unit_test(a_certificate_of_a_key_that_no_ek_has_is_refused),
        cmocka_unit_test(a_certificate_over_4096_bytes_is_refused),
        cmocka_unit_test(an_ek_certificate_is_for_an_ek),
        cmocka_unit_test(a_certificate_for_something_else_is_refused),
        cmocka_unit_test(a_version_1_certificate_is_for_no_ek),
        cmocka_unit_test(encodings_that_are_not_der_but_in_the_field_are_taken),
        cmocka_unit_test(extensions_that_cannot_be_read_are_refused),
        cmocka_unit_test(extensions_stand_in_version_3_alone),
        cmocka_unit_test(validity_has_both_ends_inside),
        cmocka_unit_test(no_changed_certificate_crashes_the_parser),
        cmocka_unit_test(a_description_says_whose_tpm_it_is),
        cmocka_unit_test(a_description_shows_nothing_that_a_terminal_obeys),
        cmocka_unit_test(a_description_does_without_tpm_attributes),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}

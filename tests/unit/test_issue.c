#include "make_issue.h"

#include <string.h>

static X509 *decode(bm_bytes der)
{
    const unsigned char *at = der.data;
    X509 *x509 = d2i_X509(NULL, &at, (long)der.size);

    assert_non_null(x509);
    assert_ptr_equal(at, der.data + der.size);
    return x509;
}

/* OpenSSL's opinion, strict, as a TLS server has it of a client. */
static int opinion(X509 *leaf, int64_t now, int purpose)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509 *anchor = decode(bm_buf_view(&fleet.ca.der));
    X509_VERIFY_PARAM *parameters;
    int error;

    assert_int_equal(X509_STORE_add_cert(store, anchor), 1);
    assert_int_equal(X509_STORE_CTX_init(context, store, leaf, NULL), 1);
    parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    X509_VERIFY_PARAM_set_time(parameters, (time_t)now);
    X509_VERIFY_PARAM_set_auth_level(parameters, 2);
    assert_int_equal(X509_VERIFY_PARAM_set_purpose(parameters, purpose), 1);
    (void)X509_verify_cert(context);
    error = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    X509_free(anchor);
    return error;
}

static void what_we_issue_stands_before_openssl(void **state)
{
    (void)state;
    for (size_t i = 0; i < MAKE_TYPE_COUNT; i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        BM_AUTO_BUF again = BM_BUF_EMPTY;
        bm_issue_fields fields = make_fields(make_types[i]);
        X509 *x509;

        make_issued(&fields, &der);
        x509 = decode(bm_buf_view(&der));
        assert_int_equal(opinion(x509, MAKE_NOW, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
        assert_int_equal(opinion(x509, MAKE_NOW, X509_PURPOSE_SSL_SERVER), X509_V_ERR_INVALID_PURPOSE);
        assert_int_equal(opinion(x509, MAKE_UNTIL + 1, X509_PURPOSE_SSL_CLIENT), X509_V_ERR_CERT_HAS_EXPIRED);
        assert_int_equal(opinion(x509, MAKE_FROM - 1, X509_PURPOSE_SSL_CLIENT), X509_V_ERR_CERT_NOT_YET_VALID);
        /* DER: what OpenSSL writes anew from what it read is the same */
        assert_true(i2d_re_X509_tbs(x509, NULL) > 0);
        make_der(x509, &again);
        assert_bytes(bm_buf_view(&again), bm_buf_view(&der));
        X509_free(x509);
    }
}

/* The value of an extension in hex; "" when it is not there. */
static void extension(const X509 *x509, int nid, bool critical, const char *expected)
{
    X509_EXTENSION *found = X509_get_ext(x509, X509_get_ext_by_NID(x509, nid, -1));
    BM_AUTO_BUF hex = BM_BUF_EMPTY;
    const ASN1_OCTET_STRING *value;

    assert_non_null(found);
    assert_int_equal(X509_EXTENSION_get_critical(found) > 0, critical);
    value = X509_EXTENSION_get_data(found);
    assert_ok(bm_text_put_hex(&hex, bm_bytes_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value))));
    assert_bytes(bm_buf_view(&hex), bm_bytes_str(expected));
}

static void the_extensions_are_these_and_no_others(void **state)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_issue_fields fields = make_fields(BM_KEY_ECC256);
    uint8_t digest[BM_SHA256_SIZE];
    uint8_t point[65] = {0x04};
    X509 *x509;

    (void)state;
    make_issued(&fields, &der);
    x509 = decode(bm_buf_view(&der));
    assert_int_equal(X509_get_version(x509), 2);
    assert_int_equal(X509_get_ext_count(x509), 6);
    extension(x509, NID_basic_constraints, true, "3000");
    extension(x509, NID_key_usage, true, "03020780");
    extension(x509, NID_ext_key_usage, false, "300a06082b06010505070302");
    extension(x509, NID_certificate_policies, false, "300a300806066781050b0101");
    /* RFC 7093, section 2, method 1: over the point */
    memcpy(point + 1, fleet.device[BM_KEY_ECC256].x, 32);
    memcpy(point + 33, fleet.device[BM_KEY_ECC256].y, 32);
    assert_ok(bm_hash_sha256(BM_BYTES_ARRAY(point), digest));
    assert_bytes(bm_bytes_of(ASN1_STRING_get0_data(X509_get0_subject_key_id(x509)), 20), bm_bytes_of(digest, 20));
    assert_int_equal(ASN1_STRING_length(X509_get0_subject_key_id(x509)), 20);
    assert_bytes(bm_bytes_of(ASN1_STRING_get0_data(X509_get0_authority_key_id(x509)), 20), bm_buf_view(&fleet.ca.key_id));
    X509_free(x509);
}

static void a_serial_is_positive_and_of_20_bytes(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        uint8_t serial[BM_SERIAL_SIZE] = {(uint8_t)first, 0xFF};

        bm_issue_serial(serial);
        assert_in_range(serial[0], 1, 0x7F);
        if ((first & 0x7F) != 0)
            assert_int_equal(serial[0], first & 0x7F);
        assert_int_equal(serial[1], 0xFF);
    }
}

static void what_we_issue_is_parsed_as_it_was_made(void **state)
{
    (void)state;
    for (size_t i = 0; i < MAKE_TYPE_COUNT; i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        bm_issue_fields fields = make_fields(make_types[i]);
        bm_issued issued;

        make_issued(&fields, &der);
        assert_ok(bm_issue_parse(bm_buf_view(&der), &issued));
        assert_bytes(issued.serial, BM_BYTES_ARRAY(fields.serial));
        assert_true(bm_pubkey_equal(&issued.key, fields.key));
        assert_true(issued.not_before == MAKE_FROM);
        assert_true(issued.not_after == MAKE_UNTIL);
        assert_string_equal(issued.subject, "CN=SN-1, serialNumber=SN-1, O=Example Ltd");
        assert_string_equal(issued.common_name, "SN-1");
    }
}

static void times_have_the_type_of_their_year(void **state)
{
    static const struct {
        int64_t time;
        int type;
        const char *text;
    } cases[] = {{0, V_ASN1_UTCTIME, "700101000000Z"},
                 {INT64_C(946684799), V_ASN1_UTCTIME, "991231235959Z"},
                 {INT64_C(951782400), V_ASN1_UTCTIME, "000229000000Z"},
                 {INT64_C(2524607999), V_ASN1_UTCTIME, "491231235959Z"},
                 {INT64_C(2524608000), V_ASN1_GENERALIZEDTIME, "20500101000000Z"},
                 {INT64_C(253402300799), V_ASN1_GENERALIZEDTIME, "99991231235959Z"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        bm_issue_fields fields = make_fields(BM_KEY_ECC256);
        const ASN1_TIME *time;
        bm_issued issued;
        X509 *x509;

        fields.not_before = 0;
        fields.not_after = cases[i].time;
        make_issued(&fields, &der);
        x509 = decode(bm_buf_view(&der));
        time = X509_get0_notAfter(x509);
        assert_int_equal(ASN1_STRING_type(time), cases[i].type);
        assert_bytes(bm_bytes_of(ASN1_STRING_get0_data(time), (size_t)ASN1_STRING_length(time)), bm_bytes_str(cases[i].text));
        assert_ok(bm_issue_parse(bm_buf_view(&der), &issued));
        assert_true(issued.not_after == cases[i].time);
        X509_free(x509);
    }
}

static void a_validity_that_cannot_be_is_not_written(void **state)
{
    static const int64_t bad[][2] = {{-1, 5}, {10, 9}, {0, INT64_C(253402300800)}, {0, INT64_MAX}, {INT64_MIN, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        BM_AUTO_BUF tbs = BM_BUF_EMPTY;
        bm_issue_fields fields = make_fields(BM_KEY_ECC256);

        fields.not_before = bad[i][0];
        fields.not_after = bad[i][1];
        assert_code(bm_issue_put_tbs(&tbs, &fleet.ca, BM_SIG_ECDSA_SHA256, &fields), BM_E_INTERNAL);
        assert_int_equal(tbs.size, 0);
    }
}

static make_verdict torture_parse(bm_bytes bytes, void *context)
{
    bm_issued issued;

    (void)context;
    return bm_issue_parse(bytes, &issued).code == BM_OK ? MAKE_PARSED : MAKE_REFUSED;
}

static void no_changed_certificate_crashes_the_parser(void **state)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_issue_fields fields = make_fields(BM_KEY_RSA2048);

    (void)state;
    make_issued(&fields, &der);
    make_torture(bm_buf_view(&der), torture_parse, NULL);
}

/* Our certificate with one thing replaced by another of the same size. */
static bm_result parse_with(bm_bytes from, bm_bytes to)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_issue_fields fields = make_fields(BM_KEY_ECC256);
    bm_issued issued;

    fields.serial[0] = 0x5A;
    fields.serial[1] = 0xA5;
    make_issued(&fields, &der);
    make_replace(&der, from, to);
    return bm_issue_parse(bm_buf_view(&der), &issued);
}

static bm_result parse_hex(const char *from, const char *to)
{
    BM_AUTO_BUF one = BM_BUF_EMPTY;
    BM_AUTO_BUF two = BM_BUF_EMPTY;

    make_hex(&one, from);
    make_hex(&two, to);
    return parse_with(bm_buf_view(&one), bm_buf_view(&two));
}

static void a_certificate_that_is_not_der_is_refused(void **state)
{
    (void)state;
    assert_ok(parse_hex("02145AA5", "02145AA5"));
    assert_code(parse_hex("02145AA5", "0214FFA5"), BM_E_MALFORMED);                   /* a negative serial */
    assert_code(parse_hex("02145AA5", "02140001"), BM_E_MALFORMED);                   /* needless zeros */
    assert_code(parse_hex("A003020102", "A003020101"), BM_E_MALFORMED);               /* version 2 with extensions */
    assert_code(parse_hex("A003020102", "A003020103"), BM_E_MALFORMED);               /* version 4 */
    assert_code(parse_hex("06082A8648CE3D040302", "06082A8648CE3D040303"), BM_E_MALFORMED); /* two algorithms */
    assert_code(parse_hex("0101FF", "010101"), BM_E_MALFORMED);                       /* a flag neither true nor false */
    assert_code(parse_hex("0603551D0F", "0603551D13"), BM_E_MALFORMED);               /* an extension twice */
}

static void times_that_are_not_rfc_5280_are_refused(void **state)
{
    static const char *const bad[] = {"361301000000Z", "360230000000Z", "360101240000Z", "360101006000Z", "360101000060Z",
                                      "360101000000z", "3601010000000", "36010100000 Z", "250101000000Z", "+60101000000Z"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_code(parse_with(bm_bytes_str("360101000000Z"), bm_bytes_str(bad[i])), BM_E_MALFORMED);
    assert_ok(parse_with(bm_bytes_str("360101000000Z"), bm_bytes_str("260101000000Z")));
    assert_code(parse_with(bm_bytes_str("\x17\r360101000000Z"), bm_bytes_str("\x18\r360101000000Z")), BM_E_MALFORMED);
}

static void a_year_until_2049_is_no_generalized_time(void **state)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_issue_fields fields = make_fields(BM_KEY_ECC256);
    bm_issued issued;

    (void)state;
    fields.not_after = INT64_C(2524608000);
    make_issued(&fields, &der);
    assert_ok(bm_issue_parse(bm_buf_view(&der), &issued));
    make_replace(&der, bm_bytes_str("20500101000000Z"), bm_bytes_str("20490101000000Z"));
    assert_code(bm_issue_parse(bm_buf_view(&der), &issued), BM_E_MALFORMED);
}

static void a_subject_is_shown_in_printable_characters(void **state)
{
    static const char *const names[][3] = {
        {"3015" "3113301106035504030C0A" "1B5B324A0D0A61C3A97F", "CN=?[2J??a???", "?[2J??a???"},
        {"300D" "310B3009060355042A" "0C026161", "2.5.4.42=aa", ""},
        {"3000", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        BM_AUTO_BUF name = BM_BUF_EMPTY;
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        bm_issue_fields fields = make_fields(BM_KEY_ECC256);
        bm_issued issued;

        make_hex(&name, names[i][0]);
        fields.subject = bm_buf_view(&name);
        make_issued(&fields, &der);
        assert_ok(bm_issue_parse(bm_buf_view(&der), &issued));
        assert_string_equal(issued.subject, names[i][1]);
        assert_string_equal(issued.common_name, names[i][2]);
    }
}

#define HEX_CN "310B30090603550403" "0C026161"

static void two_common_names_and_one_too_long_are_refused(void **state)
{
    BM_AUTO_BUF twice = BM_BUF_EMPTY;
    BM_AUTO_BUF large = BM_BUF_EMPTY;
    bm_buf *const names[] = {&twice, &large};

    (void)state;
    make_hex(&twice, "301A" HEX_CN HEX_CN);
    make_hex(&large, "304C" "314A3048" "0603550403" "0C41");
    for (size_t i = 0; i < 65; i++)
        assert_ok(bm_buf_put_u8(&large, 'a'));
    for (size_t i = 0; i < 2; i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        bm_issue_fields fields = make_fields(BM_KEY_ECC256);
        bm_issued issued;

        fields.subject = bm_buf_view(names[i]);
        make_issued(&fields, &der);
        assert_code(bm_issue_parse(bm_buf_view(&der), &issued), BM_E_MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_we_issue_stands_before_openssl),
        cmocka_unit_test(the_extensions_are_these_and_no_others),
        cmocka_unit_test(a_serial_is_positive_and_of_20_bytes),
        cmocka_unit_test(what_we_issue_is_parsed_as_it_was_made),
        cmocka_unit_test(times_have_the_type_of_their_year),
        cmocka_unit_test(a_validity_that_cannot_be_is_not_written),
        cmocka_unit_test(no_changed_certificate_crashes_the_parser),
        cmocka_unit_test(a_certificate_that_is_not_der_is_refused),
        cmocka_unit_test(times_that_are_not_rfc_5280_are_refused),
        cmocka_unit_test(a_year_until_2049_is_no_generalized_time),
        cmocka_unit_test(a_subject_is_shown_in_printable_characters),
        cmocka_unit_test(two_common_names_and_one_too_long_are_refused),
    };
    return cmocka_run_group_tests(tests, make_fleet_begin, make_fleet_end);
}

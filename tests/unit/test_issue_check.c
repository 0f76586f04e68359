#include "make_issue.h"

#include "crypto/der.h"
#include "x509/build.h"
#include "x509/walk.h"

/* The keeper's look, with the hash of the P-256 device key. */
static bm_result look(bm_bytes tbs)
{
    uint8_t sha256[BM_SHA256_SIZE];

    assert_ok(bm_pubkey_spki_sha256(&fleet.device[BM_KEY_ECC256], sha256));
    return bm_issue_check_tbs(tbs, &fleet.ca, BM_SIG_ECDSA_SHA256, sha256);
}

/* The keeper's look at what these fields make. */
static bm_result look_at(const bm_issue_fields *fields)
{
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;

    assert_ok(bm_issue_put_tbs(&tbs, &fleet.ca, BM_SIG_ECDSA_SHA256, fields));
    return look(bm_buf_view(&tbs));
}

static void the_keeper_signs_what_we_issue(void **state)
{
    (void)state;
    for (size_t i = 0; i < MAKE_TYPE_COUNT; i++) {
        BM_AUTO_BUF tbs = BM_BUF_EMPTY;
        bm_issue_fields fields = make_fields(make_types[i]);
        uint8_t sha256[BM_SHA256_SIZE];

        assert_ok(bm_issue_put_tbs(&tbs, &fleet.ca, BM_SIG_ECDSA_SHA256, &fields));
        assert_ok(bm_pubkey_spki_sha256(fields.key, sha256));
        assert_ok(bm_issue_check_tbs(bm_buf_view(&tbs), &fleet.ca, BM_SIG_ECDSA_SHA256, sha256));
        /* but for no other key, and with no other algorithm than its own */
        sha256[31] ^= 1;
        assert_code(bm_issue_check_tbs(bm_buf_view(&tbs), &fleet.ca, BM_SIG_ECDSA_SHA256, sha256), BM_E_KEY_REFUSED);
        sha256[31] ^= 1;
        assert_code(bm_issue_check_tbs(bm_buf_view(&tbs), &fleet.ca, BM_SIG_ECDSA_SHA384, sha256), BM_E_KEY_REFUSED);
        assert_code(bm_issue_check_tbs(bm_buf_view(&tbs), &fleet.ca, BM_SIG_RSA_SHA256, sha256), BM_E_KEY_REFUSED);
    }
}

static void the_keeper_signs_nothing_that_outlives_the_ca(void **state)
{
    bm_issue_fields fields = make_fields(BM_KEY_ECC256);

    (void)state;
    fields.not_after = MAKE_CA_UNTIL;
    assert_ok(look_at(&fields));
    fields.not_after = MAKE_CA_UNTIL + 1;
    assert_code(look_at(&fields), BM_E_KEY_REFUSED);
    fields.not_after = INT64_C(253402300799);
    assert_code(look_at(&fields), BM_E_KEY_REFUSED);
}

static void the_keeper_signs_no_odd_serial(void **state)
{
    bm_issue_fields fields = make_fields(BM_KEY_ECC256);

    (void)state;
    assert_ok(look_at(&fields));
    fields.serial[0] = 0x80;
    assert_code(look_at(&fields), BM_E_KEY_REFUSED);
    fields.serial[0] = 0x00;
    assert_code(look_at(&fields), BM_E_KEY_REFUSED);
    for (size_t i = 0; i < BM_SERIAL_SIZE; i++)
        fields.serial[i] = 0;
    assert_code(look_at(&fields), BM_E_KEY_REFUSED);
}

static void the_keeper_signs_no_key_of_the_ca(void **state)
{
    bm_issue_fields fields = make_fields(BM_KEY_ECC256);
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    uint8_t sha256[BM_SHA256_SIZE];

    (void)state;
    fields.key = &fleet.ca.key;
    assert_ok(bm_issue_put_tbs(&tbs, &fleet.ca, BM_SIG_ECDSA_SHA256, &fields));
    assert_ok(bm_pubkey_spki_sha256(&fleet.ca.key, sha256));
    assert_code(bm_issue_check_tbs(bm_buf_view(&tbs), &fleet.ca, BM_SIG_ECDSA_SHA256, sha256), BM_E_KEY_REFUSED);
}

#define HEX_CN "310B30090603550403" "0C026161"
#define HEX_OU "310B3009060355040B" "0C026161"

static void the_keeper_signs_no_odd_subject(void **state)
{
    static const char *const bad[] = {
        "",                              /* nothing */
        "3000",                          /* an empty name */
        "310B30090603550403" "0C026161", /* no Name */
        "300D" "310B30090603550403" "13026161", /* CN as PrintableString */
        "300D" "310B30090603550406" "0C024445", /* C as UTF8String */
        "300D" "310B3009060355042A" "0C026161", /* givenName */
        "300D" "310B30090603550403" "0C020A61", /* a line break */
        "300D" "310B30090603550403" "0C02FFFE", /* no UTF-8 */
        "300D" "310B30090603550403" "1E020061", /* BMPString */
        "300B" "310930070603550403" "0C00",     /* an empty value */
        "3018" "3116" "30090603550403" "0C026161" "3009060355040A" "0C026262", /* two in one RDN */
        "300F" "310D300B0603550403" "0C026161" "0500",                           /* something behind the value */
        "3075" HEX_OU HEX_OU HEX_OU HEX_OU HEX_OU HEX_OU HEX_OU HEX_OU HEX_OU,      /* nine RDNs */
        "301A" HEX_CN HEX_CN,                                                       /* two commonNames */
    };
    bm_issue_fields fields = make_fields(BM_KEY_ECC256);

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        BM_AUTO_BUF name = BM_BUF_EMPTY;

        make_hex(&name, bad[i]);
        fields.subject = bm_buf_view(&name);
        if (look_at(&fields).code != BM_E_KEY_REFUSED)
            fail_msg("subject %zu was taken", i);
    }
    fields.subject = bm_buf_view(&fleet.ca.subject);
    assert_code(look_at(&fields), BM_E_KEY_REFUSED);
    {
        BM_AUTO_BUF name = BM_BUF_EMPTY;

        make_hex(&name, "3027" HEX_CN HEX_OU HEX_OU);
        fields.subject = bm_buf_view(&name);
        assert_ok(look_at(&fields));
    }
}

/* A to-be-signed certificate with other extensions, or of another issuer. */
static bm_result look_raw(bm_bytes issuer, const char *extensions)
{
    BM_AUTO_BUF list = BM_BUF_EMPTY;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    bm_issue_fields fields = make_fields(BM_KEY_ECC256);
    bm_build_fields raw = {.serial = BM_BYTES_ARRAY(fields.serial),
                           .alg = BM_SIG_ECDSA_SHA256,
                           .issuer = issuer,
                           .not_before = MAKE_FROM,
                           .not_after = MAKE_UNTIL,
                           .subject = fields.subject,
                           .key = fields.key};
    uint8_t id[BM_BUILD_KEY_ID_SIZE];

    make_hex(&list, extensions);
    assert_ok(bm_build_key_id(fields.key, id));
    assert_ok(bm_build_put_key_ids(&list, BM_BYTES_ARRAY(id), bm_buf_view(&fleet.ca.key_id)));
    raw.extensions = bm_buf_view(&list);
    assert_ok(bm_build_put_tbs(&tbs, &raw));
    return look(bm_buf_view(&tbs));
}

#define BASIC "300C0603551D130101FF0402" "3000"
#define USAGE "300E0603551D0F0101FF0404" "03020780"
#define CLIENT "30130603551D25040C" "300A06082B06010505070302"
#define POLICY "30130603551D20040C" "300A300806066781050B0101"

static void the_keeper_signs_no_other_extensions(void **state)
{
    static const char *const bad[] = {
        "",
        BASIC USAGE CLIENT,
        USAGE BASIC CLIENT POLICY,
        "300F0603551D130101FF0405" "30030101FF" USAGE CLIENT POLICY,        /* CA:TRUE */
        "300F0603551D130101FF0405" "3003010100" USAGE CLIENT POLICY,        /* CA:FALSE spelt out */
        "30090603551D130402" "3000" USAGE CLIENT POLICY,                    /* not critical */
        BASIC "300E0603551D0F0101FF0404" "03020204" CLIENT POLICY,          /* keyCertSign */
        BASIC USAGE "30130603551D25040C" "300A06082B06010505070301" POLICY, /* serverAuth */
        BASIC USAGE CLIENT "30130603551D20040C" "300A300806066781050B0102", /* another policy */
        BASIC USAGE CLIENT POLICY "300E0603551D1104073005820378" "2E79",    /* a SAN, x.y */
        BASIC USAGE CLIENT POLICY BASIC,
    };

    (void)state;
    assert_ok(look_raw(bm_buf_view(&fleet.ca.subject), BASIC USAGE CLIENT POLICY));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (look_raw(bm_buf_view(&fleet.ca.subject), bad[i]).code != BM_E_KEY_REFUSED)
            fail_msg("extensions %zu were taken", i);
    assert_code(look_raw(bm_buf_view(&fleet.subject), BASIC USAGE CLIENT POLICY), BM_E_KEY_REFUSED);
}

static void the_keeper_signs_no_ca_and_no_server(void **state)
{
    static const char *const name = "ca.example.com";
    bm_ca_tls_options options = {.names = &name, .name_count = 1, .not_before = MAKE_FROM, .not_after = MAKE_UNTIL, .serial = {1}};
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_bytes ders[2];

    (void)state;
    assert_ok(bm_ca_tls_certificate(&fleet.ca, fleet.ca_key, &fleet.device[BM_KEY_ECC256], &options, &der));
    ders[0] = bm_buf_view(&der);
    ders[1] = bm_buf_view(&fleet.ca.der);
    for (size_t i = 0; i < 2; i++) {
        bm_cursor at = bm_cursor_of(ders[i]);
        bm_cursor inner;
        bm_bytes tbs;

        assert_code(look(ders[i]), BM_E_KEY_REFUSED);
        assert_ok(bm_der_enter(&at, BM_DER_SEQUENCE, &inner));
        assert_ok(bm_der_take_whole(&inner, BM_DER_SEQUENCE, &tbs));
        assert_code(look(tbs), BM_E_KEY_REFUSED);
    }
    assert_code(look(bm_bytes_of(NULL, 0)), BM_E_KEY_REFUSED);
}

/* Is this place of a certificate inside one of its parts? */
static bool is_inside(const uint8_t *place, bm_bytes part)
{
    return place >= part.data && place < part.data + part.size;
}

/* With a changed serial, date or subject it is still a certificate of ours for this key; with any other change it is not. */
static make_verdict torture_look(bm_bytes tbs, void *context)
{
    const bm_bytes *good = context;
    bm_walk_fields fields;

    if (look(tbs).code != BM_OK)
        return MAKE_REFUSED;
    assert_ok(bm_walk_tbs(*good, &fields));
    if (tbs.size != good->size)
        return MAKE_VERIFIED;
    for (size_t i = 0; i < tbs.size; i++) {
        const uint8_t *place = good->data + i;

        if (tbs.data[i] != *place && !is_inside(place, fields.serial) && !is_inside(place, fields.validity) &&
            !is_inside(place, fields.subject))
            return MAKE_VERIFIED;
    }
    return MAKE_PARSED;
}

static void the_keeper_signs_no_changed_certificate(void **state)
{
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    bm_issue_fields fields = make_fields(BM_KEY_ECC256);
    bm_bytes view;

    (void)state;
    assert_ok(bm_issue_put_tbs(&tbs, &fleet.ca, BM_SIG_ECDSA_SHA256, &fields));
    view = bm_buf_view(&tbs);
    make_torture(view, torture_look, &view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_keeper_signs_what_we_issue),
        cmocka_unit_test(the_keeper_signs_nothing_that_outlives_the_ca),
        cmocka_unit_test(the_keeper_signs_no_odd_serial),
        cmocka_unit_test(the_keeper_signs_no_key_of_the_ca),
        cmocka_unit_test(the_keeper_signs_no_odd_subject),
        cmocka_unit_test(the_keeper_signs_no_other_extensions),
        cmocka_unit_test(the_keeper_signs_no_ca_and_no_server),
        cmocka_unit_test(the_keeper_signs_no_changed_certificate),
    };
    return cmocka_run_group_tests(tests, make_fleet_begin, make_fleet_end);
}

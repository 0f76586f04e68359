/* The extensions of EK certificates, read from their bytes. */
#include "make_x509.h"

#include "x509/ekc_extensions.h"

#define EK_PURPOSE "3010" "0603551D25" "0409" "3007" "06056781050801"
#define KEY_ENCIPHERMENT "300B" "0603551D0F" "0404" "03020520"
#define KEY_CERT_SIGN "300B" "0603551D0F" "0404" "03020204"

static bm_result read_hex(const char *hex, bm_ekc_extensions *extensions)
{
    static bm_buf bytes; /* empty; what the views of the result are of */

    bm_buf_fini(&bytes);
    make_hex(&bytes, hex);
    return bm_ekc_extensions_read(bm_buf_view(&bytes), extensions);
}

static bm_ekc_extensions read_good(const char *hex)
{
    bm_ekc_extensions extensions;

    assert_ok(read_hex(hex, &extensions));
    return extensions;
}

static void without_extensions_nothing_is_forbidden_and_nothing_said(void **state)
{
    bm_ekc_extensions none = read_good("");

    (void)state;
    assert_false(none.is_ca);
    assert_false(none.has_ek_purpose);
    assert_false(none.unknown_critical);
    assert_int_equal(none.key_usage, 0xFF);
    assert_int_equal(none.authority.size, 0);
}

static void the_purpose_and_the_usage_are_found(void **state)
{
    (void)state;
    assert_true(read_good(EK_PURPOSE).has_ek_purpose);
    assert_true(read_good(KEY_ENCIPHERMENT EK_PURPOSE).has_ek_purpose);
    assert_int_equal(read_good(KEY_ENCIPHERMENT EK_PURPOSE).key_usage, BM_EKC_KEY_ENCIPHERMENT);
    assert_int_equal(read_good("300B" "0603551D0F" "0404" "03020308").key_usage, BM_EKC_KEY_AGREEMENT);
    /* the ninth bit alone is a usage too, and none of ours */
    assert_int_equal(read_good("300C" "0603551D0F" "0405" "0303070080").key_usage, 0);
    /* bits that are said not to be used are no usages */
    assert_int_equal(read_good("300B" "0603551D0F" "0404" "030207FF").key_usage, 0x80);
    assert_false(read_good("300E" "0603551D25" "0407" "3005" "0603550101").has_ek_purpose);
}

static void a_ca_is_known_by_its_flag_or_else_by_its_key_usage(void **state)
{
    (void)state;
    assert_true(read_good("300C" "0603551D13" "0405" "3003" "0101FF").is_ca);
    assert_true(read_good("300F" "0603551D13" "0408" "3006" "0101FF" "020103").is_ca);
    assert_true(read_good(KEY_CERT_SIGN).is_ca);
    assert_false(read_good("3009" "0603551D13" "0402" "3000" KEY_CERT_SIGN).is_ca);
    /* FALSE in full, against DER: in the field */
    assert_false(read_good("300C" "0603551D13" "0405" "3003" "010100").is_ca);
    assert_false(read_good("300C" "0603551D13" "0405" "3003" "020100").is_ca);
}

static void a_critical_extension_is_known_or_stands_out(void **state)
{
    (void)state;
    assert_false(read_good("300E" "0603551D0F" "0101FF" "0404" "03020520").unknown_critical);
    assert_false(read_good("3012" "0603551D20" "0101FF" "0408" "3006300406022A03").unknown_critical);
    assert_false(read_good("300C" "0603551D1F" "0101FF" "0402" "3000").unknown_critical);
    assert_false(read_good("3009" "06032A0304" "0402" "0500").unknown_critical);
    assert_true(read_good("300C" "06032A0304" "0101FF" "0402" "0500").unknown_critical);
    assert_true(read_good("300C" "0603551D1E" "0101FF" "0402" "3000" EK_PURPOSE).unknown_critical); /* name constraints */
    assert_true(read_good("300C" "0603551D0E" "0101FF" "0402" "0400").unknown_critical);
}

static void what_cannot_be_read_is_refused(void **state)
{
    static const char *const cases[] = {
        EK_PURPOSE EK_PURPOSE,                                /* twice */
        "3009" "06032A0304" "0402" "0500" "3009" "06032A0304" "0402" "0500",
        "3010" "0603551D25" "0409" "3007" "06056781050881",   /* a purpose cut short */
        "3009" "0603551D25" "0402" "3000",                    /* no purpose */
        "300B" "0603551D25" "0404" "3002" "0500",
        "3012" "0603551D25" "040B" "3007" "06056781050801" "0500",
        "3009" "0603551D11" "0402" "3000",                    /* no name */
        "300B" "0603551D11" "0404" "3002" "0500",             /* what is no name */
        "3008" "0603551D11" "0401" "30",
        "300B" "0603551D11" "0404" "30008700",
        "300B" "0603551D0F" "0404" "03020700",                /* a usage of no bits */
        "300B" "0603551D0F" "0404" "03020920",                /* nine unused bits */
        "3009" "0603551D0F" "0402" "0300",
        "300B" "0603551D0F" "0404" "0302077F",                /* bits alone that are said not to be used */
        "3007" "0603551D23" "0400",                           /* an issuer that is named by nothing */
        "300D" "0603551D0F" "0406" "030407202020",
        "300C" "0603551D13" "0405" "3003" "020101",           /* a path length and no CA */
        "300C" "0603551D13" "0405" "3003" "010101",           /* neither true nor false */
        "300B" "0603551D13" "0404" "3000" "0500",
        "300B" "0603551D13" "0404" "3002" "0500",
        "300C" "06032A0304" "010101" "0402" "0500",
        "3007" "06032A0304" "0500",
        "30",
    };
    bm_ekc_extensions extensions;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_code(read_hex(cases[i], &extensions), BM_E_MALFORMED);
    (void)read_hex("", &extensions);
}

static void more_than_64_are_refused(void **state)
{
    BM_AUTO_BUF list = BM_BUF_EMPTY;
    bm_ekc_extensions extensions;

    (void)state;
    for (int i = 0; i < 64; i++) {
        char one[32];

        (void)snprintf(one, sizeof(one), "300906032A03%02X04020500", i);
        make_hex(&list, one);
    }
    assert_ok(bm_ekc_extensions_read(bm_buf_view(&list), &extensions));
    make_hex(&list, "300906032A034104020500");
    assert_code(bm_ekc_extensions_read(bm_buf_view(&list), &extensions), BM_E_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_extensions_nothing_is_forbidden_and_nothing_said),
        cmocka_unit_test(the_purpose_and_the_usage_are_found),
        cmocka_unit_test(a_ca_is_known_by_its_flag_or_else_by_its_key_usage),
        cmocka_unit_test(a_critical_extension_is_known_or_stands_out),
        cmocka_unit_test(what_cannot_be_read_is_refused),
        cmocka_unit_test(more_than_64_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "unit.h"

#include "base/address.h"

#include <string.h>

static void an_address_of_either_kind_comes_back_in_its_one_text(void **state)
{
    static const struct {
        const char *text, *canonical;
    } rows[] = {
        {"0.0.0.0", "0.0.0.0"},
        {"192.0.2.7", "192.0.2.7"},
        {"255.255.255.255", "255.255.255.255"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:DB8::7", "2001:db8::7"},
        {"2001:0db8:0000:0000:0001:0000:0000:0007", "2001:db8::1:0:0:7"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"::ffff:192.0.2.7", "192.0.2.7"},
        {"::ffff:c000:207", "192.0.2.7"},
        {"64:ff9b::192.0.2.7", "64:ff9b::c000:207"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[BM_ADDRESS_TEXT_SIZE];
        bm_address address;

        assert_ok(bm_address_parse(bm_bytes_str(rows[i].text), &address));
        bm_address_text(&address, text);
        assert_string_equal(text, rows[i].canonical);
        assert_int_equal(bm_address_is_v4(&address), strchr(rows[i].canonical, ':') == NULL);
    }
}

static void what_is_no_address_is_refused(void **state)
{
    static const char *const bad[] = {
        "",        "1",         "1.2.3",    "1.2.3.4.5", "1.2.3.",    ".1.2.3",     "1..2.3",    "256.1.1.1",   "01.2.3.4",      "1.2.3.04",
        "0x1.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4:80", "+1.2.3.4", "1,2,3,4",   ":",         ":::",         "1:::2",         "::1::",
        ":1",      "1:",        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "[::1]", "fe80::1%eth0",
        "::1.2.3", "::1.2.3.4:5", "1.2.3.4::", "1:2:3:4:5:6:7:1.2.3.4", "unknown", "_hidden", "::1 ",
    };
    bm_address address;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (bm_address_parse(bm_bytes_str(bad[i]), &address).code != BM_E_MALFORMED)
            fail_msg("'%s' was taken", bad[i]);
    assert_code(bm_address_parse(bm_bytes_of("1.2.3.4\0", 8), &address), BM_E_MALFORMED);
    assert_code(bm_address_parse(bm_bytes_of("::\0", 3), &address), BM_E_MALFORMED);
    assert_code(bm_address_of(bm_bytes_of("12345", 5), &address), BM_E_MALFORMED);
}

static bool is_in(const char *text, const char *network_text)
{
    bm_address address;
    bm_network network;

    assert_ok(bm_address_parse(bm_bytes_str(text), &address));
    assert_ok(bm_address_parse_network(bm_bytes_str(network_text), &network));
    return bm_address_is_in(&address, &network);
}

static void a_network_holds_its_addresses_and_no_others(void **state)
{
    (void)state;
    assert_true(is_in("10.0.0.0", "10.0.0.0/8") && is_in("10.255.255.255", "10.0.0.0/8"));
    assert_false(is_in("11.0.0.0", "10.0.0.0/8") || is_in("9.255.255.255", "10.0.0.0/8"));
    assert_true(is_in("192.0.2.127", "192.0.2.0/25"));
    assert_false(is_in("192.0.2.128", "192.0.2.0/25"));
    assert_true(is_in("127.0.0.1", "127.0.0.1"));
    assert_false(is_in("127.0.0.2", "127.0.0.1"));
    assert_true(is_in("2001:db8::1", "2001:db8::/32"));
    assert_false(is_in("2001:db9::1", "2001:db8::/32"));
    assert_true(is_in("203.0.113.5", "0.0.0.0/0") && is_in("2001:db8::1", "::/0"));
}

static void a_network_of_one_kind_holds_none_of_the_other(void **state)
{
    (void)state;
    assert_false(is_in("203.0.113.5", "::/0"));
    assert_false(is_in("2001:db8::1", "0.0.0.0/0"));
    assert_false(is_in("::1", "127.0.0.1"));
}

static void what_is_no_network_is_refused(void **state)
{
    static const char *const bad[] = {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "::/129", "2001:db8::1/64", "10.0.0.0/8/8", "10.0.0.0/-1"};
    bm_network network;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (bm_address_parse_network(bm_bytes_str(bad[i]), &network).code != BM_E_MALFORMED)
            fail_msg("'%s' was taken", bad[i]);
}

static void one_user_is_an_address_of_ipv4_or_a_64_of_ipv6(void **state)
{
    static const struct {
        const char *text, *block;
    } rows[] = {{"192.0.2.7", "192.0.2.7"}, {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"}, {"::1", "::"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[BM_ADDRESS_TEXT_SIZE];
        bm_address address;

        assert_ok(bm_address_parse(bm_bytes_str(rows[i].text), &address));
        address = bm_address_block(&address);
        bm_address_text(&address, text);
        assert_string_equal(text, rows[i].block);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_of_either_kind_comes_back_in_its_one_text),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(a_network_holds_its_addresses_and_no_others),
        cmocka_unit_test(a_network_of_one_kind_holds_none_of_the_other),
        cmocka_unit_test(what_is_no_network_is_refused),
        cmocka_unit_test(one_user_is_an_address_of_ipv4_or_a_64_of_ipv6),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "unit.h"

#include "swarm/options.h"
#include "swarm/url.h"

#include <string.h>

#define WORDS_MAX 40

/* Parses a line of words. */
static bm_result parse(const char *line, bm_swarm_options *options)
{
    static char text[512];
    static char name[] = "birthmark-swarm";
    char *argv[WORDS_MAX + 1] = {name};
    char *rest = text;
    int argc = 1;

    assert_true(strlen(line) < sizeof(text));
    memcpy(text, line, strlen(line) + 1);
    for (char *word = strsep(&rest, " "); word != NULL && argc < WORDS_MAX; word = strsep(&rest, " "))
        argv[argc++] = word;
    return bm_swarm_options_parse(line[0] == 0 ? 1 : argc, argv, options);
}

static void requests_need_a_directory_and_no_server(void **state)
{
    bm_swarm_options options;

    (void)state;
    assert_ok(parse("requests --out d --devices 5 --answers a", &options));
    assert_int_equal(options.command, BM_SWARM_COMMAND_REQUESTS);
    assert_string_equal(options.out, "d");
    assert_string_equal(options.answers, "a");
    assert_code(parse("requests --devices 5", &options), BM_E_USAGE);
    assert_code(parse("requests --out", &options), BM_E_USAGE);
}

static void a_run_has_what_was_given_and_defaults(void **state)
{
    bm_swarm_options options;

    (void)state;
    assert_ok(parse("--server https://h --ca f", &options));
    assert_int_equal(options.command, BM_SWARM_COMMAND_RUN);
    assert_int_equal(options.devices, 1000);
    assert_int_equal(options.ek, BM_KEY_ECC256);
    assert_string_equal(options.fleet, BM_SWARM_FLEET_DEFAULT);
    assert_ok(parse("--server https://h --ca f --devices 100000 --concurrency 2000 --ek rsa2048 --ik rsa3072 --bad 0.5% --watch 17 --json "
                    "--repeat-reconnect --prefix SN --profile p --tries 2",
                    &options));
    assert_int_equal(options.devices, 100000);
    assert_int_equal(options.concurrency, 2000);
    assert_int_equal(options.ek, BM_KEY_RSA2048);
    assert_int_equal(options.ik, BM_KEY_RSA3072);
    assert_int_equal(options.bad, 5);
    assert_int_equal(options.watch, 17);
    assert_true(options.json && options.reconnect);
    assert_string_equal(options.prefix, "SN");
}

static void a_command_stands_before_its_options(void **state)
{
    bm_swarm_options options;

    (void)state;
    assert_ok(parse("vendor --fleet f", &options));
    assert_int_equal(options.command, BM_SWARM_COMMAND_VENDOR);
    assert_ok(parse("inventory --out x --devices 5", &options));
    assert_int_equal(options.command, BM_SWARM_COMMAND_INVENTORY);
    assert_ok(parse("make", &options));
    assert_int_equal(options.command, BM_SWARM_COMMAND_MAKE);
    assert_ok(parse("vendor --help", &options));
    assert_int_equal(options.command, BM_SWARM_COMMAND_HELP);
    assert_ok(parse("--version", &options));
    assert_int_equal(options.command, BM_SWARM_COMMAND_VERSION);
}

static void a_wrong_command_line_is_refused_in_a_sentence(void **state)
{
    static const char *const wrong[] = {
        "",
        "--server https://h",
        "--ca f",
        "fly",
        "--fly",
        "--server",
        "vendor vendor",
        "--server https://h --ca f more",
        "--server https://h --ca f --devices 0",
        "--server https://h --ca f --devices 1e3",
        "--server https://h --ca f --devices -1",
        "--server https://h --ca f --devices 100000001",
        "--server https://h --ca f --concurrency 100001",
        "--server https://h --ca f --concurrency 0",
        "--server https://h --ca f --tries 0",
        "--server https://h --ca f --ek rsa3072",
        "--server https://h --ca f --ek ecc521",
        "--server https://h --ca f --ek none",
        "--server https://h --ca f --ik rsa4096",
        "--server https://h --ca f --ik ECC256",
        "--server https://h --ca f --bad 1",
        "--server https://h --ca f --watch 0",
        "--server https://h --ca f --watch x",
        "--server https://h --ca f --prefix a/b",
        "--server https://h --ca f --prefix -a",
        "--server https://h --ca f --prefix 1234567890123456789012345678901234567890123456789",
        "--server https://h --ca f --profile A",
        "--json=yes --server https://h --ca f",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        bm_swarm_options options;
        bm_result result = parse(wrong[i], &options);

        if (result.code != BM_E_USAGE || result.detail == NULL)
            fail_msg("taken: %s", wrong[i]);
    }
}

static void a_share_is_a_number_of_tenths_of_a_percent(void **state)
{
    static const char *const wrong[] = {"", "%", "1", "x%", "1.%", ".5%", "1.25%", "1.x%", "-1%", "100.1%", "101%", "1 %", "1%%", "1..2%", "1.2.3%"};
    unsigned share = 77;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (bm_swarm_options_share(wrong[i], &share).code != BM_E_USAGE)
            fail_msg("taken: %s", wrong[i]);
    assert_int_equal(share, 77);
    assert_ok(bm_swarm_options_share("0%", &share));
    assert_int_equal(share, 0);
    assert_ok(bm_swarm_options_share("1.5%", &share));
    assert_int_equal(share, 15);
    assert_ok(bm_swarm_options_share("100%", &share));
    assert_int_equal(share, 1000);
}

static void an_address_is_taken_apart(void **state)
{
    bm_swarm_url url;

    (void)state;
    assert_ok(bm_swarm_url_parse("https://ca.example", &url));
    assert_string_equal(url.host, "ca.example");
    assert_string_equal(url.port, "443");
    assert_string_equal(url.path, "");
    assert_false(url.is_address);
    assert_ok(bm_swarm_url_parse("https://127.0.0.1:8443/", &url));
    assert_string_equal(url.host, "127.0.0.1");
    assert_string_equal(url.port, "8443");
    assert_string_equal(url.authority, "127.0.0.1:8443");
    assert_true(url.is_address);
    assert_ok(bm_swarm_url_parse("https://[::1]:1/a/b//", &url));
    assert_string_equal(url.host, "::1");
    assert_string_equal(url.authority, "[::1]:1");
    assert_string_equal(url.path, "/a/b");
    assert_true(url.is_address);
}

static void what_is_no_address_of_a_server_is_refused(void **state)
{
    static const char *const wrong[] = {"", "https://", "http://h", "h", "https:///p", "https://:1", "https://h:", "https://h:0", "https://h:65536",
                                        "https://h:x", "https://h h", "https://u@h", "https://[::1", "https://[h]", "https://[127.0.0.1]x", "https://::1",
                                        "https://h/a?b", "https://h/a#b", "https://h/a b", "https://h\r\nX: y", "HTTPS://h"};
    static char longer[600] = "https://";

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        bm_swarm_url url;
        bm_result result = bm_swarm_url_parse(wrong[i], &url);

        if (result.code != BM_E_USAGE || result.detail == NULL)
            fail_msg("taken: %s", wrong[i]);
    }
    memset(longer + 8, 'a', 254);
    assert_code(bm_swarm_url_parse(longer, &(bm_swarm_url){0}), BM_E_USAGE);
    memset(longer + 8, 'a', 253);
    longer[8 + 253] = 0;
    assert_ok(bm_swarm_url_parse(longer, &(bm_swarm_url){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_need_a_directory_and_no_server),
        cmocka_unit_test(a_run_has_what_was_given_and_defaults),
        cmocka_unit_test(a_command_stands_before_its_options),
        cmocka_unit_test(a_wrong_command_line_is_refused_in_a_sentence),
        cmocka_unit_test(a_share_is_a_number_of_tenths_of_a_percent),
        cmocka_unit_test(an_address_is_taken_apart),
        cmocka_unit_test(what_is_no_address_of_a_server_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

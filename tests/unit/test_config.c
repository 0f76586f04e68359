#include "unit.h"

#include "protocol/config.h"

#include <string.h>

#define PROFILE "[profile a]\ntrust = both\nidentity = ek\nsubject = CN=%i\n"

static void the_default_text_is_the_profile_of_the_manual(void **state)
{
    bm_config config;
    const bm_profile *profile;

    (void)state;
    assert_ok(bm_config_parse("birthmark.conf", bm_bytes_str(bm_config_default_text()), &config));
    profile = bm_config_profile(&config, "default");
    assert_non_null(profile);
    assert_int_equal(profile->trust, BM_TRUST_CERTIFICATE);
    assert_int_equal(profile->identity, BM_IDENTITY_CLAIM);
    assert_true(profile->classes[BM_CLASS_DISCRETE] && profile->classes[BM_CLASS_FIRMWARE]);
    assert_false(profile->classes[BM_CLASS_VIRTUAL]);
    assert_true(profile->ik_keys[BM_KEY_RSA2048] && profile->ik_keys[BM_KEY_RSA3072]);
    assert_true(profile->ik_keys[BM_KEY_ECC256] && profile->ik_keys[BM_KEY_ECC384]);
    assert_false(profile->ik_keys[BM_KEY_NONE]);
    assert_int_equal(profile->validity, 31536000);
    assert_int_equal(profile->ticket_lifetime, 300);
    assert_int_equal(profile->offline_ticket_lifetime, 0);
    assert_int_equal(profile->subject_count, 2);
    assert_int_equal(config.max_connections, 10000);
    assert_int_equal(config.request_timeout, 10);
    assert_int_equal(config.idle_timeout, 60);
    assert_true(config.address_rate == 600 && config.address_burst == 6000 && config.total_rate == 3000 && config.total_burst == 6000);
    assert_int_equal(config.trusted_proxy_count, 0);
    assert_null(bm_config_profile(&config, "other"));
}

static void what_a_profile_leaves_out_is_as_in_the_default(void **state)
{
    bm_config config;
    const bm_profile *profile;

    (void)state;
    assert_ok(bm_config_parse("f", bm_bytes_str(PROFILE "classes = virtual\n"), &config));
    profile = bm_config_profile(&config, "a");
    assert_non_null(profile);
    assert_true(profile->classes[BM_CLASS_VIRTUAL]);
    assert_false(profile->classes[BM_CLASS_DISCRETE]);
    assert_int_equal(profile->validity, 31536000);
    assert_true(profile->ik_keys[BM_KEY_RSA3072]);
}

static void the_longest_life_of_a_ticket_is_that_of_any_profile(void **state)
{
    static const char second[] = "[profile b]\ntrust = both\nidentity = ek\nsubject = CN=%i\n";
    BM_AUTO_BUF text = BM_BUF_EMPTY;
    bm_config config;

    (void)state;
    assert_ok(bm_config_parse("f", bm_bytes_str(PROFILE "offline_ticket_lifetime = 30d\n"), &config));
    assert_int_equal(bm_config_ticket_lifetime(&config), 300);
    assert_ok(bm_config_parse("f", bm_bytes_str(PROFILE "ticket_lifetime = 2s\n"), &config));
    assert_int_equal(bm_config_ticket_lifetime(&config), 2);
    assert_ok(bm_buf_putf(&text, "%sticket_lifetime = 1h\n%s", PROFILE, second));
    assert_ok(bm_config_parse("f", bm_buf_view(&text), &config));
    assert_int_equal(bm_config_ticket_lifetime(&config), 3600);
}

static void renewals_after_the_end_are_always_never_or_for_a_while(void **state)
{
    static const struct {
        const char *text;
        bool lapses;
        int64_t seconds;
    } rows[] = {{PROFILE, false, 0},
                {PROFILE "renew_expired = always\n", false, 0},
                {PROFILE "renew_expired = never\n", true, 0},
                {PROFILE "renew_expired = 30d\n", true, 30 * 86400},
                {PROFILE "renew_expired = 100y\n", true, INT64_C(3153600000)}};
    bm_config config;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_ok(bm_config_parse("f", bm_bytes_str(rows[i].text), &config));
        assert_int_equal(config.profiles[0].lapses, rows[i].lapses);
        assert_int_equal(config.profiles[0].renew_expired, rows[i].seconds);
    }
}

/* The text is refused, and the detail begins with where. */
static void refused(const char *text, const char *where)
{
    bm_config config;
    bm_result result = bm_config_parse("f", bm_bytes_str(text), &config);

    if (result.code != BM_E_CONFIG_INVALID || strncmp(result.detail, where, strlen(where)) != 0)
        fail_msg("%s: %s (%s), expected %s", text, bm_code_name(result.code), result.detail ? result.detail : "-", where);
}

static void a_wrong_file_is_refused_with_file_and_line(void **state)
{
    (void)state;
    refused("", "f: there is no [profile NAME]");
    refused("[server]\nprocesses = 1\n", "f: there is no [profile NAME]");
    refused("[profile a]\ntrust = both\nidentity = ek\n", "f: [profile a] has no subject");
    refused("[profile a]\ntrust = both\nsubject = CN=%i\n", "f: [profile a] has no identity");
    refused("[profile a]\nidentity = ek\nsubject = CN=%i\n", "f: [profile a] has no trust");
    refused(PROFILE "colour = red\n", "f:5: a profile has only the keys");
    refused(PROFILE "trust = both\n", "f:5: this key is given twice");
    refused(PROFILE "[profile a]\ntrust = both\n", "f:6: this key is given twice");
    refused(PROFILE "classes = discrete, cloud\n", "f:5: classes is a list");
    refused(PROFILE "classes = discrete,,virtual\n", "f:5: classes is a list");
    refused(PROFILE "ik_keys = rsa1024\n", "f:5: ik_keys is a list");
    refused(PROFILE "validity = 365\n", "f:5: validity");
    refused(PROFILE "validity = 0s\n", "f:5: validity");
    refused(PROFILE "validity = 200y\n", "f:5: validity");
    refused(PROFILE "ticket_lifetime = 2h\n", "f:5: ticket_lifetime");
    refused(PROFILE "offline_ticket_lifetime = 31d\n", "f:5: offline_ticket_lifetime");
    refused(PROFILE "offline_ticket_lifetime = 0s\n", "f:5: offline_ticket_lifetime");
    refused(PROFILE "offline_ticket_lifetime = 7\n", "f:5: offline_ticket_lifetime");
    refused(PROFILE "renew_expired = Never\n", "f:5: renew_expired is always, never");
    refused(PROFILE "renew_expired = 0s\n", "f:5: renew_expired is always, never");
    refused(PROFILE "renew_expired = 101y\n", "f:5: renew_expired is always, never");
    refused(PROFILE "renew_expired =\n", "f:5: renew_expired is always, never");
    refused("[profile a]\ntrust = maybe\n", "f:2: trust is one of");
    refused("[profile a]\nidentity = serial\n", "f:2: identity is one of");
    refused("[profile a]\nsubject = DC=x\n", "f:2:");
    refused("[profile A]\ntrust = both\n", "f:1: a section is");
    refused("[profiles]\n" PROFILE, "f:1: a section is");
    refused("[profile]\n" PROFILE, "f:1: a section is");
    refused("[server\n" PROFILE, "f:1: a section is");
    refused("trust = both\n" PROFILE, "f:1: a key stands before");
    refused(PROFILE "nonsense\n", "f:5: neither a section nor");
    refused("[server]\nport = 1\n" PROFILE, "f:2: [server] has only");
    refused("[server]\nprocesses = 65\n" PROFILE, "f:2: processes");
    refused("[server]\nprocesses = many\n" PROFILE, "f:2: processes");
    refused("[server]\nmax_connections = 0\n" PROFILE, "f:2: max_connections");
    refused("[server]\nmax_connections = 1\nmax_connections = 1\n" PROFILE, "f:3: this key is given twice");
    refused("[server]\nrequest_timeout = 0s\n" PROFILE, "f:2: request_timeout");
    refused("[server]\nrequest_timeout = 2m\n" PROFILE, "f:2: request_timeout");
    refused("[server]\nidle_timeout = 60\n" PROFILE, "f:2: idle_timeout");
    refused("[server]\naddress_rate = -1\n" PROFILE, "f:2: address_rate");
    refused("[server]\naddress_burst = 0\n" PROFILE, "f:2: address_burst");
    refused("[server]\ntotal_rate = 1000001\n" PROFILE, "f:2: total_rate");
    refused("[server]\ntrusted_proxies = localhost\n" PROFILE, "f:2: trusted_proxies is a list");
    refused("[server]\ntrusted_proxies = 10.0.0.1/8\n" PROFILE, "f:2: trusted_proxies is a list");
    refused("[server]\ntrusted_proxies = 127.0.0.1,, ::1\n" PROFILE, "f:2: trusted_proxies is a list");
    refused("[server]\ntrusted_proxies = ::1\ntrusted_proxies = ::1\n" PROFILE, "f:3: this key is given twice");
    refused("[server]\ntrusted_proxies = 1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,"
            "1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1\n" PROFILE, "f:2: trusted_proxies has more than 16");
    refused(PROFILE "# \x01\n", "f:5: the line has a control character");
}

static void the_keys_of_the_server_are_taken(void **state)
{
    bm_config config;

    (void)state;
    assert_ok(bm_config_parse("f",
                              bm_bytes_str("[server]\nprocesses = 3\nmax_connections = 4\nrequest_timeout = 1m\nidle_timeout = 5s\n"
                                           "address_rate = 0\naddress_burst = 7\ntotal_rate = 8\ntotal_burst = 9\n"
                                           "trusted_proxies = 127.0.0.1, ::1 ,10.0.0.0/8\n" PROFILE),
                              &config));
    assert_true(config.servers == 3 && config.max_connections == 4 && config.request_timeout == 60 && config.idle_timeout == 5);
    assert_true(config.address_rate == 0 && config.address_burst == 7 && config.total_rate == 8 && config.total_burst == 9);
    assert_int_equal(config.trusted_proxy_count, 3);
    assert_int_equal(config.trusted_proxies[0].bits, 128);
    assert_int_equal(config.trusted_proxies[2].bits, 104);
}

static void a_line_that_inih_would_cut_is_refused(void **state)
{
    char text[400];
    size_t size = strlen(PROFILE);

    (void)state;
    memcpy(text, PROFILE, size);
    memset(text + size, '#', 191);
    text[size + 191] = 0;
    refused(text, "f:5: the line is longer");
}

static void too_many_profiles_are_refused(void **state)
{
    BM_AUTO_BUF text = BM_BUF_EMPTY;
    bm_config config;

    (void)state;
    for (int i = 0; i < BM_CONFIG_PROFILES_MAX; i++)
        assert_ok(bm_buf_putf(&text, "[profile p%d]\ntrust = both\nidentity = ek\nsubject = CN=%%i\n", i));
    assert_ok(bm_config_parse("f", bm_buf_view(&text), &config));
    assert_ok(bm_buf_put_str(&text, PROFILE));
    assert_code(bm_config_parse("f", bm_buf_view(&text), &config), BM_E_CONFIG_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_text_is_the_profile_of_the_manual),
        cmocka_unit_test(what_a_profile_leaves_out_is_as_in_the_default),
        cmocka_unit_test(the_longest_life_of_a_ticket_is_that_of_any_profile),
        cmocka_unit_test(renewals_after_the_end_are_always_never_or_for_a_while),
        cmocka_unit_test(a_wrong_file_is_refused_with_file_and_line),
        cmocka_unit_test(the_keys_of_the_server_are_taken),
        cmocka_unit_test(a_line_that_inih_would_cut_is_refused),
        cmocka_unit_test(too_many_profiles_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* device/cli/options and device/talk/exit: the command line, the exit statuses and the sentence of an error. */
#include "unit.h"

#include "device/cli/help.h"
#include "device/cli/options.h"
#include "device/talk/exit.h"

#include <string.h>

#define WORDS_MAX 32

/* Parses words as main gets them. */
static bm_result parse(const char *const *words, const char *tcti, bm_options *options)
{
    static char *argv[WORDS_MAX];
    int argc = 0;

    for (; words[argc] != NULL && argc < WORDS_MAX - 1; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc];
    argv[argc] = NULL;
    return bm_options_parse(argc, argv, tcti, options);
}

#define PARSE(options, ...) parse((const char *const[]){"birthmark", __VA_ARGS__, NULL}, NULL, (options))
#define ENROLL(options, ...) PARSE(options, "enroll", "--server", "https://ca.example", "--ca", "ca.crt", __VA_ARGS__)

static void test_enroll_takes_all_its_options(void **state)
{
    bm_options o;

    (void)state;
    assert_ok(ENROLL(&o, "--serial", "SN-1", "--key", "ecc384", "--handle", "0x81020005", "--profile", "line-2", "--state", "/tmp/x",
                     "--tcti", "swtpm:path=/tmp/s", "--owner-auth", "file:/o", "--endorsement-auth=env:E", "--renew"));
    assert_int_equal(o.command, BM_COMMAND_ENROLL);
    assert_string_equal(o.server, "https://ca.example");
    assert_string_equal(o.ca, "ca.crt");
    assert_string_equal(o.serial, "SN-1");
    assert_int_equal(o.key, BM_KEY_ECC384);
    assert_int_equal(o.handle, 0x81020005u);
    assert_string_equal(o.profile, "line-2");
    assert_string_equal(o.state, "/tmp/x");
    assert_string_equal(o.tcti, "swtpm:path=/tmp/s");
    assert_string_equal(o.auth[0], "file:/o");
    assert_string_equal(o.auth[1], "env:E");
    assert_true(o.renew);
}

static void test_json_and_quiet_are_for_what_prints_something(void **state)
{
    bm_options o;

    (void)state;
    assert_ok(ENROLL(&o, "--serial", "SN-1"));
    assert_false(o.json || o.quiet);
    assert_ok(ENROLL(&o, "--serial", "SN-1", "--json", "--quiet"));
    assert_true(o.json && o.quiet);
    assert_ok(PARSE(&o, "show", "--quiet", "--json"));
    assert_true(o.json && o.quiet);
    assert_code(PARSE(&o, "tunnel", "--to", "h:1", "--json"), BM_E_USAGE);
    assert_code(PARSE(&o, "tunnel", "--to", "h:1", "--quiet"), BM_E_USAGE);
    assert_code(ENROLL(&o, "--serial", "SN-1", "--json=yes"), BM_E_USAGE);
}

static void test_enroll_has_the_documented_defaults(void **state)
{
    bm_options o;

    (void)state;
    assert_ok(ENROLL(&o, "--serial=SN-1"));
    assert_int_equal(o.key, BM_KEY_NONE);
    assert_int_equal(o.handle, 0);
    assert_string_equal(o.profile, "");
    assert_null(o.auth[0]);
    assert_null(o.auth[1]);
    assert_string_equal(o.state, "/var/lib/birthmark");
    assert_string_equal(o.tcti, "device:/dev/tpmrm0");
    assert_false(o.renew);
}

static void test_enroll_takes_where_the_key_is_and_who_may_use_it(void **state)
{
    bm_options o;

    (void)state;
    assert_ok(ENROLL(&o, "--serial=SN-1"));
    assert_false(o.has_parent);
    assert_int_equal(o.persist, BM_PERSIST_AUTO);
    assert_null(o.key_auth);
    assert_int_equal(o.pcrs.mask, 0);
    assert_ok(ENROLL(&o, "--serial=SN-1", "--parent", "endorsement", "--persist", "always", "--key-auth", "env:K"));
    assert_true(o.has_parent);
    assert_int_equal(o.parent, BM_TPM_ENDORSEMENT);
    assert_int_equal(o.persist, BM_PERSIST_ALWAYS);
    assert_string_equal(o.key_auth, "env:K");
    assert_ok(ENROLL(&o, "--serial=SN-1", "--parent", "owner", "--persist", "never", "--pcrs", "sha256:0,7"));
    assert_int_equal(o.parent, BM_TPM_OWNER);
    assert_int_equal(o.persist, BM_PERSIST_NEVER);
    assert_int_equal(o.pcrs.bank, BM_HASH_SHA256);
    assert_int_equal(o.pcrs.mask, 0x81);
}

static void test_a_key_that_cannot_be_is_refused(void **state)
{
    bm_options o;

    (void)state;
    assert_code(ENROLL(&o, "--serial=SN-1", "--parent", "platform"), BM_E_USAGE);
    assert_code(ENROLL(&o, "--serial=SN-1", "--persist", "maybe"), BM_E_USAGE);
    assert_code(ENROLL(&o, "--serial=SN-1", "--pcrs", "0,7"), BM_E_USAGE);
    assert_code(ENROLL(&o, "--serial=SN-1", "--key-auth", "secret"), BM_E_USAGE);
    assert_code(ENROLL(&o, "--serial=SN-1", "--key-auth", "env:K", "--pcrs", "sha256:7"), BM_E_USAGE);
    assert_code(ENROLL(&o, "--serial=SN-1", "--parent", "endorsement", "--persist", "never"), BM_E_USAGE);
    assert_code(PARSE(&o, "show", "--key-auth", "env:K"), BM_E_USAGE);
}

static void test_tcti_comes_from_the_option_then_the_environment(void **state)
{
    bm_options o;

    (void)state;
    assert_ok(parse((const char *const[]){"birthmark", "show", NULL}, "mssim:port=1", &o));
    assert_string_equal(o.tcti, "mssim:port=1");
    assert_ok(parse((const char *const[]){"birthmark", "show", NULL}, "", &o));
    assert_string_equal(o.tcti, "device:/dev/tpmrm0");
    assert_ok(parse((const char *const[]){"birthmark", "show", "--tcti", "swtpm", NULL}, "mssim:port=1", &o));
    assert_string_equal(o.tcti, "swtpm");
}

static void test_doctor_takes_its_options_and_needs_none(void **state)
{
    bm_options o;

    (void)state;
    assert_ok(PARSE(&o, "doctor"));
    assert_int_equal(o.command, BM_COMMAND_DOCTOR);
    assert_null(o.server);
    assert_false(o.json);
    assert_ok(PARSE(&o, "doctor", "--json", "--server", "https://ca.example", "--ca", "ca.crt", "--profile", "line-2", "--serial", "SN-1",
                    "--handle", "0x81020005", "--state", "/tmp/x", "--tcti", "tabrmd", "--endorsement-auth", "env:E"));
    assert_true(o.json);
    assert_string_equal(o.profile, "line-2");
    assert_string_equal(o.serial, "SN-1");
    assert_int_equal(o.handle, 0x81020005u);
    assert_ok(PARSE(&o, "doctor", "--help"));
    assert_int_equal(o.command, BM_COMMAND_DOCTOR_HELP);
    assert_non_null(strstr(bm_help_text(BM_COMMAND_DOCTOR_HELP), "changes nothing"));
    assert_code(PARSE(&o, "doctor", "--server", "https://ca.example"), BM_E_USAGE);
    assert_code(PARSE(&o, "doctor", "--server", "ca.example", "--ca", "ca.crt"), BM_E_USAGE);
    assert_code(PARSE(&o, "doctor", "--renew"), BM_E_USAGE);
    assert_code(PARSE(&o, "doctor", "--profile", "Line 2"), BM_E_USAGE);
    assert_code(PARSE(&o, "doctor", "--serial", "-"), BM_E_USAGE);
    assert_ok(PARSE(&o, "doctor", "--quiet"));
    assert_true(o.quiet);
}

static void test_renew_takes_its_options_and_needs_none(void **state)
{
    bm_options o;

    (void)state;
    assert_ok(PARSE(&o, "renew"));
    assert_int_equal(o.command, BM_COMMAND_RENEW);
    assert_false(o.now || o.new_key || o.handle != 0);
    assert_int_equal(o.wait, 300);
    assert_int_equal(o.key, BM_KEY_NONE);
    assert_null(o.server);
    assert_ok(PARSE(&o, "renew", "--now", "--new-key", "--key", "ecc384", "--wait", "0s", "--state", "/tmp/x", "--tcti", "tabrmd", "--server",
                    "https://ca.example", "--owner-auth", "env:O"));
    assert_true(o.now && o.new_key);
    assert_int_equal(o.key, BM_KEY_ECC384);
    assert_int_equal(o.wait, 0);
    assert_string_equal(o.server, "https://ca.example");
    assert_ok(PARSE(&o, "renew", "--wait", "24h"));
    assert_int_equal(o.wait, 86400);
    assert_ok(PARSE(&o, "renew", "--help"));
    assert_int_equal(o.command, BM_COMMAND_RENEW_HELP);
    assert_non_null(strstr(bm_help_text(BM_COMMAND_RENEW_HELP), "--new-key"));
    assert_code(PARSE(&o, "renew", "--wait", "25h"), BM_E_USAGE);
    assert_code(PARSE(&o, "renew", "--wait", "5"), BM_E_USAGE);
    assert_code(PARSE(&o, "renew", "--wait", "-1s"), BM_E_USAGE);
    assert_code(PARSE(&o, "renew", "--key", "ed25519"), BM_E_USAGE);
    assert_code(PARSE(&o, "renew", "--server", "ca.example"), BM_E_USAGE);
    assert_code(PARSE(&o, "renew", "--serial", "SN-1"), BM_E_USAGE);
    assert_code(PARSE(&o, "renew", "--handle", "0x81020000"), BM_E_USAGE);
    assert_code(PARSE(&o, "renew", "--renew"), BM_E_USAGE);
    assert_code(PARSE(&o, "enroll", "--now"), BM_E_USAGE);
    assert_ok(PARSE(&o, "show", "--handle", "0x81020000"));
    assert_int_equal(o.handle, 0x81020000u);
}

static void test_a_value_as_itself_is_refused_and_not_repeated(void **state)
{
    bm_options o;
    bm_result result = ENROLL(&o, "--serial", "SN-1", "--owner-auth", "hunter2");

    (void)state;
    assert_int_equal(result.code, BM_E_USAGE);
    assert_null(strstr(result.detail, "hunter2"));
    assert_non_null(strstr(result.detail, "--owner-auth"));
    result = PARSE(&o, "show", "--endorsement-auth", "hunter2");
    assert_int_equal(result.code, BM_E_USAGE);
    assert_null(strstr(result.detail, "hunter2"));
}

static void test_the_only_ek_is_named_by_64_digits_and_for_enroll_alone(void **state)
{
    static const char digits[] = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
    static const char long_digits[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00";
    bm_options o;

    (void)state;
    assert_ok(ENROLL(&o, "--serial", "SN-1"));
    assert_false(o.has_ek);
    assert_ok(ENROLL(&o, "--serial", "SN-1", "--ek-sha256", digits));
    assert_true(o.has_ek);
    assert_int_equal(o.ek[0], 0x00);
    assert_int_equal(o.ek[31], 0xFF);
    assert_code(ENROLL(&o, "--serial", "SN-1", "--ek-sha256", ""), BM_E_USAGE);
    assert_code(ENROLL(&o, "--serial", "SN-1", "--ek-sha256", digits + 2), BM_E_USAGE);
    assert_code(ENROLL(&o, "--serial", "SN-1", "--ek-sha256", long_digits), BM_E_USAGE);
    assert_code(ENROLL(&o, "--serial", "SN-1", "--ek-sha256", "gg112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"), BM_E_USAGE);
    assert_code(PARSE(&o, "show", "--ek-sha256", digits), BM_E_USAGE);
}

static void test_the_exchange_by_files_takes_its_options_and_no_server(void **state)
{
    bm_options o;

    (void)state;
    assert_ok(PARSE(&o, "request", "--serial", "SN-1", "--out", "f", "--key", "ecc384", "--handle", "0x81020005", "--profile", "line-2", "--state",
                    "/tmp/x", "--tcti", "swtpm", "--owner-auth", "file:/o", "--renew"));
    assert_int_equal(o.command, BM_COMMAND_REQUEST);
    assert_string_equal(o.out, "f");
    assert_null(o.server);
    assert_code(PARSE(&o, "request", "--serial", "SN-1"), BM_E_USAGE);
    assert_code(PARSE(&o, "request", "--out", "f"), BM_E_USAGE);
    assert_code(PARSE(&o, "request", "--out", "f", "--serial", "SN 1"), BM_E_USAGE);
    assert_code(PARSE(&o, "request", "--out", "f", "--serial", "SN-1", "--server", "https://ca.example"), BM_E_USAGE);
    assert_code(PARSE(&o, "request", "word", "--out", "f", "--serial", "SN-1"), BM_E_USAGE);
    assert_ok(PARSE(&o, "accept", "answers", "--ca", "ca.crt", "--out", "second", "--state", "/tmp/x"));
    assert_int_equal(o.command, BM_COMMAND_ACCEPT);
    assert_string_equal(o.file, "answers");
    assert_string_equal(o.out, "second");
    assert_ok(PARSE(&o, "accept", "--ca", "ca.crt", "answers"));
    assert_null(o.out);
    assert_code(PARSE(&o, "accept", "--ca", "ca.crt"), BM_E_USAGE);
    assert_code(PARSE(&o, "accept", "answers"), BM_E_USAGE);
    assert_code(PARSE(&o, "accept", "answers", "more", "--ca", "ca.crt"), BM_E_USAGE);
    assert_code(PARSE(&o, "accept", "answers", "--ca", "ca.crt", "--serial", "SN-1"), BM_E_USAGE);
    assert_code(PARSE(&o, "show", "answers"), BM_E_USAGE);
    assert_ok(PARSE(&o, "request", "--help"));
    assert_non_null(strstr(bm_help_text(o.command), "first of two trips"));
    assert_ok(PARSE(&o, "accept", "--help"));
    assert_non_null(strstr(bm_help_text(o.command), "birthmarkctl batch"));
}

static void test_help_and_version_need_nothing_else(void **state)
{
    bm_options o;

    (void)state;
    assert_ok(PARSE(&o, "--help"));
    assert_int_equal(o.command, BM_COMMAND_HELP);
    assert_ok(PARSE(&o, "--version"));
    assert_int_equal(o.command, BM_COMMAND_VERSION);
    assert_ok(PARSE(&o, "enroll", "--help"));
    assert_int_equal(o.command, BM_COMMAND_ENROLL_HELP);
    assert_ok(PARSE(&o, "show", "--help"));
    assert_int_equal(o.command, BM_COMMAND_SHOW_HELP);
}

static void test_help_names_every_exit_status(void **state)
{
    static const char *const statuses[] = {"0 done", "1 wrong", "2 the TPM", "3 the server", "4 the server refused", "5 a file",
                                           "6 a fault", "130 stopped"};

    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        assert_non_null(strstr(bm_help_text(BM_COMMAND_HELP), statuses[i]));
        assert_non_null(strstr(bm_help_text(BM_COMMAND_ENROLL_HELP), statuses[i]));
    }
}

static void test_no_or_unknown_command_is_refused(void **state)
{
    bm_options o;

    (void)state;
    assert_code(parse((const char *const[]){"birthmark", NULL}, NULL, &o), BM_E_USAGE);
    assert_code(PARSE(&o, "nonesuch"), BM_E_USAGE);
    assert_code(PARSE(&o, "Enroll"), BM_E_USAGE);
    assert_code(PARSE(&o, ""), BM_E_USAGE);
}

static void test_missing_options_are_named(void **state)
{
    bm_options o;

    (void)state;
    assert_code(PARSE(&o, "enroll", "--ca", "f", "--serial", "S"), BM_E_USAGE);
    assert_non_null(strstr(PARSE(&o, "enroll", "--ca", "f", "--serial", "S").detail, "--server"));
    assert_non_null(strstr(PARSE(&o, "enroll", "--server", "https://a", "--serial", "S").detail, "--ca"));
    assert_non_null(strstr(PARSE(&o, "enroll", "--server", "https://a", "--ca", "f").detail, "--serial"));
}

static void test_plain_http_needs_no_ca(void **state)
{
    bm_options o;

    (void)state;
    assert_ok(PARSE(&o, "enroll", "--server", "http://127.0.0.1:8080", "--serial", "S"));
    assert_null(o.ca);
}

static void test_unknown_and_superfluous_words_are_refused(void **state)
{
    bm_options o;

    (void)state;
    assert_code(ENROLL(&o, "--serial", "S", "--nonesuch"), BM_E_USAGE);
    assert_code(ENROLL(&o, "--serial", "S", "word"), BM_E_USAGE);
    assert_code(ENROLL(&o, "--serial"), BM_E_USAGE);
    assert_code(ENROLL(&o, "--serial", "S", "--renew=yes"), BM_E_USAGE);
    assert_code(PARSE(&o, "show", "--serial", "S"), BM_E_USAGE);
}

static void test_wrong_servers_are_refused(void **state)
{
    static const char *const wrong[] = {"", "ca.example", "ftp://ca.example", "https://", "file:///etc/passwd"};
    bm_options o;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_code(PARSE(&o, "enroll", "--server", wrong[i], "--ca", "f", "--serial", "S"), BM_E_USAGE);
}

static void test_wrong_serials_and_profiles_are_refused(void **state)
{
    static const char *const serials[] = {"", "a b", "-a", "a/b", "a\nb",
                                          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    static const char *const profiles[] = {"Default", "-a", "a_b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    bm_options o;

    (void)state;
    for (size_t i = 0; i < sizeof(serials) / sizeof(serials[0]); i++)
        assert_code(ENROLL(&o, "--serial", serials[i]), BM_E_USAGE);
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
        assert_code(ENROLL(&o, "--serial", "S", "--profile", profiles[i]), BM_E_USAGE);
}

static void test_wrong_keys_are_refused(void **state)
{
    static const char *const wrong[] = {"", "rsa", "rsa1024", "rsa4096", "ecc521", "RSA2048", "none"};
    bm_options o;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_code(ENROLL(&o, "--serial", "S", "--key", wrong[i]), BM_E_USAGE);
}

static void test_handles_are_the_owners_alone(void **state)
{
    static const char *const wrong[] = {"",           "0x",         "81020000",   "0x8102000",  "0x810200000", "0x80FFFFFF",
                                        "0x81800000", "0x81fffffg", "0x01c00002", "0X81020000", "0x-1020000",
                                        "0x81010000", "0x8101ffff"};
    bm_options o;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_code(ENROLL(&o, "--serial", "S", "--handle", wrong[i]), BM_E_USAGE);
    assert_ok(ENROLL(&o, "--serial", "S", "--handle", "0x81000000"));
    assert_ok(ENROLL(&o, "--serial", "S", "--handle", "0x817FffFF"));
    assert_int_equal(o.handle, 0x817FFFFFu);
}

static void test_a_failed_parse_changes_nothing(void **state)
{
    bm_options o = {.serial = "before"};

    (void)state;
    assert_code(ENROLL(&o, "--serial", "after", "--key", "dsa"), BM_E_USAGE);
    assert_string_equal(o.serial, "before");
}

static void test_exit_statuses_are_those_of_the_manual(void **state)
{
    static const struct {
        bm_code code;
        int status;
    } rows[] = {
        {BM_OK, 0},
        {BM_E_USAGE, 1},
        {BM_E_TPM, 2},
        {BM_E_TPM_UNREACHABLE, 2},
        {BM_E_TPM_NOT_READY, 2},
        {BM_E_TPM_AUTH, 2},
        {BM_E_TPM_LOCKOUT, 2},
        {BM_E_TPM_NO_EKC, 2},
        {BM_E_TPM_HANDLE_TAKEN, 2},
        {BM_E_TPM_RESPONSE, 2},
        {BM_E_EK_MISMATCH, 2},
        {BM_E_NETWORK, 3},
        {BM_E_SERVER_REFUSED, 4},
        {BM_E_SERVER_REPLY, 4},
        {BM_E_CHALLENGE_FAILED, 4},
        {BM_E_IO, 5},
        {BM_E_NO_MEMORY, 6},
        {BM_E_INTERNAL, 6},
        {BM_E_INTERRUPTED, 130},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(bm_exit_status_of(bm_fail(rows[i].code, NULL)), rows[i].status);
}

static void test_an_error_is_one_sentence_with_what_to_do(void **state)
{
    BM_AUTO_BUF out = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_exit_put_sentence(&out, bm_fail(BM_E_INTERRUPTED, NULL)));
    assert_bytes(bm_buf_view(&out), bm_bytes_str("Stopped by a signal; run it again."));
    bm_buf_clear(&out);
    assert_ok(bm_exit_put_sentence(&out, bm_fail(BM_E_TPM_LOCKOUT, "TPM2_Sign was refused")));
    assert_bytes(bm_buf_view(&out),
                 bm_bytes_str("TPM2_Sign was refused: The TPM is in dictionary-attack lockout; wait until it ends, or end it with "
                              "'tpm2_dictionarylockout -c'."));
    bm_buf_clear(&out);
    assert_ok(bm_exit_put_sentence(&out, bm_fail(BM_E_IO, "the disk is full: make room")));
    assert_bytes(bm_buf_view(&out), bm_bytes_str("the disk is full: make room"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enroll_takes_all_its_options),
        cmocka_unit_test(test_json_and_quiet_are_for_what_prints_something),
        cmocka_unit_test(test_enroll_has_the_documented_defaults),
        cmocka_unit_test(test_enroll_takes_where_the_key_is_and_who_may_use_it),
        cmocka_unit_test(test_a_key_that_cannot_be_is_refused),
        cmocka_unit_test(test_tcti_comes_from_the_option_then_the_environment),
        cmocka_unit_test(test_doctor_takes_its_options_and_needs_none),
        cmocka_unit_test(test_renew_takes_its_options_and_needs_none),
        cmocka_unit_test(test_a_value_as_itself_is_refused_and_not_repeated),
        cmocka_unit_test(test_the_only_ek_is_named_by_64_digits_and_for_enroll_alone),
        cmocka_unit_test(test_the_exchange_by_files_takes_its_options_and_no_server),
        cmocka_unit_test(test_help_and_version_need_nothing_else),
        cmocka_unit_test(test_help_names_every_exit_status),
        cmocka_unit_test(test_no_or_unknown_command_is_refused),
        cmocka_unit_test(test_missing_options_are_named),
        cmocka_unit_test(test_plain_http_needs_no_ca),
        cmocka_unit_test(test_unknown_and_superfluous_words_are_refused),
        cmocka_unit_test(test_wrong_servers_are_refused),
        cmocka_unit_test(test_wrong_serials_and_profiles_are_refused),
        cmocka_unit_test(test_wrong_keys_are_refused),
        cmocka_unit_test(test_handles_are_the_owners_alone),
        cmocka_unit_test(test_a_failed_parse_changes_nothing),
        cmocka_unit_test(test_exit_statuses_are_those_of_the_manual),
        cmocka_unit_test(test_an_error_is_one_sentence_with_what_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

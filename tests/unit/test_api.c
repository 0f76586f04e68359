/* libbirthmark by its public header: the sizes of structures, handles, and calls that are not right. Nothing here reaches a TPM or a server. */
#include "unit.h"

#include <birthmark.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>

#define NOWHERE "/nonexistent/birthmark"

/* A handle on a directory and a TPM that are not there. */
static birthmark *open_nowhere(void)
{
    birthmark_options options;
    birthmark *identity = NULL;

    BIRTHMARK_INIT(options);
    options.state = NOWHERE;
    options.tcti = "swtpm:path=" NOWHERE;
    assert_int_equal(birthmark_open(&options, &identity, NULL), BIRTHMARK_OK);
    return identity;
}

static void test_a_handle_needs_no_options_and_opens_nothing(void **state)
{
    birthmark *identity = NULL;
    birthmark_error error;

    (void)state;
    assert_int_equal(birthmark_open(NULL, &identity, &error), BIRTHMARK_OK);
    assert_int_equal(error.code, BIRTHMARK_OK);
    assert_string_equal(error.name, "ok");
    assert_string_equal(error.sentence, "");
    birthmark_close(identity);
    birthmark_close(NULL);
    assert_int_equal(birthmark_open(NULL, NULL, &error), BIRTHMARK_USAGE);
}

static void test_a_size_that_was_not_set_is_refused(void **state)
{
    birthmark_options options = {.size = 0};
    birthmark_enroll_options enroll = {.size = 0};
    birthmark_tls_options tls = {.size = 7};
    birthmark_status status = {.size = 0};
    birthmark *identity = NULL;
    birthmark_error error;
    SSL_CTX *ctx = NULL;

    (void)state;
    assert_int_equal(birthmark_open(&options, &identity, &error), BIRTHMARK_USAGE);
    assert_non_null(strstr(error.sentence, "BIRTHMARK_INIT"));
    assert_null(identity);
    options.size = (size_t)-1;
    assert_int_equal(birthmark_open(&options, &identity, &error), BIRTHMARK_USAGE);
    identity = open_nowhere();
    assert_int_equal(birthmark_enroll(identity, &enroll, NULL, &error), BIRTHMARK_USAGE);
    assert_int_equal(birthmark_enroll(identity, NULL, NULL, &error), BIRTHMARK_USAGE);
    assert_int_equal(birthmark_get_ssl_ctx(identity, &tls, &ctx, &error), BIRTHMARK_USAGE);
    assert_int_equal(birthmark_get_ssl_ctx(identity, NULL, &ctx, &error), BIRTHMARK_USAGE);
    assert_int_equal(birthmark_get_status(identity, &status, &error), BIRTHMARK_USAGE);
    assert_int_equal(birthmark_get_status(identity, NULL, &error), BIRTHMARK_USAGE);
    birthmark_close(identity);
}

/* What a program has that was compiled with another header. */
typedef struct {
    birthmark_options known;
    void *later;
} newer_options;

typedef struct {
    birthmark_status known;
    uint64_t later;
} newer_status;

static void test_an_older_header_has_less_and_a_newer_one_may_have_more_as_long_as_it_is_not_used(void **state)
{
    newer_options options = {.known = {.size = sizeof(options), .state = NOWHERE}};
    birthmark *identity = NULL;
    birthmark_error error;

    (void)state;
    assert_int_equal(birthmark_open(&options.known, &identity, &error), BIRTHMARK_OK);
    birthmark_close(identity);
    identity = NULL;
    options.later = &options;
    assert_int_equal(birthmark_open(&options.known, &identity, &error), BIRTHMARK_USAGE);
    assert_non_null(strstr(error.sentence, "does not know"));
    assert_null(identity);
    /* An older one's structure ends before `tcti`: what stands there is none of ours. */
    options.known.size = offsetof(birthmark_options, tcti);
    options.known.tcti = (const char *)1;
    assert_int_equal(birthmark_open(&options.known, &identity, &error), BIRTHMARK_OK);
    birthmark_close(identity);
}

static void test_a_status_is_written_as_far_as_it_goes_and_no_further(void **state)
{
    newer_status status;
    birthmark *identity = open_nowhere();

    (void)state;
    memset(&status, 0x55, sizeof(status));
    status.known.size = sizeof(status);
    assert_int_equal(birthmark_get_status(identity, &status.known, NULL), BIRTHMARK_OK);
    assert_int_equal(status.known.size, sizeof(status));
    assert_int_equal(status.known.enrolled, 0);
    assert_string_equal(status.known.ek_sha256, "");
    assert_true(status.later == 0);
    memset(&status, 0x55, sizeof(status));
    status.known.size = offsetof(birthmark_status, handle);
    assert_int_equal(birthmark_get_status(identity, &status.known, NULL), BIRTHMARK_OK);
    assert_int_equal(status.known.complete, 0);
    assert_int_equal(status.known.handle, 0x55555555);
    birthmark_close(identity);
}

static void test_calls_without_a_handle_or_a_place_are_refused(void **state)
{
    birthmark_status status;
    birthmark_tls_options tls;
    birthmark_enroll_options enroll;
    birthmark_error error;
    birthmark *identity = open_nowhere();
    SSL_CTX *ctx = NULL;
    EVP_PKEY *key = NULL;

    (void)state;
    BIRTHMARK_INIT(status);
    BIRTHMARK_INIT(tls);
    BIRTHMARK_INIT(enroll);
    assert_int_equal(birthmark_get_status(NULL, &status, &error), BIRTHMARK_USAGE);
    assert_int_equal(birthmark_enroll(NULL, &enroll, NULL, &error), BIRTHMARK_USAGE);
    assert_int_equal(birthmark_get_pkey(NULL, &key, NULL, &error), BIRTHMARK_USAGE);
    assert_int_equal(birthmark_get_pkey(identity, NULL, NULL, &error), BIRTHMARK_USAGE);
    assert_int_equal(birthmark_get_ssl_ctx(identity, &tls, &ctx, &error), BIRTHMARK_USAGE);
    assert_non_null(strstr(error.sentence, "`ca`"));
    tls.ca = "/etc/passwd";
    tls.role = (birthmark_role)7;
    assert_int_equal(birthmark_get_ssl_ctx(identity, &tls, &ctx, &error), BIRTHMARK_USAGE);
    assert_int_equal(birthmark_get_signing_error(NULL, &error), BIRTHMARK_OK);
    assert_null(ctx);
    birthmark_close(identity);
}

static void test_enrolments_that_are_not_right_are_refused_before_anything_is_done(void **state)
{
    static const struct {
        const char *server, *ca, *serial, *key, *profile, *ek, *auth;
        uint32_t handle;
        const char *said;
    } rows[] = {
        {NULL, "ca", "SN", NULL, NULL, NULL, NULL, 0, "--server"},
        {"ca.example", "ca", "SN", NULL, NULL, NULL, NULL, 0, "no address"},
        {"https://ca", NULL, "SN", NULL, NULL, NULL, NULL, 0, "--ca"},
        {"https://ca", "ca", NULL, NULL, NULL, NULL, NULL, 0, "--serial"},
        {"https://ca", "ca", "a b", NULL, NULL, NULL, NULL, 0, "no identity"},
        {"https://ca", "ca", "SN", "dsa", NULL, NULL, NULL, 0, "no key type"},
        {"https://ca", "ca", "SN", NULL, "A B", NULL, NULL, 0, "no name of a profile"},
        {"https://ca", "ca", "SN", NULL, NULL, "00", NULL, 0, "no SHA-256"},
        {"https://ca", "ca", "SN", NULL, NULL, NULL, "env:SECRET", 0, "file:PATH"},
        {"https://ca", "ca", "SN", NULL, NULL, NULL, "secret", 0, "file:PATH"},
        {"https://ca", "ca", "SN", NULL, NULL, NULL, NULL, 0x81010001, "endorsement keys"},
        {"https://ca", "ca", "SN", NULL, NULL, NULL, NULL, 1, "no handle"},
    };
    birthmark *identity = open_nowhere();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        birthmark_enroll_options options;
        birthmark_error error;
        int issued = 7;

        BIRTHMARK_INIT(options);
        options.server = rows[i].server;
        options.ca = rows[i].ca;
        options.serial = rows[i].serial;
        options.key = rows[i].key;
        options.profile = rows[i].profile;
        options.ek_sha256 = rows[i].ek;
        options.owner_auth = rows[i].auth;
        options.handle = rows[i].handle;
        assert_int_equal(birthmark_enroll(identity, &options, &issued, &error), BIRTHMARK_USAGE);
        assert_int_equal(error.code, BIRTHMARK_USAGE);
        assert_non_null(strstr(error.sentence, rows[i].said));
        assert_int_equal(issued, 7);
    }
    birthmark_close(identity);
}

static void test_without_an_identity_there_is_no_key_and_a_file_that_is_none_verifies_nobody(void **state)
{
    birthmark_tls_options tls;
    birthmark_error error;
    birthmark *identity = open_nowhere();
    EVP_PKEY *key = NULL;
    SSL_CTX *ctx = NULL;

    (void)state;
    BIRTHMARK_INIT(tls);
    assert_int_equal(birthmark_get_pkey(identity, &key, NULL, &error), BIRTHMARK_FILES);
    assert_string_equal(error.name, "io-error");
    assert_non_null(strstr(error.sentence, "run 'birthmark enroll'"));
    tls.ca = NOWHERE "/ca.crt";
    assert_int_equal(birthmark_get_ssl_ctx(identity, &tls, &ctx, &error), BIRTHMARK_FILES);
    assert_non_null(strstr(error.sentence, NOWHERE "/ca.crt"));
    assert_null(key);
    assert_null(ctx);
    /* Its own library context is open by now; the program's has none of it. */
    assert_int_equal(OSSL_PROVIDER_available(NULL, "birthmark"), 0);
    birthmark_close(identity);
}

#define AT(structure, member, offset) assert_int_equal(offsetof(structure, member), offset)

static void test_what_version_0_1_laid_out_stays_where_it_is(void **state)
{
    (void)state;
#if UINTPTR_MAX == UINT64_MAX
    AT(birthmark_options, state, 8);
    AT(birthmark_options, tcti, 16);
    AT(birthmark_options, key_auth, 24);
    AT(birthmark_status, enrolled, 8);
    AT(birthmark_status, complete, 12);
    AT(birthmark_status, handle, 16);
    AT(birthmark_status, not_before, 24);
    AT(birthmark_status, renew_after, 40);
    AT(birthmark_status, serial, 48);
    AT(birthmark_status, subject, 113);
    AT(birthmark_status, issuer, 241);
    AT(birthmark_status, key_type, 369);
    AT(birthmark_status, ek_sha256, 385);
    AT(birthmark_progress, event, 8);
    AT(birthmark_progress, step, 12);
    AT(birthmark_progress, ms, 24);
    AT(birthmark_progress, text, 32);
    AT(birthmark_enroll_options, server, 8);
    AT(birthmark_enroll_options, key, 32);
    AT(birthmark_enroll_options, endorsement_auth, 64);
    AT(birthmark_enroll_options, handle, 72);
    AT(birthmark_enroll_options, renew, 76);
    AT(birthmark_enroll_options, progress, 80);
    AT(birthmark_enroll_options, context, 88);
    AT(birthmark_enroll_options, parent, 96);
    AT(birthmark_enroll_options, pcrs, 112);
    AT(birthmark_tls_options, role, 8);
    AT(birthmark_tls_options, ca, 16);
#endif
    /* No size of its own: it never changes. */
    AT(birthmark_error, name, 4);
    AT(birthmark_error, sentence, 36);
    assert_int_equal(sizeof(birthmark_error), 548);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_handle_needs_no_options_and_opens_nothing),
        cmocka_unit_test(test_a_size_that_was_not_set_is_refused),
        cmocka_unit_test(test_an_older_header_has_less_and_a_newer_one_may_have_more_as_long_as_it_is_not_used),
        cmocka_unit_test(test_a_status_is_written_as_far_as_it_goes_and_no_further),
        cmocka_unit_test(test_calls_without_a_handle_or_a_place_are_refused),
        cmocka_unit_test(test_enrolments_that_are_not_right_are_refused_before_anything_is_done),
        cmocka_unit_test(test_what_version_0_1_laid_out_stays_where_it_is),
        cmocka_unit_test(test_without_an_identity_there_is_no_key_and_a_file_that_is_none_verifies_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

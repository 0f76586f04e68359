/* device/exchange/renewal: the record of what a renewal needs; device/exchange/renew_wait: how long a server that is away is waited for. */
#include "unit.h"

#include "device/exchange/renew_wait.h"
#include "device/exchange/renewal.h"
#include "x509/ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD "birthmark renewal 1\n"
#define GOOD HEAD "server http://ca.example\nserial SN-1\n"

/* A directory with a file of two certificates, and their PEM. */
typedef struct {
    char base[64];
    char ca[80];
    bm_buf pem;
} fixture;

static void put_certificate(bm_buf *pem, const char *name)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *pair = NULL;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    const bm_ca_options options = {.common_name = name, .not_before = 1700000000, .not_after = 1900000000, .serial = {1}};

    assert_ok(bm_pkey_generate(BM_KEY_ECC256, &pair));
    assert_ok(bm_ca_self_signed(pair, &options, &der));
    assert_ok(bm_ca_put_pem(pem, "CERTIFICATE", bm_buf_view(&der)));
}

static void write_file(const char *path, const char *before, bm_bytes content, unsigned times)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(before, file) >= 0);
    for (unsigned i = 0; i < times; i++)
        assert_int_equal(fwrite(content.data, 1, content.size, file), content.size);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->base, sizeof(f->base), "/tmp/bm-renewal.XXXXXX");
    assert_non_null(mkdtemp(f->base));
    (void)snprintf(f->ca, sizeof(f->ca), "%s/ca.pem", f->base);
    put_certificate(&f->pem, "Root");
    put_certificate(&f->pem, "Other root");
    write_file(f->ca, "a comment\n", bm_buf_view(&f->pem), 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"ca.pem", "owner", "id/renewal", "id/.lock", "id"};
    fixture *f = *state;
    char path[128];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", f->base, names[i]);
        if (unlink(path) != 0)
            (void)rmdir(path);
    }
    assert_int_equal(rmdir(f->base), 0);
    bm_buf_fini(&f->pem);
    free(f);
    return 0;
}

static void a_record_is_what_the_options_say_and_comes_back_from_the_directory(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_renewal_fini) bm_renewal made = {0};
    BM_AUTO(bm_renewal_fini) bm_renewal renewal = {0};
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    bm_enrolment_options options = {.server = "https://ca.example:8443", .serial = "SN-1", .profile = "sensors", .ca = f->ca};
    bm_enrolment_options used = {.profile = ""};
    char directory[80];

    options.auth[BM_TPM_ENDORSEMENT] = "env:SECRET";
    (void)snprintf(directory, sizeof(directory), "%s/id", f->base);
    assert_ok(bm_identity_open(directory, &identity));
    assert_code(bm_renewal_load(&identity, &renewal), BM_E_IO);
    assert_ok(bm_renewal_of(&options, &made));
    assert_ok(bm_renewal_write(&identity, &made));
    assert_ok(bm_renewal_load(&identity, &renewal));
    bm_renewal_use(&renewal, &used);
    assert_string_equal(used.server, options.server);
    assert_string_equal(used.serial, options.serial);
    assert_string_equal(used.profile, options.profile);
    assert_string_equal(used.auth[BM_TPM_ENDORSEMENT], "env:SECRET");
    assert_null(used.auth[BM_TPM_OWNER]);
    assert_null(used.ca);
    assert_bytes(bm_buf_view(&renewal.ca), bm_buf_view(&f->pem));
}

static void paths_are_whole_so_that_another_directory_finds_them(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_renewal_fini) bm_renewal renewal = {0};
    BM_AUTO_BUF text = BM_BUF_EMPTY;
    bm_enrolment_options options = {.server = "https://ca.example", .serial = "SN-1", .profile = "", .ca = "ca.pem"};
    char path[128];
    char here[256];

    (void)snprintf(path, sizeof(path), "%s/owner", f->base);
    write_file(path, "secret\n", bm_bytes_of(NULL, 0), 0);
    /* More certificates than are worth a copy: the system's list, which others keep up to date. */
    write_file(f->ca, "", bm_buf_view(&f->pem), 1 + BM_RENEWAL_CA_MAX / (unsigned)f->pem.size);
    options.auth[BM_TPM_OWNER] = "file:owner";
    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(chdir(f->base), 0);
    assert_ok(bm_renewal_of(&options, &renewal));
    assert_int_equal(chdir(here), 0);
    assert_ok(bm_renewal_put(&text, &renewal));
    assert_ok(bm_buf_terminate(&text));
    assert_non_null(strstr((const char *)text.data, path));
    assert_non_null(strstr((const char *)text.data, f->ca));
    assert_null(strstr((const char *)text.data, "secret"));
    assert_null(strstr((const char *)text.data, "BEGIN"));
}

static void what_a_command_names_takes_the_place_of_what_was_recorded(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_renewal_fini) bm_renewal renewal = {0};
    bm_enrolment_options given = {.server = "https://other.example", .ca = f->ca};
    bm_enrolment_options wrong = {.ca = "/nonexistent"};

    assert_ok(bm_renewal_parse(bm_bytes_str(HEAD "server https://ca.example\nserial SN-1\nca-file /etc/ssl/ca.pem\n"), &renewal));
    assert_code(bm_renewal_override(&renewal, &wrong), BM_E_IO);
    assert_bytes(bm_buf_view(&renewal.ca_file), bm_bytes_str("/etc/ssl/ca.pem"));
    assert_ok(bm_renewal_override(&renewal, &given));
    assert_bytes(bm_buf_view(&renewal.server), bm_bytes_str("https://other.example"));
    assert_int_equal(renewal.ca_file.size, 0);
    assert_true(renewal.ca.size > 0);
    /* Nothing verifies an https server that has no certificates. */
    bm_renewal_fini(&renewal);
    renewal = (bm_renewal){0};
    assert_ok(bm_renewal_parse(bm_bytes_str(GOOD), &renewal));
    given.ca = NULL;
    assert_code(bm_renewal_override(&renewal, &given), BM_E_USAGE);
    assert_bytes(bm_buf_view(&renewal.server), bm_bytes_str("http://ca.example"));
}

static void a_record_that_is_not_as_it_was_written_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        HEAD,
        "birthmark renewal 2\nserver http://ca.example\nserial SN-1\n",
        "\n" GOOD,
        GOOD "\n",
        GOOD "colour red\n",
        GOOD "serial SN-2\n",
        HEAD "serial SN-1\nserver http://ca.example\n",
        HEAD "server http://ca.example\n",
        HEAD "server http://ca.example\nserial SN-1",
        HEAD "server http://ca.example\nserial S N\n",
        HEAD "server ftp://ca.example\nserial SN-1\n",
        HEAD "server http://ca.example\r\nserial SN-1\n",
        HEAD "server \nserial SN-1\n",
        HEAD "server https://ca.example\nserial SN-1\n",
        GOOD "profile UPPER\n",
        GOOD "profile \n",
        GOOD "ca-file relative.pem\n",
        GOOD "ca\n",
        GOOD "ca\nnonsense\n",
        GOOD "ca\n-----BEGIN CERTIFICATE-----\n",
        GOOD "ca-file /etc/ssl/ca.pem\nprofile a\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        BM_AUTO(bm_renewal_fini) bm_renewal renewal = {0};

        if (bm_renewal_parse(bm_bytes_str(wrong[i]), &renewal).code != BM_E_MALFORMED)
            fail_msg("row %zu was not refused", i);
        assert_int_equal(renewal.server.size, 0);
    }
}

static void certificates_in_a_record_are_those_alone(void **state)
{
    fixture *f = *state;
    BM_AUTO_BUF text = BM_BUF_EMPTY;
    BM_AUTO(bm_renewal_fini) bm_renewal renewal = {0};
    BM_AUTO(bm_renewal_fini) bm_renewal other = {0};

    assert_ok(bm_buf_put_str(&text, HEAD "server https://ca.example\nserial SN-1\nca\n"));
    assert_ok(bm_buf_put(&text, bm_buf_view(&f->pem)));
    assert_ok(bm_renewal_parse(bm_buf_view(&text), &renewal));
    assert_ok(bm_buf_put_str(&text, "# one more line\n"));
    assert_code(bm_renewal_parse(bm_buf_view(&text), &other), BM_E_MALFORMED);
}

static void what_no_record_can_hold_is_the_command_lines_fault(void **state)
{
    BM_AUTO(bm_renewal_fini) bm_renewal renewal = {0};
    bm_enrolment_options options = {.server = "http://ca.example/\n", .serial = "SN-1", .profile = ""};
    char lengthy[BM_RENEWAL_VALUE_MAX + 16] = "http://";

    (void)state;
    assert_code(bm_renewal_of(&options, &renewal), BM_E_USAGE);
    memset(lengthy + 7, 'a', sizeof(lengthy) - 8);
    options.server = lengthy;
    assert_code(bm_renewal_of(&options, &renewal), BM_E_USAGE);
    options.server = "http://ca.example";
    options.auth[BM_TPM_OWNER] = "file:/nonexistent";
    assert_code(bm_renewal_of(&options, &renewal), BM_E_IO);
}

static void the_wait_doubles_up_to_two_minutes_and_chance_takes_any_part_of_it(void **state)
{
    static const int64_t longest[] = {2000, 2000, 4000, 8000, 16000, 32000, 64000, 120000, 120000};
    int64_t wait = 0;

    (void)state;
    for (unsigned tries = 0; tries < sizeof(longest) / sizeof(longest[0]); tries++) {
        assert_true(bm_renew_wait_next(tries, 0, INT64_C(86400000), 0, (uint32_t)longest[tries], &wait));
        assert_int_equal(wait, longest[tries]);
        assert_true(bm_renew_wait_next(tries, 0, INT64_C(86400000), 0, (uint32_t)longest[tries] + 1, &wait));
        assert_int_equal(wait, 0);
        assert_true(bm_renew_wait_next(tries, 0, INT64_C(86400000), 0, UINT32_MAX, &wait));
        assert_in_range(wait, 0, longest[tries]);
    }
    assert_true(bm_renew_wait_next(UINT32_MAX, 0, INT64_C(86400000), 0, 120000, &wait));
    assert_int_equal(wait, 120000);
}

static void it_ends_with_the_time_and_the_last_try_is_at_the_end_of_it(void **state)
{
    int64_t wait = 0;

    (void)state;
    assert_true(bm_renew_wait_next(9, 299000, 300000, 0, 120000, &wait));
    assert_int_equal(wait, 1000);
    assert_false(bm_renew_wait_next(10, 300000, 300000, 0, 0, &wait));
    assert_false(bm_renew_wait_next(1, 0, 0, 0, 5, &wait));
    assert_false(bm_renew_wait_next(1, 400000, 300000, 0, 5, &wait));
    assert_false(bm_renew_wait_next(1, -1, 300000, 0, 5, &wait));
}

static void what_the_server_asks_for_is_waited_or_it_is_not_asked_again(void **state)
{
    int64_t wait = 0;

    (void)state;
    assert_true(bm_renew_wait_next(1, 0, 300000, 40000, 0, &wait));
    assert_int_equal(wait, 40000);
    assert_true(bm_renew_wait_next(1, 0, 300000, 40000, 40000, &wait));
    assert_int_equal(wait, 80000);
    assert_true(bm_renew_wait_next(1, 250000, 300000, 40000, 40000, &wait));
    assert_int_equal(wait, 50000);
    assert_false(bm_renew_wait_next(1, 270000, 300000, 40000, 0, &wait));
    assert_false(bm_renew_wait_next(1, 0, 300000, -1, 0, &wait));
    assert_false(bm_renew_wait_next(1, 0, 300000, INT64_MAX, 0, &wait));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_record_is_what_the_options_say_and_comes_back_from_the_directory),
        T(paths_are_whole_so_that_another_directory_finds_them),
        T(what_a_command_names_takes_the_place_of_what_was_recorded),
        T(a_record_that_is_not_as_it_was_written_is_refused),
        T(certificates_in_a_record_are_those_alone),
        T(what_no_record_can_hold_is_the_command_lines_fault),
        cmocka_unit_test(the_wait_doubles_up_to_two_minutes_and_chance_takes_any_part_of_it),
        cmocka_unit_test(what_the_server_asks_for_is_waited_or_it_is_not_asked_again),
        cmocka_unit_test(it_ends_with_the_time_and_the_last_try_is_at_the_end_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

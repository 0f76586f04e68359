/* device/talk/secret: authorisation values from files and the environment, and from nowhere else. */
#include "unit.h"

#include "device/talk/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/bmsecret.XXXXXX";
static char source[64];

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(source, sizeof(source), "file:%s/value", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(source + 5);
    (void)rmdir(directory);
    return 0;
}

static void write_value(const char *bytes, size_t size)
{
    FILE *file = fopen(source + 5, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void a_plain_value_is_refused_and_not_repeated(void **state)
{
    static const char *const plain[] = {"hunter2", "", "file:", "env:", "FILE:/x", "pass:hunter2", "hex:00", " file:/x", "fil"};
    BM_AUTO_BUF secret = BM_BUF_EMPTY;

    (void)state;
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        bm_result result = bm_secret_check("--owner-auth", plain[i]);

        assert_int_equal(result.code, BM_E_USAGE);
        assert_null(strstr(result.detail, "hunter2"));
        assert_non_null(strstr(result.detail, "--owner-auth"));
        assert_non_null(strstr(result.detail, "file:PATH"));
        assert_code(bm_secret_read("--owner-auth", plain[i], &secret), BM_E_USAGE);
    }
    assert_int_equal(secret.size, 0);
    assert_ok(bm_secret_check("--owner-auth", "file:x"));
    assert_ok(bm_secret_check("--owner-auth", "env:X"));
}

static void a_file_gives_its_bytes_without_one_line_end(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        size_t kept;
    } rows[] = {{"word", 4, 4}, {"word\n", 5, 4}, {"word\r\n", 6, 4}, {"word\n\n", 6, 5}, {"a b \n", 5, 4}, {"\0\1\2", 3, 3}, {"word\r", 5, 5}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BM_AUTO_BUF secret = BM_BUF_EMPTY;

        write_value(rows[i].bytes, rows[i].size);
        assert_ok(bm_secret_read("--owner-auth", source, &secret));
        assert_bytes(bm_buf_view(&secret), bm_bytes_of(rows[i].bytes, rows[i].kept));
    }
}

static void what_is_empty_too_long_or_not_there_is_refused(void **state)
{
    char bytes[BM_SECRET_MAX + 2];
    BM_AUTO_BUF secret = BM_BUF_EMPTY;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = 'x';
    write_value("", 0);
    assert_code(bm_secret_read("--owner-auth", source, &secret), BM_E_USAGE);
    write_value("\n", 1);
    assert_code(bm_secret_read("--owner-auth", source, &secret), BM_E_USAGE);
    write_value(bytes, BM_SECRET_MAX + 1);
    bm_buf_clear(&secret);
    assert_code(bm_secret_read("--owner-auth", source, &secret), BM_E_USAGE);
    bytes[BM_SECRET_MAX] = '\r';
    bytes[BM_SECRET_MAX + 1] = '\n';
    write_value(bytes, sizeof(bytes));
    bm_buf_clear(&secret);
    assert_ok(bm_secret_read("--owner-auth", source, &secret));
    assert_int_equal(secret.size, BM_SECRET_MAX);
    assert_int_equal(unlink(source + 5), 0);
    assert_code(bm_secret_read("--owner-auth", source, &secret), BM_E_IO);
    assert_code(bm_secret_read("--owner-auth", "file:/", &secret), BM_E_IO);
}

static void a_variable_gives_its_value_and_loses_it(void **state)
{
    BM_AUTO_BUF secret = BM_BUF_EMPTY;

    (void)state;
    assert_int_equal(setenv("BM_TEST_SECRET", "the word", 1), 0);
    assert_ok(bm_secret_read("--endorsement-auth", "env:BM_TEST_SECRET", &secret));
    assert_bytes(bm_buf_view(&secret), bm_bytes_str("the word"));
    assert_string_equal(getenv("BM_TEST_SECRET"), "");
    assert_code(bm_secret_read("--endorsement-auth", "env:BM_TEST_NONE", &secret), BM_E_USAGE);
}

static void a_file_that_others_can_read_is_told_apart(void **state)
{
    (void)state;
    write_value("word", 4);
    assert_int_equal(chmod(source + 5, 0600), 0);
    assert_false(bm_secret_is_open(source));
    assert_int_equal(chmod(source + 5, 0640), 0);
    assert_true(bm_secret_is_open(source));
    assert_false(bm_secret_is_open("env:HOME"));
    assert_false(bm_secret_is_open("file:/tmp/bmsecret-none/none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_value_is_refused_and_not_repeated),
        cmocka_unit_test(a_file_gives_its_bytes_without_one_line_end),
        cmocka_unit_test(what_is_empty_too_long_or_not_there_is_refused),
        cmocka_unit_test(a_variable_gives_its_value_and_loses_it),
        cmocka_unit_test(a_file_that_others_can_read_is_told_apart),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

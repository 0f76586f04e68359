/* device/identity/key_file, device/tpm/pcrs, device/tpm/kind: what an identity key is, in files and on the command line. */
#include "unit.h"

#include "base/text.h"
#include "device/identity/key_file.h"
#include "x509/ca.h"

#include <string.h>

static void test_key_files_are_read_as_they_were_written(void **state)
{
    static const struct {
        bm_tpm_kind kind;
        const char *begins;
    } rows[] = {
        {{.parent = BM_TPM_OWNER}, "-----BEGIN TSS2 PRIVATE KEY-----\nM"},
        {{.parent = BM_TPM_OWNER, .has_auth = true}, "-----BEGIN TSS2 PRIVATE KEY-----\nM"},
        {{.parent = BM_TPM_OWNER, .pcrs = {BM_HASH_SHA384, 0x800081}}, "-----BEGIN TSS2 PRIVATE KEY-----\nM"},
        {{.parent = BM_TPM_ENDORSEMENT}, "-----BEGIN BIRTHMARK PRIMARY KEY-----\nM"},
        {{.parent = BM_TPM_ENDORSEMENT, .has_auth = true}, "-----BEGIN BIRTHMARK PRIMARY KEY-----\nM"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BM_AUTO_BUF pem = BM_BUF_EMPTY;
        BM_AUTO_BUF public_area = BM_BUF_EMPTY;
        BM_AUTO_BUF private_area = BM_BUF_EMPTY;
        bm_tpm_kind kind;

        assert_ok(bm_key_file_put(&pem, &rows[i].kind, bm_bytes_str("public"), bm_bytes_str("private")));
        assert_bytes(bm_bytes_of(pem.data, strlen(rows[i].begins)), bm_bytes_str(rows[i].begins));
        assert_ok(bm_key_file_parse(bm_buf_view(&pem), &kind, &public_area, &private_area));
        assert_true(bm_tpm_kind_equal(&kind, &rows[i].kind));
        assert_bytes(bm_buf_view(&public_area), bm_bytes_str("public"));
        assert_bytes(bm_buf_view(&private_area), bm_bytes_str("private"));
    }
}

static void assert_no_key_file(const char *label, const char *hex)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO_BUF pem = BM_BUF_EMPTY;
    BM_AUTO_BUF a = BM_BUF_EMPTY;
    BM_AUTO_BUF b = BM_BUF_EMPTY;
    bm_tpm_kind kind;

    assert_ok(bm_text_from_hex(bm_bytes_str(hex), &der));
    assert_ok(bm_ca_put_pem(&pem, label, bm_buf_view(&der)));
    assert_code(bm_key_file_parse(bm_buf_view(&pem), &kind, &a, &b), BM_E_MALFORMED);
    assert_int_equal(a.size, 0);
    assert_int_equal(b.size, 0);
}

static void test_other_key_files_are_refused(void **state)
{
    BM_AUTO_BUF a = BM_BUF_EMPTY;
    BM_AUTO_BUF b = BM_BUF_EMPTY;

    bm_tpm_kind kind;

    (void)state;
    assert_code(bm_key_file_parse(bm_bytes_of(NULL, 0), &kind, &a, &b), BM_E_MALFORMED);
    assert_no_key_file("PRIVATE KEY", "301d0606678105" "0a0103a0030101ff020440000001040141040142");
    /* importable instead of loadable; emptyAuth neither; a parent handle; a policy of nothing; bytes behind it; cut off */
    assert_no_key_file("TSS2 PRIVATE KEY", "301b06066781050a0104a0030101ff020440000001040141040142");
    assert_no_key_file("TSS2 PRIVATE KEY", "301b06066781050a0103a003010101020440000001040141040142");
    assert_no_key_file("TSS2 PRIVATE KEY", "301c06066781050a0103a0030101ff02050081000001040141040142");
    assert_no_key_file("TSS2 PRIVATE KEY", "301d06066781050a0103a0030101ffa1000204" "40000001040141040142");
    assert_no_key_file("TSS2 PRIVATE KEY", "301b06066781050a0103a0030101ff02044000000104014104014200");
    assert_no_key_file("TSS2 PRIVATE KEY", "301b06066781050a0103a0030101ff0204400000010401410401");
}

static void test_registers_are_read_as_they_were_written(void **state)
{
    static const char *const good[] = {"sha256:0", "sha256:0,2,7", "sha384:23", "sha512:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        BM_AUTO_BUF text = BM_BUF_EMPTY;
        BM_AUTO_BUF parameters = BM_BUF_EMPTY;
        bm_tpm_pcrs pcrs;
        bm_tpm_pcrs again;

        assert_ok(bm_tpm_pcrs_parse(good[i], &pcrs));
        assert_ok(bm_tpm_pcrs_put(&text, &pcrs));
        assert_bytes(bm_buf_view(&text), bm_bytes_str(good[i]));
        assert_ok(bm_tpm_pcrs_put_parameters(&parameters, &pcrs));
        assert_ok(bm_tpm_pcrs_parse_parameters(bm_buf_view(&parameters), &again));
        assert_true(bm_tpm_pcrs_equal(&pcrs, &again));
    }
}

static void test_registers_that_are_none_are_refused(void **state)
{
    static const char *const texts[] = {"",         "sha256",    "sha256:",     "sha1:0",     "sm3:0",        "sha256:24",  "sha256:0,",   "sha256:,0",
                                        "sha256:a", "sha256:-1", "sha256:0,0",  "sha256:00",  "sha256:0 ,1",  "sha256:100", "0,1",         "sha256:0+sha384:1"};
    /* Of sha256:0,2,7 with a byte behind it; of none; with a digest; of two banks; of SHA-1; of 2 and of 4 bytes; cut off. */
    static const char *const parameters[] = {
        "000000000001000b0385000000", "000000000001000b03000000",   "0001aa00000001000b03850000", "000000000002000b03850000",
        "000000000001000403850000",   "000000000001000b028500",     "000000000001000b0485000000", "000000000001000b038500",
    };
    bm_tpm_pcrs pcrs = {.mask = 0};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_code(bm_tpm_pcrs_parse(texts[i], &pcrs), BM_E_MALFORMED);
    for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
        BM_AUTO_BUF bytes = BM_BUF_EMPTY;

        assert_ok(bm_text_from_hex(bm_bytes_str(parameters[i]), &bytes));
        assert_code(bm_tpm_pcrs_parse_parameters(bm_buf_view(&bytes), &pcrs), BM_E_MALFORMED);
    }
    assert_int_equal(pcrs.mask, 0);
}

static void test_a_value_is_asked_for_where_there_is_one_and_only_there(void **state)
{
    bm_tpm_kind kind = {.has_auth = true};

    (void)state;
    assert_code(bm_tpm_kind_check_given(&kind, "/s"), BM_E_TPM_AUTH);
    kind.auth = bm_bytes_str("value");
    assert_ok(bm_tpm_kind_check_given(&kind, "/s"));
    kind.has_auth = false;
    assert_code(bm_tpm_kind_check_given(&kind, "/s"), BM_E_TPM_AUTH);
    kind.auth = bm_bytes_of(NULL, 0);
    assert_ok(bm_tpm_kind_check_given(&kind, "/s"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_files_are_read_as_they_were_written),
        cmocka_unit_test(test_other_key_files_are_refused),
        cmocka_unit_test(test_registers_are_read_as_they_were_written),
        cmocka_unit_test(test_registers_that_are_none_are_refused),
        cmocka_unit_test(test_a_value_is_asked_for_where_there_is_one_and_only_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

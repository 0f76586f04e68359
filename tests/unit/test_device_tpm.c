/* The parts of device/tpm/ that need no TPM: codes into results, which TCTI has a manager, chains and nonces from NV. */
#include "unit.h"

#include "base/text.h"
#include "device/exchange/exchange.h"
#include "device/tpm/ek.h"
#include "device/tpm/ik.h"
#include "program/sanitized.h"
#include "protocol/problem.h"
#include "x509/ca.h"

#include <string.h>
#if BM_SANITIZED
#include <sanitizer/lsan_interface.h>
#endif

/* What is taken in between is not looked for: the TSS of Debian 13 loses 96 bytes for each TCTI that cannot be loaded. */
static void look_for_leaks(bool now)
{
#if BM_SANITIZED
    now ? __lsan_enable() : __lsan_disable();
#else
    (void)now;
#endif
}

static void test_success_is_success(void **state)
{
    (void)state;
    assert_ok(bm_tpm_context_result("TPM2_Sign", TSS2_RC_SUCCESS));
}

static void test_codes_become_results_whatever_layer_hands_them_on(void **state)
{
    static const struct {
        TSS2_RC rc;
        bm_code code;
    } rows[] = {
        {TPM2_RC_OBJECT_MEMORY, BM_E_TPM_NOT_READY},
        {TPM2_RC_SESSION_MEMORY, BM_E_TPM_NOT_READY},
        {TPM2_RC_RETRY, BM_E_TPM_NOT_READY},
        {TPM2_RC_NV_RATE, BM_E_TPM_NOT_READY},
        {TPM2_RC_FAILURE, BM_E_TPM_NOT_READY},
        {TSS2_RESMGR_TPM_RC_LAYER | TPM2_RC_OBJECT_MEMORY, BM_E_TPM_NOT_READY},
        {TSS2_SYS_RC_INSUFFICIENT_RESPONSE, BM_E_TPM_NOT_READY},
        {TPM2_RC_LOCKOUT, BM_E_TPM_LOCKOUT},
        {TSS2_RESMGR_TPM_RC_LAYER | TPM2_RC_LOCKOUT, BM_E_TPM_LOCKOUT},
        {0x9A2, BM_E_TPM_AUTH}, /* BAD_AUTH, session 1 */
        {0x98E, BM_E_TPM_AUTH}, /* AUTH_FAIL, session 1 */
        {TSS2_RESMGR_TPM_RC_LAYER | 0x9A2, BM_E_TPM_AUTH},
        {0x1DF, BM_E_TPM}, /* INTEGRITY, parameter 1 */
        {TSS2_TCTI_RC_IO_ERROR, BM_E_TPM_UNREACHABLE},
        {TSS2_TCTI_RC_NO_CONNECTION, BM_E_TPM_UNREACHABLE},
        {TSS2_ESYS_RC_BAD_SEQUENCE, BM_E_TPM_UNREACHABLE},
        {TSS2_ESYS_RC_MEMORY, BM_E_NO_MEMORY},
        {TSS2_ESYS_RC_BAD_VALUE, BM_E_TPM},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_code(bm_tpm_context_result("TPM2_Sign", rows[i].rc), rows[i].code);
}

static void test_the_detail_has_command_code_and_words(void **state)
{
    bm_result result = bm_tpm_context_result("TPM2_Load", TPM2_RC_OBJECT_MEMORY);

    (void)state;
    assert_non_null(strstr(result.detail, "TPM2_Load"));
    assert_non_null(strstr(result.detail, "0x902"));
    assert_non_null(strstr(result.detail, "out of memory for object contexts"));
    assert_non_null(strstr(result.detail, "--tcti device:/dev/tpmrm0"));
}

static void test_format_one_codes_lose_their_number(void **state)
{
    (void)state;
    assert_int_equal(bm_tpm_context_format_one(0x18B), TPM2_RC_HANDLE);
    assert_int_equal(bm_tpm_context_format_one(0x28B), TPM2_RC_HANDLE);
    assert_int_equal(bm_tpm_context_format_one(0x1DF), TPM2_RC_INTEGRITY);
    assert_int_equal(bm_tpm_context_format_one(TSS2_RESMGR_TPM_RC_LAYER | 0x18B), TPM2_RC_HANDLE);
    assert_int_equal(bm_tpm_context_format_one(TPM2_RC_OBJECT_MEMORY), TPM2_RC_OBJECT_MEMORY);
    assert_int_equal(bm_tpm_context_format_one(TSS2_TCTI_RC_IO_ERROR), TSS2_TCTI_RC_IO_ERROR);
}

static void test_only_a_bare_tpm_may_be_swept(void **state)
{
    static const char *const bare[] = {"swtpm", "swtpm:path=/tmp/s", "mssim:host=localhost,port=2321", "device:/dev/tpm0",
                                       "libtss2-tcti-swtpm.so.0:path=/tmp/s", "libtss2-tcti-device.so.0:/dev/tpm0"};
    static const char *const managed[] = {"device:/dev/tpmrm0", "device", "tabrmd", "tabrmd:bus_type=session", "cmd:ssh host",
                                          "", "swtpms:path=/tmp/s", "device:/dev/other", "libtss2-tcti-tabrmd.so.0"};

    (void)state;
    for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++)
        assert_false(bm_tpm_context_is_managed(bare[i]));
    for (size_t i = 0; i < sizeof(managed) / sizeof(managed[0]); i++)
        assert_true(bm_tpm_context_is_managed(managed[i]));
}

static void test_a_closed_tpm_takes_no_command(void **state)
{
    bm_tpm_context context = {0};
    bm_tpm_handles handles;

    (void)state;
    assert_code(bm_tpm_context_handles(&context, 0x81000000, 0x81FFFFFF, &handles), BM_E_INTERNAL);
    bm_tpm_context_close(&context);
}

static void test_a_tcti_that_is_none_is_unreachable(void **state)
{
    bm_tpm_context context = {0};

    (void)state;
    look_for_leaks(false);
    assert_code(bm_tpm_context_open("nonesuch:", &context), BM_E_TPM_UNREACHABLE);
    look_for_leaks(true);
    assert_null(context.esys);
    assert_null(context.tcti);
}

/* Two certificates as they lie in NV: two SEQUENCEs of 4 and 3 bytes. */
static const uint8_t two[] = {0x30, 0x02, 0x05, 0x00, 0x30, 0x01, 0x07};

static void assert_split(bm_bytes bytes, size_t expected)
{
    bm_buf chain[BM_EKC_CHAIN_MAX] = {0};
    size_t count = 99;

    assert_ok(bm_tpm_ek_split_chain(bytes, chain, &count));
    assert_int_equal(count, expected);
    if (expected == 2) {
        assert_bytes(bm_buf_view(&chain[0]), bm_bytes_of(two, 4));
        assert_bytes(bm_buf_view(&chain[1]), bm_bytes_of(two + 4, 3));
    }
    for (size_t i = 0; i < BM_EKC_CHAIN_MAX; i++)
        bm_buf_fini(&chain[i]);
}

static void test_a_chain_is_cut_into_its_certificates(void **state)
{
    BM_AUTO_BUF padded = BM_BUF_EMPTY;

    (void)state;
    assert_split(BM_BYTES_ARRAY(two), 2);
    assert_split(bm_bytes_of(NULL, 0), 0);
    assert_ok(bm_buf_put(&padded, BM_BYTES_ARRAY(two)));
    assert_ok(bm_buf_put_u32(&padded, 0xFFFFFFFF));
    assert_split(bm_buf_view(&padded), 2);
}

static void test_a_chain_of_more_than_the_protocol_takes_is_cut_short(void **state)
{
    BM_AUTO_BUF many = BM_BUF_EMPTY;

    (void)state;
    for (size_t i = 0; i < BM_EKC_CHAIN_MAX + 2; i++)
        assert_ok(bm_buf_put(&many, bm_bytes_of(two, 4)));
    assert_split(bm_buf_view(&many), BM_EKC_CHAIN_MAX);
}

static void test_a_chain_that_ends_early_is_refused(void **state)
{
    bm_buf chain[BM_EKC_CHAIN_MAX] = {0};
    size_t count;

    (void)state;
    assert_code(bm_tpm_ek_split_chain(bm_bytes_of(two, 6), chain, &count), BM_E_EKC_MALFORMED);
    for (size_t i = 0; i < BM_EKC_CHAIN_MAX; i++)
        bm_buf_fini(&chain[i]);
}

static void test_a_nonce_stands_at_the_start_of_unique(void **state)
{
    static const uint8_t nonce[] = {1, 2, 3};
    TPM2B_PUBLIC rsa = {.publicArea = {.type = TPM2_ALG_RSA}};
    TPM2B_PUBLIC ecc = {.publicArea = {.type = TPM2_ALG_ECC}};

    (void)state;
    rsa.publicArea.parameters.rsaDetail.keyBits = 2048;
    assert_ok(bm_tpm_ek_put_nonce(&rsa, BM_BYTES_ARRAY(nonce)));
    assert_int_equal(rsa.publicArea.unique.rsa.size, 256);
    assert_memory_equal(rsa.publicArea.unique.rsa.buffer, nonce, 3);
    assert_int_equal(rsa.publicArea.unique.rsa.buffer[3], 0);
    ecc.publicArea.unique.ecc.x.size = 32;
    ecc.publicArea.unique.ecc.y.size = 32;
    assert_ok(bm_tpm_ek_put_nonce(&ecc, BM_BYTES_ARRAY(nonce)));
    assert_int_equal(ecc.publicArea.unique.ecc.x.size, 32);
    assert_memory_equal(ecc.publicArea.unique.ecc.x.buffer, nonce, 3);
    assert_int_equal(ecc.publicArea.unique.ecc.y.buffer[0], 0);
}

static void test_a_nonce_that_does_not_fit_is_refused(void **state)
{
    static const uint8_t nonce[257] = {1};
    TPM2B_PUBLIC rsa = {.publicArea = {.type = TPM2_ALG_RSA}};
    TPM2B_PUBLIC ecc = {.publicArea = {.type = TPM2_ALG_ECC}};
    TPM2B_PUBLIC hash = {.publicArea = {.type = TPM2_ALG_KEYEDHASH}};

    (void)state;
    rsa.publicArea.parameters.rsaDetail.keyBits = 2048;
    assert_code(bm_tpm_ek_put_nonce(&rsa, BM_BYTES_ARRAY(nonce)), BM_E_MALFORMED);
    rsa.publicArea.parameters.rsaDetail.keyBits = 0xFFFF;
    assert_code(bm_tpm_ek_put_nonce(&rsa, BM_BYTES_ARRAY(nonce)), BM_E_MALFORMED);
    assert_code(bm_tpm_ek_put_nonce(&ecc, bm_bytes_of(nonce, 1)), BM_E_MALFORMED);
    ecc.publicArea.unique.ecc.x.size = 0xFFFF;
    assert_code(bm_tpm_ek_put_nonce(&ecc, bm_bytes_of(nonce, 1)), BM_E_MALFORMED);
    assert_code(bm_tpm_ek_put_nonce(&hash, bm_bytes_of(nonce, 1)), BM_E_MALFORMED);
}

static void test_public_areas_pass_through_the_tss_unchanged(void **state)
{
    static const bm_key_type types[] = {BM_KEY_RSA2048, BM_KEY_RSA3072, BM_KEY_ECC256, BM_KEY_ECC384};

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        BM_AUTO_BUF in = BM_BUF_EMPTY;
        BM_AUTO_BUF out = BM_BUF_EMPTY;
        TPM2B_PUBLIC area;

        assert_ok(bm_template_put_ik_input(&in, types[i]));
        assert_ok(bm_tpm_object_public_of(bm_buf_view(&in), &area));
        assert_ok(bm_tpm_object_put_public(&out, &area));
        assert_bytes(bm_buf_view(&out), bm_buf_view(&in));
    }
}

static void test_public_areas_that_are_none_are_refused(void **state)
{
    BM_AUTO_BUF in = BM_BUF_EMPTY;
    TPM2B_PUBLIC area;

    (void)state;
    assert_ok(bm_template_put_ik_input(&in, BM_KEY_ECC256));
    assert_code(bm_tpm_object_public_of(bm_bytes_of(NULL, 0), &area), BM_E_MALFORMED);
    assert_code(bm_tpm_object_public_of(bm_bytes_of(in.data, in.size - 1), &area), BM_E_MALFORMED);
    assert_ok(bm_buf_put_u8(&in, 0));
    assert_code(bm_tpm_object_public_of(bm_buf_view(&in), &area), BM_E_MALFORMED);
}

/* A TPM2B_PUBLIC of an IK of P-256 with these attributes and this policy; the point is the curve's generator. */
static void put_ik(bm_buf *out, uint32_t attributes, bm_bytes policy, uint16_t scheme)
{
    static const char x[] = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
    static const char y[] = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    BM_AUTO_BUF area = BM_BUF_EMPTY;

    assert_ok(bm_buf_put_u16(&area, TPM2_ALG_ECC));
    assert_ok(bm_buf_put_u16(&area, TPM2_ALG_SHA256));
    assert_ok(bm_buf_put_u32(&area, attributes));
    assert_ok(bm_buf_put_sized16(&area, policy));
    assert_ok(bm_buf_put_u16(&area, TPM2_ALG_NULL));
    assert_ok(bm_buf_put_u16(&area, scheme));
    if (scheme != TPM2_ALG_NULL)
        assert_ok(bm_buf_put_u16(&area, TPM2_ALG_SHA256));
    assert_ok(bm_buf_put_u16(&area, TPM2_ECC_NIST_P256));
    assert_ok(bm_buf_put_u16(&area, TPM2_ALG_NULL));
    assert_ok(bm_buf_put_u16(&area, 32));
    assert_ok(bm_text_from_hex(bm_bytes_str(x), &area));
    assert_ok(bm_buf_put_u16(&area, 32));
    assert_ok(bm_text_from_hex(bm_bytes_str(y), &area));
    assert_ok(bm_buf_put_sized16(out, bm_buf_view(&area)));
}

static bm_key_type type_with(uint32_t attributes, uint16_t scheme)
{
    BM_AUTO_BUF ik = BM_BUF_EMPTY;

    put_ik(&ik, attributes, bm_bytes_of(NULL, 0), scheme);
    return bm_tpm_ik_type_of(bm_buf_view(&ik));
}

static bm_key_type type_with_policy(uint32_t attributes)
{
    static const uint8_t policy[32] = {7};
    BM_AUTO_BUF ik = BM_BUF_EMPTY;

    put_ik(&ik, attributes, BM_BYTES_ARRAY(policy), TPM2_ALG_NULL);
    return bm_tpm_ik_type_of(bm_buf_view(&ik));
}

static void test_only_keys_of_our_template_are_ours(void **state)
{
    const uint32_t ours = BM_TPMA_FIXED_TPM | BM_TPMA_FIXED_PARENT | BM_TPMA_SENSITIVE_DATA_ORIGIN | BM_TPMA_USER_WITH_AUTH |
                          BM_TPMA_NO_DA | BM_TPMA_SIGN;

    (void)state;
    assert_int_equal(type_with(ours, TPM2_ALG_NULL), BM_KEY_ECC256);
    assert_int_equal(type_with(ours | BM_TPMA_RESTRICTED, TPM2_ALG_NULL), BM_KEY_NONE);
    assert_int_equal(type_with(ours | BM_TPMA_DECRYPT, TPM2_ALG_NULL), BM_KEY_NONE);
    assert_int_equal(type_with(ours & ~BM_TPMA_NO_DA, TPM2_ALG_NULL), BM_KEY_NONE);
    assert_int_equal(type_with(ours & ~BM_TPMA_FIXED_TPM, TPM2_ALG_NULL), BM_KEY_NONE);
    assert_int_equal(type_with(ours, TPM2_ALG_ECDSA), BM_KEY_NONE);
    /* A policy takes the place of userWithAuth, and does not stand beside it. */
    assert_int_equal(type_with_policy(ours & ~BM_TPMA_USER_WITH_AUTH), BM_KEY_ECC256);
    assert_int_equal(type_with_policy(ours), BM_KEY_NONE);
    assert_int_equal(type_with(ours & ~BM_TPMA_USER_WITH_AUTH, TPM2_ALG_NULL), BM_KEY_NONE);
    assert_int_equal(type_with_policy((ours & ~BM_TPMA_USER_WITH_AUTH) | BM_TPMA_ADMIN_WITH_POLICY), BM_KEY_NONE);
    assert_int_equal(bm_tpm_ik_type_of(bm_bytes_str("no public area")), BM_KEY_NONE);
    assert_int_equal(bm_tpm_ik_type_of(bm_bytes_of(NULL, 0)), BM_KEY_NONE);
}

/* The TPM2B_PUBLIC of the storage key above our identity keys, with one 16-bit field of it changed; 0: none. */
static bool is_parent_with(size_t offset, uint16_t value)
{
    BM_AUTO_BUF area = BM_BUF_EMPTY;
    TPM2B_PUBLIC parent = {.publicArea = {.type = TPM2_ALG_ECC, .nameAlg = TPM2_ALG_SHA256, .objectAttributes = 0x00030472}};
    TPMS_ECC_PARMS *ecc = &parent.publicArea.parameters.eccDetail;

    ecc->symmetric = (TPMT_SYM_DEF_OBJECT){.algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};
    ecc->scheme.scheme = TPM2_ALG_NULL;
    ecc->curveID = TPM2_ECC_NIST_P256;
    ecc->kdf.scheme = TPM2_ALG_NULL;
    parent.publicArea.unique.ecc.x.size = 32;
    parent.publicArea.unique.ecc.y.size = 32;
    assert_ok(bm_tpm_object_put_public(&area, &parent));
    if (offset != 0) {
        area.data[offset] = (uint8_t)(value >> 8);
        area.data[offset + 1] = (uint8_t)value;
    }
    return bm_tpm_ik_is_parent(bm_buf_view(&area));
}

static void test_only_the_storage_key_that_we_make_is_ours(void **state)
{
    (void)state;
    assert_true(is_parent_with(0, 0));
    assert_false(is_parent_with(2, TPM2_ALG_RSA));
    assert_false(is_parent_with(4, TPM2_ALG_SHA384)); /* nameAlg */
    assert_false(is_parent_with(6, 0x0001));          /* attributes, restricted CLEAR and sign SET among them */
    assert_false(is_parent_with(8, 0x0072));          /* attributes, noDA CLEAR */
    assert_false(is_parent_with(12, TPM2_ALG_NULL));  /* symmetric */
    assert_false(is_parent_with(14, 256));
    assert_false(is_parent_with(18, TPM2_ALG_ECDH));  /* scheme */
    assert_false(is_parent_with(20, TPM2_ECC_NIST_P384));
    assert_false(bm_tpm_ik_is_parent(bm_bytes_of(NULL, 0)));
}

static void test_a_refusal_is_said_with_its_code_and_advice(void **state)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    bm_result result;

    (void)state;
    assert_ok(bm_exchange_verdict(200, bm_bytes_str("{}")));
    assert_ok(bm_problem_put(bm_fail(BM_E_IDENTITY_TAKEN, NULL), &body));
    result = bm_exchange_verdict(403, bm_buf_view(&body));
    assert_int_equal(result.code, BM_E_SERVER_REFUSED);
    assert_non_null(strstr(result.detail, "identity-taken"));
    assert_non_null(strstr(result.detail, "Another TPM has this identity"));
}

static void test_an_answer_of_another_server_is_told_as_such(void **state)
{
    (void)state;
    assert_code(bm_exchange_verdict(404, bm_bytes_str("<html>not found</html>")), BM_E_SERVER_REPLY);
    assert_code(bm_exchange_verdict(301, bm_bytes_of(NULL, 0)), BM_E_SERVER_REPLY);
    assert_code(bm_exchange_verdict(204, bm_bytes_of(NULL, 0)), BM_E_SERVER_REPLY);
    assert_code(bm_exchange_verdict(500, bm_bytes_of(NULL, 0)), BM_E_SERVER_REPLY);
}

static void test_a_proxy_that_cannot_answer_now_is_no_wrong_address(void **state)
{
    static const long statuses[] = {429, 502, 503, 504};

    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        bm_result result = bm_exchange_verdict(statuses[i], bm_bytes_str("<html>Bad Gateway</html>"));

        assert_int_equal(result.code, BM_E_NETWORK);
        assert_non_null(strstr(result.detail, "run it again"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success_is_success),
        cmocka_unit_test(test_codes_become_results_whatever_layer_hands_them_on),
        cmocka_unit_test(test_the_detail_has_command_code_and_words),
        cmocka_unit_test(test_format_one_codes_lose_their_number),
        cmocka_unit_test(test_only_a_bare_tpm_may_be_swept),
        cmocka_unit_test(test_a_closed_tpm_takes_no_command),
        cmocka_unit_test(test_a_tcti_that_is_none_is_unreachable),
        cmocka_unit_test(test_a_chain_is_cut_into_its_certificates),
        cmocka_unit_test(test_a_chain_of_more_than_the_protocol_takes_is_cut_short),
        cmocka_unit_test(test_a_chain_that_ends_early_is_refused),
        cmocka_unit_test(test_a_nonce_stands_at_the_start_of_unique),
        cmocka_unit_test(test_a_nonce_that_does_not_fit_is_refused),
        cmocka_unit_test(test_public_areas_pass_through_the_tss_unchanged),
        cmocka_unit_test(test_public_areas_that_are_none_are_refused),
        cmocka_unit_test(test_only_keys_of_our_template_are_ours),
        cmocka_unit_test(test_only_the_storage_key_that_we_make_is_ours),
        cmocka_unit_test(test_a_refusal_is_said_with_its_code_and_advice),
        cmocka_unit_test(test_an_answer_of_another_server_is_told_as_such),
        cmocka_unit_test(test_a_proxy_that_cannot_answer_now_is_no_wrong_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

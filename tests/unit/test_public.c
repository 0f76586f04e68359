#include "tpm/public.h"

#include "tpm_areas.h"

/* Where the fields of area_ecc_ik and area_rsa_ik are. */
enum { AT_TYPE = 0, AT_NAME_ALG = 2, AT_ATTRIBUTES = 4, AT_POLICY = 8, AT_SYMMETRIC = 10, AT_SCHEME = 12 };
enum { AT_ECC_CURVE = 14, AT_ECC_KDF = 16, AT_ECC_X = 18, AT_ECC_Y = 52 };
enum { AT_RSA_SCHEME_HASH = 14, AT_RSA_BITS = 16, AT_RSA_EXPONENT = 18, AT_RSA_UNIQUE = 22 };

static void an_ecc_area_and_its_name_are_as_the_tpm_has_them(void **state)
{
    BM_AUTO_BUF area = vector(area_ecc_ik);
    BM_AUTO_BUF expected = vector(name_ecc_ik);
    bm_tpm_public public;
    bm_tpm_name name;

    (void)state;
    assert_ok(bm_tpm_public_parse(bm_buf_view(&area), &public));
    assert_int_equal(public.type, BM_TPM_ALG_ECC);
    assert_int_equal(public.name_alg, BM_HASH_SHA256);
    assert_int_equal(public.attributes, 0x00040472);
    assert_int_equal(public.policy.size, 0);
    assert_int_equal(public.symmetric, BM_TPM_ALG_NULL);
    assert_int_equal(public.scheme, BM_TPM_ALG_NULL);
    assert_int_equal(public.key.type, BM_KEY_ECC256);
    assert_int_equal(public.key.x[0], 0x44);
    assert_int_equal(public.key.y[31], 0x03);
    assert_ok(bm_tpm_public_name(&public, &name));
    assert_bytes(bm_tpm_public_name_view(&name), bm_buf_view(&expected));
}

static void an_rsa_area_and_its_name_are_as_the_tpm_has_them(void **state)
{
    BM_AUTO_BUF area = vector(area_rsa_ik);
    BM_AUTO_BUF expected = vector(name_rsa_ik);
    bm_tpm_public public;
    bm_tpm_name name;

    (void)state;
    assert_ok(bm_tpm_public_parse(bm_buf_view(&area), &public));
    assert_int_equal(public.type, BM_TPM_ALG_RSA);
    assert_int_equal(public.scheme, BM_TPM_ALG_RSASSA);
    assert_int_equal(public.scheme_hash, BM_HASH_SHA256);
    assert_int_equal(public.key.type, BM_KEY_RSA2048);
    assert_int_equal(public.key.e, 65537);
    assert_int_equal(public.key.n[0], 0xED);
    assert_ok(bm_tpm_public_name(&public, &name));
    assert_bytes(bm_tpm_public_name_view(&name), bm_buf_view(&expected));
}

static void an_ek_area_and_its_name_are_as_the_tpm_has_them(void **state)
{
    BM_AUTO_BUF area = vector(area_l2_ek);
    BM_AUTO_BUF expected = vector(name_l2_ek);
    bm_tpm_public public;
    bm_tpm_name name;

    (void)state;
    assert_ok(bm_tpm_public_parse(bm_buf_view(&area), &public));
    assert_int_equal(public.attributes, 0x000300B2);
    assert_int_equal(public.policy.size, 32);
    assert_int_equal(public.symmetric, BM_TPM_ALG_AES);
    assert_int_equal(public.symmetric_bits, 128);
    assert_int_equal(public.symmetric_mode, BM_TPM_ALG_CFB);
    assert_ok(bm_tpm_public_name(&public, &name));
    assert_bytes(bm_tpm_public_name_view(&name), bm_buf_view(&expected));
}

/* An exponent of 0 means 65537: the same key, but another object with another Name. */
static void an_exponent_that_is_written_out_is_the_same_key_of_another_name(void **state)
{
    BM_AUTO_BUF implicit = vector(area_rsa_ik);
    BM_AUTO_BUF written = area_with(area_rsa_ik, AT_RSA_EXPONENT, "00010001");
    bm_tpm_public a, b;
    bm_tpm_name name_a, name_b;

    (void)state;
    assert_ok(bm_tpm_public_parse(bm_buf_view(&implicit), &a));
    assert_ok(bm_tpm_public_parse(bm_buf_view(&written), &b));
    assert_true(bm_pubkey_equal(&a.key, &b.key));
    assert_ok(bm_tpm_public_name(&a, &name_a));
    assert_ok(bm_tpm_public_name(&b, &name_b));
    assert_false(bm_bytes_equal(bm_tpm_public_name_view(&name_a), bm_tpm_public_name_view(&name_b)));
}

static void a_coordinate_without_its_leading_zeros_is_the_same_point(void **state)
{
    BM_AUTO_BUF full = vector("0023000b0004047200000010001000030010"
                              "0020" "00ba4a5aba0c7caff76c0cdf6a05255747eadce7249b28851a973c5d034840ee"
                              "0020" "0000003c6a8aec2e47d57ab6103e88091e1e1b98414a05b715a59f26188fa103");
    BM_AUTO_BUF stripped = vector("0023000b0004047200000010001000030010"
                                  "001f" "ba4a5aba0c7caff76c0cdf6a05255747eadce7249b28851a973c5d034840ee"
                                  "001d" "3c6a8aec2e47d57ab6103e88091e1e1b98414a05b715a59f26188fa103");
    BM_AUTO_BUF full_2b = area_sized(bm_buf_view(&full));
    BM_AUTO_BUF stripped_2b = area_sized(bm_buf_view(&stripped));
    bm_tpm_public a, b;

    (void)state;
    assert_ok(bm_tpm_public_parse(bm_buf_view(&full_2b), &a));
    assert_ok(bm_tpm_public_parse(bm_buf_view(&stripped_2b), &b));
    assert_true(bm_pubkey_equal(&a.key, &b.key));
}

/* A hash that we do not know can stand in a scheme (a policy decides), not as nameAlg. */
static void a_scheme_with_sha1_is_read_as_a_scheme_without_a_known_hash(void **state)
{
    BM_AUTO_BUF area = area_with(area_rsa_ik, AT_RSA_SCHEME_HASH, "0004");
    bm_tpm_public public;

    (void)state;
    assert_ok(bm_tpm_public_parse(bm_buf_view(&area), &public));
    assert_int_equal(public.scheme, BM_TPM_ALG_RSASSA);
    assert_int_equal(public.scheme_hash, BM_HASH_NONE);
}

typedef struct {
    const char *area;
    size_t at;
    const char *bytes;
} edit;

static const edit wrong_fields[] = {
    {area_ecc_ik, AT_TYPE, "0008"},            /* KEYEDHASH */
    {area_ecc_ik, AT_TYPE, "0025"},            /* SYMCIPHER */
    {area_ecc_ik, AT_TYPE, "0001"},            /* RSA, with the parameters of ECC */
    {area_rsa_ik, AT_TYPE, "0023"},            /* ECC, with the parameters of RSA */
    {area_ecc_ik, AT_TYPE, "0000"},            /* no type */
    {area_ecc_ik, AT_NAME_ALG, "0004"},        /* SHA-1 */
    {area_ecc_ik, AT_NAME_ALG, "0010"},        /* NULL: an object without a Name */
    {area_ecc_ik, AT_NAME_ALG, "0012"},        /* SM3 */
    {area_ecc_ik, AT_ATTRIBUTES, "80040472"},  /* reserved bits */
    {area_ecc_ik, AT_ATTRIBUTES, "00140472"},
    {area_ecc_ik, AT_ATTRIBUTES, "00041472"},
    {area_ecc_ik, AT_ATTRIBUTES, "00040473"},
    {area_ecc_ik, AT_ATTRIBUTES, "0004047a"},
    {area_ecc_ik, AT_ATTRIBUTES, "00040572"},  /* firmwareLimited of newer TPMs */
    {area_ecc_ik, AT_POLICY, "0001"},          /* a policy of one byte */
    {area_ecc_ik, AT_POLICY, "ffff"},
    {area_l2_ek, AT_POLICY, "001f"},
    {area_l2_ek, AT_POLICY, "0030"},
    {area_ecc_ik, AT_SYMMETRIC, "0006"},       /* AES without its parameters */
    {area_ecc_ik, AT_SYMMETRIC, "0025"},
    {area_ecc_ik, AT_SYMMETRIC, "0013"},       /* SM4 */
    {area_l2_ek, 42, "0003"},                  /* TDES */
    {area_l2_ek, 44, "0040"},                  /* AES-64 */
    {area_l2_ek, 44, "0081"},
    {area_l2_ek, 46, "0006"},                  /* no mode */
    {area_l2_ek, 46, "0045"},
    {area_ecc_ik, AT_SCHEME, "0014"},          /* RSASSA on ECC */
    {area_ecc_ik, AT_SCHEME, "001a"},          /* ECDAA */
    {area_ecc_ik, AT_SCHEME, "0019"},          /* ECDH */
    {area_rsa_ik, AT_SCHEME, "0018"},          /* ECDSA on RSA */
    {area_rsa_ik, AT_SCHEME, "0017"},          /* OAEP */
    {area_rsa_ik, AT_SCHEME, "0015"},          /* RSAES */
    {area_rsa_ik, AT_RSA_BITS, "0400"},        /* 1024 bits */
    {area_rsa_ik, AT_RSA_BITS, "0c00"},        /* 3072 bits, and a modulus of 2048 */
    {area_rsa_ik, AT_RSA_BITS, "0801"},
    {area_rsa_ik, AT_RSA_BITS, "0000"},
    {area_rsa_ik, AT_RSA_UNIQUE, "00ff"},
    {area_rsa_ik, AT_RSA_UNIQUE, "0101"},
    {area_rsa_ik, AT_RSA_UNIQUE, "0000"},
    {area_rsa_ik, AT_RSA_UNIQUE + 2, "6d"},    /* a modulus of 2047 bits */
    {area_rsa_ik, AT_RSA_UNIQUE + 2, "00"},
    {area_ecc_ik, AT_ECC_CURVE, "0001"},       /* P-192 */
    {area_ecc_ik, AT_ECC_CURVE, "0010"},       /* BN-256 */
    {area_ecc_ik, AT_ECC_CURVE, "0020"},       /* SM2 */
    {area_ecc_ik, AT_ECC_CURVE, "0000"},
    {area_ecc_ik, AT_ECC_KDF, "0020"},         /* KDF1_SP800_56A */
    {area_ecc_ik, AT_ECC_KDF, "0000"},
    {area_ecc_ik, AT_ECC_X, "0021"},           /* a coordinate larger than the field */
    {area_ecc_ik, AT_ECC_X, "0000"},
    {area_ecc_ik, AT_ECC_Y, "0021"},
    {area_ecc_ik, AT_ECC_Y, "001f"},           /* a byte left over */
};

static void fields_that_are_wrong_are_refused(void **state)
{
    bm_tpm_public public;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong_fields) / sizeof(wrong_fields[0]); i++) {
        BM_AUTO_BUF area = area_with(wrong_fields[i].area, wrong_fields[i].at, wrong_fields[i].bytes);
        bm_result result = bm_tpm_public_parse(bm_buf_view(&area), &public);

        if (result.code != BM_E_MALFORMED)
            fail_msg("edit %zu (%s at %zu): %s", i, wrong_fields[i].bytes, wrong_fields[i].at, bm_code_name(result.code));
    }
}

static void templates_are_not_keys(void **state)
{
    static const char *const rows[] = {
        "0023000b00040472000000100010000300100000" "0000",       /* both coordinates empty */
        "0023000b00040472000000100010000300100000" "000101",     /* x empty */
        "0023000b000404720000001000100003001000010100" "00",     /* y empty */
        "0001000b0004047200000010001008000000000000" "00",       /* no modulus */
    };
    bm_tpm_public public;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BM_AUTO_BUF area = vector(rows[i]);
        BM_AUTO_BUF tpm2b = area_sized(bm_buf_view(&area));

        assert_code(bm_tpm_public_parse(bm_buf_view(&tpm2b), &public), BM_E_MALFORMED);
    }
}

static void must_be_refused(bm_bytes damaged, void *context)
{
    bm_tpm_public public;

    (void)context;
    assert_code(bm_tpm_public_parse(damaged, &public), BM_E_MALFORMED);
}

/* The same inside a TPM2B of the right size. */
static void must_be_refused_when_sized(bm_bytes damaged, void *context)
{
    BM_AUTO_BUF tpm2b = area_sized(damaged);

    must_be_refused(bm_buf_view(&tpm2b), context);
}

static void must_be_refused_or_have_another_name(bm_bytes damaged, void *context)
{
    const bm_tpm_name *good = context;
    bm_tpm_public public;
    bm_tpm_name name;

    if (bm_tpm_public_parse(damaged, &public).code != BM_OK)
        return;
    assert_ok(bm_tpm_public_name(&public, &name));
    assert_false(bm_bytes_equal(bm_tpm_public_name_view(&name), bm_tpm_public_name_view(good)));
}

static void damaged_areas_are_refused_or_have_another_name(void **state)
{
    static const char *const areas[] = {area_ecc_ik, area_rsa_ik, area_l2_ek};

    (void)state;
    for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]); i++) {
        BM_AUTO_BUF area = vector(areas[i]);
        bm_tpm_public public;
        bm_tpm_name name;

        assert_ok(bm_tpm_public_parse(bm_buf_view(&area), &public));
        assert_ok(bm_tpm_public_name(&public, &name));
        vector_each_length(bm_buf_view(&area), must_be_refused, NULL);
        vector_each_length(public.area, must_be_refused_when_sized, NULL);
        vector_each_bit(bm_buf_view(&area), must_be_refused_or_have_another_name, &name);
    }
}

static void an_area_above_the_limit_is_refused(void **state)
{
    static const uint8_t large[BM_TPM_PUBLIC_MAX + 1];
    bm_tpm_public public;

    (void)state;
    must_be_refused(BM_BYTES_ARRAY(large), NULL);
    assert_code(bm_tpm_public_parse(bm_bytes_of(NULL, 0), &public), BM_E_MALFORMED);
}

static void what_failed_leaves_the_output_alone(void **state)
{
    BM_AUTO_BUF good = vector(area_ecc_ik);
    BM_AUTO_BUF bad = area_with(area_ecc_ik, AT_ECC_KDF, "0020");
    bm_tpm_public public;

    (void)state;
    assert_ok(bm_tpm_public_parse(bm_buf_view(&good), &public));
    assert_code(bm_tpm_public_parse(bm_buf_view(&bad), &public), BM_E_MALFORMED);
    assert_int_equal(public.key.type, BM_KEY_ECC256);
    assert_ptr_equal(public.area.data, good.data + 2);
}

static void identifiers_go_both_ways(void **state)
{
    (void)state;
    for (bm_hash_alg alg = BM_HASH_SHA256; alg <= BM_HASH_SHA512; alg++)
        assert_int_equal(bm_tpm_public_hash_of(bm_tpm_public_hash_id(alg)), alg);
    for (unsigned type = BM_KEY_ECC256; type <= BM_KEY_ECC521; type++)
        assert_int_equal(bm_tpm_public_curve_of(bm_tpm_public_curve_id((bm_key_type)type)), type);
    assert_int_equal(bm_tpm_public_hash_id(BM_HASH_NONE), 0);
    assert_int_equal(bm_tpm_public_hash_of(0x0004), BM_HASH_NONE);
    assert_int_equal(bm_tpm_public_hash_of(0), BM_HASH_NONE);
    assert_int_equal(bm_tpm_public_curve_id(BM_KEY_RSA2048), 0);
    assert_int_equal(bm_tpm_public_curve_of(0), BM_KEY_NONE);
}

static void an_area_without_a_name_alg_has_no_name(void **state)
{
    const bm_tpm_public none = {.type = BM_TPM_ALG_ECC};
    bm_tpm_name name;

    (void)state;
    assert_code(bm_tpm_public_name(&none, &name), BM_E_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ecc_area_and_its_name_are_as_the_tpm_has_them),
        cmocka_unit_test(an_rsa_area_and_its_name_are_as_the_tpm_has_them),
        cmocka_unit_test(an_ek_area_and_its_name_are_as_the_tpm_has_them),
        cmocka_unit_test(an_exponent_that_is_written_out_is_the_same_key_of_another_name),
        cmocka_unit_test(a_coordinate_without_its_leading_zeros_is_the_same_point),
        cmocka_unit_test(a_scheme_with_sha1_is_read_as_a_scheme_without_a_known_hash),
        cmocka_unit_test(fields_that_are_wrong_are_refused),
        cmocka_unit_test(templates_are_not_keys),
        cmocka_unit_test(damaged_areas_are_refused_or_have_another_name),
        cmocka_unit_test(an_area_above_the_limit_is_refused),
        cmocka_unit_test(what_failed_leaves_the_output_alone),
        cmocka_unit_test(identifiers_go_both_ways),
        cmocka_unit_test(an_area_without_a_name_alg_has_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

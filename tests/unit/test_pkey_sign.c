#include "crypto/pkey.h"

#include "../vectors/keys.h"
#include "crypto/der.h"
#include "vectors.h"

static bm_pkey *keys[BM_KEY_TYPE_COUNT];   /* one of each type that the tests want */
static bm_pkey *others[BM_KEY_TYPE_COUNT]; /* another of RSA-2048 and P-256 */

static int make_keys(void **state)
{
    static const bm_key_type types[] = {BM_KEY_RSA2048, BM_KEY_ECC256, BM_KEY_ECC384, BM_KEY_ECC521};

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        assert_ok(bm_pkey_generate(types[i], &keys[types[i]]));
    assert_ok(bm_pkey_from_private(bm_bytes_str(key_rsa3072), &keys[BM_KEY_RSA3072]));
    assert_ok(bm_pkey_generate(BM_KEY_RSA2048, &others[BM_KEY_RSA2048]));
    assert_ok(bm_pkey_generate(BM_KEY_ECC256, &others[BM_KEY_ECC256]));
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (unsigned type = 0; type < BM_KEY_TYPE_COUNT; type++) {
        bm_pkey_freep(&keys[type]);
        bm_pkey_freep(&others[type]);
    }
    return 0;
}

static const bm_sig_alg algorithms[] = {BM_SIG_RSA_SHA256,   BM_SIG_RSA_SHA384,   BM_SIG_RSA_SHA512,   BM_SIG_ECDSA_SHA256,
                                        BM_SIG_ECDSA_SHA384, BM_SIG_ECDSA_SHA512, BM_SIG_RSAPSS_SHA256};
#define ALGORITHM_COUNT (sizeof(algorithms) / sizeof(algorithms[0]))

static void a_signature_verifies_with_the_public_half_alone(void **state)
{
    (void)state;
    for (unsigned type = 1; type < BM_KEY_TYPE_COUNT; type++) {
        BM_AUTO(bm_pkey_freep) bm_pkey *public_half = NULL;
        bm_pubkey value;

        if (keys[type] == NULL)
            continue;
        assert_ok(bm_pkey_public(keys[type], &value));
        assert_int_equal(value.type, type);
        assert_ok(bm_pkey_from_public(&value, &public_half));
        for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
            BM_AUTO_BUF signature = BM_BUF_EMPTY;

            if (bm_pkey_sig_is_rsa(algorithms[i]) != bm_pubkey_is_rsa((bm_key_type)type))
                continue;
            assert_ok(bm_pkey_sign(keys[type], algorithms[i], bm_bytes_str("message"), &signature));
            assert_ok(bm_pkey_verify(public_half, algorithms[i], bm_bytes_str("message"), bm_buf_view(&signature)));
            assert_code(bm_pkey_verify(public_half, algorithms[i], bm_bytes_str("Message"), bm_buf_view(&signature)), BM_E_MALFORMED);
            assert_code(bm_pkey_verify(public_half, algorithms[i], bm_bytes_str(""), bm_buf_view(&signature)), BM_E_MALFORMED);
        }
    }
}

static void a_signature_under_another_algorithm_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        bm_key_type type = bm_pkey_sig_is_rsa(algorithms[i]) ? BM_KEY_RSA2048 : BM_KEY_ECC256;
        BM_AUTO_BUF signature = BM_BUF_EMPTY;

        assert_ok(bm_pkey_sign(keys[type], algorithms[i], bm_bytes_str("message"), &signature));
        for (size_t j = 0; j < ALGORITHM_COUNT; j++)
            if (j != i)
                assert_code(bm_pkey_verify(keys[type], algorithms[j], bm_bytes_str("message"), bm_buf_view(&signature)),
                            BM_E_MALFORMED);
        assert_code(bm_pkey_verify(keys[type], BM_SIG_NONE, bm_bytes_str("message"), bm_buf_view(&signature)), BM_E_MALFORMED);
        assert_code(bm_pkey_verify(others[type], algorithms[i], bm_bytes_str("message"), bm_buf_view(&signature)), BM_E_MALFORMED);
    }
}

static void signing_with_an_algorithm_of_the_other_family_is_refused(void **state)
{
    BM_AUTO_BUF signature = BM_BUF_EMPTY;

    (void)state;
    assert_code(bm_pkey_sign(keys[BM_KEY_RSA2048], BM_SIG_ECDSA_SHA256, bm_bytes_str("m"), &signature), BM_E_INTERNAL);
    assert_code(bm_pkey_sign(keys[BM_KEY_ECC256], BM_SIG_RSA_SHA256, bm_bytes_str("m"), &signature), BM_E_INTERNAL);
    assert_code(bm_pkey_sign(keys[BM_KEY_ECC256], BM_SIG_NONE, bm_bytes_str("m"), &signature), BM_E_INTERNAL);
    assert_code(bm_pkey_sign(keys[BM_KEY_ECC256], (bm_sig_alg)99, bm_bytes_str("m"), &signature), BM_E_INTERNAL);
    assert_int_equal(signature.size, 0);
}

typedef struct {
    bm_key_type type;
    bm_sig_alg alg;
} signature_case;

static void signature_must_be_refused(bm_bytes damaged, void *context)
{
    const signature_case *used = context;

    assert_code(bm_pkey_verify(keys[used->type], used->alg, bm_bytes_str("message"), damaged), BM_E_MALFORMED);
}

static void damaged_signatures_are_refused(void **state)
{
    static signature_case cases[] = {{BM_KEY_RSA2048, BM_SIG_RSA_SHA256},
                                     {BM_KEY_RSA2048, BM_SIG_RSAPSS_SHA256},
                                     {BM_KEY_ECC256, BM_SIG_ECDSA_SHA256}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BM_AUTO_BUF signature = BM_BUF_EMPTY;

        assert_ok(bm_pkey_sign(keys[cases[i].type], cases[i].alg, bm_bytes_str("message"), &signature));
        vector_each_length(bm_buf_view(&signature), signature_must_be_refused, &cases[i]);
        vector_each_bit(bm_buf_view(&signature), signature_must_be_refused, &cases[i]);
    }
}

/* RFC 6979, A.2.5 and A.2.6: message "sample". */
static void published_ecdsa_signatures_verify(void **state)
{
    static const struct {
        bm_key_type type;
        bm_sig_alg alg;
        const char *x, *y, *r, *s;
    } rows[] = {
        {BM_KEY_ECC256, BM_SIG_ECDSA_SHA256, "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
         "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
         "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
         "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
        {BM_KEY_ECC384, BM_SIG_ECDSA_SHA384,
         "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13",
         "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720",
         "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46",
         "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BM_AUTO_BUF x = vector(rows[i].x);
        BM_AUTO_BUF y = vector(rows[i].y);
        BM_AUTO_BUF r = vector(rows[i].r);
        BM_AUTO_BUF s = vector(rows[i].s);
        BM_AUTO_BUF numbers = BM_BUF_EMPTY;
        BM_AUTO_BUF signature = BM_BUF_EMPTY;
        BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
        bm_pubkey value;

        assert_ok(bm_pubkey_from_point(rows[i].type, bm_buf_view(&x), bm_buf_view(&y), &value));
        assert_ok(bm_pkey_from_public(&value, &key));
        assert_ok(bm_der_put_unsigned(&numbers, bm_buf_view(&r)));
        assert_ok(bm_der_put_unsigned(&numbers, bm_buf_view(&s)));
        assert_ok(bm_der_put(&signature, BM_DER_SEQUENCE, bm_buf_view(&numbers)));
        assert_ok(bm_pkey_verify(key, rows[i].alg, bm_bytes_str("sample"), bm_buf_view(&signature)));
        assert_code(bm_pkey_verify(key, rows[i].alg, bm_bytes_str("test"), bm_buf_view(&signature)), BM_E_MALFORMED);
    }
}

static void every_algorithm_has_an_identifier_that_is_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        bm_cursor cursor;
        bm_bytes content;

        assert_ok(bm_pkey_put_sig_algorithm(&der, algorithms[i]));
        cursor = bm_cursor_of(bm_buf_view(&der));
        assert_ok(bm_der_take(&cursor, BM_DER_SEQUENCE, &content));
        assert_ok(bm_cursor_end(&cursor));
        assert_int_equal(bm_pkey_parse_sig_algorithm(bm_buf_view(&der)), algorithms[i]);
        assert_true(bm_pkey_sig_hash(algorithms[i]) != BM_HASH_NONE);
    }
    assert_int_equal(bm_pkey_default_sig(BM_KEY_RSA4096), BM_SIG_RSA_SHA256);
    assert_int_equal(bm_pkey_default_sig(BM_KEY_ECC256), BM_SIG_ECDSA_SHA256);
    assert_int_equal(bm_pkey_default_sig(BM_KEY_ECC384), BM_SIG_ECDSA_SHA384);
    assert_int_equal(bm_pkey_default_sig(BM_KEY_ECC521), BM_SIG_ECDSA_SHA512);
    assert_int_equal(bm_pkey_default_sig(BM_KEY_NONE), BM_SIG_NONE);
}

static void the_ecdsa_identifiers_of_tpm2_openssl_are_read(void **state)
{
    static const struct {
        const char *der;
        bm_sig_alg alg;
    } rows[] = {{"300c06082a8648ce3d0403020500", BM_SIG_ECDSA_SHA256},
                {"300c06082a8648ce3d0403030500", BM_SIG_ECDSA_SHA384},
                {"300c06082a8648ce3d0403040500", BM_SIG_ECDSA_SHA512}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BM_AUTO_BUF der = vector(rows[i].der);

        assert_int_equal(bm_pkey_parse_sig_algorithm(bm_buf_view(&der)), rows[i].alg);
    }
}

static void identifier_is_another_or_none(bm_bytes damaged, void *context)
{
    assert_true(bm_pkey_parse_sig_algorithm(damaged) != *(const bm_sig_alg *)context);
}

static void other_identifiers_are_none(void **state)
{
    static const char *const rows[] = {
        "",
        "300d06092a864886f70d0101050500",     /* sha1WithRSAEncryption */
        "300d06092a864886f70d0101040500",     /* md5WithRSAEncryption */
        "300906072a8648ce3d0401",             /* ecdsa-with-SHA1 */
        "300c06082a8648ce3d0402010500",       /* ecdsa-with-SHA1 with a NULL */
        "300b06092a864886f70d01010a",         /* RSASSA-PSS with the defaults: SHA-1 */
        "300506032b6570",                     /* Ed25519 */
        "300d06092a864886f70d0101010500",     /* rsaEncryption */
    };
    BM_AUTO_BUF out = BM_BUF_EMPTY;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BM_AUTO_BUF der = vector(rows[i]);

        assert_int_equal(bm_pkey_parse_sig_algorithm(bm_buf_view(&der)), BM_SIG_NONE);
    }
    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        bm_sig_alg alg = algorithms[i];

        assert_ok(bm_pkey_put_sig_algorithm(&der, alg));
        vector_each_length(bm_buf_view(&der), identifier_is_another_or_none, &alg);
        vector_each_bit(bm_buf_view(&der), identifier_is_another_or_none, &alg);
    }
    assert_code(bm_pkey_put_sig_algorithm(&out, BM_SIG_NONE), BM_E_INTERNAL);
    assert_int_equal(bm_pkey_sig_hash(BM_SIG_NONE), BM_HASH_NONE);
    assert_false(bm_pkey_sig_is_rsa(BM_SIG_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_verifies_with_the_public_half_alone),
        cmocka_unit_test(a_signature_under_another_algorithm_is_refused),
        cmocka_unit_test(signing_with_an_algorithm_of_the_other_family_is_refused),
        cmocka_unit_test(damaged_signatures_are_refused),
        cmocka_unit_test(published_ecdsa_signatures_verify),
        cmocka_unit_test(every_algorithm_has_an_identifier_that_is_read_back),
        cmocka_unit_test(the_ecdsa_identifiers_of_tpm2_openssl_are_read),
        cmocka_unit_test(other_identifiers_are_none),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}

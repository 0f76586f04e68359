#include "crypto/pkey.h"

#include "../vectors/keys.h"
#include "crypto/der.h"
#include "vectors.h"

static bm_pkey *keys[BM_KEY_TYPE_COUNT];   /* one of each type that the tests want */
static bm_pkey *others[BM_KEY_TYPE_COUNT]; /* another of RSA-2048 and P-256 */

static int make_keys(void **state)
{
    static const bm_key_type types[] = {BM_KEY_RSA2048, BM_KEY_ECC256, BM_KEY_ECC384};

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

static void oaep_opens_with_the_same_label_and_hash_alone(void **state)
{
    const bm_bytes label = bm_bytes_of("IDENTITY", 9);
    BM_AUTO_BUF sealed = BM_BUF_EMPTY;
    BM_AUTO_BUF opened = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_pkey_oaep_encrypt(keys[BM_KEY_RSA2048], BM_HASH_SHA256, label, bm_bytes_str("seed"), &sealed));
    assert_int_equal(sealed.size, 256);
    assert_code(bm_pkey_oaep_decrypt(keys[BM_KEY_RSA2048], BM_HASH_SHA384, label, bm_buf_view(&sealed), &opened), BM_E_MALFORMED);
    assert_code(bm_pkey_oaep_decrypt(keys[BM_KEY_RSA2048], BM_HASH_SHA256, bm_bytes_of("IDENTITY", 8), bm_buf_view(&sealed), &opened),
                BM_E_MALFORMED);
    assert_code(bm_pkey_oaep_decrypt(keys[BM_KEY_RSA2048], BM_HASH_SHA256, bm_bytes_str(""), bm_buf_view(&sealed), &opened),
                BM_E_MALFORMED);
    assert_code(bm_pkey_oaep_decrypt(others[BM_KEY_RSA2048], BM_HASH_SHA256, label, bm_buf_view(&sealed), &opened), BM_E_MALFORMED);
    assert_code(bm_pkey_oaep_decrypt(keys[BM_KEY_RSA3072], BM_HASH_SHA256, label, bm_buf_view(&sealed), &opened), BM_E_MALFORMED);
    assert_code(bm_pkey_oaep_decrypt(keys[BM_KEY_RSA2048], BM_HASH_SHA256, label, bm_bytes_slice(bm_buf_view(&sealed), 0, 255), &opened),
                BM_E_MALFORMED);
    assert_int_equal(opened.size, 0);
    assert_ok(bm_pkey_oaep_decrypt(keys[BM_KEY_RSA2048], BM_HASH_SHA256, label, bm_buf_view(&sealed), &opened));
    assert_bytes(bm_buf_view(&opened), bm_bytes_str("seed"));
}

static void oaep_refuses_what_it_cannot_do(void **state)
{
    static const uint8_t longest[191];
    BM_AUTO_BUF out = BM_BUF_EMPTY;

    (void)state;
    assert_code(bm_pkey_oaep_encrypt(keys[BM_KEY_ECC256], BM_HASH_SHA256, bm_bytes_str("L"), bm_bytes_str("m"), &out), BM_E_INTERNAL);
    assert_code(bm_pkey_oaep_decrypt(keys[BM_KEY_ECC256], BM_HASH_SHA256, bm_bytes_str("L"), bm_bytes_str("m"), &out), BM_E_INTERNAL);
    assert_code(bm_pkey_oaep_encrypt(keys[BM_KEY_RSA2048], BM_HASH_NONE, bm_bytes_str("L"), bm_bytes_str("m"), &out), BM_E_INTERNAL);
    assert_code(bm_pkey_oaep_encrypt(keys[BM_KEY_RSA2048], BM_HASH_SHA256, bm_bytes_str("L"), BM_BYTES_ARRAY(longest), &out),
                BM_E_INTERNAL);
    assert_int_equal(out.size, 0);
    assert_ok(bm_pkey_oaep_encrypt(keys[BM_KEY_RSA2048], BM_HASH_SHA256, bm_bytes_str("L"), bm_bytes_of(longest, 190), &out));
}

static const char oid_p256[] = "06082a8648ce3d030107";

/* RFC 5903, 8.1. */
static void ecdh_matches_rfc_5903(void **state)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *i = key_of_scalar(oid_p256, "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433");
    BM_AUTO(bm_pkey_freep) bm_pkey *r = key_of_scalar(oid_p256, "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53");
    BM_AUTO_BUF gix = vector("dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180");
    BM_AUTO_BUF girx = vector("d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de");
    uint8_t z[32];
    bm_pubkey value;

    (void)state;
    assert_ok(bm_pkey_public(i, &value));
    assert_bytes(bm_pubkey_x(&value), bm_buf_view(&gix));
    assert_ok(bm_pkey_ecdh(i, r, z, sizeof(z)));
    assert_bytes(BM_BYTES_ARRAY(z), bm_buf_view(&girx));
    assert_ok(bm_pkey_ecdh(r, i, z, sizeof(z)));
    assert_bytes(BM_BYTES_ARRAY(z), bm_buf_view(&girx));
}

static void ecdh_keeps_a_leading_zero(void **state)
{
    bool seen = false;

    (void)state;
    for (int i = 0; i < 20000 && !seen; i++) {
        BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
        uint8_t z[32], again[32];

        assert_ok(bm_pkey_generate(BM_KEY_ECC256, &key));
        assert_ok(bm_pkey_ecdh(key, keys[BM_KEY_ECC256], z, sizeof(z)));
        if (z[0] != 0)
            continue;
        assert_ok(bm_pkey_ecdh(keys[BM_KEY_ECC256], key, again, sizeof(again)));
        assert_memory_equal(z, again, sizeof(z));
        seen = true;
    }
    assert_true(seen);
}

static void ecdh_of_keys_that_do_not_go_together_is_refused(void **state)
{
    uint8_t z[66];

    (void)state;
    assert_code(bm_pkey_ecdh(keys[BM_KEY_ECC256], keys[BM_KEY_ECC384], z, 32), BM_E_INTERNAL);
    assert_code(bm_pkey_ecdh(keys[BM_KEY_RSA2048], keys[BM_KEY_RSA2048], z, 32), BM_E_INTERNAL);
    assert_code(bm_pkey_ecdh(keys[BM_KEY_ECC256], keys[BM_KEY_RSA2048], z, 32), BM_E_INTERNAL);
    assert_code(bm_pkey_ecdh(keys[BM_KEY_ECC256], others[BM_KEY_ECC256], z, 31), BM_E_INTERNAL);
    assert_code(bm_pkey_ecdh(keys[BM_KEY_ECC256], others[BM_KEY_ECC256], z, 33), BM_E_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oaep_opens_with_the_same_label_and_hash_alone),
        cmocka_unit_test(oaep_refuses_what_it_cannot_do),
        cmocka_unit_test(ecdh_matches_rfc_5903),
        cmocka_unit_test(ecdh_keeps_a_leading_zero),
        cmocka_unit_test(ecdh_of_keys_that_do_not_go_together_is_refused),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}

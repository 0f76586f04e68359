#include "crypto/pubkey.h"

#include "crypto/der.h"
#include "crypto/hash.h"
#include "vectors.h"

/* Keys that the openssl command made, with their SubjectPublicKeyInfo as it wrote it. */
static const char rsa_n[] = "ec18b5b271aab84391f14e4df448eb5dbbce696ef8b865bef90e8c8171febb2d2c41d498cdcc4fc3071d7077524908ae"
                            "99ba07401cc989a151ad88a96689c103689fcee1b34c1de1c6b9dffa20f588d1efae0e2d749f6cebf3a771c91b247af0"
                            "2447c555d79cbea6e6cbeba676b3f9c8c032b579272a6c0ed75d31b6dbf5b7f23c505125de1f0b92a104c68f05c147b0"
                            "489a2622a7dd49f7d60965f5c0304dc5c68f5bcb39cd90f3bbfcafa6482b4dd7eed55cecc4222848060cf0fd557f24cd"
                            "6709b7d83ff2def0fa67f17754bd1c660c1ae2ecb9886050882296539ef0c37f20841079038987e9fe889eba3e398aa1"
                            "b87b8ea1976cdbc01ade6997793675f5";
static const char rsa_head[] = "30820122300d06092a864886f70d01010105000382010f003082010a0282010100";
static const char rsa_tail[] = "0203010001";
static const char ecc_x[] = "d81b8c83ca410237634e3f00866db99dea9f29318157041c7bbd16c07fe39190";
static const char ecc_y[] = "3acffde3ff9e2a18787f9c31b0e57b455bf5390bbceb514143fd4fb91ea24b20";
static const char ecc_head[] = "3059301306072a8648ce3d020106082a8648ce3d03010703420004";

static bm_pubkey rsa_key(void)
{
    BM_AUTO_BUF n = vector(rsa_n);
    BM_AUTO_BUF e = vector("010001");
    bm_pubkey key;

    assert_ok(bm_pubkey_from_rsa(bm_buf_view(&n), bm_buf_view(&e), &key));
    return key;
}

static bm_pubkey ecc_key(void)
{
    BM_AUTO_BUF x = vector(ecc_x);
    BM_AUTO_BUF y = vector(ecc_y);
    bm_pubkey key;

    assert_ok(bm_pubkey_from_point(BM_KEY_ECC256, bm_buf_view(&x), bm_buf_view(&y), &key));
    return key;
}

static void every_type_has_a_name_a_size_and_one_family(void **state)
{
    static const size_t sizes[BM_KEY_TYPE_COUNT] = {0, 256, 384, 512, 32, 48, 66};

    (void)state;
    for (unsigned i = 1; i < BM_KEY_TYPE_COUNT; i++) {
        assert_int_equal(bm_pubkey_type_by_name(bm_bytes_str(bm_pubkey_type_name((bm_key_type)i))), i);
        assert_int_equal(bm_pubkey_field_size((bm_key_type)i), sizes[i]);
        assert_true(bm_pubkey_is_rsa((bm_key_type)i) != bm_pubkey_is_ecc((bm_key_type)i));
        assert_int_equal(bm_pubkey_is_rsa((bm_key_type)i), i <= BM_KEY_RSA4096);
    }
    assert_string_equal(bm_pubkey_type_name(BM_KEY_NONE), "none");
    assert_string_equal(bm_pubkey_type_name((bm_key_type)99), "none");
    assert_false(bm_pubkey_is_rsa(BM_KEY_NONE) || bm_pubkey_is_ecc(BM_KEY_NONE));
    assert_int_equal(bm_pubkey_field_size(BM_KEY_TYPE_COUNT), 0);
    assert_int_equal(bm_pubkey_type_by_name(bm_bytes_str("none")), BM_KEY_NONE);
    assert_int_equal(bm_pubkey_type_by_name(bm_bytes_str("rsa204")), BM_KEY_NONE);
    assert_int_equal(bm_pubkey_type_by_name(bm_bytes_str("RSA2048")), BM_KEY_NONE);
    assert_int_equal(bm_pubkey_type_by_name(bm_bytes_str("")), BM_KEY_NONE);
}

static void a_key_is_written_as_openssl_writes_it(void **state)
{
    BM_AUTO_BUF expected_rsa = vector(rsa_head);
    BM_AUTO_BUF expected_ecc = vector(ecc_head);
    BM_AUTO_BUF out = BM_BUF_EMPTY;
    const bm_pubkey rsa = rsa_key();
    const bm_pubkey ecc = ecc_key();
    uint8_t digest[BM_SHA256_SIZE], expected_digest[BM_SHA256_SIZE];

    (void)state;
    vector_put(&expected_rsa, rsa_n);
    vector_put(&expected_rsa, rsa_tail);
    vector_put(&expected_ecc, ecc_x);
    vector_put(&expected_ecc, ecc_y);
    assert_ok(bm_pubkey_put_spki(&out, &rsa));
    assert_bytes(bm_buf_view(&out), bm_buf_view(&expected_rsa));
    bm_buf_clear(&out);
    assert_ok(bm_pubkey_put_spki(&out, &ecc));
    assert_bytes(bm_buf_view(&out), bm_buf_view(&expected_ecc));
    assert_ok(bm_pubkey_spki_sha256(&ecc, digest));
    assert_ok(bm_hash_sha256(bm_buf_view(&expected_ecc), expected_digest));
    assert_memory_equal(digest, expected_digest, sizeof(digest));
}

static void what_is_written_is_read_back_for_every_type(void **state)
{
    uint8_t number[BM_RSA_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(number); i++)
        number[i] = (uint8_t)(0x80 + i);
    for (unsigned type = 1; type < BM_KEY_TYPE_COUNT; type++) {
        bm_bytes value = bm_bytes_of(number, bm_pubkey_field_size((bm_key_type)type));
        BM_AUTO_BUF spki = BM_BUF_EMPTY;
        bm_pubkey key, back;

        if (bm_pubkey_is_rsa((bm_key_type)type))
            assert_ok(bm_pubkey_from_rsa(value, bm_bytes_str("\x03"), &key));
        else
            assert_ok(bm_pubkey_from_point((bm_key_type)type, value, bm_bytes_str("\x01"), &key));
        assert_int_equal(key.type, type);
        assert_ok(bm_pubkey_put_spki(&spki, &key));
        assert_ok(bm_pubkey_parse_spki(bm_buf_view(&spki), &back));
        assert_true(bm_pubkey_equal(&key, &back));
    }
}

static void leading_zeros_make_no_difference(void **state)
{
    BM_AUTO_BUF n = vector("0000");
    BM_AUTO_BUF x = vector("000000");
    BM_AUTO_BUF y = vector(ecc_y);
    const bm_pubkey rsa = rsa_key();
    const bm_pubkey ecc = ecc_key();
    bm_pubkey key;

    (void)state;
    vector_put(&n, rsa_n);
    assert_ok(bm_pubkey_from_rsa(bm_buf_view(&n), bm_bytes_of("\0\0\1\0\1", 5), &key));
    assert_true(bm_pubkey_equal(&key, &rsa));
    vector_put(&x, ecc_x);
    assert_ok(bm_pubkey_from_point(BM_KEY_ECC256, bm_buf_view(&x), bm_buf_view(&y), &key));
    assert_true(bm_pubkey_equal(&key, &ecc));
}

static void a_short_coordinate_is_padded_on_the_left(void **state)
{
    bm_pubkey key;
    uint8_t expected[48] = {0};

    (void)state;
    expected[46] = 1;
    expected[47] = 2;
    assert_ok(bm_pubkey_from_point(BM_KEY_ECC384, bm_bytes_str("\1\2"), bm_bytes_str("\1"), &key));
    assert_bytes(bm_pubkey_x(&key), BM_BYTES_ARRAY(expected));
    assert_int_equal(bm_pubkey_y(&key).data[47], 1);
    assert_int_equal(bm_pubkey_n(&key).size, 0);
}

static void keys_that_differ_in_anything_are_not_equal(void **state)
{
    const bm_pubkey rsa = rsa_key();
    const bm_pubkey ecc = ecc_key();
    bm_pubkey other = rsa;

    (void)state;
    assert_false(bm_pubkey_equal(&rsa, &ecc));
    other.e = 3;
    assert_false(bm_pubkey_equal(&rsa, &other));
    other = rsa;
    other.n[255] ^= 1;
    assert_false(bm_pubkey_equal(&rsa, &other));
    other = ecc;
    other.y[31] ^= 1;
    assert_false(bm_pubkey_equal(&ecc, &other));
    other = ecc;
    other.x[0] ^= 0x80;
    assert_false(bm_pubkey_equal(&ecc, &other));
    other = ecc;
    other.type = BM_KEY_ECC384;
    assert_false(bm_pubkey_equal(&ecc, &other));
}

static void rsa_keys_of_other_sizes_are_refused(void **state)
{
    static const size_t sizes[] = {0, 1, 128, 255, 257, 320, 383, 385, 511, 513};
    uint8_t number[600];
    bm_pubkey key;

    (void)state;
    for (size_t i = 0; i < sizeof(number); i++)
        number[i] = 0xFF;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        assert_code(bm_pubkey_from_rsa(bm_bytes_of(number, sizes[i]), bm_bytes_of("\1\0\1", 3), &key), BM_E_MALFORMED);
    number[0] = 0x7F; /* 2047 bits */
    assert_code(bm_pubkey_from_rsa(bm_bytes_of(number, 256), bm_bytes_of("\1\0\1", 3), &key), BM_E_MALFORMED);
    number[0] = 0;
    assert_code(bm_pubkey_from_rsa(bm_bytes_of(number, 256), bm_bytes_of("\1\0\1", 3), &key), BM_E_MALFORMED);
}

static void rsa_exponents_of_zero_or_above_32_bits_are_refused(void **state)
{
    BM_AUTO_BUF n = vector(rsa_n);
    bm_pubkey key;

    (void)state;
    assert_code(bm_pubkey_from_rsa(bm_buf_view(&n), bm_bytes_of(NULL, 0), &key), BM_E_MALFORMED);
    assert_code(bm_pubkey_from_rsa(bm_buf_view(&n), bm_bytes_of("\0\0", 2), &key), BM_E_MALFORMED);
    assert_code(bm_pubkey_from_rsa(bm_buf_view(&n), bm_bytes_of("\1\0\0\0\1", 5), &key), BM_E_MALFORMED);
    assert_ok(bm_pubkey_from_rsa(bm_buf_view(&n), bm_bytes_of("\xff\xff\xff\xff", 4), &key));
    assert_true(key.e == UINT32_MAX);
}

static void points_that_do_not_fit_their_field_are_refused(void **state)
{
    uint8_t number[67] = {1};
    const bm_bytes one = bm_bytes_str("\1");
    bm_pubkey key;

    (void)state;
    assert_code(bm_pubkey_from_point(BM_KEY_ECC256, bm_bytes_of(number, 33), one, &key), BM_E_MALFORMED);
    assert_code(bm_pubkey_from_point(BM_KEY_ECC256, one, bm_bytes_of(number, 33), &key), BM_E_MALFORMED);
    assert_code(bm_pubkey_from_point(BM_KEY_ECC384, bm_bytes_of(number, 49), one, &key), BM_E_MALFORMED);
    assert_code(bm_pubkey_from_point(BM_KEY_ECC521, bm_bytes_of(number, 67), one, &key), BM_E_MALFORMED);
    assert_code(bm_pubkey_from_point(BM_KEY_RSA2048, one, one, &key), BM_E_MALFORMED);
    assert_code(bm_pubkey_from_point(BM_KEY_NONE, one, one, &key), BM_E_MALFORMED);
    assert_code(bm_pubkey_from_point((bm_key_type)99, one, one, &key), BM_E_MALFORMED);
}

/* RFC 4055, 4: some older EK certificates name RSAES-OAEP, with parameters or without. */
static void the_oaep_identifier_is_read_as_an_rsa_key(void **state)
{
    static const char *const heads[] = {
        "30820122300d06092a864886f70d0101073000", /* an empty SEQUENCE: the defaults */
        "30820120300b06092a864886f70d010107",     /* nothing */
        "3082012f301a06092a864886f70d010107300da00b300906052b0e03021a0500",
    };
    const bm_pubkey expected = rsa_key();

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        BM_AUTO_BUF spki = vector(heads[i]);
        bm_pubkey key;

        vector_put(&spki, "0382010f003082010a0282010100");
        vector_put(&spki, rsa_n);
        vector_put(&spki, rsa_tail);
        assert_ok(bm_pubkey_parse_spki(bm_buf_view(&spki), &key));
        assert_true(bm_pubkey_equal(&key, &expected));
    }
}

static void keys_of_other_kinds_are_refused(void **state)
{
    static const char *const rows[] = {
        /* Ed25519 */
        "302a300506032b65700321002193e11729f4b76db970d3bec24a42ef8db01dcfd470db735e1e9409ae9e5d0e",
        /* P-256, compressed point */
        "3039301306072a8648ce3d020106082a8648ce3d03010703220002d81b8c83ca410237634e3f00866db99dea9f29318157041c7bbd16c07fe39190",
        /* secp256k1 */
        "3056301006072a8648ce3d020106052b8104000a0342000416064c9ccbb2c29fd7c61239760aed69808f7e002dd18671b7e0ee6869c6162794413696"
        "6b5d6a3ba9550cb5d8496847258f4bf93f16415672841417bb59fbc0",
        /* P-256 with explicit parameters */
        "3082014b3082010306072a8648ce3d02013081f7020101302c06072a8648ce3d0101022100ffffffff00000001000000000000000000000000ffffff"
        "ffffffffffffffffff305b0420ffffffff00000001000000000000000000000000fffffffffffffffffffffffc04205ac635d8aa3a93e7b3ebbd5576"
        "9886bc651d06b0cc53b0f63bce3c3e27d2604b031500c49d360886e704936a6678e1139d26b7819f7e900441046b17d1f2e12c4247f8bce6e563a440"
        "f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5022100ffffffff00000000"
        "ffffffffffffffffbce6faada7179e84f3b9cac2fc63255102010103420004d95863ae8b9637a0395dadac19c8bd07dbda6c11fa171289e5bdb10b19"
        "8d1af007fe59f7960e74e836a64339c5823aa79e6e49fc6a425500e18c0f497cb38e37",
        /* the point at infinity */
        "3019301306072a8648ce3d020106082a8648ce3d03010703020000",
        /* id-ecPublicKey without a curve; rsaEncryption without its NULL */
        "300f300906072a8648ce3d020103020004",
        "3010300b06092a864886f70d0101010301ff",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BM_AUTO_BUF spki = vector(rows[i]);
        bm_pubkey key;

        assert_code(bm_pubkey_parse_spki(bm_buf_view(&spki), &key), BM_E_MALFORMED);
    }
}

static void must_be_refused(bm_bytes damaged, void *context)
{
    bm_pubkey key;

    (void)context;
    assert_code(bm_pubkey_parse_spki(damaged, &key), BM_E_MALFORMED);
}

static void must_be_refused_or_another(bm_bytes damaged, void *context)
{
    const bm_pubkey *good = context;
    bm_pubkey key;
    bm_result result = bm_pubkey_parse_spki(damaged, &key);

    if (result.code == BM_OK)
        assert_false(bm_pubkey_equal(&key, good));
    else
        assert_int_equal(result.code, BM_E_MALFORMED);
}

static void damaged_keys_are_refused_or_other_keys(void **state)
{
    bm_pubkey keys[] = {rsa_key(), ecc_key()};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        BM_AUTO_BUF spki = BM_BUF_EMPTY;

        assert_ok(bm_pubkey_put_spki(&spki, &keys[i]));
        vector_each_length(bm_buf_view(&spki), must_be_refused, NULL);
        vector_each_bit(bm_buf_view(&spki), must_be_refused_or_another, &keys[i]);
    }
}

static void a_key_of_no_type_is_not_written(void **state)
{
    const bm_pubkey none = {.type = BM_KEY_NONE};
    BM_AUTO_BUF out = BM_BUF_EMPTY;
    uint8_t digest[BM_SHA256_SIZE];

    (void)state;
    assert_code(bm_pubkey_put_spki(&out, &none), BM_E_INTERNAL);
    assert_code(bm_pubkey_spki_sha256(&none, digest), BM_E_INTERNAL);
    assert_int_equal(out.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_a_name_a_size_and_one_family),
        cmocka_unit_test(a_key_is_written_as_openssl_writes_it),
        cmocka_unit_test(what_is_written_is_read_back_for_every_type),
        cmocka_unit_test(leading_zeros_make_no_difference),
        cmocka_unit_test(a_short_coordinate_is_padded_on_the_left),
        cmocka_unit_test(keys_that_differ_in_anything_are_not_equal),
        cmocka_unit_test(rsa_keys_of_other_sizes_are_refused),
        cmocka_unit_test(rsa_exponents_of_zero_or_above_32_bits_are_refused),
        cmocka_unit_test(points_that_do_not_fit_their_field_are_refused),
        cmocka_unit_test(the_oaep_identifier_is_read_as_an_rsa_key),
        cmocka_unit_test(keys_of_other_kinds_are_refused),
        cmocka_unit_test(damaged_keys_are_refused_or_other_keys),
        cmocka_unit_test(a_key_of_no_type_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

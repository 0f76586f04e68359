#include "crypto/hash.h"
#include "vectors.h"

static void hashes_match_fips_180_4(void **state)
{
    static const struct {
        bm_hash_alg alg;
        const char *message, *digest;
    } rows[] = {
        {BM_HASH_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {BM_HASH_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {BM_HASH_SHA384, "abc",
         "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
        {BM_HASH_SHA512, "abc",
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
         "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BM_AUTO_BUF expected = vector(rows[i].digest);
        bm_digest digest;

        assert_ok(bm_hash(rows[i].alg, bm_bytes_str(rows[i].message), &digest));
        assert_bytes(bm_hash_view(&digest), bm_buf_view(&expected));
        assert_int_equal(bm_hash_size(rows[i].alg), expected.size);
    }
}

static void pieces_are_hashed_as_one(void **state)
{
    const bm_bytes pieces[] = {bm_bytes_str("a"), bm_bytes_of(NULL, 0), bm_bytes_str("b"), bm_bytes_str("c")};
    bm_digest whole, parts;
    uint8_t plain[BM_SHA256_SIZE];

    (void)state;
    assert_ok(bm_hash(BM_HASH_SHA256, bm_bytes_str("abc"), &whole));
    assert_ok(bm_hash_pieces(BM_HASH_SHA256, pieces, 4, &parts));
    assert_bytes(bm_hash_view(&whole), bm_hash_view(&parts));
    assert_ok(bm_hash_sha256(bm_bytes_str("abc"), plain));
    assert_bytes(BM_BYTES_ARRAY(plain), bm_hash_view(&whole));
    assert_ok(bm_hash_hmac(BM_HASH_SHA384, bm_bytes_str("k"), pieces, 4, &parts));
    assert_ok(bm_hash_hmac(BM_HASH_SHA384, bm_bytes_str("k"), &(bm_bytes){(const uint8_t *)"abc", 3}, 1, &whole));
    assert_bytes(bm_hash_view(&whole), bm_hash_view(&parts));
}

static void hmac_matches_rfc_4231(void **state)
{
    static const struct {
        bm_hash_alg alg;
        const char *key, *data, *mac;
    } rows[] = {
        /* 4.2 */
        {BM_HASH_SHA256, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {BM_HASH_SHA384, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
         "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6"},
        {BM_HASH_SHA512, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
         "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
         "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
        /* 4.3 */
        {BM_HASH_SHA256, "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {BM_HASH_SHA384, "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
         "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
        {BM_HASH_SHA512, "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
         "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
         "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
        /* 4.5 */
        {BM_HASH_SHA256, "0102030405060708090a0b0c0d0e0f10111213141516171819",
         "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BM_AUTO_BUF key = vector(rows[i].key);
        BM_AUTO_BUF data = vector(rows[i].data);
        BM_AUTO_BUF expected = vector(rows[i].mac);
        bm_bytes piece = bm_buf_view(&data);
        bm_digest mac;

        assert_ok(bm_hash_hmac(rows[i].alg, bm_buf_view(&key), &piece, 1, &mac));
        assert_bytes(bm_hash_view(&mac), bm_buf_view(&expected));
    }
}

/* RFC 4231, 4.7: a key longer than a block is hashed first. */
static void hmac_takes_keys_longer_than_a_block(void **state)
{
    BM_AUTO_BUF expected = vector("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    bm_bytes data = bm_bytes_str("Test Using Larger Than Block-Size Key - Hash Key First");
    uint8_t key[131];
    bm_digest mac;

    (void)state;
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = 0xAA;
    assert_ok(bm_hash_hmac(BM_HASH_SHA256, BM_BYTES_ARRAY(key), &data, 1, &mac));
    assert_bytes(bm_hash_view(&mac), bm_buf_view(&expected));
}

/* An empty key is a key, not "the key of the call before": the value of RFC 2104's formula for no key and no text. */
static void hmac_with_an_empty_key_is_defined(void **state)
{
    BM_AUTO_BUF expected = vector("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    bm_digest mac;

    (void)state;
    assert_ok(bm_hash_hmac(BM_HASH_SHA256, bm_bytes_str("another"), NULL, 0, &mac));
    assert_ok(bm_hash_hmac(BM_HASH_SHA256, bm_bytes_of(NULL, 0), NULL, 0, &mac));
    assert_bytes(bm_hash_view(&mac), bm_buf_view(&expected));
}

typedef struct {
    bm_hash_alg alg;
    unsigned bits;
    const char *key, *label, *context_u, *context_v, *result;
} kdf_row;

static void kdfa_matches_published_vectors(void **state)
{
    static const kdf_row rows[] = {
        /* The self-test of the TPM 2.0 reference implementation (KdfTestData.h), its three hashes. */
        {BM_HASH_SHA256, 160, "271fa08bbdc5060ec3dfa928ff9b73123a12da0c", "KDFSELFTESTLABEL", "ce244f395dca7391", "da504031ddf12e83",
         "bb0259e1c8ba607e6a2cd704b69a902e9ade84c4"},
        {BM_HASH_SHA384, 160, "271fa08bbdc5060ec3dfa928ff9b73123a12da0c", "KDFSELFTESTLABEL", "ce244f395dca7391", "da504031ddf12e83",
         "1dce70c9113eb2dba47bd9cfc72bf46f45b09312"},
        {BM_HASH_SHA512, 160, "271fa08bbdc5060ec3dfa928ff9b73123a12da0c", "KDFSELFTESTLABEL", "ce244f395dca7391", "da504031ddf12e83",
         "8be2c1b85b78569b9fa759f5857c56d684810fd3"},
        /* google/tpm-test-vectors (in go-tpm, kdfa.json): 30_SHA256_200, an empty key; 38_SHA256_552, three blocks. */
        {BM_HASH_SHA256, 200, "", "SECRET", "fbf51f160255018bbc8efea4c36ac4fb4cbba34e9eff", "3cea0fdc2600",
         "a26c73dca13a265e09eec4b0abc4ecb2bf8d26db04e8823ee6"},
        {BM_HASH_SHA256, 552, "e38573d849a5cfc9973f58b4535e42b7c08ef28b1b3e775375b5c66b9644be", "STORAGE", "00586dccbebc998087e4", "",
         "968f349b066ed26be3bd4e78333eb5c5b51c26ea376efe5dfaf061a2cf7f5eb82e4fcc2a30736e30f12b48ab17efd105"
         "76a4cf33450324b3f20011628df7a07c411f8c0f6c"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BM_AUTO_BUF key = vector(rows[i].key);
        BM_AUTO_BUF context_u = vector(rows[i].context_u);
        BM_AUTO_BUF context_v = vector(rows[i].context_v);
        BM_AUTO_BUF expected = vector(rows[i].result);
        uint8_t out[128];

        assert_ok(bm_hash_kdfa(rows[i].alg, bm_buf_view(&key), rows[i].label, bm_buf_view(&context_u), bm_buf_view(&context_v),
                               rows[i].bits, out));
        assert_bytes(bm_bytes_of(out, rows[i].bits / 8), bm_buf_view(&expected));
    }
}

static void kdfe_matches_published_vectors(void **state)
{
    /* google/tpm-test-vectors (in go-tpm, kdfe.json): 37_SHA256_728, 57_SHA384_512, 68_SHA384_840. */
    static const kdf_row rows[] = {
        {BM_HASH_SHA256, 728, "6cbfdee9e66367b676", "STORAGE", "c303fe79ff", "79e34519a8a32f13d400",
         "e59560660988b3d66e3a76bcc96110cc199bfa0418dca315f7070619e04fa0b6cdb2912db3786aaa34f2cad7dcee560e"
         "ed2b4c3f7566e533e4a3bba9c9364397dd2ce45a0b85dde5c83fea27b4fb20bb0125346d24e5d9321f81b2"},
        {BM_HASH_SHA384, 512, "07f2351c2e1f09a20ff305892da10faf239379e4531b50ff", "XOR",
         "000bb364ba5bdb45632707c1bb1692f22929a73b446e2fce8ed1b0b1d7681260e263fd5d958114b937",
         "3650a72d2c65ab360aa6855d0687ea45c5014300c2d7d8de056aff",
         "ac9a9a3586968e219d6432fd69fd94ee9f979a69b62a645cf1138d0e2e12f0d8"
         "3e1272e9636c06a795f39f8ddcdcea69a7920184506165c4bff98d45954d6fa4"},
        {BM_HASH_SHA384, 840, "ff527df4105005dfe4e0125cf3d3f4902fcba2e330509e670cb65662", "ATH",
         "006ebd03c5f63724b966e08ae700886fec4f2b6cba02ed66d13e623c", "ffefbd0c3d7ed31c8bd159",
         "593b24300df2b08428866bebf4eea256102d08c907700ec16a57088587e719a58d20196688ecdb0db46166b3f374200d"
         "e50b69d9344e7059458c7334bad1056e2398211dc90e4d1ba034e58b5cea90f6481a27c9e95d7b8339b5997f5437f629"
         "760723b4323a1b841d"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BM_AUTO_BUF z = vector(rows[i].key);
        BM_AUTO_BUF party_u = vector(rows[i].context_u);
        BM_AUTO_BUF party_v = vector(rows[i].context_v);
        BM_AUTO_BUF expected = vector(rows[i].result);
        uint8_t out[128];

        assert_ok(bm_hash_kdfe(rows[i].alg, bm_buf_view(&z), rows[i].label, bm_buf_view(&party_u), bm_buf_view(&party_v),
                               rows[i].bits, out));
        assert_bytes(bm_bytes_of(out, rows[i].bits / 8), bm_buf_view(&expected));
    }
}

static void without_a_hash_nothing_is_computed(void **state)
{
    const bm_hash_alg bad[] = {BM_HASH_NONE, (bm_hash_alg)4, (bm_hash_alg)99};
    const bm_bytes key = bm_bytes_str("key");
    const bm_bytes none = bm_bytes_of(NULL, 0);
    bm_digest digest;
    uint8_t out[64];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(bm_hash_size(bad[i]), 0);
        assert_code(bm_hash(bad[i], key, &digest), BM_E_INTERNAL);
        assert_code(bm_hash_hmac(bad[i], key, &key, 1, &digest), BM_E_INTERNAL);
        assert_code(bm_hash_kdfa(bad[i], key, "L", none, none, 128, out), BM_E_INTERNAL);
        assert_code(bm_hash_kdfe(bad[i], key, "L", none, none, 128, out), BM_E_INTERNAL);
    }
}

static void a_kdf_of_no_bits_or_of_parts_of_a_byte_is_refused(void **state)
{
    static const unsigned bits[] = {0, 1, 7, 127, 129, 257};
    const bm_bytes key = bm_bytes_str("key");
    uint8_t out[64];

    (void)state;
    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        assert_code(bm_hash_kdfa(BM_HASH_SHA256, key, "L", key, key, bits[i], out), BM_E_INTERNAL);
        assert_code(bm_hash_kdfe(BM_HASH_SHA256, key, "L", key, key, bits[i], out), BM_E_INTERNAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_match_fips_180_4),
        cmocka_unit_test(pieces_are_hashed_as_one),
        cmocka_unit_test(hmac_matches_rfc_4231),
        cmocka_unit_test(hmac_takes_keys_longer_than_a_block),
        cmocka_unit_test(hmac_with_an_empty_key_is_defined),
        cmocka_unit_test(kdfa_matches_published_vectors),
        cmocka_unit_test(kdfe_matches_published_vectors),
        cmocka_unit_test(without_a_hash_nothing_is_computed),
        cmocka_unit_test(a_kdf_of_no_bits_or_of_parts_of_a_byte_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

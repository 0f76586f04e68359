#include "crypto/cipher.h"

#include "vectors.h"

/*
 * SP 800-38A, F.3.13 to F.3.18 (CFB128-AES128 and -AES256) have an IV of their own; ours is zero. A block of CFB depends only on the
 * ciphertext block before it: their IV as the first ciphertext block makes the next four blocks theirs.
 */
static const char nist_iv[] = "000102030405060708090a0b0c0d0e0f";
static const char nist_plain[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                                 "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
static const struct {
    const char *key, *cipher;
} nist[] = {
    {"2b7e151628aed2a6abf7158809cf4f3c", "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b"
                                         "26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6"},
    {"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b"
     "df10132415e54b92a13ed0a8267ae2f975a385741ab9cef82031623d55b1e471"},
};

static void cfb_matches_sp800_38a(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(nist) / sizeof(nist[0]); i++) {
        BM_AUTO_BUF key = vector(nist[i].key);
        BM_AUTO_BUF cipher = vector(nist_iv);
        BM_AUTO_BUF expected = vector(nist_plain);
        BM_AUTO_BUF plain = BM_BUF_EMPTY;
        BM_AUTO_BUF again = BM_BUF_EMPTY;

        vector_put(&cipher, nist[i].cipher);
        assert_ok(bm_cipher_cfb_decrypt(bm_buf_view(&key), bm_buf_view(&cipher), &plain));
        assert_bytes(bm_bytes_slice(bm_buf_view(&plain), 16, 64), bm_buf_view(&expected));
        assert_ok(bm_cipher_cfb_encrypt(bm_buf_view(&key), bm_buf_view(&plain), &again));
        assert_bytes(bm_buf_view(&again), bm_buf_view(&cipher));
    }
}

static void cfb_keeps_any_length_and_appends(void **state)
{
    static const uint8_t key[16] = {7};
    static const char text[] = "a text that is not of whole blocks, but longer than two";

    (void)state;
    for (size_t size = 0; size < sizeof(text); size++) {
        BM_AUTO_BUF cipher = BM_BUF_EMPTY;
        BM_AUTO_BUF plain = BM_BUF_EMPTY;

        assert_ok(bm_buf_put_u8(&cipher, 0xEE));
        assert_ok(bm_cipher_cfb_encrypt(BM_BYTES_ARRAY(key), bm_bytes_of(text, size), &cipher));
        assert_int_equal(cipher.size, size + 1);
        assert_int_equal(cipher.data[0], 0xEE);
        assert_ok(bm_cipher_cfb_decrypt(BM_BYTES_ARRAY(key), bm_bytes_slice(bm_buf_view(&cipher), 1, size), &plain));
        assert_bytes(bm_buf_view(&plain), bm_bytes_of(text, size));
    }
}

static void cfb_keys_of_other_sizes_are_refused(void **state)
{
    static const size_t sizes[] = {0, 1, 15, 17, 24, 31, 33, 64};
    static const uint8_t key[64];
    BM_AUTO_BUF out = BM_BUF_EMPTY;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_code(bm_cipher_cfb_encrypt(bm_bytes_of(key, sizes[i]), bm_bytes_str("x"), &out), BM_E_INTERNAL);
        assert_code(bm_cipher_cfb_decrypt(bm_bytes_of(key, sizes[i]), bm_bytes_str("x"), &out), BM_E_INTERNAL);
    }
    assert_int_equal(out.size, 0);
}

static void a_sealed_secret_opens_with_its_passphrase_and_label(void **state)
{
    static const char *const magic[] = {[BM_CIPHER_CHOSEN] = "BMSEAL1", [BM_CIPHER_RANDOM] = "BMSEAL2"};
    const bm_bytes passphrase = bm_bytes_str("correct horse");
    const bm_bytes secrets[] = {bm_bytes_str("the secret"), bm_bytes_of(NULL, 0)};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        bm_cipher_passphrase kind = i < 2 ? BM_CIPHER_CHOSEN : BM_CIPHER_RANDOM;
        BM_AUTO_BUF sealed = BM_BUF_EMPTY;
        BM_AUTO_BUF opened = BM_BUF_EMPTY;

        assert_ok(bm_cipher_seal(passphrase, kind, "ca-key", secrets[i % 2], &sealed));
        assert_int_equal(sealed.size, 8 + 16 + 12 + 4 + secrets[i % 2].size + 16);
        assert_memory_equal(sealed.data, magic[kind], 8);
        assert_ok(bm_cipher_unseal(passphrase, "ca-key", bm_buf_view(&sealed), &opened));
        assert_bytes(bm_buf_view(&opened), secrets[i % 2]);
    }
}

/* Whoever can write the file cannot make guessing cheaper: it only stops to open. */
static void the_other_kind_of_passphrase_does_not_open_it(void **state)
{
    (void)state;
    for (unsigned kind = BM_CIPHER_CHOSEN; kind <= BM_CIPHER_RANDOM; kind++) {
        BM_AUTO_BUF sealed = BM_BUF_EMPTY;
        BM_AUTO_BUF opened = BM_BUF_EMPTY;

        assert_ok(bm_cipher_seal(bm_bytes_str("right"), (bm_cipher_passphrase)kind, "ca-key", bm_bytes_str("secret"), &sealed));
        sealed.data[6] ^= '1' ^ '2';
        assert_code(bm_cipher_unseal(bm_bytes_str("right"), "ca-key", bm_buf_view(&sealed), &opened), BM_E_KEY_PASSPHRASE);
        assert_int_equal(opened.size, 0);
    }
}

static void two_seals_of_one_secret_have_nothing_in_common(void **state)
{
    const bm_bytes passphrase = bm_bytes_str("p");
    BM_AUTO_BUF a = BM_BUF_EMPTY;
    BM_AUTO_BUF b = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_cipher_seal(passphrase, BM_CIPHER_RANDOM, "l", bm_bytes_str("0123456789abcdef"), &a));
    assert_ok(bm_cipher_seal(passphrase, BM_CIPHER_RANDOM, "l", bm_bytes_str("0123456789abcdef"), &b));
    assert_memory_not_equal(a.data + 8, b.data + 8, 16);   /* salt */
    assert_memory_not_equal(a.data + 24, b.data + 24, 12); /* nonce */
    assert_memory_not_equal(a.data + 40, b.data + 40, 16); /* ciphertext */
}

static void another_passphrase_or_label_does_not_open_it(void **state)
{
    BM_AUTO_BUF sealed = BM_BUF_EMPTY;
    BM_AUTO_BUF opened = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_cipher_seal(bm_bytes_str("right"), BM_CIPHER_RANDOM, "ca-key", bm_bytes_str("secret"), &sealed));
    assert_code(bm_cipher_unseal(bm_bytes_str("wrong"), "ca-key", bm_buf_view(&sealed), &opened), BM_E_KEY_PASSPHRASE);
    assert_code(bm_cipher_unseal(bm_bytes_str(""), "ca-key", bm_buf_view(&sealed), &opened), BM_E_KEY_PASSPHRASE);
    assert_code(bm_cipher_unseal(bm_bytes_str("right"), "ticket-key", bm_buf_view(&sealed), &opened), BM_E_KEY_PASSPHRASE);
    assert_code(bm_cipher_unseal(bm_bytes_str("right"), "", bm_buf_view(&sealed), &opened), BM_E_KEY_PASSPHRASE);
    assert_int_equal(opened.size, 0);
}

static void an_empty_passphrase_does_not_seal(void **state)
{
    BM_AUTO_BUF sealed = BM_BUF_EMPTY;

    (void)state;
    assert_code(bm_cipher_seal(bm_bytes_of(NULL, 0), BM_CIPHER_RANDOM, "ca-key", bm_bytes_str("secret"), &sealed), BM_E_KEY_PASSPHRASE);
    assert_int_equal(sealed.size, 0);
}

static void must_not_be_an_envelope(bm_bytes damaged, void *context)
{
    BM_AUTO_BUF opened = BM_BUF_EMPTY;

    (void)context;
    assert_code(bm_cipher_unseal(bm_bytes_str("p"), "l", damaged, &opened), BM_E_KEY_INVALID);
    assert_int_equal(opened.size, 0);
}

static void what_is_not_an_envelope_is_refused(void **state)
{
    BM_AUTO_BUF sealed = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_cipher_seal(bm_bytes_str("p"), BM_CIPHER_RANDOM, "l", bm_bytes_str("secret"), &sealed));
    vector_each_length(bm_buf_view(&sealed), must_not_be_an_envelope, NULL);
    for (size_t at = 0; at < 8; at++) { /* magic */
        sealed.data[at] ^= 1;
        must_not_be_an_envelope(bm_buf_view(&sealed), NULL);
        sealed.data[at] ^= 1;
    }
    for (size_t bit = 0; bit < 32; bit++) { /* size */
        sealed.data[36 + bit / 8] ^= (uint8_t)(1u << (bit % 8));
        must_not_be_an_envelope(bm_buf_view(&sealed), NULL);
        sealed.data[36 + bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

/* Every byte but the first ones and the size, which are above. */
static void changed_bytes_do_not_open(void **state)
{
    BM_AUTO_BUF sealed = BM_BUF_EMPTY;
    BM_AUTO_BUF opened = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_cipher_seal(bm_bytes_str("p"), BM_CIPHER_RANDOM, "l", bm_bytes_str("secret"), &sealed));
    assert_int_equal(sealed.size, 62);
    for (size_t at = 8; at < sealed.size; at++) {
        if (at >= 36 && at < 40)
            continue;
        sealed.data[at] ^= 0x10;
        assert_code(bm_cipher_unseal(bm_bytes_str("p"), "l", bm_buf_view(&sealed), &opened), BM_E_KEY_PASSPHRASE);
        sealed.data[at] ^= 0x10;
    }
    assert_int_equal(opened.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cfb_matches_sp800_38a),
        cmocka_unit_test(cfb_keeps_any_length_and_appends),
        cmocka_unit_test(cfb_keys_of_other_sizes_are_refused),
        cmocka_unit_test(a_sealed_secret_opens_with_its_passphrase_and_label),
        cmocka_unit_test(the_other_kind_of_passphrase_does_not_open_it),
        cmocka_unit_test(two_seals_of_one_secret_have_nothing_in_common),
        cmocka_unit_test(another_passphrase_or_label_does_not_open_it),
        cmocka_unit_test(an_empty_passphrase_does_not_seal),
        cmocka_unit_test(what_is_not_an_envelope_is_refused),
        cmocka_unit_test(changed_bytes_do_not_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

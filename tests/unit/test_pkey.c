#include "crypto/pkey.h"

#include "../vectors/keys.h"
#include "vectors.h"

static bm_pkey *keys[BM_KEY_TYPE_COUNT]; /* one of each type */

static int make_keys(void **state)
{
    (void)state;
    for (unsigned type = 1; type < BM_KEY_TYPE_COUNT; type++)
        if (type != BM_KEY_RSA3072 && type != BM_KEY_RSA4096)
            assert_ok(bm_pkey_generate((bm_key_type)type, &keys[type]));
    assert_ok(bm_pkey_from_private(bm_bytes_str(key_rsa3072), &keys[BM_KEY_RSA3072]));
    assert_ok(bm_pkey_from_private(bm_bytes_str(key_rsa4096), &keys[BM_KEY_RSA4096]));
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (unsigned type = 0; type < BM_KEY_TYPE_COUNT; type++)
        bm_pkey_freep(&keys[type]);
    return 0;
}

static void public_keys_that_are_no_keys_are_refused(void **state)
{
    static const bm_key_type curves[] = {BM_KEY_ECC256, BM_KEY_ECC384, BM_KEY_ECC521};
    bm_pkey *key = NULL;
    bm_pubkey good, bad;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_ok(bm_pkey_public(keys[curves[i]], &good));
        bad = good;
        bad.y[bm_pubkey_field_size(curves[i]) - 1] ^= 1; /* off the curve */
        assert_code(bm_pkey_from_public(&bad, &key), BM_E_MALFORMED);
        bad = good;
        bad.x[0] = 0xFF; /* not below the prime, for P-521 */
        bad.x[1] ^= 1;
        assert_code(bm_pkey_from_public(&bad, &key), BM_E_MALFORMED);
        bad = (bm_pubkey){.type = curves[i]}; /* (0, 0) */
        assert_code(bm_pkey_from_public(&bad, &key), BM_E_MALFORMED);
    }
    assert_ok(bm_pkey_public(keys[BM_KEY_RSA2048], &good));
    bad = good;
    bad.n[255] &= 0xFE;
    assert_code(bm_pkey_from_public(&bad, &key), BM_E_MALFORMED);
    for (uint32_t e = 0; e < 65537; e = e < 4 ? e + 2 : e * 2) { /* even */
        bad = good;
        bad.e = e;
        assert_code(bm_pkey_from_public(&bad, &key), BM_E_MALFORMED);
    }
    bad = good;
    bad.e = 1;
    assert_code(bm_pkey_from_public(&bad, &key), BM_E_MALFORMED);
    bad = (bm_pubkey){.type = BM_KEY_NONE};
    assert_code(bm_pkey_from_public(&bad, &key), BM_E_MALFORMED);
    bad = (bm_pubkey){.type = (bm_key_type)99};
    assert_code(bm_pkey_from_public(&bad, &key), BM_E_MALFORMED);
    assert_null(key);
}

/* The coordinate x + p is the same point to a careless reader. */
static void coordinates_above_the_prime_are_refused(void **state)
{
    BM_AUTO_BUF prime = vector("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    BM_AUTO_BUF y = vector("66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4"); /* a y for x = 0 */
    bm_pkey *key = NULL;
    bm_pubkey value;

    (void)state;
    assert_ok(bm_pubkey_from_point(BM_KEY_ECC256, bm_bytes_of(NULL, 0), bm_buf_view(&y), &value));
    assert_ok(bm_pkey_from_public(&value, &key));
    bm_pkey_freep(&key);
    assert_ok(bm_pubkey_from_point(BM_KEY_ECC256, bm_buf_view(&prime), bm_buf_view(&y), &value));
    assert_code(bm_pkey_from_public(&value, &key), BM_E_MALFORMED);
    assert_null(key);
}

static void private_keys_come_back_from_der_and_pem(void **state)
{
    (void)state;
    for (unsigned type = 1; type < BM_KEY_TYPE_COUNT; type++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        BM_AUTO_BUF pem = BM_BUF_EMPTY;
        BM_AUTO(bm_pkey_freep) bm_pkey *from_der = NULL;
        BM_AUTO(bm_pkey_freep) bm_pkey *from_pem = NULL;
        bm_pubkey expected, value;

        assert_ok(bm_pkey_public(keys[type], &expected));
        assert_ok(bm_pkey_put_private(&der, keys[type]));
        assert_ok(bm_pkey_put_private_pem(&pem, keys[type]));
        assert_memory_equal(pem.data, "-----BEGIN PRIVATE KEY-----\n", 28);
        assert_ok(bm_pkey_from_private(bm_buf_view(&der), &from_der));
        assert_ok(bm_pkey_public(from_der, &value));
        assert_true(bm_pubkey_equal(&value, &expected));
        assert_ok(bm_pkey_from_private(bm_buf_view(&pem), &from_pem));
        assert_ok(bm_pkey_public(from_pem, &value));
        assert_true(bm_pubkey_equal(&value, &expected));
    }
}

/* RFC 5915: what `openssl ecparam -genkey` writes. */
static void the_traditional_form_is_read_too(void **state)
{
    static const char pem[] = "-----BEGIN EC PRIVATE KEY-----\n"
                              "MHcCAQEEIJC9ZaXNYK6e2SKVHBW+1QqIc+7GvYV0BUZQ8ph7SJd5oAoGCCqGSM49\n"
                              "AwEHoUQDQgAE2BuMg8pBAjdjTj8Ahm25neqfKTGBVwQce70WwH/jkZA6z/3j/54q\n"
                              "GHh/nDGw5XtFW/U5C7zrUUFD/U+5HqJLIA==\n"
                              "-----END EC PRIVATE KEY-----\n";
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    bm_pubkey value;

    (void)state;
    assert_ok(bm_pkey_from_private(bm_bytes_str(pem), &key));
    assert_ok(bm_pkey_public(key, &value));
    assert_int_equal(value.type, BM_KEY_ECC256);
    assert_int_equal(value.x[0], 0xD8);
}

static const char *const not_private_keys[] = {
    "", "garbage", "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    /* Ed25519 */
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIB1snoeiV3mX5VSSlBRpOd8dzXX8UuXmGY0oRJOFfTGB\n"
    "-----END PRIVATE KEY-----\n",
    /* secp256k1 */
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHQCAQEEIB3zThlC5hyzXKCkJC5/j3Cq/pCxjaxoq3fgGL4O1u3ioAcGBSuBBAAK\n"
    "oUQDQgAEFgZMnMuywp/XxhI5dgrtaYCPfgAt0YZxt+DuaGnGFieUQTaWa11qO6lV\n"
    "DLXYSWhHJY9L+T8WQVZyhBQXu1n7wA==\n"
    "-----END EC PRIVATE KEY-----\n",
    /* RSA-1024 */
    "-----BEGIN PRIVATE KEY-----\n"
    "MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBAN3jjptUyNLDsi26\n"
    "r4t2xkd4yg0RUIhKtANxDJB8vkiFr2lOPJs9KqD2A9DJa2mR6qyrlf8yzXS5hVJZ\n"
    "NjKUQsp/fCtq+oJd55sJz8R76IeY7M6KBXwZzM3IUJdemRd7G7ie0FE1X/PKcykB\n"
    "xWiwL6P/qwLzejhzfegFbxRMcZSlAgMBAAECgYEAgmPmuYDpQnGdkyHRZrM1cWqZ\n"
    "0XQLTwwXHK6iI4Yqi5ODsO44z0DyfAQV2euDI1aMAUwTqRPBiIY8wleKcc6OMDhJ\n"
    "V+dcYI/JBZiUbmaXXotkHgFPQckkmi2kYxDdhTy3EZJNdwspoh9htmLQuaLOR+im\n"
    "MWj2VpkPaLTQ/wyqsAECQQD/09Qm1PwM86JercViIElVF6mjIC3zJkvCY6JEvKUm\n"
    "WAIJ2Bv/c5rdjWP5GWcCfbDngSTglAV8cqAP6p0qAEJlAkEA3gneVY+CaBM0UuWK\n"
    "JEXsI7H76ysN9lJ21z6ibVjX1V+/4QVVfFOjNWg7Dzf+yIz5ARjImG5x01/t2NfS\n"
    "uRXFQQJBAImFt8AAMlZMCfbXdwnezUz+4WQdglX5OjSPFsXYmvbXzJC6KaLS5GdB\n"
    "AIMB0swWASkR1V8ccy6I995WgpH3fbkCQQCUBI4kCaRMjyjdbknV/or6DMe8sRoA\n"
    "sF6rBQUw0f4oL0lxz6V6WSM/Ejn03kZKGbhRY90tyMq2t4eOe+ntGrdBAkBqYbGH\n"
    "Mqp35Mgds57GQydKyTNOdX+uGGB4lxtWesIYxu89O/re2EOZPmWQqiR0lTRrKZdu\n"
    "K9qlUdzx++VYowC3\n"
    "-----END PRIVATE KEY-----\n",
    /* P-256 with explicit parameters */
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MIIBaAIBAQQgZgfQg64OhQHGnyFzJwNimeDD869YPTSBLeusi2shAJ2ggfowgfcC\n"
    "AQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAAAAAAAAAAAAAA////////////////\n"
    "MFsEIP////8AAAABAAAAAAAAAAAAAAAA///////////////8BCBaxjXYqjqT57Pr\n"
    "vVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSdNgiG5wSTamZ44ROdJreBn36QBEEE\n"
    "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W\n"
    "K84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA//////////+85vqtpxeehPO5ysL8\n"
    "YyVRAgEBoUQDQgAE2VhjrouWN6A5Xa2sGci9B9vabBH6FxKJ5b2xCxmNGvAH/ln3\n"
    "lg506DamQznFgjqnnm5J/GpCVQDhjA9JfLOONw==\n"
    "-----END EC PRIVATE KEY-----\n",
    /* encrypted, both ways: refused without a question on the terminal */
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiY7QB4N9UzAAICCAAw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEEohteBZUlLwruGrVGHpISIEgZDW\n"
    "7X7e671HEiATp07qqiVf2TZODi1Qylmm/z0NOeg8Am0WIYuIyF04nYm1iHbPHUvV\n"
    "7CoJtZs2gShjzBOnB9Qq1Z9QbYIu2yWAxEXh2+EVV7Dah9s5rk8cQVTKEj+0XqY5\n"
    "MgB7Km+Czqs2oU3sigdvcsvfFuyQB2YRU62lBbrdyFxEvRC7gIG8uTHjZf/Mmhs=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n",
    "-----BEGIN EC PRIVATE KEY-----\n"
    "Proc-Type: 4,ENCRYPTED\n"
    "DEK-Info: AES-128-CBC,6E5E8A944237BF12CFFA985F54ADF931\n"
    "\n"
    "Id9wxUAA1vh7O6Sisfq61QyAgx5rfw4MizMvLDFQRdfdF7VSErWOcUVRhe4sKAlY\n"
    "qkmG7Jqg4tY48Mb3I7AdjwrFgPdPbtv5gNmiDbGLgVUNbi3mcKNNXpdTeLwipTlp\n"
    "KiDYEbi8aJmuNMZ4nrULRWH7MHd68lGZMhhsCQS5oCI=\n"
    "-----END EC PRIVATE KEY-----\n",
    /* a public key */
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2BuMg8pBAjdjTj8Ahm25neqfKTGB\n"
    "VwQce70WwH/jkZA6z/3j/54qGHh/nDGw5XtFW/U5C7zrUUFD/U+5HqJLIA==\n"
    "-----END PUBLIC KEY-----\n",
};

static void what_is_not_a_private_key_of_ours_is_refused(void **state)
{
    bm_pkey *key = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(not_private_keys) / sizeof(not_private_keys[0]); i++)
        assert_code(bm_pkey_from_private(bm_bytes_str(not_private_keys[i]), &key), BM_E_KEY_INVALID);
    assert_null(key);
}

static void private_key_must_be_refused(bm_bytes damaged, void *context)
{
    bm_pkey *key = NULL;

    (void)context;
    assert_code(bm_pkey_from_private(damaged, &key), BM_E_KEY_INVALID);
    assert_null(key);
}

static void a_private_key_cut_or_followed_by_bytes_is_refused(void **state)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_pkey_put_private(&der, keys[BM_KEY_ECC256]));
    vector_each_length(bm_buf_view(&der), private_key_must_be_refused, NULL);
}

/* The scalar of one key with the point of another. */
static void a_private_key_of_another_public_key_is_refused(void **state)
{
    BM_AUTO_BUF der = vector("3077020101042090bd65a5cd60ae9ed922951c15bed50a8873eec6bd8574054650f2987b489779a00a06082a8648ce3d030107"
                             "a14403420004aab9edd606370bd6785e4cc0bb18c1ebfc619de54312717c36577672234f80324d58968efa013517b7f6c68b27"
                             "cfa3de899a8f8982f3d62e5ca59c0f05f751f5");
    bm_pkey *key = NULL;

    (void)state;
    assert_code(bm_pkey_from_private(bm_buf_view(&der), &key), BM_E_KEY_INVALID);
    assert_null(key);
}

static void freeing_nothing_is_fine(void **state)
{
    bm_pkey *none = NULL;

    (void)state;
    bm_pkey_free(NULL);
    bm_pkey_freep(&none);
    assert_code(bm_pkey_generate(BM_KEY_NONE, &none), BM_E_INTERNAL);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_keys_that_are_no_keys_are_refused),
        cmocka_unit_test(coordinates_above_the_prime_are_refused),
        cmocka_unit_test(private_keys_come_back_from_der_and_pem),
        cmocka_unit_test(the_traditional_form_is_read_too),
        cmocka_unit_test(what_is_not_a_private_key_of_ours_is_refused),
        cmocka_unit_test(a_private_key_cut_or_followed_by_bytes_is_refused),
        cmocka_unit_test(a_private_key_of_another_public_key_is_refused),
        cmocka_unit_test(freeing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}

#include "unit.h"

#include "crypto/pkey.h"
#include "swarm/csr.h"
#include "swarm/ecc.h"
#include "swarm/rsa.h"
#include "tpm/credential.h"
#include "tpm/template.h"
#include "tpm/weak.h"
#include "x509/csr.h"

#include <string.h>

static uint8_t prime_bytes[BM_SWARM_PRIMES_SIZE];
static bm_swarm_primes *primes;

static int set_up(void **state)
{
    (void)state;
    assert_ok(bm_swarm_primes_make(prime_bytes));
    assert_ok(bm_swarm_primes_load(BM_BYTES_ARRAY(prime_bytes), &primes));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bm_swarm_primes_free(primes);
    return 0;
}

static void every_number_has_a_choice_of_its_own(void **state)
{
    bm_swarm_choice before = {0}, choice;

    (void)state;
    for (uint64_t number = 0; number < 5000; number++) {
        assert_ok(bm_swarm_primes_choose(BM_KEY_RSA2048, number, &choice));
        assert_int_equal(choice.count, 8);
        for (size_t i = 1; i < choice.count; i++)
            assert_true(choice.factors[i - 1] < choice.factors[i]);
        /* In the order of the alphabet, so that no two are the same. */
        assert_true(number == 0 || memcmp(before.factors, choice.factors, 8) < 0);
        before = choice;
    }
    assert_ok(bm_swarm_primes_choose(BM_KEY_RSA2048, bm_swarm_primes_choices(BM_KEY_RSA2048) - 1, &choice));
    assert_int_equal(choice.factors[0], BM_SWARM_PRIME_COUNT - 8);
    assert_int_equal(choice.factors[7], BM_SWARM_PRIME_COUNT - 1);
    assert_ok(bm_swarm_primes_choose(BM_KEY_RSA3072, bm_swarm_primes_choices(BM_KEY_RSA3072) - 1, &choice));
    assert_int_equal(choice.count, 12);
    assert_int_equal(bm_swarm_primes_choices(BM_KEY_RSA2048), 4426165368);
}

static void there_are_no_more_choices_than_there_are(void **state)
{
    bm_swarm_choice choice;

    (void)state;
    assert_code(bm_swarm_primes_choose(BM_KEY_RSA2048, bm_swarm_primes_choices(BM_KEY_RSA2048), &choice), BM_E_USAGE);
    assert_code(bm_swarm_primes_choose(BM_KEY_RSA2048, UINT64_MAX, &choice), BM_E_USAGE);
    assert_code(bm_swarm_primes_choose(BM_KEY_ECC256, 0, &choice), BM_E_USAGE);
    assert_code(bm_swarm_primes_choose(BM_KEY_NONE, 0, &choice), BM_E_USAGE);
    assert_int_equal(bm_swarm_primes_choices(BM_KEY_ECC384), 0);
}

static void a_server_finds_nothing_wrong_with_such_a_key(void **state)
{
    (void)state;
    /* The first choices have the smallest primes. */
    for (unsigned number = 0; number < 50; number++) {
        bm_key_type type = number % 2 == 0 ? BM_KEY_RSA2048 : BM_KEY_RSA3072;
        bm_swarm_choice choice;
        bm_pubkey key;

        assert_ok(bm_swarm_primes_choose(type, number / 2, &choice));
        assert_ok(bm_swarm_primes_public(primes, &choice, &key));
        assert_int_equal(key.type, type);
        assert_ok(bm_weak_check(&key));
    }
}

/* The library's OAEP, with this key's public half. */
static void encrypt(const bm_swarm_choice *choice, bm_bytes label, bm_bytes message, bm_buf *out)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *pkey = NULL;
    bm_pubkey key;

    assert_ok(bm_swarm_primes_public(primes, choice, &key));
    assert_ok(bm_pkey_from_public(&key, &pkey));
    bm_buf_clear(out);
    assert_ok(bm_pkey_oaep_encrypt(pkey, BM_HASH_SHA256, label, message, out));
}

static void what_the_library_encrypts_is_opened(void **state)
{
    BM_AUTO_BUF sealed = BM_BUF_EMPTY;
    BM_AUTO_BUF opened = BM_BUF_EMPTY;
    bm_swarm_choice choice;

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        assert_ok(bm_swarm_primes_choose(BM_KEY_RSA2048, i * UINT64_C(20000003), &choice));
        encrypt(&choice, bm_bytes_str("label"), bm_bytes_of("\0\1\0 32 bytes, some of which are 0", i % 33), &sealed);
        assert_ok(bm_swarm_rsa_open(primes, &choice, BM_HASH_SHA256, bm_bytes_str("label"), bm_buf_view(&sealed), &opened));
        assert_bytes(bm_buf_view(&opened), bm_bytes_of("\0\1\0 32 bytes, some of which are 0", i % 33));
    }
}

static void what_is_not_encrypted_to_the_key_is_refused(void **state)
{
    BM_AUTO_BUF sealed = BM_BUF_EMPTY;
    BM_AUTO_BUF opened = BM_BUF_EMPTY;
    bm_swarm_choice choice, other;

    (void)state;
    assert_ok(bm_swarm_primes_choose(BM_KEY_RSA2048, 17, &choice));
    assert_ok(bm_swarm_primes_choose(BM_KEY_RSA2048, 18, &other));
    encrypt(&choice, bm_bytes_str("label"), bm_bytes_str("message"), &sealed);
    assert_code(bm_swarm_rsa_open(primes, &other, BM_HASH_SHA256, bm_bytes_str("label"), bm_buf_view(&sealed), &opened), BM_E_MALFORMED);
    assert_code(bm_swarm_rsa_open(primes, &choice, BM_HASH_SHA256, bm_bytes_str("labels"), bm_buf_view(&sealed), &opened), BM_E_MALFORMED);
    assert_code(bm_swarm_rsa_open(primes, &choice, BM_HASH_SHA384, bm_bytes_str("label"), bm_buf_view(&sealed), &opened), BM_E_MALFORMED);
    sealed.data[100] ^= 1;
    assert_code(bm_swarm_rsa_open(primes, &choice, BM_HASH_SHA256, bm_bytes_str("label"), bm_buf_view(&sealed), &opened), BM_E_MALFORMED);
    sealed.size--;
    assert_code(bm_swarm_rsa_open(primes, &choice, BM_HASH_SHA256, bm_bytes_str("label"), bm_buf_view(&sealed), &opened), BM_E_MALFORMED);
    assert_int_equal(opened.size, 0);
}

static void load_changed(size_t at, uint8_t value)
{
    uint8_t bytes[BM_SWARM_PRIMES_SIZE];
    bm_swarm_primes *made = NULL;

    memcpy(bytes, prime_bytes, sizeof(bytes));
    bytes[at] = value;
    assert_code(bm_swarm_primes_load(BM_BYTES_ARRAY(bytes), &made), BM_E_MALFORMED);
    assert_null(made);
}

static void numbers_that_cannot_be_the_primes_are_refused(void **state)
{
    bm_swarm_primes *made = NULL;

    (void)state;
    assert_code(bm_swarm_primes_load(bm_bytes_of(prime_bytes, sizeof(prime_bytes) - 1), &made), BM_E_MALFORMED);
    assert_code(bm_swarm_primes_load(bm_bytes_of(NULL, 0), &made), BM_E_MALFORMED);
    load_changed(0, 0xF7);                                                             /* too small: a product could lack its top bit */
    load_changed(BM_SWARM_PRIMES_SIZE - BM_SWARM_PRIME_SIZE, 0x70);                    /* the last, far too small */
    load_changed(BM_SWARM_PRIME_SIZE - 1, (uint8_t)(prime_bytes[BM_SWARM_PRIME_SIZE - 1] & 0xFE)); /* even */
    load_changed(0, 0xFF);                                                             /* not the smallest any more, unless all begin so */
}

static BM_RESULT sign(void *context, bm_sig_alg alg, bm_bytes message, bm_buf *signature)
{
    assert_int_equal(alg, BM_SIG_RSA_SHA256);
    return bm_swarm_rsa_sign(primes, context, message, signature);
}

static BM_RESULT sign_ecc(void *context, bm_sig_alg alg, bm_bytes message, bm_buf *signature)
{
    return bm_pkey_sign(context, alg, message, signature);
}

/* The CSR is one to our parser, verifies, and names the serial. */
static void check_csr(bm_bytes der, const bm_pubkey *key, const char *serial)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *pkey = NULL;
    bm_csr csr;

    assert_ok(bm_csr_parse(der, &csr));
    assert_true(bm_pubkey_equal(&csr.key, key));
    assert_bytes(csr.serial, bm_bytes_str(serial));
    assert_ok(bm_pkey_from_public(key, &pkey));
    assert_ok(bm_csr_verify(&csr, pkey));
}

static void a_csr_verifies_with_every_type_of_key(void **state)
{
    static const bm_key_type types[] = {BM_KEY_RSA2048, BM_KEY_RSA3072, BM_KEY_ECC256, BM_KEY_ECC384};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        BM_AUTO(bm_pkey_freep) bm_pkey *pkey = NULL;
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        bm_swarm_choice choice;
        bm_pubkey key;

        if (bm_pubkey_is_rsa(types[i])) {
            assert_ok(bm_swarm_primes_choose(types[i], 4711, &choice));
            assert_ok(bm_swarm_primes_public(primes, &choice, &key));
            assert_ok(bm_swarm_csr_build("SN-1", &key, sign, &choice, &der));
        } else {
            assert_ok(bm_pkey_generate(types[i], &pkey));
            assert_ok(bm_pkey_public(pkey, &key));
            assert_ok(bm_swarm_csr_build("SN-1", &key, sign_ecc, pkey, &der));
        }
        check_csr(bm_buf_view(&der), &key, "SN-1");
    }
}

static void a_csr_needs_a_serial(void **state)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_swarm_choice choice;
    bm_pubkey key;

    (void)state;
    assert_ok(bm_swarm_primes_choose(BM_KEY_RSA2048, 1, &choice));
    assert_ok(bm_swarm_primes_public(primes, &choice, &key));
    assert_code(bm_swarm_csr_build("", &key, sign, &choice, &der), BM_E_MALFORMED);
    assert_int_equal(der.size, 0);
}

static void both_sides_of_a_curve_agree(void **state)
{
    static const bm_key_type types[] = {BM_KEY_ECC256, BM_KEY_ECC384};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        BM_AUTO(bm_swarm_ecc_freep) bm_swarm_ecc *curve = NULL;
        BM_AUTO(bm_pkey_freep) bm_pkey *other = NULL;
        BM_AUTO(bm_pkey_freep) bm_pkey *own = NULL;
        size_t size = bm_pubkey_field_size(types[i]);
        uint8_t secret[BM_ECC_MAX], ours[BM_ECC_MAX], theirs[BM_ECC_MAX];
        bm_pubkey key, peer;

        assert_ok(bm_swarm_ecc_new(types[i], &curve));
        assert_ok(bm_swarm_ecc_make(curve, secret, size, &key));
        assert_ok(bm_pkey_from_public(&key, &own));
        assert_ok(bm_pkey_generate(types[i], &other));
        assert_ok(bm_pkey_public(other, &peer));
        assert_ok(bm_swarm_ecc_agree(curve, bm_bytes_of(secret, size), &peer, ours, size));
        assert_ok(bm_pkey_ecdh(other, own, theirs, size));
        assert_memory_equal(ours, theirs, size);
    }
}

static void what_is_not_of_the_curve_is_refused(void **state)
{
    static const uint8_t zero[32];
    uint8_t ones[32];
    BM_AUTO(bm_swarm_ecc_freep) bm_swarm_ecc *curve = NULL;
    uint8_t secret[32], z[48];
    bm_pubkey key, off, other = {.type = BM_KEY_ECC384};
    bm_swarm_ecc *none = NULL;

    (void)state;
    memset(ones, 0xFF, sizeof(ones));
    assert_code(bm_swarm_ecc_new(BM_KEY_ECC521, &none), BM_E_INTERNAL);
    assert_code(bm_swarm_ecc_new(BM_KEY_RSA2048, &none), BM_E_INTERNAL);
    assert_ok(bm_swarm_ecc_new(BM_KEY_ECC256, &curve));
    assert_code(bm_swarm_ecc_make(curve, z, 48, &key), BM_E_INTERNAL);
    assert_ok(bm_swarm_ecc_make(curve, secret, sizeof(secret), &key));
    off = key;
    off.y[31] ^= 1;
    assert_code(bm_swarm_ecc_agree(curve, BM_BYTES_ARRAY(secret), &off, z, 32), BM_E_MALFORMED);
    assert_code(bm_swarm_ecc_agree(curve, BM_BYTES_ARRAY(secret), &other, z, 32), BM_E_MALFORMED);
    assert_code(bm_swarm_ecc_agree(curve, BM_BYTES_ARRAY(zero), &key, z, 32), BM_E_MALFORMED);
    assert_code(bm_swarm_ecc_agree(curve, BM_BYTES_ARRAY(ones), &key, z, 32), BM_E_MALFORMED);
    assert_code(bm_swarm_ecc_agree(curve, bm_bytes_of(secret, 31), &key, z, 32), BM_E_MALFORMED);
    assert_code(bm_swarm_ecc_agree(curve, BM_BYTES_ARRAY(secret), &key, z, 48), BM_E_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_has_a_choice_of_its_own),
        cmocka_unit_test(there_are_no_more_choices_than_there_are),
        cmocka_unit_test(a_server_finds_nothing_wrong_with_such_a_key),
        cmocka_unit_test(what_the_library_encrypts_is_opened),
        cmocka_unit_test(what_is_not_encrypted_to_the_key_is_refused),
        cmocka_unit_test(numbers_that_cannot_be_the_primes_are_refused),
        cmocka_unit_test(a_csr_verifies_with_every_type_of_key),
        cmocka_unit_test(a_csr_needs_a_serial),
        cmocka_unit_test(both_sides_of_a_curve_agree),
        cmocka_unit_test(what_is_not_of_the_curve_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#include "tpm/weak.h"

#include "../vectors/moduli.h"
#include "vectors.h"

static const uint8_t roca_primes[] = {11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157};
#define ROCA_PRIME_COUNT sizeof(roca_primes)
#define PRIME_COUNT (sizeof(ordinary_primes) / sizeof(ordinary_primes[0]))

static bm_pubkey key_of(bm_bytes n)
{
    bm_pubkey key;

    assert_ok(bm_pubkey_from_rsa(n, bm_bytes_of("\1\0\1", 3), &key));
    return key;
}

static bm_pubkey roca_key(size_t i)
{
    BM_AUTO_BUF n = vector(roca_moduli[i]);

    return key_of(bm_buf_view(&n));
}

/* Long multiplication of two numbers of 128 bytes. */
static bm_pubkey product_key(const char *hex_a, const char *hex_b)
{
    BM_AUTO_BUF a = vector(hex_a);
    BM_AUTO_BUF b = vector(hex_b);
    uint8_t n[256] = {0};

    assert_int_equal(a.size, 128);
    assert_int_equal(b.size, 128);
    for (int i = 127; i >= 0; i--) {
        unsigned carry = 0;

        for (int j = 127; j >= 0; j--) {
            unsigned sum = n[i + j + 1] + (unsigned)a.data[i] * b.data[j] + carry;

            n[i + j + 1] = (uint8_t)sum;
            carry = sum >> 8;
        }
        n[i] = (uint8_t)carry;
    }
    return key_of(BM_BYTES_ARRAY(n));
}

static unsigned residue(const bm_pubkey *key, unsigned prime)
{
    bm_bytes n = bm_pubkey_n(key);
    unsigned rest = 0;

    for (size_t i = 0; i < n.size; i++)
        rest = (rest * 256 + n.data[i]) % prime;
    return rest;
}

/* n += a number of 16 bytes. */
static void add(bm_pubkey *key, const uint8_t number[16])
{
    size_t size = bm_pubkey_field_size(key->type);
    unsigned carry = 0;

    for (size_t i = 0; i < size; i++) {
        unsigned sum = key->n[size - 1 - i] + carry + (i < 16 ? number[15 - i] : 0u);

        key->n[size - 1 - i] = (uint8_t)sum;
        carry = sum >> 8;
    }
    assert_int_equal(carry, 0);
}

static void multiply(uint8_t number[16], unsigned by)
{
    unsigned carry = 0;

    for (int i = 15; i >= 0; i--) {
        unsigned product = number[i] * by + carry;

        number[i] = (uint8_t)product;
        carry = product >> 8;
    }
    assert_int_equal(carry, 0);
}

static void keys_of_the_flawed_library_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(roca_moduli) / sizeof(roca_moduli[0]); i++) {
        const bm_pubkey key = roca_key(i);

        assert_int_equal(key.type, BM_KEY_RSA2048 + i);
        assert_true(bm_weak_is_roca(&key));
        assert_code(bm_weak_check(&key), BM_E_MALFORMED);
    }
}

static void ordinary_keys_have_no_fingerprint(void **state)
{
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < PRIME_COUNT; i++)
        for (size_t j = i + 1; j < PRIME_COUNT; j++, count++) {
            const bm_pubkey key = product_key(ordinary_primes[i], ordinary_primes[j]);

            assert_false(bm_weak_is_roca(&key));
            assert_ok(bm_weak_check(&key));
        }
    assert_true(count >= 200);
}

/*
 * For each of the 17 primes: a number that differs from a ROCA modulus in its residue by this prime alone. Adding 2 * (the product of the
 * others) walks through all residues; 65537 generates a proper subgroup, so that some have no fingerprint, and 0 never has.
 */
static void each_of_the_primes_is_looked_at(void **state)
{
    (void)state;
    for (size_t skip = 0; skip < ROCA_PRIME_COUNT; skip++) {
        bm_pubkey key = roca_key(0);
        uint8_t step[16] = {0};
        unsigned found = 0, missed = 0;

        step[15] = 2;
        for (size_t i = 0; i < ROCA_PRIME_COUNT; i++)
            if (i != skip)
                multiply(step, roca_primes[i]);
        for (unsigned i = 0; i < roca_primes[skip]; i++) {
            if (bm_weak_is_roca(&key))
                found++;
            else
                missed++;
            if (residue(&key, roca_primes[skip]) == 0)
                assert_false(bm_weak_is_roca(&key));
            add(&key, step);
        }
        assert_true(found > 0);
        assert_true(missed > found / 2);
    }
}

static void keys_on_a_curve_have_no_fingerprint(void **state)
{
    bm_pubkey key;

    (void)state;
    assert_ok(bm_pubkey_from_point(BM_KEY_ECC256, bm_bytes_str("\1"), bm_bytes_str("\1"), &key));
    assert_false(bm_weak_is_roca(&key));
    assert_ok(bm_weak_check(&key));
    key.x[31] = 0;
    assert_ok(bm_weak_check(&key)); /* one coordinate may be zero */
    key.y[31] = 0;
    assert_code(bm_weak_check(&key), BM_E_MALFORMED);
    key = (bm_pubkey){.type = BM_KEY_NONE};
    assert_false(bm_weak_is_roca(&key));
    assert_code(bm_weak_check(&key), BM_E_MALFORMED);
}

static void an_exponent_that_is_not_f4_is_refused(void **state)
{
    static const uint32_t exponents[] = {0, 1, 2, 3, 17, 65535, 65536, 65539, UINT32_MAX};
    bm_pubkey key = product_key(ordinary_primes[0], ordinary_primes[1]);

    (void)state;
    assert_ok(bm_weak_check(&key));
    for (size_t i = 0; i < sizeof(exponents) / sizeof(exponents[0]); i++) {
        key.e = exponents[i];
        assert_code(bm_weak_check(&key), BM_E_MALFORMED);
    }
}

static void an_even_or_a_short_modulus_is_refused(void **state)
{
    bm_pubkey key = product_key(ordinary_primes[0], ordinary_primes[1]);

    (void)state;
    key.n[255] ^= 1;
    assert_code(bm_weak_check(&key), BM_E_MALFORMED);
    key.n[255] ^= 1;
    key.n[0] &= 0x7F;
    assert_code(bm_weak_check(&key), BM_E_MALFORMED);
}

static void a_modulus_with_a_small_prime_factor_is_refused(void **state)
{
    unsigned count = 0;

    (void)state;
    for (unsigned prime = 3; prime < 256; prime += 2) {
        bm_pubkey key = product_key(ordinary_primes[2], ordinary_primes[3]);
        bool is_prime = true;

        for (unsigned divisor = 3; divisor * divisor <= prime; divisor += 2)
            is_prime = is_prime && prime % divisor != 0;
        if (!is_prime)
            continue;
        while (residue(&key, prime) != 0) { /* the next odd number that the prime divides */
            static const uint8_t two[16] = {[15] = 2};

            add(&key, two);
        }
        assert_code(bm_weak_check(&key), BM_E_MALFORMED);
        count++;
    }
    assert_int_equal(count, 53);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_the_flawed_library_are_found),
        cmocka_unit_test(ordinary_keys_have_no_fingerprint),
        cmocka_unit_test(each_of_the_primes_is_looked_at),
        cmocka_unit_test(keys_on_a_curve_have_no_fingerprint),
        cmocka_unit_test(an_exponent_that_is_not_f4_is_refused),
        cmocka_unit_test(an_even_or_a_short_modulus_is_refused),
        cmocka_unit_test(a_modulus_with_a_small_prime_factor_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

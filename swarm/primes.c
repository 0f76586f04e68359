#include "swarm/primes.h"

#include <openssl/bn.h>
#include <stdlib.h>

#define EXPONENT 65537
#define TOP_BITS 0xF8 /* (31/32)^16 is above a half: the product of 16 has its top bit set, as a modulus must */
#define SIEVE_LIMIT 2048
#define ROUNDS 2 /* of Fermat's test: by chance a number of 256 bits that is no prime passes once in 2^60 */

struct bm_swarm_primes {
    BN_CTX *ctx;
    BIGNUM *prime[BM_SWARM_PRIME_COUNT];
    BIGNUM *d[BM_SWARM_PRIME_COUNT]; /* 65537^-1 mod p-1 */
    BN_MONT_CTX *mont[BM_SWARM_PRIME_COUNT];
    BIGNUM *inverse[BM_SWARM_PRIME_COUNT][BM_SWARM_PRIME_COUNT]; /* see inverse_of */
    /* What a private operation works with. */
    BIGNUM *in;
    BIGNUM *part[BM_SWARM_FACTORS_MAX];
    BIGNUM *sum;
    BIGNUM *product;
    BIGNUM *term;
};

static void free_numbers(BIGNUM **numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        BN_free(numbers[i]);
}

void bm_swarm_primes_free(bm_swarm_primes *primes)
{
    if (primes == NULL)
        return;
    free_numbers(primes->prime, BM_SWARM_PRIME_COUNT);
    free_numbers(primes->d, BM_SWARM_PRIME_COUNT);
    free_numbers(primes->part, BM_SWARM_FACTORS_MAX);
    for (size_t i = 0; i < BM_SWARM_PRIME_COUNT; i++) {
        BN_MONT_CTX_free(primes->mont[i]);
        free_numbers(primes->inverse[i], BM_SWARM_PRIME_COUNT);
    }
    BN_free(primes->in);
    BN_free(primes->sum);
    BN_free(primes->product);
    BN_free(primes->term);
    BN_CTX_free(primes->ctx);
    free(primes);
}

void bm_swarm_primes_freep(bm_swarm_primes **primes)
{
    bm_swarm_primes_free(*primes);
    *primes = NULL;
}

/* Has it a small factor, or p - 1 the factor 65537? */
static bool is_sieved_out(const BIGNUM *number)
{
    for (BN_ULONG divisor = 3; divisor < SIEVE_LIMIT; divisor += 2)
        if (BN_mod_word(number, divisor) == 0)
            return true;
    return BN_mod_word(number, EXPONENT) <= 1;
}

/* Fermat's test with two small bases: for random numbers it is as good as any other. */
static bool passes(const BIGNUM *number, BIGNUM *base, BIGNUM *less, BIGNUM *power, BN_CTX *ctx)
{
    for (BN_ULONG round = 0; round < ROUNDS; round++)
        if (BN_set_word(base, 2 + round) != 1 || BN_sub(less, number, BN_value_one()) != 1 ||
            BN_mod_exp(power, base, less, number, ctx) != 1 || !BN_is_one(power))
            return false;
    return true;
}

/* Tries random numbers until one is a prime. */
static BM_RESULT make_one(BIGNUM *number, BN_CTX *ctx)
{
    BIGNUM *base, *less, *power;
    bool found = false;

    BN_CTX_start(ctx);
    base = BN_CTX_get(ctx);
    less = BN_CTX_get(ctx);
    power = BN_CTX_get(ctx);
    while (power != NULL && !found) {
        if (BN_rand(number, BM_SWARM_PRIME_SIZE * 8, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD) != 1 ||
            BN_set_bit(number, BM_SWARM_PRIME_SIZE * 8 - 3) != 1 || BN_set_bit(number, BM_SWARM_PRIME_SIZE * 8 - 4) != 1 ||
            BN_set_bit(number, BM_SWARM_PRIME_SIZE * 8 - 5) != 1)
            break;
        found = !is_sieved_out(number) && passes(number, base, less, power, ctx);
    }
    BN_CTX_end(ctx);
    BM_CHECK(found, BM_E_INTERNAL, "cannot make a prime");
    return bm_ok();
}

static int by_value(const void *a, const void *b)
{
    return bm_bytes_compare(bm_bytes_of(a, BM_SWARM_PRIME_SIZE), bm_bytes_of(b, BM_SWARM_PRIME_SIZE));
}

BM_RESULT bm_swarm_primes_make(uint8_t out[BM_SWARM_PRIMES_SIZE])
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *number = BN_new();
    bm_result result = ctx == NULL || number == NULL ? bm_fail(BM_E_NO_MEMORY, NULL) : bm_ok();

    for (size_t i = 0; result.code == BM_OK && i < BM_SWARM_PRIME_COUNT; i++) {
        result = make_one(number, ctx);
        if (result.code == BM_OK && BN_bn2binpad(number, out + i * BM_SWARM_PRIME_SIZE, BM_SWARM_PRIME_SIZE) < 0)
            result = bm_fail(BM_E_INTERNAL, "cannot write a prime");
    }
    BN_free(number);
    BN_CTX_free(ctx);
    /* Two that are the same would be found when they are loaded: chance does not make them. */
    if (result.code == BM_OK)
        qsort(out, BM_SWARM_PRIME_COUNT, BM_SWARM_PRIME_SIZE, by_value);
    return result;
}

/* One prime, and what goes with it alone. */
static BM_RESULT load_one(bm_swarm_primes *primes, size_t i, bm_bytes bytes)
{
    BIGNUM *exponent = BN_new();
    BIGNUM *less = BN_new();
    bool good;

    primes->prime[i] = BN_bin2bn(bytes.data, (int)bytes.size, NULL);
    primes->mont[i] = BN_MONT_CTX_new();
    good = exponent != NULL && less != NULL && primes->prime[i] != NULL && primes->mont[i] != NULL &&
           BN_set_word(exponent, EXPONENT) == 1 && BN_sub(less, primes->prime[i], BN_value_one()) == 1 &&
           BN_MONT_CTX_set(primes->mont[i], primes->prime[i], primes->ctx) == 1;
    if (good)
        primes->d[i] = BN_mod_inverse(NULL, exponent, less, primes->ctx);
    BN_free(exponent);
    BN_free(less);
    BM_CHECK(good, BM_E_INTERNAL, "a prime cannot be made ready");
    BM_CHECK(primes->d[i] != NULL, BM_E_MALFORMED, "a prime that is not for the exponent 65537");
    return bm_ok();
}

static BM_RESULT load_all(bm_swarm_primes *primes, bm_bytes bytes)
{
    bool room = (primes->ctx = BN_CTX_new()) != NULL && (primes->in = BN_new()) != NULL && (primes->sum = BN_new()) != NULL &&
                (primes->product = BN_new()) != NULL && (primes->term = BN_new()) != NULL;

    for (size_t i = 0; i < BM_SWARM_FACTORS_MAX; i++)
        room = (primes->part[i] = BN_new()) != NULL && room;
    BM_CHECK(room, BM_E_NO_MEMORY, NULL);
    for (size_t i = 0; i < BM_SWARM_PRIME_COUNT; i++) {
        bm_bytes one = bm_bytes_slice(bytes, i * BM_SWARM_PRIME_SIZE, BM_SWARM_PRIME_SIZE);

        BM_CHECK((one.data[0] & TOP_BITS) == TOP_BITS && (one.data[one.size - 1] & 1) == 1, BM_E_MALFORMED,
                 "a prime that is even or too small");
        if (i > 0)
            BM_CHECK(bm_bytes_compare(bm_bytes_slice(bytes, (i - 1) * one.size, one.size), one) < 0, BM_E_MALFORMED,
                     "the primes are not in ascending order");
        BM_TRY(load_one(primes, i, one));
    }
    return bm_ok();
}

BM_RESULT bm_swarm_primes_load(bm_bytes bytes, bm_swarm_primes **primes)
{
    BM_AUTO(bm_swarm_primes_freep) bm_swarm_primes *made = NULL;

    BM_CHECK(bytes.size == BM_SWARM_PRIMES_SIZE, BM_E_MALFORMED, "not as many primes as there must be");
    made = calloc(1, sizeof(*made));
    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    BM_TRY(load_all(made, bytes));
    *primes = made;
    made = NULL;
    return bm_ok();
}

/* How many factors a type has; 0: no RSA type. */
static size_t factors_of(bm_key_type type)
{
    return bm_pubkey_is_rsa(type) ? bm_pubkey_field_size(type) / BM_SWARM_PRIME_SIZE : 0;
}

/* How many ways there are to take `take` of `from`: below 2^49 for what is asked here. */
static uint64_t ways(uint64_t from, uint64_t take)
{
    uint64_t count = 1;

    if (take > from)
        return 0;
    for (uint64_t i = 1; i <= take; i++)
        count = count * (from - take + i) / i;
    return count;
}

uint64_t bm_swarm_primes_choices(bm_key_type type)
{
    size_t count = factors_of(type);

    return count == 0 ? 0 : ways(BM_SWARM_PRIME_COUNT, count);
}

BM_RESULT bm_swarm_primes_choose(bm_key_type type, uint64_t number, bm_swarm_choice *choice)
{
    bm_swarm_choice made = {.count = factors_of(type)};
    size_t chosen = 0;

    BM_CHECK(number < bm_swarm_primes_choices(type), BM_E_USAGE, "no RSA type, or there are not so many keys of it");
    /* In the order of the alphabet: the first choices have the lowest primes. */
    for (unsigned prime = 0; chosen < made.count; prime++) {
        uint64_t with = ways(BM_SWARM_PRIME_COUNT - 1 - prime, made.count - chosen - 1);

        if (number < with)
            made.factors[chosen++] = (uint8_t)prime;
        else
            number -= with;
    }
    *choice = made;
    return bm_ok();
}

/* The product of the first `count` factors. */
static bool multiply(const bm_swarm_primes *primes, const bm_swarm_choice *choice, size_t count, BIGNUM *product)
{
    bool good = BN_one(product) == 1;

    for (size_t i = 0; good && i < count; i++)
        good = BN_mul(product, product, primes->prime[choice->factors[i]], primes->ctx) == 1;
    return good;
}

BM_RESULT bm_swarm_primes_public(const bm_swarm_primes *primes, const bm_swarm_choice *choice, bm_pubkey *key)
{
    static const uint8_t exponent[] = {1, 0, 1};
    uint8_t modulus[BM_RSA_MAX];
    size_t size = choice->count * BM_SWARM_PRIME_SIZE;

    BM_CHECK(multiply(primes, choice, choice->count, primes->product) && BN_bn2binpad(primes->product, modulus, (int)size) > 0,
             BM_E_INTERNAL, "cannot make an RSA modulus");
    return bm_pubkey_from_rsa(bm_bytes_of(modulus, size), BM_BYTES_ARRAY(exponent), key);
}

/* p_i^-1 mod p_j in Montgomery's form, i below j; made when it is needed for the first time, NULL when it cannot be. */
static const BIGNUM *inverse_of(bm_swarm_primes *primes, size_t i, size_t j)
{
    BIGNUM **place = &primes->inverse[i][j];

    if (*place == NULL)
        *place = BN_mod_inverse(NULL, primes->prime[i], primes->prime[j], primes->ctx);
    else
        return *place;
    if (*place != NULL && BN_to_montgomery(*place, *place, primes->mont[j], primes->ctx) != 1) {
        BN_free(*place);
        *place = NULL;
    }
    return *place;
}

/* part[j] becomes digit j of the result in the mixed radix p_0, p_0 p_1, ... (Garner's algorithm). */
static bool find_digit(bm_swarm_primes *primes, const bm_swarm_choice *choice, size_t j)
{
    size_t own = choice->factors[j];
    BIGNUM *digit = primes->part[j];
    bool good = BN_nnmod(primes->term, primes->in, primes->prime[own], primes->ctx) == 1 &&
                BN_mod_exp_mont(digit, primes->term, primes->d[own], primes->prime[own], primes->ctx, primes->mont[own]) == 1;

    for (size_t i = 0; good && i < j; i++) {
        const BIGNUM *inverse = inverse_of(primes, choice->factors[i], own);

        good = inverse != NULL && BN_mod_sub(primes->term, digit, primes->part[i], primes->prime[own], primes->ctx) == 1 &&
               BN_mod_mul_montgomery(digit, primes->term, inverse, primes->mont[own], primes->ctx) == 1;
    }
    return good;
}

BM_RESULT bm_swarm_primes_private(bm_swarm_primes *primes, const bm_swarm_choice *choice, bm_bytes in, uint8_t *out, size_t size)
{
    bool good;

    BM_CHECK(in.size == choice->count * BM_SWARM_PRIME_SIZE && size == in.size, BM_E_MALFORMED, "not of the modulus' size");
    good = BN_bin2bn(in.data, (int)in.size, primes->in) != NULL && BN_one(primes->product) == 1;
    BN_zero(primes->sum);
    for (size_t j = 0; good && j < choice->count; j++)
        good = find_digit(primes, choice, j) && BN_mul(primes->term, primes->part[j], primes->product, primes->ctx) == 1 &&
               BN_add(primes->sum, primes->sum, primes->term) == 1 &&
               BN_mul(primes->product, primes->product, primes->prime[choice->factors[j]], primes->ctx) == 1;
    BM_CHECK(good && BN_bn2binpad(primes->sum, out, (int)size) > 0, BM_E_INTERNAL, "an RSA key cannot be used");
    return bm_ok();
}

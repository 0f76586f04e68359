#include "tpm/weak.h"

#define F4 65537u

/*
 * Nemec et al., "The Return of Coppersmith's Attack" (CCS 2017): the library made primes k*M + (65537^a mod M), M a primorial. So N is a
 * power of 65537 modulo each prime of M; these are the primes for which few numbers are. By chance all hold once in about 2^27 keys.
 */
static const uint8_t roca_primes[] = {11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157};

/* The odd primes below 256. */
static const uint8_t small_primes[] = {3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,
                                       71,  73,  79,  83,  89,  97,  101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157,
                                       163, 167, 173, 179, 181, 191, 193, 197, 199, 211, 223, 227, 229, 233, 239, 241, 251};

/* n modulo a divisor below 2^32, four bytes a step; the sizes of our moduli are multiples of four. */
static uint32_t modulo(bm_bytes n, uint32_t divisor)
{
    uint64_t rest = 0;

    for (size_t i = 0; i + 4 <= n.size; i += 4) {
        uint64_t word = (uint64_t)n.data[i] << 24 | (uint64_t)n.data[i + 1] << 16 | (uint64_t)n.data[i + 2] << 8 | n.data[i + 3];

        rest = (rest << 32 | word) % divisor;
    }
    return (uint32_t)rest;
}

#define AT_ONCE 4 /* primes below 256 whose product is below 2^32 */

/* n modulo each of some primes below 256: a pass over n for four of them. */
static void residues(bm_bytes n, const uint8_t *primes, size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i += AT_ONCE) {
        size_t end = count - i < AT_ONCE ? count : i + AT_ONCE;
        uint32_t product = 1;
        uint32_t rest;

        for (size_t k = i; k < end; k++)
            product *= primes[k];
        rest = modulo(n, product);
        for (size_t k = i; k < end; k++)
            out[k] = (uint8_t)(rest % primes[k]);
    }
}

/* Is the number 65537^a modulo the prime, for some a? */
static bool is_power_of_f4(uint32_t number, uint32_t prime)
{
    uint32_t power = 1;

    do {
        if (power == number)
            return true;
        power = power * (F4 % prime) % prime;
    } while (power != 1);
    return false;
}

bool bm_weak_is_roca(const bm_pubkey *key)
{
    uint8_t rests[sizeof(roca_primes)];

    if (!bm_pubkey_is_rsa(key->type))
        return false;
    residues(bm_pubkey_n(key), roca_primes, sizeof(roca_primes), rests);
    for (size_t i = 0; i < sizeof(roca_primes); i++)
        if (!is_power_of_f4(rests[i], roca_primes[i]))
            return false;
    return true;
}

static BM_RESULT check_rsa(const bm_pubkey *key)
{
    bm_bytes n = bm_pubkey_n(key);
    uint8_t rests[sizeof(small_primes)];

    BM_CHECK((n.data[0] & 0x80) != 0, BM_E_MALFORMED, "the RSA modulus is shorter than its type");
    BM_CHECK((n.data[n.size - 1] & 1) != 0, BM_E_MALFORMED, "the RSA modulus is even");
    BM_CHECK(key->e == F4, BM_E_MALFORMED, "the RSA exponent is not 65537");
    residues(n, small_primes, sizeof(small_primes), rests);
    for (size_t i = 0; i < sizeof(small_primes); i++)
        BM_CHECK(rests[i] != 0, BM_E_MALFORMED, "the RSA modulus has a small prime factor");
    BM_CHECK(!bm_weak_is_roca(key), BM_E_MALFORMED, "the RSA key has the fingerprint of CVE-2017-15361 (ROCA): it can be factored");
    return bm_ok();
}

BM_RESULT bm_weak_check(const bm_pubkey *key)
{
    if (bm_pubkey_is_rsa(key->type))
        return check_rsa(key);
    BM_CHECK(bm_pubkey_is_ecc(key->type), BM_E_MALFORMED, "a key of no type");
    BM_CHECK(bm_bytes_strip_zeros(bm_pubkey_x(key)).size > 0 || bm_bytes_strip_zeros(bm_pubkey_y(key)).size > 0, BM_E_MALFORMED,
             "the point is zero");
    return bm_ok();
}

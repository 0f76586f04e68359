#include "key.h"

#include "crypto/der.h"
#include "crypto/evp.h"
#include "tests/vectors/keys.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#define ROCA_BITS 1024
#define ROCA_PRIMES 126 /* of the primorial M, for 2048 bits */
#define ROCA_F4 65537

static const struct {
    const char *kind;
    const char *name;
    int nid;
    uint16_t curve;
} curves[] = {
    {"ecc256", "P-256", NID_X9_62_prime256v1, 0x0003}, {"ecc384", "P-384", NID_secp384r1, 0x0004},
    {"ecc521", "P-521", NID_secp521r1, 0x0005},        {"secp256k1", "secp256k1", NID_secp256k1, 0x0010},
    {"off-curve", "P-256", NID_X9_62_prime256v1, 0x0003}, {"infinity", "P-256", NID_X9_62_prime256v1, 0x0003},
    {"infinity-octet", "P-256", NID_X9_62_prime256v1, 0x0003},
};

static void put_number(const EVP_PKEY *evp, const char *name, size_t size, bm_buf *out)
{
    BIGNUM *number = NULL;
    uint8_t *to;

    atk_true(EVP_PKEY_get_bn_param(evp, name, &number) == 1, name);
    if (size == 0)
        size = (size_t)BN_num_bytes(number);
    atk_need(bm_buf_extend(out, size, &to), "a number");
    atk_true(BN_bn2binpad(number, to, (int)size) == (int)size, name);
    BN_free(number);
}

static EVP_PKEY *generate_rsa(unsigned bits, unsigned exponent)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *e = BN_new();
    EVP_PKEY *made = NULL;

    atk_true(ctx != NULL && e != NULL && BN_set_word(e, exponent) == 1 && EVP_PKEY_keygen_init(ctx) == 1 &&
                 EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) == 1 && EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) == 1 &&
                 EVP_PKEY_generate(ctx, &made) == 1,
             "an RSA key");
    EVP_PKEY_CTX_free(ctx);
    BN_free(e);
    return made;
}

static EVP_PKEY *read_key(const char *pem)
{
    BIO *in = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *made = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);

    BIO_free(in);
    atk_true(made != NULL, "a key of the vectors");
    return made;
}

/* M: the product of the first primes. */
static void primorial(BIGNUM *m)
{
    unsigned found = 0;

    atk_true(BN_one(m) == 1, "M");
    for (unsigned n = 2; found < ROCA_PRIMES; n++) {
        bool prime = true;

        for (unsigned d = 2; d * d <= n; d++)
            prime = prime && n % d != 0;
        if (prime) {
            atk_true(BN_mul_word(m, n) == 1, "M");
            found++;
        }
    }
}

/* A prime k * M + (65537^a mod M), as the library of CVE-2017-15361 made them (Nemec et al., CCS 2017). */
static void roca_prime(const BIGNUM *m, BN_CTX *ctx, BIGNUM *prime)
{
    BIGNUM *k = BN_new();
    BIGNUM *a = BN_new();
    BIGNUM *f4 = BN_new();
    BIGNUM *rest = BN_new();

    atk_true(rest != NULL && BN_set_word(f4, ROCA_F4) == 1, "a ROCA prime");
    do {
        atk_true(BN_rand(k, ROCA_BITS - BN_num_bits(m), BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY) == 1 && BN_rand(a, 60, 0, 0) == 1 &&
                     BN_mod_exp(rest, f4, a, m, ctx) == 1 && BN_mul(prime, k, m, ctx) == 1 && BN_add(prime, prime, rest) == 1,
                 "a ROCA prime");
    } while (BN_num_bits(prime) != ROCA_BITS || BN_check_prime(prime, ctx, NULL) != 1);
    BN_free(k);
    BN_free(a);
    BN_free(f4);
    BN_free(rest);
}

/* A private key of two primes. OpenSSL computes with n, e and d alone. */
static EVP_PKEY *rsa_of(const BIGNUM *p, const BIGNUM *q, BN_CTX *ctx)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *making = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *n = BN_new();
    BIGNUM *e = BN_new();
    BIGNUM *d = BN_new();
    BIGNUM *p1 = BN_dup(p);
    BIGNUM *phi = BN_dup(q);
    OSSL_PARAM *params;
    EVP_PKEY *made = NULL;

    atk_true(BN_mul(n, p, q, ctx) == 1 && BN_sub_word(p1, 1) == 1 && BN_sub_word(phi, 1) == 1 && BN_mul(phi, phi, p1, ctx) == 1 &&
                 BN_set_word(e, ROCA_F4) == 1 && BN_mod_inverse(d, e, phi, ctx) != NULL,
             "an RSA key of two primes");
    atk_true(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1 &&
                 OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_D, d) == 1,
             "an RSA key of two primes");
    params = OSSL_PARAM_BLD_to_param(build);
    atk_true(EVP_PKEY_fromdata_init(making) == 1 && EVP_PKEY_fromdata(making, &made, EVP_PKEY_KEYPAIR, params) == 1,
             "an RSA key of two primes");
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(making);
    BN_free(n);
    BN_free(e);
    BN_free(d);
    BN_free(p1);
    BN_free(phi);
    return made;
}

static EVP_PKEY *generate_roca(void)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *m = BN_new();
    BIGNUM *p = BN_new();
    BIGNUM *q = BN_new();
    EVP_PKEY *made;

    primorial(m);
    roca_prime(m, ctx, p);
    roca_prime(m, ctx, q);
    made = rsa_of(p, q, ctx);
    BN_free(m);
    BN_free(p);
    BN_free(q);
    BN_CTX_free(ctx);
    return made;
}

static EVP_PKEY *generate(const char *kind)
{
    if (strcmp(kind, "roca") == 0)
        return generate_roca();
    if (strcmp(kind, "rsa1024") == 0)
        return generate_rsa(1024, ROCA_F4);
    if (strcmp(kind, "rsa2048-e3") == 0)
        return generate_rsa(2048, 3);
    if (strcmp(kind, "rsa3072") == 0)
        return read_key(key_rsa3072);
    if (strcmp(kind, "rsa4096") == 0)
        return read_key(key_rsa4096);
    return strncmp(kind, "rsa2048", 7) == 0 ? generate_rsa(2048, ROCA_F4) : NULL;
}

static void spoil_rsa(const char *kind, atk_key *key)
{
    BIGNUM *n = BN_bin2bn(key->n.data, (int)key->n.size, NULL);

    if (strcmp(kind, "rsa2048-e1") == 0) {
        key->one = true;
        key->e = 1;
    }
    if (strcmp(kind, "rsa2048-even") == 0)
        key->n.data[key->n.size - 1] &= 0xFE;
    if (strcmp(kind, "rsa2048-factor") == 0) {
        /* the next multiple of 3 that is odd */
        while (BN_mod_word(n, 3) != 0)
            atk_true(BN_sub_word(n, 2) == 1, "a modulus");
        atk_true(BN_bn2binpad(n, key->n.data, (int)key->n.size) > 0, "a modulus");
    }
    BN_free(n);
}

static void spoil_ecc(const char *kind, atk_key *key)
{
    if (strcmp(kind, "off-curve") == 0)
        key->y.data[key->y.size - 1] ^= 1;
    if (strcmp(kind, "infinity") == 0) {
        bm_wipe(key->x.data, key->x.size);
        bm_wipe(key->y.data, key->y.size);
    }
    if (strcmp(kind, "infinity-octet") == 0) {
        bm_buf_clear(&key->x);
        bm_buf_clear(&key->y);
    }
}

void atk_key_make(const atk_line *line, const char *kind, atk_key *key)
{
    BM_AUTO_BUF e = BM_BUF_EMPTY;

    atk_key_fini(key);
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
        if (strcmp(curves[i].kind, kind) == 0) {
            key->evp = EVP_EC_gen(curves[i].name);
            atk_true(key->evp != NULL, kind);
            key->nid = curves[i].nid;
            key->curve = curves[i].curve;
            put_number(key->evp, OSSL_PKEY_PARAM_EC_PUB_X, (size_t)(EVP_PKEY_get_bits(key->evp) + 7) / 8, &key->x);
            put_number(key->evp, OSSL_PKEY_PARAM_EC_PUB_Y, (size_t)(EVP_PKEY_get_bits(key->evp) + 7) / 8, &key->y);
            spoil_ecc(kind, key);
            return;
        }
    key->evp = generate(kind);
    if (key->evp == NULL)
        atk_wrong(line, "no such kind of key", kind);
    key->rsa = true;
    put_number(key->evp, OSSL_PKEY_PARAM_RSA_N, 0, &key->n);
    put_number(key->evp, OSSL_PKEY_PARAM_RSA_E, 4, &e);
    key->e = (uint32_t)e.data[0] << 24 | (uint32_t)e.data[1] << 16 | (uint32_t)e.data[2] << 8 | e.data[3];
    spoil_rsa(kind, key);
}

/* The parameters of P-256, but for the base point. */
static void push_curve(OSSL_PARAM_BLD *build, BIGNUM *numbers[5])
{
    static const char *const names[5] = {OSSL_PKEY_PARAM_EC_P, OSSL_PKEY_PARAM_EC_A, OSSL_PKEY_PARAM_EC_B, OSSL_PKEY_PARAM_EC_ORDER,
                                         OSSL_PKEY_PARAM_PRIV_KEY};
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);

    for (size_t i = 0; i < 5; i++)
        numbers[i] = BN_new();
    atk_true(group != NULL && EC_GROUP_get_curve(group, numbers[0], numbers[1], numbers[2], NULL) == 1 &&
                 BN_copy(numbers[3], EC_GROUP_get0_order(group)) != NULL && BN_one(numbers[4]) == 1 &&
                 OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_EC_FIELD_TYPE, SN_X9_62_prime_field, 0) == 1 &&
                 OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT, 0) == 1,
             "a curve");
    for (size_t i = 0; i < 5; i++)
        atk_true(OSSL_PARAM_BLD_push_BN(build, names[i], numbers[i]) == 1, "a curve");
    EC_GROUP_free(group);
}

EVP_PKEY *atk_key_curveball(const EVP_PKEY *of)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *making = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    BM_AUTO_BUF point = BM_BUF_EMPTY;
    BIGNUM *numbers[5];
    OSSL_PARAM *params;
    EVP_PKEY *made = NULL;

    atk_need(bm_buf_put_u8(&point, 0x04), "a point");
    put_number(of, OSSL_PKEY_PARAM_EC_PUB_X, 32, &point);
    put_number(of, OSSL_PKEY_PARAM_EC_PUB_Y, 32, &point);
    push_curve(build, numbers);
    atk_true(OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_EC_GENERATOR, point.data, point.size) == 1 &&
                 OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.data, point.size) == 1,
             "a curve");
    params = OSSL_PARAM_BLD_to_param(build);
    atk_true(EVP_PKEY_fromdata_init(making) == 1 && EVP_PKEY_fromdata(making, &made, EVP_PKEY_KEYPAIR, params) == 1,
             "a key on a curve of its own");
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(making);
    for (size_t i = 0; i < 5; i++)
        BN_free(numbers[i]);
    return made;
}

void atk_key_fini(atk_key *key)
{
    EVP_PKEY_free(key->evp);
    bm_buf_fini(&key->n);
    bm_buf_fini(&key->x);
    bm_buf_fini(&key->y);
    *key = (atk_key){.rsa = false};
}

void atk_key_put(const atk_key *key, X509_PUBKEY *to)
{
    BM_AUTO_BUF inner = BM_BUF_EMPTY;
    BM_AUTO_BUF bits = BM_BUF_EMPTY;
    const uint8_t e[] = {(uint8_t)(key->e >> 24), (uint8_t)(key->e >> 16), (uint8_t)(key->e >> 8), (uint8_t)key->e};
    int good;

    if (key->rsa) {
        atk_need(bm_der_put_unsigned(&inner, bm_buf_view(&key->n)), "a public key");
        atk_need(bm_der_put_unsigned(&inner, BM_BYTES_ARRAY(e)), "a public key");
        atk_need(bm_der_put(&bits, BM_DER_SEQUENCE, bm_buf_view(&inner)), "a public key");
        good = X509_PUBKEY_set0_param(to, OBJ_nid2obj(NID_rsaEncryption), V_ASN1_NULL, NULL, OPENSSL_memdup(bits.data, bits.size),
                                      (int)bits.size);
    } else {
        atk_need(bm_buf_put_u8(&bits, key->x.size == 0 ? 0x00 : 0x04), "a point");
        atk_need(bm_buf_put(&bits, bm_buf_view(&key->x)), "a point");
        atk_need(bm_buf_put(&bits, bm_buf_view(&key->y)), "a point");
        good = X509_PUBKEY_set0_param(to, OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT, OBJ_nid2obj(key->nid),
                                      OPENSSL_memdup(bits.data, bits.size), (int)bits.size);
    }
    atk_true(good == 1, "a public key");
}

bm_pkey *atk_key_private(const atk_key *key)
{
    bm_pkey *wrapped = NULL;

    atk_true(EVP_PKEY_up_ref(key->evp) == 1, "a key");
    atk_need(bm_evp_wrap(key->evp, &wrapped), "a key");
    return wrapped;
}

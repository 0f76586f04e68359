#include "crypto/pkey.h"

#include "crypto/evp.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

void bm_pkey_free(bm_pkey *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->evp);
    free(key);
}

void bm_pkey_freep(bm_pkey **key)
{
    bm_pkey_free(*key);
    *key = NULL;
}

/* OpenSSL's name of a curve; NULL for RSA. */
static const char *group_of(bm_key_type type)
{
    switch (type) {
    case BM_KEY_ECC256:
        return "P-256";
    case BM_KEY_ECC384:
        return "P-384";
    case BM_KEY_ECC521:
        return "P-521";
    case BM_KEY_NONE:
    case BM_KEY_RSA2048:
    case BM_KEY_RSA3072:
    case BM_KEY_RSA4096:
    case BM_KEY_TYPE_COUNT:
        break;
    }
    return NULL;
}

static BM_RESULT from_rsa(const bm_pubkey *public_key, EVP_PKEY **evp)
{
    BM_AUTO(bm_evp_pkey_ctx_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    bm_bytes modulus = bm_pubkey_n(public_key);
    BM_AUTO(bm_evp_bn_freep) BIGNUM *n = BN_bin2bn(modulus.data, (int)modulus.size, NULL);
    unsigned char native[BM_RSA_MAX];
    unsigned int e = public_key->e;
    OSSL_PARAM params[3];

    if (ctx == NULL || n == NULL || BN_bn2nativepad(n, native, (int)modulus.size) < 0)
        return bm_evp_error(BM_E_INTERNAL, "cannot make an RSA modulus");
    params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, native, modulus.size);
    params[1] = OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_E, &e);
    params[2] = OSSL_PARAM_construct_end();
    if (EVP_PKEY_fromdata_init(ctx) != 1)
        return bm_evp_error(BM_E_INTERNAL, "cannot make a key");
    if (EVP_PKEY_fromdata(ctx, evp, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return bm_evp_error(BM_E_MALFORMED, "not a valid public key");
    return bm_ok();
}

/*
 * A key of this curve, whose parameters others copy: 5 us for a P-256 key against 17 with EVP_PKEY_fromdata, which sets the curve up anew,
 * and 15 against 25 us to make one. NULL when there is none, or no memory.
 */
static EVP_PKEY *curve_of(bm_key_type type)
{
    /* Exempt from "no mutable globals", as in bm_evp_md. */
    static EVP_PKEY *curves[BM_KEY_TYPE_COUNT];
    const char *group = group_of(type);

    if (group == NULL)
        return NULL;
    if (curves[type] == NULL)
        curves[type] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", group);
    return curves[type];
}

static BM_RESULT from_point(const bm_pubkey *public_key, EVP_PKEY **evp)
{
    BM_AUTO(bm_evp_pkey_freep) EVP_PKEY *made = EVP_PKEY_new();
    const EVP_PKEY *curve = curve_of(public_key->type);
    BM_AUTO_BUF point = BM_BUF_EMPTY;

    BM_TRY(bm_buf_put_u8(&point, 0x04));
    BM_TRY(bm_buf_put(&point, bm_pubkey_x(public_key)));
    BM_TRY(bm_buf_put(&point, bm_pubkey_y(public_key)));
    if (made == NULL || curve == NULL || EVP_PKEY_copy_parameters(made, curve) != 1)
        return bm_evp_error(BM_E_INTERNAL, "cannot make a key");
    if (EVP_PKEY_set1_encoded_public_key(made, point.data, point.size) != 1)
        return bm_evp_error(BM_E_MALFORMED, "not a valid public key");
    *evp = made;
    made = NULL;
    return bm_ok();
}

BM_RESULT bm_pkey_from_public(const bm_pubkey *public_key, bm_pkey **key)
{
    EVP_PKEY *evp = NULL;

    if (bm_pubkey_is_rsa(public_key->type)) {
        BM_TRY(from_rsa(public_key, &evp));
    } else {
        BM_CHECK(bm_pubkey_is_ecc(public_key->type), BM_E_MALFORMED, "a key of no type");
        BM_TRY(from_point(public_key, &evp));
    }
    return bm_evp_wrap_public(evp, public_key, key);
}

static EVP_PKEY *generate_on(EVP_PKEY *curve)
{
    BM_AUTO(bm_evp_pkey_ctx_freep) EVP_PKEY_CTX *ctx = curve == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, curve, NULL);
    EVP_PKEY *evp = NULL;

    if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_generate(ctx, &evp) != 1)
        return NULL;
    return evp;
}

BM_RESULT bm_pkey_generate(bm_key_type type, bm_pkey **key)
{
    EVP_PKEY *evp = NULL;

    if (bm_pubkey_is_rsa(type))
        evp = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bm_pubkey_field_size(type) * 8);
    else if (bm_pubkey_is_ecc(type))
        evp = generate_on(curve_of(type));
    else
        return bm_fail(BM_E_INTERNAL, "a key of no type");
    if (evp == NULL)
        return bm_evp_error(BM_E_INTERNAL, "cannot generate a key");
    return bm_evp_wrap(evp, key);
}

/* No passphrase, and none asked for on the terminal: an encrypted key is refused. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static EVP_PKEY *read_pem(bm_bytes bytes)
{
    BM_AUTO(bm_evp_bio_freep) BIO *bio = BIO_new_mem_buf(bytes.data, (int)bytes.size);

    return bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
}

static EVP_PKEY *read_der(bm_bytes bytes)
{
    const unsigned char *at = bytes.data;
    EVP_PKEY *evp = d2i_AutoPrivateKey(NULL, &at, (long)bytes.size);

    if (evp != NULL && at != bytes.data + bytes.size) {
        EVP_PKEY_free(evp);
        return NULL;
    }
    return evp;
}

static bool is_pem(bm_bytes bytes)
{
    size_t at;

    return bm_bytes_find(bytes, bm_bytes_str("-----BEGIN "), &at);
}

/*
 * Is the private half there, and the one of the public half? Shown by using it: EVP_PKEY_pairwise_check takes most of a second for
 * RSA-4096, and a key that comes without its private half signs nothing either.
 */
static BM_RESULT check_pair(const bm_pkey *key)
{
    const bm_bytes probe = bm_bytes_str("birthmark key check");
    bm_sig_alg alg = bm_pkey_default_sig(key->type);
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    bm_result result = bm_pkey_sign(key, alg, probe, &signature);

    if (result.code == BM_OK)
        result = bm_pkey_verify(key, alg, probe, bm_buf_view(&signature));
    BM_CHECK(result.code == BM_OK, BM_E_KEY_INVALID, "the private key is not the one of its public key");
    return bm_ok();
}

BM_RESULT bm_pkey_from_private(bm_bytes bytes, bm_pkey **key)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *made = NULL;
    EVP_PKEY *evp;

    BM_CHECK(bytes.size > 0 && bytes.size <= 65536, BM_E_KEY_INVALID, "a private key file that is empty or above 64 KiB");
    evp = is_pem(bytes) ? read_pem(bytes) : read_der(bytes);
    if (evp == NULL)
        return bm_evp_error(BM_E_KEY_INVALID, "not an unencrypted private key in PEM or DER");
    ERR_clear_error();
    BM_TRY(bm_result_as(bm_evp_wrap(evp, &made), BM_E_KEY_INVALID));
    BM_TRY(check_pair(made));
    *key = made;
    made = NULL;
    return bm_ok();
}

BM_RESULT bm_pkey_put_private(bm_buf *out, const bm_pkey *key)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key->evp);
    unsigned char *der = NULL;
    int size = info == NULL ? -1 : i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    bm_result result;

    PKCS8_PRIV_KEY_INFO_free(info);
    if (size <= 0)
        return bm_evp_error(BM_E_INTERNAL, "cannot encode a private key");
    result = bm_buf_put(out, bm_bytes_of(der, (size_t)size));
    OPENSSL_clear_free(der, (size_t)size);
    return result;
}

BM_RESULT bm_pkey_put_private_pem(bm_buf *out, const bm_pkey *key)
{
    /* The memory of such a BIO is cleared when it is freed. */
    BM_AUTO(bm_evp_bio_freep) BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long size;

    if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key->evp, NULL, NULL, 0, NULL, NULL) != 1)
        return bm_evp_error(BM_E_INTERNAL, "cannot encode a private key");
    size = BIO_get_mem_data(bio, &text);
    BM_CHECK(size > 0 && text != NULL, BM_E_INTERNAL, "cannot encode a private key");
    return bm_buf_put(out, bm_bytes_of(text, (size_t)size));
}

/* A number of the key, big-endian, right-aligned in `size` bytes. */
static BM_RESULT number_of(const bm_pkey *key, const char *param, uint8_t *out, size_t size)
{
    BM_AUTO(bm_evp_bn_freep) BIGNUM *number = NULL;

    if (!EVP_PKEY_get_bn_param(key->evp, param, &number) || BN_bn2binpad(number, out, (int)size) < 0)
        return bm_evp_error(BM_E_INTERNAL, "cannot read a public key");
    return bm_ok();
}

BM_RESULT bm_pkey_public(const bm_pkey *key, bm_pubkey *public_key)
{
    size_t size = bm_pubkey_field_size(key->type);
    uint8_t n[BM_RSA_MAX], e[8], x[BM_ECC_MAX], y[BM_ECC_MAX];

    if (bm_pubkey_is_rsa(key->type)) {
        BM_TRY(number_of(key, OSSL_PKEY_PARAM_RSA_N, n, size));
        BM_TRY(number_of(key, OSSL_PKEY_PARAM_RSA_E, e, sizeof(e)));
        return bm_pubkey_from_rsa(bm_bytes_of(n, size), BM_BYTES_ARRAY(e), public_key);
    }
    BM_TRY(number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, x, size));
    BM_TRY(number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, y, size));
    return bm_pubkey_from_point(key->type, bm_bytes_of(x, size), bm_bytes_of(y, size), public_key);
}

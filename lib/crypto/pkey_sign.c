/* Signatures: the algorithms and their identifiers, signing, verifying. */
#include "crypto/der.h"
#include "crypto/evp.h"
#include "crypto/pkey.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#define PSS_SALT 32
#define WRONG_KIND "a signature algorithm that is not for this kind of key"

/* AlgorithmIdentifiers as RFC 4055 (RSA: parameters NULL) and RFC 5758 (ECDSA: no parameters) have them. */
static const uint8_t rsa_sha256[] = {0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B, 0x05, 0x00};
static const uint8_t rsa_sha384[] = {0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0C, 0x05, 0x00};
static const uint8_t rsa_sha512[] = {0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0D, 0x05, 0x00};
static const uint8_t ecdsa_sha256[] = {0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};
static const uint8_t ecdsa_sha384[] = {0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03};
static const uint8_t ecdsa_sha512[] = {0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x04};
/* The same with parameters NULL, against RFC 5758, 3.2: tpm2-openssl 1.1 writes CSRs so, and they are in the field. */
static const uint8_t ecdsa_sha256_null[] = {0x30, 0x0C, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02, 0x05, 0x00};
static const uint8_t ecdsa_sha384_null[] = {0x30, 0x0C, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03, 0x05, 0x00};
static const uint8_t ecdsa_sha512_null[] = {0x30, 0x0C, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x04, 0x05, 0x00};
/* id-RSASSA-PSS { [0] SHA-256, [1] MGF1 with SHA-256, [2] 32 }, the hashes with parameters NULL. */
static const uint8_t rsapss_sha256[] = {
    0x30, 0x41, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A, 0x30, 0x34, 0xA0, 0x0F, 0x30, 0x0D, 0x06, 0x09, 0x60,
    0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xA1, 0x1C, 0x30, 0x1A, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D,
    0x01, 0x01, 0x08, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xA2, 0x03, 0x02, 0x01,
    0x20};
/* The same with the parameters of the hashes absent: RFC 4055, 2.1 wants both to be taken. */
static const uint8_t rsapss_sha256_short[] = {
    0x30, 0x3D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A, 0x30, 0x30, 0xA0, 0x0D, 0x30, 0x0B, 0x06, 0x09,
    0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0xA1, 0x1A, 0x30, 0x18, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D,
    0x01, 0x01, 0x08, 0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0xA2, 0x03, 0x02, 0x01, 0x20};

typedef struct {
    bm_sig_alg alg;
    bm_hash_alg hash;
    bool is_rsa;
    bm_bytes identifier; /* as written; a later row of the same algorithm is only read */
} sig_row;

static const sig_row rows[] = {
    {BM_SIG_RSA_SHA256, BM_HASH_SHA256, true, {rsa_sha256, sizeof(rsa_sha256)}},
    {BM_SIG_RSA_SHA384, BM_HASH_SHA384, true, {rsa_sha384, sizeof(rsa_sha384)}},
    {BM_SIG_RSA_SHA512, BM_HASH_SHA512, true, {rsa_sha512, sizeof(rsa_sha512)}},
    {BM_SIG_ECDSA_SHA256, BM_HASH_SHA256, false, {ecdsa_sha256, sizeof(ecdsa_sha256)}},
    {BM_SIG_ECDSA_SHA384, BM_HASH_SHA384, false, {ecdsa_sha384, sizeof(ecdsa_sha384)}},
    {BM_SIG_ECDSA_SHA512, BM_HASH_SHA512, false, {ecdsa_sha512, sizeof(ecdsa_sha512)}},
    {BM_SIG_RSAPSS_SHA256, BM_HASH_SHA256, true, {rsapss_sha256, sizeof(rsapss_sha256)}},
    {BM_SIG_RSAPSS_SHA256, BM_HASH_SHA256, true, {rsapss_sha256_short, sizeof(rsapss_sha256_short)}},
    {BM_SIG_ECDSA_SHA256, BM_HASH_SHA256, false, {ecdsa_sha256_null, sizeof(ecdsa_sha256_null)}},
    {BM_SIG_ECDSA_SHA384, BM_HASH_SHA384, false, {ecdsa_sha384_null, sizeof(ecdsa_sha384_null)}},
    {BM_SIG_ECDSA_SHA512, BM_HASH_SHA512, false, {ecdsa_sha512_null, sizeof(ecdsa_sha512_null)}},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static const sig_row *row_of(bm_sig_alg alg)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].alg == alg)
            return &rows[i];
    return NULL;
}

bm_sig_alg bm_pkey_default_sig(bm_key_type type)
{
    switch (type) {
    case BM_KEY_RSA2048:
    case BM_KEY_RSA3072:
    case BM_KEY_RSA4096:
        return BM_SIG_RSA_SHA256;
    case BM_KEY_ECC256:
        return BM_SIG_ECDSA_SHA256;
    case BM_KEY_ECC384:
        return BM_SIG_ECDSA_SHA384;
    case BM_KEY_ECC521:
        return BM_SIG_ECDSA_SHA512;
    case BM_KEY_NONE:
    case BM_KEY_TYPE_COUNT:
        break;
    }
    return BM_SIG_NONE;
}

BM_RESULT bm_pkey_put_sig_algorithm(bm_buf *out, bm_sig_alg alg)
{
    const sig_row *row = row_of(alg);

    BM_CHECK(row != NULL, BM_E_INTERNAL, "no such signature algorithm");
    return bm_buf_put(out, row->identifier);
}

bm_sig_alg bm_pkey_parse_sig_algorithm(bm_bytes der)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (bm_bytes_equal(der, rows[i].identifier))
            return rows[i].alg;
    return BM_SIG_NONE;
}

bm_hash_alg bm_pkey_sig_hash(bm_sig_alg alg)
{
    const sig_row *row = row_of(alg);

    return row == NULL ? BM_HASH_NONE : row->hash;
}

bool bm_pkey_sig_is_rsa(bm_sig_alg alg)
{
    const sig_row *row = row_of(alg);

    return row != NULL && row->is_rsa;
}

/* The parameters of a signature: the padding for RSA, nothing for ECDSA. */
typedef struct {
    OSSL_PARAM params[4];
    int salt;
} sig_params;

static void set_params(sig_params *to, const sig_row *row)
{
    size_t count = 0;

    to->salt = PSS_SALT;
    if (row->alg == BM_SIG_RSAPSS_SHA256) {
        to->params[count++] =
            OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, bm_evp_in(OSSL_PKEY_RSA_PAD_MODE_PSS), 0);
        to->params[count++] = OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &to->salt);
        to->params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, bm_evp_in("SHA256"), 0);
    } else if (row->is_rsa) {
        to->params[count++] =
            OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, bm_evp_in(OSSL_PKEY_RSA_PAD_MODE_PKCSV15), 0);
    }
    to->params[count] = OSSL_PARAM_construct_end();
}

/* Is this an algorithm, and for keys of this type? */
static bool fits(const sig_row *row, const bm_pkey *key)
{
    return row != NULL && row->is_rsa == bm_pubkey_is_rsa(key->type);
}

/* Verifies with a key that the algorithm is for. */
static BM_RESULT verify(EVP_PKEY *key, const sig_row *row, bm_bytes message, bm_bytes signature)
{
    BM_AUTO(bm_evp_md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    sig_params params;

    set_params(&params, row);
    if (ctx == NULL || EVP_DigestVerifyInit_ex(ctx, NULL, bm_evp_md_name(row->hash), NULL, NULL, key, params.params) != 1)
        return bm_evp_error(BM_E_INTERNAL, "cannot start to verify");
    if (signature.size == 0 || EVP_DigestVerify(ctx, signature.data, signature.size, message.data, message.size) != 1)
        return bm_evp_error(BM_E_MALFORMED, "the signature is not by this key");
    return bm_ok();
}

BM_RESULT bm_pkey_verify(const bm_pkey *key, bm_sig_alg alg, bm_bytes message, bm_bytes signature)
{
    const sig_row *row = row_of(alg);

    BM_CHECK(fits(row, key), BM_E_MALFORMED, WRONG_KIND);
    return verify(bm_evp_of(key), row, message, signature);
}

BM_RESULT bm_pkey_verify_evp(EVP_PKEY *key, bm_sig_alg alg, bm_bytes message, bm_bytes signature)
{
    const sig_row *row = row_of(alg);

    BM_CHECK(row != NULL && EVP_PKEY_is_a(key, row->is_rsa ? "RSA" : "EC"), BM_E_MALFORMED, WRONG_KIND);
    return verify(key, row, message, signature);
}

BM_RESULT bm_pkey_sign(const bm_pkey *key, bm_sig_alg alg, bm_bytes message, bm_buf *signature)
{
    BM_AUTO(bm_evp_md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t made[BM_RSA_MAX]; /* longer than any ECDSA signature of ours too */
    size_t size = sizeof(made);
    const sig_row *row = row_of(alg);
    sig_params params;

    BM_CHECK(fits(row, key), BM_E_INTERNAL, WRONG_KIND);
    set_params(&params, row);
    if (ctx == NULL ||
        EVP_DigestSignInit_ex(ctx, NULL, bm_evp_md_name(row->hash), NULL, NULL, bm_evp_of(key), params.params) != 1)
        return bm_evp_error(BM_E_INTERNAL, "cannot start to sign");
    if (EVP_DigestSign(ctx, made, &size, message.data, message.size) != 1)
        return bm_evp_error(BM_E_INTERNAL, "cannot sign");
    /* OpenSSL 3.0 says "done", and a size of -1, when memory for an ECDSA signature's DER runs out. */
    if (size == 0 || size > sizeof(made))
        return bm_evp_error(BM_E_INTERNAL, "cannot sign");
    return bm_buf_put(signature, bm_bytes_of(made, size));
}

/* Secrets between two keys: RSA-OAEP and ECDH. */
#include "crypto/evp.h"
#include "crypto/pkey.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

/* Starts one direction of EVP_PKEY_encrypt/decrypt. */
typedef int (*start_function)(EVP_PKEY_CTX *ctx, const OSSL_PARAM params[]);

static BM_RESULT start_oaep(EVP_PKEY_CTX *ctx, start_function start, bm_hash_alg alg, bm_bytes label)
{
    void *hash = bm_evp_in(bm_evp_md_name(alg));
    OSSL_PARAM params[5];
    size_t count = 0;

    BM_CHECK(hash != NULL, BM_E_INTERNAL, "OAEP without a hash");
    params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, bm_evp_in(OSSL_PKEY_RSA_PAD_MODE_OAEP), 0);
    params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, hash, 0);
    params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, hash, 0);
    if (label.size > 0)
        params[count++] = OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, bm_evp_in(label.data), label.size);
    params[count] = OSSL_PARAM_construct_end();
    if (ctx == NULL || start(ctx, params) != 1)
        return bm_evp_error(BM_E_INTERNAL, "cannot start OAEP");
    return bm_ok();
}

BM_RESULT bm_pkey_oaep_encrypt(const bm_pkey *key, bm_hash_alg alg, bm_bytes label, bm_bytes message, bm_buf *out)
{
    BM_AUTO(bm_evp_pkey_ctx_freep) EVP_PKEY_CTX *ctx = NULL;
    uint8_t made[BM_RSA_MAX];
    size_t size = sizeof(made);

    BM_CHECK(bm_pubkey_is_rsa(key->type), BM_E_INTERNAL, "OAEP with a key that is not RSA");
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, bm_evp_of(key), NULL);
    BM_TRY(start_oaep(ctx, EVP_PKEY_encrypt_init_ex, alg, label));
    if (EVP_PKEY_encrypt(ctx, made, &size, message.data, message.size) != 1)
        return bm_evp_error(BM_E_INTERNAL, "OAEP failed");
    return bm_buf_put(out, bm_bytes_of(made, size));
}

BM_RESULT bm_pkey_oaep_decrypt(const bm_pkey *key, bm_hash_alg alg, bm_bytes label, bm_bytes ciphertext, bm_buf *out)
{
    BM_AUTO(bm_evp_pkey_ctx_freep) EVP_PKEY_CTX *ctx = NULL;
    uint8_t made[BM_RSA_MAX];
    size_t size = sizeof(made);
    bm_result result;

    BM_CHECK(bm_pubkey_is_rsa(key->type), BM_E_INTERNAL, "OAEP with a key that is not RSA");
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, bm_evp_of(key), NULL);
    BM_TRY(start_oaep(ctx, EVP_PKEY_decrypt_init_ex, alg, label));
    if (EVP_PKEY_decrypt(ctx, made, &size, ciphertext.data, ciphertext.size) != 1)
        result = bm_evp_error(BM_E_MALFORMED, "not encrypted to this key");
    else
        result = bm_buf_put(out, bm_bytes_of(made, size));
    bm_wipe(made, sizeof(made));
    return result;
}

BM_RESULT bm_pkey_ecdh(const bm_pkey *own, const bm_pkey *peer, uint8_t *z, size_t size)
{
    BM_AUTO(bm_evp_pkey_ctx_freep) EVP_PKEY_CTX *ctx = NULL;
    uint8_t made[BM_ECC_MAX];
    size_t made_size = sizeof(made);
    bm_result result;

    BM_CHECK(bm_pubkey_is_ecc(own->type) && own->type == peer->type, BM_E_INTERNAL, "ECDH of keys of different curves");
    BM_CHECK(size == bm_pubkey_field_size(own->type), BM_E_INTERNAL, "ECDH into a buffer of another size");
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, bm_evp_of(own), NULL);
    /* The peer is not checked again: bm_evp_wrap did. */
    if (ctx == NULL || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer_ex(ctx, bm_evp_of(peer), 0) != 1)
        return bm_evp_error(BM_E_INTERNAL, "cannot start ECDH");
    if (EVP_PKEY_derive(ctx, made, &made_size) != 1)
        result = bm_evp_error(BM_E_INTERNAL, "ECDH failed");
    else
        result = bm_bytes_copy_exact(bm_bytes_of(made, made_size), z, size);
    bm_wipe(made, sizeof(made));
    return result;
}

/* Public keys made, signatures verified and made, hashes and HMACs. */
#include "floor.h"

#include <openssl/core_names.h>

void floor_hash_of(const floor_hash *hash, const void *bytes, size_t size, unsigned char digest[32])
{
    FLOOR_MUST(EVP_DigestInit_ex2(hash->ctx, hash->md, NULL) == 1 && EVP_DigestUpdate(hash->ctx, bytes, size) == 1);
    FLOOR_MUST(EVP_DigestFinal_ex(hash->ctx, digest, NULL) == 1);
}

static void init_rsa(floor_key *key, EVP_PKEY *of)
{
    BIGNUM *n = NULL;

    FLOOR_MUST(EVP_PKEY_get_bn_param(of, OSSL_PKEY_PARAM_RSA_N, &n) == 1);
    FLOOR_MUST(BN_bn2nativepad(n, key->n, sizeof(key->n)) == (int)sizeof(key->n));
    BN_free(n);
    key->e = 65537;
    key->params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, key->n, sizeof(key->n));
    key->params[1] = OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_E, &key->e);
    key->params[2] = OSSL_PARAM_construct_end();
    key->rsa = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    FLOOR_MUST(key->rsa != NULL && EVP_PKEY_fromdata_init(key->rsa) == 1);
}

void floor_key_init(floor_key *key, EVP_PKEY *of)
{
    size_t size = 0;

    *key = (floor_key){.rsa = NULL};
    if (EVP_PKEY_is_a(of, "RSA")) {
        init_rsa(key, of);
        return;
    }
    key->curve = make_key(BM_KEY_ECC256);
    FLOOR_MUST(EVP_PKEY_get_octet_string_param(of, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, key->point, sizeof(key->point), &size) == 1);
    FLOOR_MUST(size == sizeof(key->point));
}

EVP_PKEY *floor_key_make(floor_key *key)
{
    EVP_PKEY *made = NULL;

    if (key->rsa != NULL) {
        FLOOR_MUST(EVP_PKEY_fromdata(key->rsa, &made, EVP_PKEY_PUBLIC_KEY, key->params) == 1);
        return made;
    }
    made = EVP_PKEY_new();
    FLOOR_MUST(made != NULL && EVP_PKEY_copy_parameters(made, key->curve) == 1);
    FLOOR_MUST(EVP_PKEY_set1_encoded_public_key(made, key->point, sizeof(key->point)) == 1);
    return made;
}

void floor_key_fini(floor_key *key)
{
    EVP_PKEY_CTX_free(key->rsa);
    EVP_PKEY_free(key->curve);
}

__attribute__((noinline)) void floor_csr_verify(floor_pair *pair)
{
    EVP_PKEY *key = floor_key_make(&pair->ik);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    FLOOR_MUST(ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, pair->hash.md, NULL, key) == 1);
    FLOOR_MUST(EVP_DigestVerify(ctx, pair->csr.signature, pair->csr.signature_size, pair->csr.tbs, pair->csr.tbs_size) == 1);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
}

static void verify_ekc(floor_pair *pair, int vendor)
{
    const floor_signed *ekc = &pair->ekc[vendor];
    unsigned char digest[32];

    floor_hash_of(&pair->hash, ekc->tbs, ekc->tbs_size, digest);
    FLOOR_MUST(EVP_PKEY_verify(pair->vendor[vendor], ekc->signature, ekc->signature_size, digest, sizeof(digest)) == 1);
}

__attribute__((noinline)) void floor_ekc_verify(floor_pair *pair)
{
    verify_ekc(pair, 0);
}

__attribute__((noinline)) void floor_ekc_verify_rsa(floor_pair *pair)
{
    verify_ekc(pair, 1);
}

/* Over as much as the EK certificate has: ours is about as long. */
__attribute__((noinline)) void floor_certificate_sign(floor_pair *pair)
{
    unsigned char signature[FLOOR_SIGNATURE_MAX];
    size_t size = sizeof(signature);
    unsigned char digest[32];

    floor_hash_of(&pair->hash, pair->ekc[0].tbs, pair->ekc[0].tbs_size, digest);
    FLOOR_MUST(EVP_PKEY_sign(pair->ca, signature, &size, digest, sizeof(digest)) == 1);
}

/* The hashes that a ticket is made of, as lib/protocol/verdict.c has them. */
static void hash_parameters(floor_pair *pair, unsigned char message[301])
{
    const bm_request *request = &pair->device.request;
    const bm_buf *parameters[] = {&request->csr, &request->ik_public, &request->ek_public, &request->ek_certificate, &request->ek_chain[0]};
    size_t count = sizeof(parameters) / sizeof(parameters[0]);

    for (size_t i = 0; i < count; i++)
        floor_hash_of(&pair->hash, parameters[i]->data, parameters[i]->size, message + 32 * i);
}

__attribute__((noinline)) void floor_hash_all(floor_pair *pair)
{
    unsigned char message[301] = {0};
    unsigned char ticket[32];

    for (int call = 0; call < 2; call++) {
        size_t size = 0;

        hash_parameters(pair, message);
        FLOOR_MUST(EVP_MAC_init(pair->ticket_hmac, NULL, 0, NULL) == 1); /* the same key */
        FLOOR_MUST(EVP_MAC_update(pair->ticket_hmac, message, sizeof(message)) == 1);
        FLOOR_MUST(EVP_MAC_final(pair->ticket_hmac, ticket, &size, sizeof(ticket)) == 1);
    }
}

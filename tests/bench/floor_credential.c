/* The credential, as lib/tpm/credential.c makes it (TPM 2.0 Part 1, 24 and C.6), for an EK of nameAlg SHA-256 with AES-128. */
#include "floor.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <string.h>

void floor_credential_init(floor_credential *credential, EVP_PKEY *ek)
{
    static const unsigned char no_key[32];
    char sha256[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0), OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    *credential = (floor_credential){.name = {0, 0x0B},
                                     .hmac = EVP_MAC_CTX_new(mac),
                                     .aes = EVP_CIPHER_fetch(NULL, "AES-128-CFB", NULL),
                                     .cfb = EVP_CIPHER_CTX_new()};
    FLOOR_MUST(credential->hmac != NULL && credential->aes != NULL && credential->cfb != NULL);
    FLOOR_MUST(EVP_MAC_init(credential->hmac, no_key, sizeof(no_key), params) == 1);
    EVP_MAC_free(mac);
    floor_key_init(&credential->ek, ek);
    if (credential->ek.rsa == NULL) {
        credential->keygen = EVP_PKEY_CTX_new_from_pkey(NULL, credential->ek.curve, NULL);
        FLOOR_MUST(credential->keygen != NULL && EVP_PKEY_keygen_init(credential->keygen) == 1);
    }
}

void floor_credential_fini(floor_credential *credential)
{
    floor_key_fini(&credential->ek);
    EVP_PKEY_CTX_free(credential->keygen);
    EVP_MAC_CTX_free(credential->hmac);
    EVP_CIPHER_free(credential->aes);
    EVP_CIPHER_CTX_free(credential->cfb);
}

/* HMAC-SHA256 of two pieces. */
static void hmac(const floor_credential *credential, const unsigned char key[32], const void *a, size_t a_size, const void *b, size_t b_size,
                 unsigned char out[32])
{
    size_t size = 0;

    FLOOR_MUST(EVP_MAC_init(credential->hmac, key, 32, NULL) == 1);
    FLOOR_MUST(EVP_MAC_update(credential->hmac, a, a_size) == 1 && EVP_MAC_update(credential->hmac, b, b_size) == 1);
    FLOOR_MUST(EVP_MAC_final(credential->hmac, out, &size, 32) == 1 && size == 32);
}

/* RSA: a random seed, encrypted. */
static void protect_seed(EVP_PKEY *ek, unsigned char seed[32])
{
    char oaep[] = OSSL_PKEY_RSA_PAD_MODE_OAEP, sha256[] = "SHA256", label[] = "IDENTITY";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, oaep, 0),
                           OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, sha256, 0),
                           OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, label, sizeof(label)),
                           OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, ek, NULL);
    unsigned char encrypted[256];
    size_t size = sizeof(encrypted);

    FLOOR_MUST(RAND_bytes(seed, 32) == 1);
    FLOOR_MUST(ctx != NULL && EVP_PKEY_encrypt_init_ex(ctx, params) == 1);
    FLOOR_MUST(EVP_PKEY_encrypt(ctx, encrypted, &size, seed, 32) == 1 && size == sizeof(encrypted));
    EVP_PKEY_CTX_free(ctx);
}

/* ECC: an ephemeral key, the secret that it shares with the EK, and KDFe of it. */
static void share_seed(floor_pair *pair, EVP_PKEY *ek, unsigned char seed[32])
{
    floor_credential *credential = &pair->credential;
    unsigned char point[65], shared[32], block[4 + 32 + 9 + 32 + 32] = {0, 0, 0, 1};
    size_t size = sizeof(shared);
    EVP_PKEY *ephemeral = NULL;
    EVP_PKEY_CTX *ctx;

    FLOOR_MUST(EVP_PKEY_generate(credential->keygen, &ephemeral) == 1);
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, ephemeral, NULL);
    FLOOR_MUST(ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer_ex(ctx, ek, 0) == 1);
    FLOOR_MUST(EVP_PKEY_derive(ctx, shared, &size) == 1 && size == sizeof(shared));
    FLOOR_MUST(EVP_PKEY_get_octet_string_param(ephemeral, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &size) == 1);
    memcpy(block + 4, shared, 32);
    memcpy(block + 36, "IDENTITY", 9);
    memcpy(block + 45, point + 1, 32);
    memcpy(block + 77, credential->ek.point + 1, 32);
    floor_hash_of(&pair->hash, block, sizeof(block), seed);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(ephemeral);
}

/* The ticket under keys that come of the seed: both blocks of KDFa are one HMAC. */
static void wrap(const floor_credential *credential, const unsigned char seed[32])
{
    static const unsigned char iv[16], storage_end[] = {0, 0, 0, 128}, integrity[] = "\0\0\0\1INTEGRITY", integrity_end[] = {0, 0, 1, 0};
    unsigned char from[4 + 8 + sizeof(credential->name)] = "\0\0\0\1STORAGE";
    unsigned char aes[32], key[32], plain[34] = {0, 32}, encrypted[34], mac[32];
    int size = 0;

    memcpy(from + 12, credential->name, sizeof(credential->name));
    hmac(credential, seed, from, sizeof(from), storage_end, sizeof(storage_end), aes);
    hmac(credential, seed, integrity, sizeof(integrity), integrity_end, sizeof(integrity_end), key);
    memcpy(plain + 2, credential->ticket, 32);
    FLOOR_MUST(EVP_EncryptInit_ex2(credential->cfb, credential->aes, aes, iv, NULL) == 1);
    FLOOR_MUST(EVP_EncryptUpdate(credential->cfb, encrypted, &size, plain, sizeof(plain)) == 1 && size == sizeof(plain));
    hmac(credential, key, encrypted, sizeof(encrypted), credential->name, sizeof(credential->name), mac);
}

__attribute__((noinline)) void floor_credential_make(floor_pair *pair)
{
    EVP_PKEY *ek = floor_key_make(&pair->credential.ek);
    unsigned char seed[32];

    if (pair->credential.ek.rsa != NULL)
        protect_seed(ek, seed);
    else
        share_seed(pair, ek, seed);
    wrap(&pair->credential, seed);
    EVP_PKEY_free(ek);
}

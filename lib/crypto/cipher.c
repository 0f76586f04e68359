#include "crypto/cipher.h"

#include "crypto/evp.h"
#include "crypto/random.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

#define SALT_SIZE 16
#define NONCE_SIZE 12
#define TAG_SIZE 16
#define AES256_SIZE 32
#define SECRET_MAX 65536
#define SCRYPT_R 8
#define SCRYPT_P 1
#define SCRYPT_MEMORY (UINT64_C(64) << 20) /* a bound for OpenSSL; N and r need 32 MiB */

/* By the kind of passphrase. */
static const uint8_t magic[2][8] = {{'B', 'M', 'S', 'E', 'A', 'L', '1', 0}, {'B', 'M', 'S', 'E', 'A', 'L', '2', 0}};
static const uint64_t scrypt_n[2] = {UINT64_C(1) << 15, UINT64_C(1) << 10};

typedef struct {
    uint8_t bytes[AES256_SIZE];
} aes_key;

static void wipe_key(aes_key *key)
{
    bm_wipe(key, sizeof(*key));
}

/* Which way a cipher runs; the numbers are OpenSSL's. */
typedef enum { DECRYPT = 0, ENCRYPT = 1 } direction;

/* The ciphers of this file, fetched once per process. */
typedef enum { AES128_CFB = 0, AES256_CFB, AES256_GCM, CIPHER_COUNT } cipher_id;

static const EVP_CIPHER *cipher_of(cipher_id id)
{
    /* Exempt from "no mutable globals", as in bm_evp_md. */
    static EVP_CIPHER *fetched[CIPHER_COUNT];
    static const char *const names[CIPHER_COUNT] = {"AES-128-CFB", "AES-256-CFB", "AES-256-GCM"};

    if (fetched[id] == NULL)
        fetched[id] = EVP_CIPHER_fetch(NULL, names[id], NULL);
    return fetched[id];
}

static BM_RESULT run_cfb(bm_bytes key, direction way, bm_bytes in, bm_buf *out)
{
    static const uint8_t iv[16];
    BM_AUTO(bm_evp_cipher_ctx_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    BM_AUTO_BUF made = BM_BUF_EMPTY;
    const EVP_CIPHER *cipher;
    uint8_t *to;
    int size = 0;

    BM_CHECK(key.size == 16 || key.size == 32, BM_E_INTERNAL, "an AES key of neither 16 nor 32 bytes");
    BM_CHECK(in.size <= INT_MAX, BM_E_INTERNAL, "too much to encrypt at once");
    if (in.size == 0)
        return bm_ok();
    cipher = cipher_of(key.size == 16 ? AES128_CFB : AES256_CFB);
    BM_TRY(bm_buf_extend(&made, in.size, &to));
    if (ctx == NULL || cipher == NULL || !EVP_CipherInit_ex2(ctx, cipher, key.data, iv, way, NULL) ||
        !EVP_CipherUpdate(ctx, to, &size, in.data, (int)in.size) || (size_t)size != in.size)
        return bm_evp_error(BM_E_INTERNAL, "AES-CFB failed");
    return bm_buf_put(out, bm_buf_view(&made));
}

BM_RESULT bm_cipher_cfb_encrypt(bm_bytes key, bm_bytes in, bm_buf *out)
{
    return run_cfb(key, ENCRYPT, in, out);
}

BM_RESULT bm_cipher_cfb_decrypt(bm_bytes key, bm_bytes in, bm_buf *out)
{
    return run_cfb(key, DECRYPT, in, out);
}

static BM_RESULT derive_key(bm_bytes passphrase, bm_cipher_passphrase kind, const uint8_t salt[SALT_SIZE], aes_key *key)
{
    if (!EVP_PBE_scrypt((const char *)passphrase.data, passphrase.size, salt, SALT_SIZE, scrypt_n[kind], SCRYPT_R, SCRYPT_P,
                        SCRYPT_MEMORY, key->bytes, sizeof(key->bytes)))
        return bm_evp_error(BM_E_INTERNAL, "scrypt failed");
    return bm_ok();
}

/* Starts AES-256-GCM and feeds the label as associated data. */
static BM_RESULT start_gcm(EVP_CIPHER_CTX *ctx, direction way, const aes_key *key, const uint8_t nonce[NONCE_SIZE], const char *label)
{
    const EVP_CIPHER *cipher = cipher_of(AES256_GCM);
    bm_bytes associated = bm_bytes_str(label);
    int size = 0;

    BM_CHECK(associated.size <= INT_MAX, BM_E_INTERNAL, "a label that is too long");
    if (ctx == NULL || cipher == NULL || !EVP_CipherInit_ex2(ctx, cipher, key->bytes, nonce, way, NULL))
        return bm_evp_error(BM_E_INTERNAL, "cannot start AES-GCM");
    if (associated.size > 0 && !EVP_CipherUpdate(ctx, NULL, &size, associated.data, (int)associated.size))
        return bm_evp_error(BM_E_INTERNAL, "cannot authenticate a label");
    return bm_ok();
}

/* Encrypts and appends ciphertext and tag. */
static BM_RESULT put_sealed(bm_buf *out, const aes_key *key, const uint8_t nonce[NONCE_SIZE], const char *label, bm_bytes secret)
{
    BM_AUTO(bm_evp_cipher_ctx_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t tag[TAG_SIZE];
    OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, sizeof(tag)),
                           OSSL_PARAM_construct_end()};
    uint8_t *to;
    int size = 0, last = 0;

    BM_TRY(start_gcm(ctx, ENCRYPT, key, nonce, label));
    BM_TRY(bm_buf_extend(out, secret.size, &to));
    if (secret.size > 0 && !EVP_CipherUpdate(ctx, to, &size, secret.data, (int)secret.size))
        return bm_evp_error(BM_E_INTERNAL, "AES-GCM failed");
    if ((size_t)size != secret.size || !EVP_CipherFinal_ex(ctx, tag, &last) || last != 0 || !EVP_CIPHER_CTX_get_params(ctx, params))
        return bm_evp_error(BM_E_INTERNAL, "AES-GCM failed");
    return bm_buf_put(out, BM_BYTES_ARRAY(tag));
}

BM_RESULT bm_cipher_seal(bm_bytes passphrase, bm_cipher_passphrase kind, const char *label, bm_bytes secret, bm_buf *out)
{
    BM_AUTO_BUF made = BM_BUF_EMPTY;
    BM_AUTO(wipe_key) aes_key key;
    uint8_t salt[SALT_SIZE], nonce[NONCE_SIZE];

    BM_CHECK(passphrase.size > 0, BM_E_KEY_PASSPHRASE, "the passphrase is empty");
    BM_CHECK(secret.size <= SECRET_MAX, BM_E_INTERNAL, "too much to seal");
    BM_TRY(bm_random(salt, sizeof(salt)));
    BM_TRY(bm_random(nonce, sizeof(nonce)));
    BM_TRY(derive_key(passphrase, kind, salt, &key));
    BM_TRY(bm_buf_put(&made, BM_BYTES_ARRAY(magic[kind])));
    BM_TRY(bm_buf_put(&made, BM_BYTES_ARRAY(salt)));
    BM_TRY(bm_buf_put(&made, BM_BYTES_ARRAY(nonce)));
    BM_TRY(bm_buf_put_u32(&made, (uint32_t)secret.size));
    BM_TRY(put_sealed(&made, &key, nonce, label, secret));
    return bm_buf_put(out, bm_buf_view(&made));
}

/* The fields of an envelope. */
typedef struct {
    bm_cipher_passphrase kind;
    uint8_t salt[SALT_SIZE];
    uint8_t nonce[NONCE_SIZE];
    bm_bytes ciphertext;
    uint8_t tag[TAG_SIZE];
} envelope;

static BM_RESULT parse_envelope(bm_bytes sealed, envelope *parsed)
{
    bm_cursor cursor = bm_cursor_of(sealed);
    bm_bytes found;

    BM_TRY(bm_cursor_take(&cursor, sizeof(magic[0]), &found));
    parsed->kind = bm_bytes_equal(found, BM_BYTES_ARRAY(magic[BM_CIPHER_RANDOM])) ? BM_CIPHER_RANDOM : BM_CIPHER_CHOSEN;
    BM_CHECK(bm_bytes_equal(found, BM_BYTES_ARRAY(magic[parsed->kind])), BM_E_MALFORMED, "not a sealed key");
    BM_TRY(bm_cursor_copy(&cursor, parsed->salt, sizeof(parsed->salt)));
    BM_TRY(bm_cursor_copy(&cursor, parsed->nonce, sizeof(parsed->nonce)));
    BM_TRY(bm_cursor_sized32(&cursor, SECRET_MAX, &parsed->ciphertext));
    BM_TRY(bm_cursor_copy(&cursor, parsed->tag, sizeof(parsed->tag)));
    return bm_cursor_end(&cursor);
}

static BM_RESULT open_envelope(const envelope *parsed, const aes_key *key, const char *label, bm_buf *plain)
{
    BM_AUTO(bm_evp_cipher_ctx_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, bm_evp_in(parsed->tag), sizeof(parsed->tag)),
        OSSL_PARAM_construct_end()};
    uint8_t *to;
    int size = 0, last = 0;

    BM_TRY(start_gcm(ctx, DECRYPT, key, parsed->nonce, label));
    BM_TRY(bm_buf_extend(plain, parsed->ciphertext.size, &to));
    if (parsed->ciphertext.size > 0 &&
        !EVP_CipherUpdate(ctx, to, &size, parsed->ciphertext.data, (int)parsed->ciphertext.size))
        return bm_evp_error(BM_E_INTERNAL, "AES-GCM failed");
    if (!EVP_CIPHER_CTX_set_params(ctx, params))
        return bm_evp_error(BM_E_INTERNAL, "AES-GCM failed");
    if (!EVP_CipherFinal_ex(ctx, to + size, &last))
        return bm_evp_error(BM_E_KEY_PASSPHRASE, "wrong passphrase, or the sealed key was changed or is for another use");
    return bm_ok();
}

BM_RESULT bm_cipher_unseal(bm_bytes passphrase, const char *label, bm_bytes sealed, bm_buf *secret)
{
    BM_AUTO_BUF plain = BM_BUF_EMPTY;
    BM_AUTO(wipe_key) aes_key key;
    envelope parsed;

    BM_TRY(bm_result_as(parse_envelope(sealed, &parsed), BM_E_KEY_INVALID));
    BM_TRY(derive_key(passphrase, parsed.kind, parsed.salt, &key));
    BM_TRY(open_envelope(&parsed, &key, label, &plain));
    return bm_buf_put(secret, bm_buf_view(&plain));
}

#include "tpm/credential.h"

#include "crypto/cipher.h"
#include "crypto/random.h"

/* The label of the seed (Part 1, 24.4 and B.10.4, C.6.4): for OAEP with its NUL, which KDFe adds itself. */
static const char identity[] = "IDENTITY";
#define IDENTITY_WITH_NUL bm_bytes_of(identity, sizeof(identity))

#define AES_MAX 32

/* What protects a credential, of the EK nameAlg's size (Part 1, 24.5). Secret: wiped at the end. */
typedef struct {
    size_t size;
    uint8_t bytes[BM_HASH_MAX];
} seed_value;

/* The two keys that come from a seed and a Name. Secret: wiped at the end. */
typedef struct {
    size_t aes_size;
    uint8_t aes[AES_MAX];
    size_t hmac_size;
    uint8_t hmac[BM_HASH_MAX];
} key_pair;

static void wipe_seed(seed_value *seed)
{
    bm_wipe(seed, sizeof(*seed));
}

static void wipe_keys(key_pair *keys)
{
    bm_wipe(keys, sizeof(*keys));
}

/* Can this EK protect a credential at all? And is this a Name? */
static BM_RESULT check_parts(const bm_tpm_public *ek, bm_bytes name)
{
    bm_cursor cursor = bm_cursor_of(name);
    uint16_t id = 0;

    BM_CHECK(ek->symmetric == BM_TPM_ALG_AES && ek->symmetric_mode == BM_TPM_ALG_CFB, BM_E_MALFORMED, "the EK has no AES-CFB");
    BM_CHECK(ek->symmetric_bits == 128 || ek->symmetric_bits == 256, BM_E_MALFORMED, "the EK's AES is not of 128 or 256 bits");
    BM_CHECK(bm_hash_size(ek->name_alg) > 0, BM_E_MALFORMED, "the EK has no nameAlg");
    BM_TRY(bm_cursor_u16(&cursor, &id));
    BM_CHECK(bm_tpm_public_hash_of(id) != BM_HASH_NONE && cursor.rest.size == bm_hash_size(bm_tpm_public_hash_of(id)), BM_E_MALFORMED,
             "not the Name of an object");
    return bm_ok();
}

/* symKey = KDFa(seed, "STORAGE", Name), hmacKey = KDFa(seed, "INTEGRITY") (Part 1, 24.4 and 24.5). */
static BM_RESULT derive_keys(const bm_tpm_public *ek, const seed_value *seed, bm_bytes name, key_pair *keys)
{
    const bm_bytes none = bm_bytes_of(NULL, 0);
    const bm_bytes from = bm_bytes_of(seed->bytes, seed->size);

    keys->aes_size = ek->symmetric_bits / 8u;
    keys->hmac_size = bm_hash_size(ek->name_alg);
    BM_TRY(bm_hash_kdfa(ek->name_alg, from, "STORAGE", name, none, ek->symmetric_bits, keys->aes));
    return bm_hash_kdfa(ek->name_alg, from, "INTEGRITY", none, none, (unsigned)(keys->hmac_size * 8), keys->hmac);
}

/* HMAC(hmacKey, encIdentity | Name), the Name without a size (Part 1, 24.5). */
static BM_RESULT compute_integrity(const bm_tpm_public *ek, const key_pair *keys, bm_bytes encrypted, bm_bytes name, bm_digest *integrity)
{
    const bm_bytes pieces[] = {encrypted, name};

    return bm_hash_hmac(ek->name_alg, bm_bytes_of(keys->hmac, keys->hmac_size), pieces, 2, integrity);
}

/* TPM2B_ID_OBJECT: the integrity as a TPM2B, then the encrypted TPM2B_DIGEST (Part 2, 12.4.3). */
static BM_RESULT put_id_object(bm_buf *out, const bm_tpm_public *ek, const seed_value *seed, bm_bytes name, bm_bytes secret)
{
    BM_AUTO(wipe_keys) key_pair keys = {0};
    BM_AUTO_BUF plain = BM_BUF_EMPTY;
    BM_AUTO_BUF encrypted = BM_BUF_EMPTY;
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    bm_digest integrity;

    BM_TRY(derive_keys(ek, seed, name, &keys));
    BM_TRY(bm_buf_put_sized16(&plain, secret));
    BM_TRY(bm_cipher_cfb_encrypt(bm_bytes_of(keys.aes, keys.aes_size), bm_buf_view(&plain), &encrypted));
    BM_TRY(compute_integrity(ek, &keys, bm_buf_view(&encrypted), name, &integrity));
    BM_TRY(bm_buf_put_sized16(&body, bm_hash_view(&integrity)));
    BM_TRY(bm_buf_put(&body, bm_buf_view(&encrypted)));
    return bm_buf_put_sized16(out, bm_buf_view(&body));
}

/* RSA (Part 1, B.10.4): a random seed, encrypted with OAEP under the nameAlg. */
static BM_RESULT make_rsa_seed(const bm_tpm_public *ek, const bm_pkey *ek_key, seed_value *seed, bm_buf *out)
{
    seed->size = bm_hash_size(ek->name_alg);
    BM_TRY(bm_random(seed->bytes, seed->size));
    return bm_pkey_oaep_encrypt(ek_key, ek->name_alg, IDENTITY_WITH_NUL, bm_bytes_of(seed->bytes, seed->size), out);
}

/* ECC (Part 1, C.6.4): KDFe of the shared x, the ephemeral x and the EK's x, each padded to the field where it is ours. */
static BM_RESULT derive_ecc_seed(const bm_tpm_public *ek, const bm_pkey *own, const bm_pkey *peer, bm_bytes ephemeral_x,
                                 seed_value *seed)
{
    size_t size = bm_pubkey_field_size(ek->key.type);
    uint8_t z[BM_ECC_MAX] = {0};
    bm_result result = bm_pkey_ecdh(own, peer, z, size);

    seed->size = bm_hash_size(ek->name_alg);
    if (result.code == BM_OK)
        result = bm_hash_kdfe(ek->name_alg, bm_bytes_of(z, size), identity, ephemeral_x, bm_pubkey_x(&ek->key),
                              (unsigned)(seed->size * 8), seed->bytes);
    bm_wipe(z, sizeof(z));
    return result;
}

/* The ephemeral point as a TPMS_ECC_POINT, and the seed that it leads to. */
static BM_RESULT make_ecc_seed(const bm_tpm_public *ek, const bm_pkey *ek_key, const bm_pkey *ephemeral, seed_value *seed, bm_buf *out)
{
    bm_pubkey point;

    BM_TRY(bm_pkey_public(ephemeral, &point));
    BM_CHECK(point.type == ek->key.type, BM_E_MALFORMED, "an ephemeral key that is not of the EK's curve");
    BM_TRY(bm_buf_put_sized16(out, bm_pubkey_x(&point)));
    BM_TRY(bm_buf_put_sized16(out, bm_pubkey_y(&point)));
    return derive_ecc_seed(ek, ephemeral, ek_key, bm_pubkey_x(&point), seed);
}

/* The whole, with an ephemeral key for an ECC EK and none for RSA. */
static BM_RESULT make(const bm_tpm_public *ek, const bm_pkey *ek_key, const bm_pkey *ephemeral, bm_bytes name, bm_bytes secret,
                      bm_buf *id_object, bm_buf *encrypted_secret)
{
    BM_AUTO(wipe_seed) seed_value seed = {0};
    BM_AUTO_BUF protected_seed = BM_BUF_EMPTY;
    BM_AUTO_BUF object = BM_BUF_EMPTY;

    BM_TRY(check_parts(ek, name));
    BM_CHECK(secret.size > 0 && secret.size <= bm_hash_size(ek->name_alg), BM_E_MALFORMED,
             "a secret that is empty or longer than a digest of the EK");
    if (ephemeral == NULL)
        BM_TRY(make_rsa_seed(ek, ek_key, &seed, &protected_seed));
    else
        BM_TRY(make_ecc_seed(ek, ek_key, ephemeral, &seed, &protected_seed));
    BM_TRY(put_id_object(&object, ek, &seed, name, secret));
    BM_TRY(bm_buf_reserve(encrypted_secret, protected_seed.size + 2));
    BM_TRY(bm_buf_put(id_object, bm_buf_view(&object)));
    return bm_buf_put_sized16(encrypted_secret, bm_buf_view(&protected_seed));
}

BM_RESULT bm_credential_make(const bm_tpm_public *ek, const bm_pkey *ek_key, bm_bytes name, bm_bytes secret, bm_buf *id_object,
                             bm_buf *encrypted_secret)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *ephemeral = NULL;

    if (bm_pubkey_is_ecc(ek->key.type))
        BM_TRY(bm_pkey_generate(ek->key.type, &ephemeral));
    return make(ek, ek_key, ephemeral, name, secret, id_object, encrypted_secret);
}

BM_RESULT bm_credential_make_with(const bm_tpm_public *ek, const bm_pkey *ek_key, const bm_pkey *ephemeral, bm_bytes name,
                                  bm_bytes secret, bm_buf *id_object, bm_buf *encrypted_secret)
{
    BM_CHECK(bm_pubkey_is_ecc(ek->key.type), BM_E_MALFORMED, "an ephemeral key for an EK that is not ECC");
    return make(ek, ek_key, ephemeral, name, secret, id_object, encrypted_secret);
}

static BM_RESULT open_rsa_seed(const bm_tpm_public *ek, const bm_pkey *ek_private, bm_bytes protected_seed, seed_value *seed)
{
    BM_AUTO_BUF opened = BM_BUF_EMPTY;

    BM_TRY(bm_pkey_oaep_decrypt(ek_private, ek->name_alg, IDENTITY_WITH_NUL, protected_seed, &opened));
    seed->size = bm_hash_size(ek->name_alg);
    return bm_bytes_copy_exact(bm_buf_view(&opened), seed->bytes, seed->size);
}

static BM_RESULT open_ecc_seed(const bm_tpm_public *ek, const bm_pkey *ek_private, bm_bytes protected_seed, seed_value *seed)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *ephemeral = NULL;
    size_t size = bm_pubkey_field_size(ek->key.type);
    bm_cursor cursor = bm_cursor_of(protected_seed);
    bm_pubkey point;
    bm_bytes x, y;

    BM_TRY(bm_cursor_sized16(&cursor, size, &x));
    BM_TRY(bm_cursor_sized16(&cursor, size, &y));
    BM_TRY(bm_cursor_end(&cursor));
    BM_TRY(bm_pubkey_from_point(ek->key.type, x, y, &point));
    BM_TRY(bm_pkey_from_public(&point, &ephemeral));
    /* The x as it was sent, padded or not: a TPM does so too, and tpm2_makecredential strips it. */
    return derive_ecc_seed(ek, ek_private, ephemeral, x, seed);
}

/* The integrity first, and nothing is decrypted when it is wrong. */
static BM_RESULT open_id_object(const bm_tpm_public *ek, const seed_value *seed, bm_bytes name, bm_bytes id_object, bm_buf *secret)
{
    BM_AUTO(wipe_keys) key_pair keys = {0};
    BM_AUTO_BUF plain = BM_BUF_EMPTY;
    bm_cursor outer = bm_cursor_of(id_object);
    bm_cursor inner;
    bm_bytes body, claimed, found;
    bm_digest integrity;

    BM_TRY(bm_cursor_sized16(&outer, UINT16_MAX, &body));
    BM_TRY(bm_cursor_end(&outer));
    inner = bm_cursor_of(body);
    BM_TRY(bm_cursor_sized16(&inner, BM_HASH_MAX, &claimed));
    BM_TRY(derive_keys(ek, seed, name, &keys));
    BM_TRY(compute_integrity(ek, &keys, inner.rest, name, &integrity));
    BM_CHECK(bm_bytes_equal_secret(claimed, bm_hash_view(&integrity)), BM_E_MALFORMED,
             "the credential was made for another EK or another key, or was changed");
    BM_TRY(bm_cipher_cfb_decrypt(bm_bytes_of(keys.aes, keys.aes_size), inner.rest, &plain));
    inner = bm_cursor_of(bm_buf_view(&plain));
    BM_TRY(bm_cursor_sized16(&inner, bm_hash_size(ek->name_alg), &found));
    BM_TRY(bm_cursor_end(&inner));
    return bm_buf_put(secret, found);
}

BM_RESULT bm_credential_open_with(const bm_tpm_public *ek, bm_bytes seed, bm_bytes name, bm_bytes id_object, bm_buf *secret)
{
    BM_AUTO(wipe_seed) seed_value value = {.size = bm_hash_size(ek->name_alg)};

    BM_TRY(check_parts(ek, name));
    BM_TRY(bm_bytes_copy_exact(seed, value.bytes, value.size));
    return open_id_object(ek, &value, name, id_object, secret);
}

BM_RESULT bm_credential_open(const bm_tpm_public *ek, const bm_pkey *ek_private, bm_bytes name, bm_bytes id_object,
                             bm_bytes encrypted_secret, bm_buf *secret)
{
    BM_AUTO(wipe_seed) seed_value seed = {0};
    bm_cursor cursor = bm_cursor_of(encrypted_secret);
    bm_bytes protected_seed;

    BM_TRY(check_parts(ek, name));
    BM_TRY(bm_cursor_sized16(&cursor, UINT16_MAX, &protected_seed));
    BM_TRY(bm_cursor_end(&cursor));
    if (bm_pubkey_is_rsa(ek->key.type))
        BM_TRY(open_rsa_seed(ek, ek_private, protected_seed, &seed));
    else
        BM_TRY(open_ecc_seed(ek, ek_private, protected_seed, &seed));
    return open_id_object(ek, &seed, name, id_object, secret);
}

#include "tpm/template.h"

/* L-*: fixedTPM fixedParent sensitiveDataOrigin adminWithPolicy restricted decrypt; H-*: userWithAuth too (profile, B.3 and B.4). */
#define EK_LOW                                                                                                         \
    (BM_TPMA_FIXED_TPM | BM_TPMA_FIXED_PARENT | BM_TPMA_SENSITIVE_DATA_ORIGIN | BM_TPMA_ADMIN_WITH_POLICY | BM_TPMA_RESTRICTED |  \
     BM_TPMA_DECRYPT)
#define EK_HIGH (EK_LOW | BM_TPMA_USER_WITH_AUTH)
/* noDA: failures elsewhere must not lock the device out of its identity. */
#define IK_ATTRIBUTES                                                                                                  \
    (BM_TPMA_FIXED_TPM | BM_TPMA_FIXED_PARENT | BM_TPMA_SENSITIVE_DATA_ORIGIN | BM_TPMA_USER_WITH_AUTH | BM_TPMA_NO_DA | BM_TPMA_SIGN)

static const bm_ek_template templates[BM_EK_TEMPLATE_COUNT] = {
    {BM_EK_L1, "L-1", BM_KEY_RSA2048, BM_HASH_SHA256, EK_LOW, 128, BM_EK_POLICY_A, 0x01C00002, 0x01C00003, 0x01C00004},
    {BM_EK_L2, "L-2", BM_KEY_ECC256, BM_HASH_SHA256, EK_LOW, 128, BM_EK_POLICY_A, 0x01C0000A, 0x01C0000B, 0x01C0000C},
    {BM_EK_H1, "H-1", BM_KEY_RSA2048, BM_HASH_SHA256, EK_HIGH, 128, BM_EK_POLICY_B, 0x01C00012, 0, 0x01C00013},
    {BM_EK_H2, "H-2", BM_KEY_ECC256, BM_HASH_SHA256, EK_HIGH, 128, BM_EK_POLICY_B, 0x01C00014, 0, 0x01C00015},
    {BM_EK_H3, "H-3", BM_KEY_ECC384, BM_HASH_SHA384, EK_HIGH, 256, BM_EK_POLICY_B, 0x01C00016, 0, 0x01C00017},
    {BM_EK_H6, "H-6", BM_KEY_RSA3072, BM_HASH_SHA384, EK_HIGH, 256, BM_EK_POLICY_B, 0x01C0001C, 0, 0x01C0001D},
    {BM_EK_H4, "H-4", BM_KEY_ECC521, BM_HASH_SHA512, EK_HIGH, 256, BM_EK_POLICY_B, 0x01C00018, 0, 0x01C00019},
    {BM_EK_H7, "H-7", BM_KEY_RSA4096, BM_HASH_SHA384, EK_HIGH, 256, BM_EK_POLICY_B, 0x01C0001E, 0, 0x01C0001F},
};

/* The policies of the profile (B.6), for SHA-256, SHA-384 and SHA-512. */
static const uint8_t policy_a_256[] = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
                                       0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};
static const uint8_t policy_a_384[] = {0x8b, 0xbf, 0x22, 0x66, 0x53, 0x7c, 0x17, 0x1c, 0xb5, 0x6e, 0x40, 0x3c, 0x4d, 0xc1, 0xd4, 0xb6,
                                       0x4f, 0x43, 0x26, 0x11, 0xdc, 0x38, 0x6e, 0x6f, 0x53, 0x20, 0x50, 0xc3, 0x27, 0x8c, 0x93, 0x0e,
                                       0x14, 0x3e, 0x8b, 0xb1, 0x13, 0x38, 0x24, 0xcc, 0xb4, 0x31, 0x05, 0x38, 0x71, 0xc6, 0xdb, 0x53};
static const uint8_t policy_a_512[] = {0x1e, 0x3b, 0x76, 0x50, 0x2c, 0x8a, 0x14, 0x25, 0xaa, 0x0b, 0x7b, 0x3f, 0xc6, 0x46, 0xa1, 0xb0,
                                       0xfa, 0xe0, 0x63, 0xb0, 0x3b, 0x53, 0x68, 0xf9, 0xc4, 0xcd, 0xde, 0xca, 0xff, 0x08, 0x91, 0xdd,
                                       0x68, 0x2b, 0xac, 0x1a, 0x85, 0xd4, 0xd8, 0x32, 0xb7, 0x81, 0xea, 0x45, 0x19, 0x15, 0xde, 0x5f,
                                       0xc5, 0xbf, 0x0d, 0xc4, 0xa1, 0x91, 0x7c, 0xd4, 0x2f, 0xa0, 0x41, 0xe3, 0xf9, 0x98, 0xe0, 0xee};
static const uint8_t policy_b_256[] = {0xca, 0x3d, 0x0a, 0x99, 0xa2, 0xb9, 0x39, 0x06, 0xf7, 0xa3, 0x34, 0x24, 0x14, 0xef, 0xcf, 0xb3,
                                       0xa3, 0x85, 0xd4, 0x4c, 0xd1, 0xfd, 0x45, 0x90, 0x89, 0xd1, 0x9b, 0x50, 0x71, 0xc0, 0xb7, 0xa0};
static const uint8_t policy_b_384[] = {0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53, 0xd8, 0x82, 0xbc, 0xf5, 0xfd, 0x3a, 0x1a,
                                       0x07, 0x41, 0x48, 0xbb, 0x35, 0xd3, 0xb4, 0xe4, 0xcb, 0x1c, 0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca,
                                       0xcb, 0x47, 0xba, 0x09, 0x69, 0x96, 0x46, 0x15, 0x0f, 0x9f, 0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12};
static const uint8_t policy_b_512[] = {0xb8, 0x22, 0x1c, 0xa6, 0x9e, 0x85, 0x50, 0xa4, 0x91, 0x4d, 0xe3, 0xfa, 0xa6, 0xa1, 0x8c, 0x07,
                                       0x2c, 0xc0, 0x12, 0x08, 0x07, 0x3a, 0x92, 0x8d, 0x5d, 0x66, 0xd5, 0x9e, 0xf7, 0x9e, 0x49, 0xa4,
                                       0x29, 0xc4, 0x1a, 0x6b, 0x26, 0x95, 0x71, 0xd5, 0x7e, 0xdb, 0x25, 0xfb, 0xdb, 0x18, 0x38, 0x42,
                                       0x56, 0x08, 0xb4, 0x13, 0xcd, 0x61, 0x6a, 0x5f, 0x6d, 0xb5, 0xb6, 0x07, 0x1a, 0xf9, 0x9b, 0xea};
static const uint8_t policy_c_256[] = {0x37, 0x67, 0xe2, 0xed, 0xd4, 0x3f, 0xf4, 0x5a, 0x3a, 0x7e, 0x1e, 0xae, 0xfc, 0xef, 0x78, 0x64,
                                       0x3d, 0xca, 0x96, 0x46, 0x32, 0xe7, 0xaa, 0xd8, 0x2c, 0x67, 0x3a, 0x30, 0xd8, 0x63, 0x3f, 0xde};
static const uint8_t policy_c_384[] = {0xd6, 0x03, 0x2c, 0xe6, 0x1f, 0x2f, 0xb3, 0xc2, 0x40, 0xeb, 0x3c, 0xf6, 0xa3, 0x32, 0x37, 0xef,
                                       0x2b, 0x6a, 0x16, 0xf4, 0x29, 0x3c, 0x22, 0xb4, 0x55, 0xe2, 0x61, 0xcf, 0xfd, 0x21, 0x7a, 0xd5,
                                       0xb4, 0x94, 0x7c, 0x2d, 0x73, 0xe6, 0x30, 0x05, 0xee, 0xd2, 0xdc, 0x2b, 0x35, 0x93, 0xd1, 0x65};
static const uint8_t policy_c_512[] = {0x58, 0x9e, 0xe1, 0xe1, 0x46, 0x54, 0x47, 0x16, 0xe8, 0xde, 0xaf, 0xe6, 0xdb, 0x24, 0x7b, 0x01,
                                       0xb8, 0x1e, 0x9f, 0x9c, 0x7d, 0xd1, 0x6b, 0x81, 0x4a, 0xa1, 0x59, 0x13, 0x87, 0x49, 0x10, 0x5f,
                                       0xba, 0x53, 0x88, 0xdd, 0x1d, 0xea, 0x70, 0x2f, 0x35, 0x24, 0x0c, 0x18, 0x49, 0x33, 0x12, 0x1e,
                                       0x2c, 0x61, 0xb8, 0xf5, 0x0d, 0x3e, 0xf9, 0x13, 0x93, 0xa4, 0x9a, 0x38, 0xc3, 0xf7, 0x3f, 0xc8};

const bm_ek_template *bm_template_ek(bm_ek_template_id id)
{
    return (unsigned)id < BM_EK_TEMPLATE_COUNT ? &templates[id] : NULL;
}

bm_bytes bm_template_policy_a(bm_hash_alg alg)
{
    switch (alg) {
    case BM_HASH_SHA256:
        return BM_BYTES_ARRAY(policy_a_256);
    case BM_HASH_SHA384:
        return BM_BYTES_ARRAY(policy_a_384);
    case BM_HASH_SHA512:
        return BM_BYTES_ARRAY(policy_a_512);
    case BM_HASH_NONE:
        break;
    }
    return bm_bytes_of(NULL, 0);
}

bm_bytes bm_template_policy_b(bm_hash_alg alg)
{
    switch (alg) {
    case BM_HASH_SHA256:
        return BM_BYTES_ARRAY(policy_b_256);
    case BM_HASH_SHA384:
        return BM_BYTES_ARRAY(policy_b_384);
    case BM_HASH_SHA512:
        return BM_BYTES_ARRAY(policy_b_512);
    case BM_HASH_NONE:
        break;
    }
    return bm_bytes_of(NULL, 0);
}

bm_bytes bm_template_policy_c(bm_hash_alg alg)
{
    switch (alg) {
    case BM_HASH_SHA256:
        return BM_BYTES_ARRAY(policy_c_256);
    case BM_HASH_SHA384:
        return BM_BYTES_ARRAY(policy_c_384);
    case BM_HASH_SHA512:
        return BM_BYTES_ARRAY(policy_c_512);
    case BM_HASH_NONE:
        break;
    }
    return bm_bytes_of(NULL, 0);
}

/* What a TPMT_PUBLIC of ours has before its unique. */
typedef struct {
    bm_key_type type;
    bm_hash_alg name_alg;
    uint32_t attributes;
    bm_bytes policy;
    uint16_t aes_bits; /* 0: symmetric NULL */
} head;

static head head_of(const bm_ek_template *row)
{
    bool is_a = row->policy == BM_EK_POLICY_A;

    return (head){
        .type = row->key_type,
        .name_alg = row->name_alg,
        .attributes = row->attributes,
        .policy = is_a ? bm_template_policy_a(row->name_alg) : bm_template_policy_b(row->name_alg),
        .aes_bits = row->aes_bits,
    };
}

/* Bytes of a head: 92 with the longest policy of ours (SHA-512). */
#define HEAD_MAX 128

/* TPMT_PUBLIC (Part 2, 12.2.4) up to unique: scheme NULL, exponent 0, KDF NULL. */
static BM_RESULT put_head(bm_buf *out, const head *from)
{
    bool is_rsa = bm_pubkey_is_rsa(from->type);

    BM_TRY(bm_buf_put_u16(out, is_rsa ? BM_TPM_ALG_RSA : BM_TPM_ALG_ECC));
    BM_TRY(bm_buf_put_u16(out, bm_tpm_public_hash_id(from->name_alg)));
    BM_TRY(bm_buf_put_u32(out, from->attributes));
    BM_TRY(bm_buf_put_sized16(out, from->policy));
    if (from->aes_bits == 0) {
        BM_TRY(bm_buf_put_u16(out, BM_TPM_ALG_NULL));
    } else {
        BM_TRY(bm_buf_put_u16(out, BM_TPM_ALG_AES));
        BM_TRY(bm_buf_put_u16(out, from->aes_bits));
        BM_TRY(bm_buf_put_u16(out, BM_TPM_ALG_CFB));
    }
    BM_TRY(bm_buf_put_u16(out, BM_TPM_ALG_NULL)); /* scheme */
    if (is_rsa) {
        BM_TRY(bm_buf_put_u16(out, (uint16_t)(bm_pubkey_field_size(from->type) * 8)));
        return bm_buf_put_u32(out, 0);
    }
    BM_TRY(bm_buf_put_u16(out, bm_tpm_public_curve_id(from->type)));
    return bm_buf_put_u16(out, BM_TPM_ALG_NULL); /* kdf */
}

/* A whole TPM2B_PUBLIC; `first` is the modulus or x, `second` is y (not used for RSA). */
static BM_RESULT put_public(bm_buf *out, const head *from, bm_bytes first, bm_bytes second)
{
    BM_AUTO_BUF area = BM_BUF_EMPTY;

    BM_TRY(put_head(&area, from));
    BM_TRY(bm_buf_put_sized16(&area, first));
    if (bm_pubkey_is_ecc(from->type))
        BM_TRY(bm_buf_put_sized16(&area, second));
    return bm_buf_put_sized16(out, bm_buf_view(&area));
}

BM_RESULT bm_template_put_ek_input(bm_buf *out, const bm_ek_template *row, bm_bytes nonce)
{
    static const uint8_t zeros[BM_RSA_MAX];
    const bm_bytes none = bm_bytes_of(NULL, 0);
    const head from = head_of(row);
    size_t size = bm_pubkey_field_size(row->key_type);
    BM_AUTO_BUF first = BM_BUF_EMPTY;

    if (row->nonce_index == 0) {
        BM_CHECK(nonce.size == 0, BM_E_MALFORMED, "a nonce for a template of the high range");
        return put_public(out, &from, none, none);
    }
    BM_CHECK(nonce.size <= size, BM_E_MALFORMED, "a nonce that is longer than the template's unique");
    BM_TRY(bm_buf_put(&first, nonce));
    BM_TRY(bm_buf_put(&first, bm_bytes_of(zeros, size - nonce.size)));
    return put_public(out, &from, bm_buf_view(&first), bm_bytes_of(zeros, size));
}

BM_RESULT bm_template_put_ek(bm_buf *out, const bm_ek_template *row, const bm_pubkey *key)
{
    const head from = head_of(row);

    BM_CHECK(key->type == row->key_type, BM_E_MALFORMED, "a key of another type than the template's");
    if (bm_pubkey_is_rsa(key->type))
        return put_public(out, &from, bm_pubkey_n(key), bm_bytes_of(NULL, 0));
    return put_public(out, &from, bm_pubkey_x(key), bm_pubkey_y(key));
}

const bm_ek_template *bm_template_match_ek(const bm_tpm_public *ek)
{
    for (unsigned i = 0; i < BM_EK_TEMPLATE_COUNT; i++) {
        const head from = head_of(&templates[i]);
        /* It never grows: whether an EK is of a template must not depend on memory. */
        uint8_t room[HEAD_MAX];
        bm_buf expected = {.data = room, .capacity = sizeof(room)};

        if (ek->key.type != from.type || put_head(&expected, &from).code != BM_OK)
            continue;
        /* What follows is the unique, which the parser has read as a key of this type to the last byte. */
        if (bm_bytes_equal(bm_buf_view(&expected), bm_bytes_slice(ek->area, 0, expected.size)))
            return &templates[i];
    }
    return NULL;
}

BM_RESULT bm_template_put_ik(bm_buf *out, const bm_ik_template *ik)
{
    static const uint8_t zeros[BM_RSA_MAX];
    const head from = {
        .type = ik->type,
        .name_alg = bm_template_ik_name_alg(ik->type),
        .attributes = ik->policy.size == 0 ? IK_ATTRIBUTES : IK_ATTRIBUTES & ~BM_TPMA_USER_WITH_AUTH,
        .policy = ik->policy,
    };
    size_t size = bm_pubkey_field_size(ik->type);
    BM_AUTO_BUF first = BM_BUF_EMPTY;

    BM_CHECK(ik->type == BM_KEY_RSA2048 || ik->type == BM_KEY_RSA3072 || ik->type == BM_KEY_ECC256 || ik->type == BM_KEY_ECC384,
             BM_E_IK_ALGORITHM, "an identity key is rsa2048, rsa3072, ecc256 or ecc384");
    if (ik->unique.size == 0)
        return put_public(out, &from, ik->unique, ik->unique);
    BM_CHECK(ik->unique.size <= size, BM_E_INTERNAL, "longer than the template's unique");
    BM_TRY(bm_buf_put(&first, ik->unique));
    BM_TRY(bm_buf_put(&first, bm_bytes_of(zeros, size - ik->unique.size)));
    return put_public(out, &from, bm_buf_view(&first), bm_bytes_of(zeros, size));
}

BM_RESULT bm_template_put_ik_input(bm_buf *out, bm_key_type type)
{
    return bm_template_put_ik(out, &(bm_ik_template){.type = type});
}

bm_hash_alg bm_template_ik_name_alg(bm_key_type type)
{
    return type == BM_KEY_ECC384 ? BM_HASH_SHA384 : BM_HASH_SHA256;
}

bm_key_type bm_template_match_ik(const bm_tpm_public *ik)
{
    uint32_t attributes = ik->policy.size == 0 ? IK_ATTRIBUTES : IK_ATTRIBUTES & ~BM_TPMA_USER_WITH_AUTH;
    bm_key_type type = ik->key.type;

    if (ik->attributes != attributes || ik->name_alg != bm_template_ik_name_alg(type) || ik->symmetric != BM_TPM_ALG_NULL ||
        ik->scheme != BM_TPM_ALG_NULL)
        return BM_KEY_NONE;
    if (type != BM_KEY_RSA2048 && type != BM_KEY_RSA3072 && type != BM_KEY_ECC256 && type != BM_KEY_ECC384)
        return BM_KEY_NONE;
    return type;
}

static const struct {
    uint32_t bit;
    bool is_set;
    const char *wrong;
} ik_rules[] = {
    {BM_TPMA_FIXED_TPM, true, "fixedTPM is clear: the key can leave its TPM"},
    {BM_TPMA_FIXED_PARENT, true, "fixedParent is clear: the key can be moved to another parent"},
    {BM_TPMA_SENSITIVE_DATA_ORIGIN, true, "sensitiveDataOrigin is clear: the key was not made inside the TPM"},
    {BM_TPMA_SIGN, true, "sign is clear: the key cannot sign"},
    {BM_TPMA_DECRYPT, false, "decrypt is set: an identity key only signs"},
    {BM_TPMA_ENCRYPTED_DUPLICATION, false, "encryptedDuplication is set: the key can be duplicated"},
    {BM_TPMA_ST_CLEAR, false, "stClear is set: the key is gone after a restart"},
    {BM_TPMA_ADMIN_WITH_POLICY, false, "adminWithPolicy is set: a policy decides who may activate the key"},
    {BM_TPMA_RESTRICTED, false, "restricted is set: the key cannot sign for TLS"},
    {BM_TPMA_X509_SIGN, false, "x509sign is set: the key signs certificates that the TPM makes"},
};

BM_RESULT bm_template_check_ik(const bm_tpm_public *ik)
{
    for (size_t i = 0; i < sizeof(ik_rules) / sizeof(ik_rules[0]); i++)
        BM_CHECK(((ik->attributes & ik_rules[i].bit) != 0) == ik_rules[i].is_set, BM_E_IK_ATTRIBUTES, ik_rules[i].wrong);
    BM_CHECK(ik->symmetric == BM_TPM_ALG_NULL, BM_E_IK_ATTRIBUTES, "a symmetric algorithm is set: this is a storage key");
    BM_CHECK(ik->policy.size == 0 || (ik->attributes & BM_TPMA_USER_WITH_AUTH) == 0, BM_E_IK_ATTRIBUTES,
             "a policy is set beside userWithAuth: there are two ways to use the key");
    BM_CHECK(ik->scheme == BM_TPM_ALG_NULL || ik->scheme_hash != BM_HASH_NONE, BM_E_IK_ALGORITHM,
             "the key's scheme has a hash that is not SHA-256, SHA-384 or SHA-512");
    return bm_ok();
}

#include "tpm/public.h"

/* The bits of TPMA_OBJECT that mean something (Part 2, 8.3.2); all others are reserved and must be clear. */
#define KNOWN_ATTRIBUTES                                                                                               \
    (BM_TPMA_FIXED_TPM | BM_TPMA_ST_CLEAR | BM_TPMA_FIXED_PARENT | BM_TPMA_SENSITIVE_DATA_ORIGIN | BM_TPMA_USER_WITH_AUTH |  \
     BM_TPMA_ADMIN_WITH_POLICY | BM_TPMA_NO_DA | BM_TPMA_ENCRYPTED_DUPLICATION | BM_TPMA_RESTRICTED | BM_TPMA_DECRYPT |      \
     BM_TPMA_SIGN | BM_TPMA_X509_SIGN)

/* TPM_ALG_ID of the modes of a block cipher: CTR, OFB, CBC, CFB, ECB (Part 2, 6.3). */
#define MODE_FIRST 0x0040
#define MODE_LAST 0x0044

#define DEFAULT_EXPONENT 65537u /* what an exponent of zero means (Part 2, 12.2.3.5) */

static const struct {
    uint16_t id;
    bm_hash_alg alg;
} hashes[] = {
    {BM_TPM_ALG_SHA256, BM_HASH_SHA256},
    {BM_TPM_ALG_SHA384, BM_HASH_SHA384},
    {BM_TPM_ALG_SHA512, BM_HASH_SHA512},
};

static const struct {
    uint16_t id;
    bm_key_type type;
} curves[] = {
    {0x0003, BM_KEY_ECC256},
    {0x0004, BM_KEY_ECC384},
    {0x0005, BM_KEY_ECC521},
};

uint16_t bm_tpm_public_hash_id(bm_hash_alg alg)
{
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
        if (hashes[i].alg == alg)
            return hashes[i].id;
    return 0;
}

bm_hash_alg bm_tpm_public_hash_of(uint16_t id)
{
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
        if (hashes[i].id == id)
            return hashes[i].alg;
    return BM_HASH_NONE;
}

uint16_t bm_tpm_public_curve_id(bm_key_type type)
{
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
        if (curves[i].type == type)
            return curves[i].id;
    return 0;
}

bm_key_type bm_tpm_public_curve_of(uint16_t id)
{
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
        if (curves[i].id == id)
            return curves[i].type;
    return BM_KEY_NONE;
}

/* TPMT_SYM_DEF_OBJECT (Part 2, 11.1.7): none, or AES with its size and mode. */
static BM_RESULT parse_symmetric(bm_cursor *cursor, bm_tpm_public *to)
{
    BM_TRY(bm_cursor_u16(cursor, &to->symmetric));
    if (to->symmetric == BM_TPM_ALG_NULL)
        return bm_ok();
    BM_CHECK(to->symmetric == BM_TPM_ALG_AES, BM_E_MALFORMED, "a symmetric algorithm that is not AES");
    BM_TRY(bm_cursor_u16(cursor, &to->symmetric_bits));
    BM_CHECK(to->symmetric_bits == 128 || to->symmetric_bits == 192 || to->symmetric_bits == 256, BM_E_MALFORMED,
             "an AES key that is not of 128, 192 or 256 bits");
    BM_TRY(bm_cursor_u16(cursor, &to->symmetric_mode));
    BM_CHECK(to->symmetric_mode == BM_TPM_ALG_NULL || (to->symmetric_mode >= MODE_FIRST && to->symmetric_mode <= MODE_LAST),
             BM_E_MALFORMED, "a mode of AES that is not known");
    return bm_ok();
}

/* TPMT_RSA_SCHEME, TPMT_ECC_SCHEME (Part 2, 11.2.4.2, 11.2.5.6): none, or a signature scheme of the key's type with its hash. */
static BM_RESULT parse_scheme(bm_cursor *cursor, bm_tpm_public *to)
{
    bool fits;
    uint16_t hash;

    BM_TRY(bm_cursor_u16(cursor, &to->scheme));
    if (to->scheme == BM_TPM_ALG_NULL)
        return bm_ok();
    if (to->type == BM_TPM_ALG_RSA)
        fits = to->scheme == BM_TPM_ALG_RSASSA || to->scheme == BM_TPM_ALG_RSAPSS;
    else
        fits = to->scheme == BM_TPM_ALG_ECDSA;
    BM_CHECK(fits, BM_E_MALFORMED, "a scheme that is not RSASSA, RSAPSS or ECDSA, or not for this type of key");
    BM_TRY(bm_cursor_u16(cursor, &hash));
    to->scheme_hash = bm_tpm_public_hash_of(hash);
    return bm_ok();
}

/* The end of TPMS_RSA_PARMS (Part 2, 12.2.3.5), and TPM2B_PUBLIC_KEY_RSA. */
static BM_RESULT parse_rsa(bm_cursor *cursor, bm_tpm_public *to)
{
    uint8_t exponent_bytes[4];
    uint16_t bits;
    uint32_t exponent;
    bm_bytes unique;

    BM_TRY(bm_cursor_u16(cursor, &bits));
    BM_TRY(bm_cursor_u32(cursor, &exponent));
    BM_TRY(bm_cursor_sized16(cursor, BM_RSA_MAX, &unique));
    BM_CHECK(bits % 8 == 0 && unique.size == bits / 8u, BM_E_MALFORMED, "an RSA modulus that is not of the key's size");
    if (exponent == 0)
        exponent = DEFAULT_EXPONENT;
    for (size_t i = 0; i < sizeof(exponent_bytes); i++)
        exponent_bytes[i] = (uint8_t)(exponent >> (24 - 8 * i));
    return bm_pubkey_from_rsa(unique, BM_BYTES_ARRAY(exponent_bytes), &to->key);
}

/* The end of TPMS_ECC_PARMS (Part 2, 12.2.3.6), and TPMS_ECC_POINT. */
static BM_RESULT parse_ecc(bm_cursor *cursor, bm_tpm_public *to)
{
    uint16_t curve, kdf;
    bm_key_type type;
    bm_bytes x, y;

    BM_TRY(bm_cursor_u16(cursor, &curve));
    type = bm_tpm_public_curve_of(curve);
    BM_CHECK(type != BM_KEY_NONE, BM_E_MALFORMED, "a curve that is not P-256, P-384 or P-521");
    BM_TRY(bm_cursor_u16(cursor, &kdf));
    BM_CHECK(kdf == BM_TPM_ALG_NULL, BM_E_MALFORMED, "an ECC key with a KDF of its own");
    BM_TRY(bm_cursor_sized16(cursor, bm_pubkey_field_size(type), &x));
    BM_TRY(bm_cursor_sized16(cursor, bm_pubkey_field_size(type), &y));
    BM_CHECK(x.size > 0 && y.size > 0, BM_E_MALFORMED, "a template, not a key: the point is empty");
    return bm_pubkey_from_point(type, x, y, &to->key);
}

/* TPMT_PUBLIC up to the parameters (Part 2, 12.2.4). */
static BM_RESULT parse_head(bm_cursor *cursor, bm_tpm_public *to)
{
    uint16_t name_alg;

    BM_TRY(bm_cursor_u16(cursor, &to->type));
    BM_CHECK(to->type == BM_TPM_ALG_RSA || to->type == BM_TPM_ALG_ECC, BM_E_MALFORMED, "an object that is neither an RSA nor an ECC key");
    BM_TRY(bm_cursor_u16(cursor, &name_alg));
    to->name_alg = bm_tpm_public_hash_of(name_alg);
    BM_CHECK(to->name_alg != BM_HASH_NONE, BM_E_MALFORMED, "a nameAlg that is not SHA-256, SHA-384 or SHA-512");
    BM_TRY(bm_cursor_u32(cursor, &to->attributes));
    BM_CHECK((to->attributes & ~KNOWN_ATTRIBUTES) == 0, BM_E_MALFORMED, "a reserved attribute bit is set");
    BM_TRY(bm_cursor_sized16(cursor, BM_HASH_MAX, &to->policy));
    BM_CHECK(to->policy.size == 0 || to->policy.size == bm_hash_size(to->name_alg), BM_E_MALFORMED,
             "a policy that is not of the nameAlg's size");
    return bm_ok();
}

BM_RESULT bm_tpm_public_parse(bm_bytes tpm2b, bm_tpm_public *parsed)
{
    bm_cursor outer = bm_cursor_of(tpm2b);
    bm_cursor cursor;
    bm_tpm_public made = {.type = 0};

    BM_CHECK(tpm2b.size <= BM_TPM_PUBLIC_MAX, BM_E_MALFORMED, "a public area that is too large");
    BM_TRY(bm_cursor_sized16(&outer, BM_TPM_PUBLIC_MAX, &made.area));
    BM_TRY(bm_cursor_end(&outer));
    cursor = bm_cursor_of(made.area);
    BM_TRY(parse_head(&cursor, &made));
    BM_TRY(parse_symmetric(&cursor, &made));
    BM_TRY(parse_scheme(&cursor, &made));
    BM_TRY(made.type == BM_TPM_ALG_RSA ? parse_rsa(&cursor, &made) : parse_ecc(&cursor, &made));
    BM_TRY(bm_cursor_end(&cursor));
    *parsed = made;
    return bm_ok();
}

BM_RESULT bm_tpm_public_name(const bm_tpm_public *parsed, bm_tpm_name *name)
{
    uint16_t id = bm_tpm_public_hash_id(parsed->name_alg);
    bm_digest digest;
    bm_tpm_name made;

    BM_CHECK(id != 0, BM_E_INTERNAL, "a Name without a nameAlg");
    BM_TRY(bm_hash(parsed->name_alg, parsed->area, &digest));
    made.bytes[0] = (uint8_t)(id >> 8);
    made.bytes[1] = (uint8_t)id;
    made.size = 2 + digest.size;
    BM_TRY(bm_bytes_copy_exact(bm_hash_view(&digest), made.bytes + 2, digest.size));
    *name = made;
    return bm_ok();
}

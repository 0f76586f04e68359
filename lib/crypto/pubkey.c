#include "crypto/pubkey.h"

typedef struct {
    const char *name;
    size_t field_size;
    bool is_curve;
} type_row;

static const type_row types[BM_KEY_TYPE_COUNT] = {
    [BM_KEY_NONE] = {"none", 0, false},
    [BM_KEY_RSA2048] = {"rsa2048", 256, false},
    [BM_KEY_RSA3072] = {"rsa3072", 384, false},
    [BM_KEY_RSA4096] = {"rsa4096", 512, false},
    [BM_KEY_ECC256] = {"ecc256", 32, true},
    [BM_KEY_ECC384] = {"ecc384", 48, true},
    [BM_KEY_ECC521] = {"ecc521", 66, true},
};

static const type_row *row_of(bm_key_type type)
{
    return &types[(unsigned)type < BM_KEY_TYPE_COUNT ? type : BM_KEY_NONE];
}

const char *bm_pubkey_type_name(bm_key_type type)
{
    return row_of(type)->name;
}

bm_key_type bm_pubkey_type_by_name(bm_bytes name)
{
    for (unsigned i = BM_KEY_NONE + 1; i < BM_KEY_TYPE_COUNT; i++)
        if (bm_bytes_equal(name, bm_bytes_str(types[i].name)))
            return (bm_key_type)i;
    return BM_KEY_NONE;
}

bool bm_pubkey_is_rsa(bm_key_type type)
{
    return row_of(type)->field_size > 0 && !row_of(type)->is_curve;
}

bool bm_pubkey_is_ecc(bm_key_type type)
{
    return row_of(type)->is_curve;
}

size_t bm_pubkey_field_size(bm_key_type type)
{
    return row_of(type)->field_size;
}

BM_RESULT bm_pubkey_from_rsa(bm_bytes n, bm_bytes e, bm_pubkey *key)
{
    bm_bytes modulus = bm_bytes_strip_zeros(n);
    bm_bytes exponent = bm_bytes_strip_zeros(e);
    bm_pubkey made = {.type = BM_KEY_NONE};

    for (unsigned i = BM_KEY_RSA2048; i <= BM_KEY_RSA4096; i++)
        if (modulus.size == types[i].field_size && modulus.data[0] >= 0x80)
            made.type = (bm_key_type)i;
    BM_CHECK(made.type != BM_KEY_NONE, BM_E_MALFORMED, "an RSA modulus that is not of 2048, 3072 or 4096 bits");
    BM_CHECK(exponent.size > 0 && exponent.size <= 4, BM_E_MALFORMED, "an RSA exponent that is zero or above 32 bits");
    for (size_t i = 0; i < exponent.size; i++)
        made.e = made.e << 8 | exponent.data[i];
    BM_TRY(bm_bytes_copy_exact(modulus, made.n, modulus.size));
    *key = made;
    return bm_ok();
}

BM_RESULT bm_pubkey_from_point(bm_key_type type, bm_bytes x, bm_bytes y, bm_pubkey *key)
{
    bm_pubkey made = {.type = type};
    size_t size = bm_pubkey_field_size(type);

    BM_CHECK(bm_pubkey_is_ecc(type), BM_E_MALFORMED, "a point of a curve that is not known");
    BM_TRY(bm_bytes_copy_padded(bm_bytes_strip_zeros(x), made.x, size));
    BM_TRY(bm_bytes_copy_padded(bm_bytes_strip_zeros(y), made.y, size));
    *key = made;
    return bm_ok();
}

bm_bytes bm_pubkey_n(const bm_pubkey *key)
{
    return bm_bytes_of(key->n, bm_pubkey_is_rsa(key->type) ? bm_pubkey_field_size(key->type) : 0);
}

bm_bytes bm_pubkey_x(const bm_pubkey *key)
{
    return bm_bytes_of(key->x, bm_pubkey_is_ecc(key->type) ? bm_pubkey_field_size(key->type) : 0);
}

bm_bytes bm_pubkey_y(const bm_pubkey *key)
{
    return bm_bytes_of(key->y, bm_pubkey_is_ecc(key->type) ? bm_pubkey_field_size(key->type) : 0);
}

bool bm_pubkey_equal(const bm_pubkey *a, const bm_pubkey *b)
{
    return a->type == b->type && a->e == b->e && bm_bytes_equal(bm_pubkey_n(a), bm_pubkey_n(b)) &&
           bm_bytes_equal(bm_pubkey_x(a), bm_pubkey_x(b)) && bm_bytes_equal(bm_pubkey_y(a), bm_pubkey_y(b));
}

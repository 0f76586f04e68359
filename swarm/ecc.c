#include "swarm/ecc.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdlib.h>

struct bm_swarm_ecc {
    bm_key_type type;
    EC_GROUP *group;
    EC_POINT *point;
    EC_POINT *result;
    BN_CTX *ctx;
    BIGNUM *number;
    BIGNUM *x;
    BIGNUM *y;
};

void bm_swarm_ecc_free(bm_swarm_ecc *curve)
{
    if (curve == NULL)
        return;
    EC_POINT_free(curve->point);
    EC_POINT_free(curve->result);
    EC_GROUP_free(curve->group);
    BN_free(curve->number);
    BN_free(curve->x);
    BN_free(curve->y);
    BN_CTX_free(curve->ctx);
    free(curve);
}

void bm_swarm_ecc_freep(bm_swarm_ecc **curve)
{
    bm_swarm_ecc_free(*curve);
    *curve = NULL;
}

static BM_RESULT fill(bm_swarm_ecc *made, bm_key_type type)
{
    made->type = type;
    made->group = EC_GROUP_new_by_curve_name(type == BM_KEY_ECC256 ? NID_X9_62_prime256v1 : NID_secp384r1);
    BM_CHECK(made->group != NULL && (made->point = EC_POINT_new(made->group)) != NULL &&
                 (made->result = EC_POINT_new(made->group)) != NULL && (made->ctx = BN_CTX_new()) != NULL &&
                 (made->number = BN_new()) != NULL && (made->x = BN_new()) != NULL && (made->y = BN_new()) != NULL,
             BM_E_NO_MEMORY, NULL);
    return bm_ok();
}

BM_RESULT bm_swarm_ecc_new(bm_key_type type, bm_swarm_ecc **curve)
{
    bm_swarm_ecc *made;
    bm_result result;

    BM_CHECK(type == BM_KEY_ECC256 || type == BM_KEY_ECC384, BM_E_INTERNAL, "no curve of an EK");
    made = calloc(1, sizeof(*made));
    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    result = fill(made, type);
    if (result.code == BM_OK)
        *curve = made;
    else
        bm_swarm_ecc_free(made);
    return result;
}

BM_RESULT bm_swarm_ecc_make(bm_swarm_ecc *curve, uint8_t *secret, size_t size, bm_pubkey *key)
{
    const BIGNUM *order = EC_GROUP_get0_order(curve->group);
    uint8_t x[BM_ECC_MAX], y[BM_ECC_MAX];
    bool good = size == bm_pubkey_field_size(curve->type);

    do
        good = good && BN_rand_range(curve->number, order) == 1;
    while (good && BN_is_zero(curve->number));
    good = good && EC_POINT_mul(curve->group, curve->result, curve->number, NULL, NULL, curve->ctx) == 1 &&
           EC_POINT_get_affine_coordinates(curve->group, curve->result, curve->x, curve->y, curve->ctx) == 1 &&
           BN_bn2binpad(curve->number, secret, (int)size) > 0 && BN_bn2binpad(curve->x, x, (int)size) > 0 &&
           BN_bn2binpad(curve->y, y, (int)size) > 0;
    ERR_clear_error();
    BM_CHECK(good, BM_E_INTERNAL, "cannot make a key on a curve");
    return bm_pubkey_from_point(curve->type, bm_bytes_of(x, size), bm_bytes_of(y, size), key);
}

/* A number of 1 to the order less one. */
static bool set_secret(bm_swarm_ecc *curve, bm_bytes secret)
{
    return BN_bin2bn(secret.data, (int)secret.size, curve->number) != NULL && !BN_is_zero(curve->number) &&
           BN_cmp(curve->number, EC_GROUP_get0_order(curve->group)) < 0;
}

static bool set_peer(bm_swarm_ecc *curve, const bm_pubkey *peer)
{
    bm_bytes x = bm_pubkey_x(peer);
    bm_bytes y = bm_pubkey_y(peer);

    return BN_bin2bn(x.data, (int)x.size, curve->x) != NULL && BN_bin2bn(y.data, (int)y.size, curve->y) != NULL &&
           EC_POINT_set_affine_coordinates(curve->group, curve->point, curve->x, curve->y, curve->ctx) == 1;
}

BM_RESULT bm_swarm_ecc_agree(bm_swarm_ecc *curve, bm_bytes secret, const bm_pubkey *peer, uint8_t *z, size_t size)
{
    bool good = peer->type == curve->type && size == bm_pubkey_field_size(curve->type) && secret.size == size &&
                set_secret(curve, secret) && set_peer(curve, peer) &&
                EC_POINT_mul(curve->group, curve->result, NULL, curve->point, curve->number, curve->ctx) == 1 &&
                EC_POINT_get_affine_coordinates(curve->group, curve->result, curve->x, NULL, curve->ctx) == 1 &&
                BN_bn2binpad(curve->x, z, (int)size) > 0;

    ERR_clear_error();
    BM_CHECK(good, BM_E_MALFORMED, "not a secret and a point of this curve");
    return bm_ok();
}

#include "device/tls/key.h"

#include "device/tls/key_sign.h"

#include <openssl/bn.h>
#include <openssl/core.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>

#define PROVIDER "birthmark"
#define PROPERTIES "provider=" PROVIDER
#define HAND_PARAM "birthmark-hand"
#define NUMBER_MAX (BM_RSA_MAX + 1)

static void *key_new(void *provider)
{
    (void)provider;
    return calloc(1, sizeof(bm_tls_key_data));
}

static void key_free(void *key)
{
    free(key);
}

static int key_has(const void *key, int selection)
{
    const bm_tls_key_data *data = key;

    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 && data->hand == NULL)
        return 0;
    return data->key.type != BM_KEY_NONE;
}

static int key_match(const void *one, const void *other, int selection)
{
    const bm_tls_key_data *a = one;
    const bm_tls_key_data *b = other;

    (void)selection;
    return bm_pubkey_equal(&a->key, &b->key);
}

static void take_hand(bm_tls_key_data *data, const OSSL_PARAM params[])
{
    const OSSL_PARAM *hand = OSSL_PARAM_locate_const(params, HAND_PARAM);
    const void *at = NULL;
    size_t size = 0;

    if (hand != NULL && OSSL_PARAM_get_octet_ptr(hand, &at, &size) == 1)
        data->hand = at;
}

/* A number of a key, big-endian. */
static bool take_number(const OSSL_PARAM params[], const char *name, uint8_t bytes[NUMBER_MAX], bm_bytes *number)
{
    const OSSL_PARAM *param = OSSL_PARAM_locate_const(params, name);
    BIGNUM *value = NULL;
    bool good = param != NULL && OSSL_PARAM_get_BN(param, &value) == 1 && BN_num_bytes(value) <= NUMBER_MAX;

    if (good)
        *number = bm_bytes_of(bytes, (size_t)BN_bn2bin(value, bytes));
    BN_free(value);
    return good;
}

static int rsa_import(void *key, int selection, const OSSL_PARAM params[])
{
    bm_tls_key_data *data = key;
    uint8_t n_bytes[NUMBER_MAX];
    uint8_t e_bytes[NUMBER_MAX];
    bm_bytes n;
    bm_bytes e;

    (void)selection;
    if (!take_number(params, OSSL_PKEY_PARAM_RSA_N, n_bytes, &n) || !take_number(params, OSSL_PKEY_PARAM_RSA_E, e_bytes, &e))
        return 0;
    take_hand(data, params);
    return bm_pubkey_from_rsa(n, e, &data->key).code == BM_OK;
}

static bm_key_type type_of_group(const char *group)
{
    if (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0)
        return BM_KEY_ECC256;
    return strcmp(group, "secp384r1") == 0 || strcmp(group, "P-384") == 0 ? BM_KEY_ECC384 : BM_KEY_NONE;
}

static int ec_import(void *key, int selection, const OSSL_PARAM params[])
{
    bm_tls_key_data *data = key;
    const OSSL_PARAM *group = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);
    const OSSL_PARAM *point = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY);
    const char *name = NULL;
    const void *bytes = NULL;
    size_t size = 0;
    bm_key_type type;
    size_t field;
    bm_bytes view;

    (void)selection;
    if (group == NULL || point == NULL || OSSL_PARAM_get_utf8_string_ptr(group, &name) != 1 || OSSL_PARAM_get_octet_string_ptr(point, &bytes, &size) != 1)
        return 0;
    type = type_of_group(name);
    field = bm_pubkey_field_size(type);
    view = bm_bytes_of(bytes, size);
    /* Uncompressed alone (SEC 1, 2.3.3): 04, x, y. */
    if (type == BM_KEY_NONE || size != 1 + 2 * field || view.data[0] != 4)
        return 0;
    take_hand(data, params);
    return bm_pubkey_from_point(type, bm_bytes_slice(view, 1, field), bm_bytes_slice(view, 1 + field, field), &data->key).code == BM_OK;
}

static const OSSL_PARAM *import_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0), OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0), OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_octet_ptr(HAND_PARAM, NULL, 0), OSSL_PARAM_END,
    };

    (void)selection;
    return types;
}

static int set_int(OSSL_PARAM params[], const char *name, int value)
{
    OSSL_PARAM *param = OSSL_PARAM_locate(params, name);

    return param == NULL || OSSL_PARAM_set_int(param, value) == 1;
}

static int key_get_params(void *key, OSSL_PARAM params[])
{
    const bm_tls_key_data *data = key;
    bm_key_type type = data->key.type;
    bool rsa = bm_pubkey_is_rsa(type);
    int bits = (int)bm_pubkey_field_size(type) * 8;
    /* NIST SP 800-57 Part 1, table 2. */
    int strength = rsa ? (bits >= 3072 ? 128 : 112) : bits / 2;
    OSSL_PARAM *group = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_GROUP_NAME);

    if (group != NULL && (rsa || OSSL_PARAM_set_utf8_string(group, type == BM_KEY_ECC384 ? "secp384r1" : "prime256v1") != 1))
        return 0;
    return set_int(params, OSSL_PKEY_PARAM_BITS, bits) && set_int(params, OSSL_PKEY_PARAM_SECURITY_BITS, strength) &&
           set_int(params, OSSL_PKEY_PARAM_MAX_SIZE, bm_tls_key_sign_max(type));
}

static const OSSL_PARAM *key_gettable(void *provider)
{
    static const OSSL_PARAM known[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL), OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL), OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0), OSSL_PARAM_END,
    };

    (void)provider;
    return known;
}

static const char *ec_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : "EC";
}

static const char *rsa_operation(int operation)
{
    (void)operation;
    return "RSA";
}

#define KEY_ENTRIES(import, operation)                                                                                 \
    BM_TLS_KEY_ENTRY(OSSL_FUNC_KEYMGMT_NEW, key_new), BM_TLS_KEY_ENTRY(OSSL_FUNC_KEYMGMT_FREE, key_free), BM_TLS_KEY_ENTRY(OSSL_FUNC_KEYMGMT_HAS, key_has),                 \
        BM_TLS_KEY_ENTRY(OSSL_FUNC_KEYMGMT_MATCH, key_match), BM_TLS_KEY_ENTRY(OSSL_FUNC_KEYMGMT_IMPORT, import), BM_TLS_KEY_ENTRY(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, import_types), \
        BM_TLS_KEY_ENTRY(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params), BM_TLS_KEY_ENTRY(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable),                     \
        BM_TLS_KEY_ENTRY(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, operation), {0, NULL}

static const OSSL_DISPATCH rsa_functions[] = {KEY_ENTRIES(rsa_import, rsa_operation)};
static const OSSL_DISPATCH ec_functions[] = {KEY_ENTRIES(ec_import, ec_operation)};
static const OSSL_ALGORITHM keys[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, rsa_functions, NULL},
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTIES, ec_functions, NULL},
    {NULL, NULL, NULL, NULL},
};
static const OSSL_ALGORITHM signatures[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, bm_tls_key_sign_functions, NULL},
    {"ECDSA", PROPERTIES, bm_tls_key_sign_functions, NULL},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_store)
{
    (void)provider;
    *no_store = 0;
    if (operation == OSSL_OP_KEYMGMT)
        return keys;
    return operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

static int provider_begin(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core, const OSSL_DISPATCH **functions, void **provider)
{
    static const OSSL_DISPATCH ours[] = {BM_TLS_KEY_ENTRY(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query), {0, NULL}};

    (void)core;
    *functions = ours;
    *provider = (void *)(uintptr_t)handle;
    return 1;
}

BM_RESULT bm_tls_key_open(bm_tls_key_library *library)
{
    library->ctx = OSSL_LIB_CTX_new();
    if (library->ctx != NULL && OSSL_PROVIDER_add_builtin(library->ctx, PROVIDER, provider_begin) == 1) {
        library->usual = OSSL_PROVIDER_load(library->ctx, "default");
        library->ours = OSSL_PROVIDER_load(library->ctx, PROVIDER);
    }
    BM_CHECK(library->usual != NULL && library->ours != NULL, BM_E_INTERNAL, "OpenSSL cannot be set up");
    return bm_ok();
}

void bm_tls_key_close(bm_tls_key_library *library)
{
    if (library->ours != NULL)
        (void)OSSL_PROVIDER_unload(library->ours);
    if (library->usual != NULL)
        (void)OSSL_PROVIDER_unload(library->usual);
    OSSL_LIB_CTX_free(library->ctx);
    *library = (bm_tls_key_library){.ctx = NULL};
}

BM_RESULT bm_tls_key_new(OSSL_LIB_CTX *library, const bm_pubkey *key, const bm_tls_key_hand *hand, EVP_PKEY **made)
{
    bool rsa = bm_pubkey_is_rsa(key->type);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(library, rsa ? "RSA" : "EC", PROPERTIES);
    char group[] = "prime256v1";
    char group_384[] = "secp384r1";
    BM_AUTO_BUF point = BM_BUF_EMPTY;
    BM_AUTO_BUF modulus = BM_BUF_EMPTY;
    uint32_t e = key->e;
    void *hand_at = (void *)(uintptr_t)hand;
    OSSL_PARAM params[4];
    size_t count = 0;
    bm_result result = bm_ok();

    if (rsa) {
        bm_bytes n = bm_pubkey_n(key);

        /* OpenSSL's numbers in parameters are in the order of this machine. */
        for (size_t i = n.size; i > 0 && result.code == BM_OK; i--)
            result = bm_buf_put_u8(&modulus, __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? n.data[i - 1] : n.data[n.size - i]);
        params[count++] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, modulus.data, modulus.size);
        params[count++] = OSSL_PARAM_construct_uint32(OSSL_PKEY_PARAM_RSA_E, &e);
    } else {
        result = bm_buf_put_u8(&point, 4);
        if (result.code == BM_OK)
            result = bm_buf_put(&point, bm_pubkey_x(key));
        if (result.code == BM_OK)
            result = bm_buf_put(&point, bm_pubkey_y(key));
        params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, key->type == BM_KEY_ECC384 ? group_384 : group, 0);
        params[count++] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data, point.size);
    }
    params[count++] = OSSL_PARAM_construct_octet_ptr(HAND_PARAM, &hand_at, sizeof(*hand));
    params[count] = OSSL_PARAM_construct_end();
    if (result.code == BM_OK && (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, made, EVP_PKEY_KEYPAIR, params) != 1))
        result = bm_fail(BM_E_INTERNAL, "OpenSSL does not take the identity's key");
    EVP_PKEY_CTX_free(ctx);
    return result;
}

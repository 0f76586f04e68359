#include "agent/tls_key.h"

#include <openssl/bn.h>
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define PROVIDER "birthmark"
#define PROPERTIES "provider=" PROVIDER
#define HAND_PARAM "birthmark-hand"
#define NUMBER_MAX (BM_RSA_MAX + 1)

/* A key: what was imported; without a hand it is a public key, with which ours is compared. */
typedef struct {
    bm_pubkey key;
    const bm_tls_key_hand *hand;
} key_data;

/* One signature. */
typedef struct {
    const key_data *key;
    bm_hash_alg hash;
    bool pss;
} signing;

typedef void (*any_function)(void);
#define ENTRY(id, function) {(id), (any_function)(function)}

static void *key_new(void *provider)
{
    (void)provider;
    return calloc(1, sizeof(key_data));
}

static void key_free(void *key)
{
    free(key);
}

static int key_has(const void *key, int selection)
{
    const key_data *data = key;

    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 && data->hand == NULL)
        return 0;
    return data->key.type != BM_KEY_NONE;
}

static int key_match(const void *one, const void *other, int selection)
{
    const key_data *a = one;
    const key_data *b = other;

    (void)selection;
    return bm_pubkey_equal(&a->key, &b->key);
}

static void take_hand(key_data *data, const OSSL_PARAM params[])
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
    key_data *data = key;
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
    key_data *data = key;
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

/* The longest signature: with RSA the modulus, with ECDSA the DER of two numbers that each may need a zero byte in front. */
static int signature_max(bm_key_type type)
{
    int field = (int)bm_pubkey_field_size(type);

    return bm_pubkey_is_rsa(type) ? field : 2 * (field + 3) + 3;
}

static int set_int(OSSL_PARAM params[], const char *name, int value)
{
    OSSL_PARAM *param = OSSL_PARAM_locate(params, name);

    return param == NULL || OSSL_PARAM_set_int(param, value) == 1;
}

static int key_get_params(void *key, OSSL_PARAM params[])
{
    const key_data *data = key;
    bm_key_type type = data->key.type;
    bool rsa = bm_pubkey_is_rsa(type);
    int bits = (int)bm_pubkey_field_size(type) * 8;
    /* NIST SP 800-57 Part 1, table 2. */
    int strength = rsa ? (bits >= 3072 ? 128 : 112) : bits / 2;
    OSSL_PARAM *group = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_GROUP_NAME);

    if (group != NULL && (rsa || OSSL_PARAM_set_utf8_string(group, type == BM_KEY_ECC384 ? "secp384r1" : "prime256v1") != 1))
        return 0;
    return set_int(params, OSSL_PKEY_PARAM_BITS, bits) && set_int(params, OSSL_PKEY_PARAM_SECURITY_BITS, strength) &&
           set_int(params, OSSL_PKEY_PARAM_MAX_SIZE, signature_max(type));
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

static void *sign_new(void *provider, const char *query)
{
    (void)provider;
    (void)query;
    return calloc(1, sizeof(signing));
}

static void sign_free(void *context)
{
    free(context);
}

static int sign_set_params(void *context, const OSSL_PARAM params[])
{
    signing *self = context;
    const OSSL_PARAM *pad = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    const char *name = NULL;
    int mode = 0;

    if (pad == NULL)
        return 1;
    if (pad->data_type == OSSL_PARAM_UTF8_STRING) {
        if (OSSL_PARAM_get_utf8_string_ptr(pad, &name) != 1)
            return 0;
        mode = strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0 ? RSA_PKCS1_PSS_PADDING : strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0 ? RSA_PKCS1_PADDING : 0;
    } else if (OSSL_PARAM_get_int(pad, &mode) != 1) {
        return 0;
    }
    self->pss = mode == RSA_PKCS1_PSS_PADDING;
    return mode == RSA_PKCS1_PSS_PADDING || mode == RSA_PKCS1_PADDING;
}

static const OSSL_PARAM *sign_settable(void *context, void *provider)
{
    static const OSSL_PARAM known[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)context;
    (void)provider;
    return known;
}

static bm_hash_alg hash_of(const char *name)
{
    static const struct {
        const char *name;
        bm_hash_alg hash;
    } names[] = {{"SHA256", BM_HASH_SHA256}, {"SHA2-256", BM_HASH_SHA256}, {"SHA384", BM_HASH_SHA384},
                 {"SHA2-384", BM_HASH_SHA384}, {"SHA512", BM_HASH_SHA512}, {"SHA2-512", BM_HASH_SHA512}};

    for (size_t i = 0; name != NULL && i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].hash;
    return BM_HASH_NONE;
}

static int sign_begin(void *context, const char *digest, void *key, const OSSL_PARAM params[])
{
    signing *self = context;
    const key_data *data = key;

    self->key = data != NULL ? data : self->key;
    self->hash = hash_of(digest);
    if (self->key == NULL || self->key->hand == NULL || self->hash == BM_HASH_NONE)
        return 0;
    return params == NULL || sign_set_params(context, params);
}

static int sign_message(void *context, unsigned char *to, size_t *size, size_t room, const unsigned char *message, size_t message_size)
{
    const signing *self = context;
    const bm_tls_key_hand *hand = self->key->hand;
    bm_key_type type = self->key->key.type;
    bm_tls_scheme scheme = bm_pubkey_is_ecc(type) ? BM_TLS_ECDSA : self->pss ? BM_TLS_PSS : BM_TLS_PKCS1;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    bm_digest digest;

    if (to == NULL) {
        *size = (size_t)signature_max(type);
        return 1;
    }
    if (bm_hash(self->hash, bm_bytes_of(message, message_size), &digest).code != BM_OK || !hand->sign(hand->context, scheme, self->hash, &digest, &signature) ||
        signature.size > room || bm_bytes_copy_exact(bm_buf_view(&signature), to, signature.size).code != BM_OK)
        return 0;
    *size = signature.size;
    return 1;
}

#define KEY_ENTRIES(import, operation)                                                                                 \
    ENTRY(OSSL_FUNC_KEYMGMT_NEW, key_new), ENTRY(OSSL_FUNC_KEYMGMT_FREE, key_free), ENTRY(OSSL_FUNC_KEYMGMT_HAS, key_has),                 \
        ENTRY(OSSL_FUNC_KEYMGMT_MATCH, key_match), ENTRY(OSSL_FUNC_KEYMGMT_IMPORT, import), ENTRY(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, import_types), \
        ENTRY(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params), ENTRY(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable),                     \
        ENTRY(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, operation), {0, NULL}

static const OSSL_DISPATCH rsa_functions[] = {KEY_ENTRIES(rsa_import, rsa_operation)};
static const OSSL_DISPATCH ec_functions[] = {KEY_ENTRIES(ec_import, ec_operation)};
static const OSSL_DISPATCH sign_functions[] = {
    ENTRY(OSSL_FUNC_SIGNATURE_NEWCTX, sign_new),
    ENTRY(OSSL_FUNC_SIGNATURE_FREECTX, sign_free),
    ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, sign_begin),
    ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sign_message),
    ENTRY(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, sign_set_params),
    ENTRY(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, sign_settable),
    {0, NULL},
};
static const OSSL_ALGORITHM keys[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, rsa_functions, NULL},
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", PROPERTIES, ec_functions, NULL},
    {NULL, NULL, NULL, NULL},
};
static const OSSL_ALGORITHM signatures[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, sign_functions, NULL},
    {"ECDSA", PROPERTIES, sign_functions, NULL},
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
    static const OSSL_DISPATCH ours[] = {ENTRY(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query), {0, NULL}};

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

#include "device/tls/key_sign.h"

#include "crypto/pkey.h"

#include <openssl/core.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

/* One signature. */
typedef struct {
    const bm_tls_key_data *key;
    bm_hash_alg hash;
    bool pss;
    EVP_MD_CTX *pieces; /* of a message that comes in pieces; NULL: none came */
} signing;

int bm_tls_key_sign_max(bm_key_type type)
{
    int field = (int)bm_pubkey_field_size(type);

    return bm_pubkey_is_rsa(type) ? field : 2 * (field + 3) + 3;
}

static void *sign_new(void *provider, const char *query)
{
    (void)provider;
    (void)query;
    return calloc(1, sizeof(signing));
}

static void sign_free(void *context)
{
    signing *self = context;

    EVP_MD_CTX_free(self->pieces);
    free(self);
}

/* Before the end of a message in pieces OpenSSL makes another, so that more pieces may come. */
static void *sign_copy(void *context)
{
    const signing *self = context;
    signing *copy = calloc(1, sizeof(*copy));

    if (copy == NULL)
        return NULL;
    *copy = *self;
    copy->pieces = NULL;
    if (self->pieces == NULL)
        return copy;
    copy->pieces = EVP_MD_CTX_new();
    if (copy->pieces != NULL && EVP_MD_CTX_copy_ex(copy->pieces, self->pieces) == 1)
        return copy;
    sign_free(copy);
    return NULL;
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

static const EVP_MD *md_of(bm_hash_alg hash)
{
    return hash == BM_HASH_SHA256 ? EVP_sha256() : hash == BM_HASH_SHA384 ? EVP_sha384() : EVP_sha512();
}

static bool take_padding(signing *self, const OSSL_PARAM *pad)
{
    const char *name = NULL;
    int mode = 0;

    if (pad == NULL)
        return true;
    if (pad->data_type == OSSL_PARAM_UTF8_STRING) {
        if (OSSL_PARAM_get_utf8_string_ptr(pad, &name) != 1)
            return false;
        mode = strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0 ? RSA_PKCS1_PSS_PADDING : strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0 ? RSA_PKCS1_PADDING : 0;
    } else if (OSSL_PARAM_get_int(pad, &mode) != 1) {
        return false;
    }
    self->pss = mode == RSA_PKCS1_PSS_PADDING;
    return mode == RSA_PKCS1_PSS_PADDING || mode == RSA_PKCS1_PADDING;
}

static bool take_digest(signing *self, const OSSL_PARAM *digest)
{
    const char *name = NULL;

    if (digest == NULL)
        return true;
    if (OSSL_PARAM_get_utf8_string_ptr(digest, &name) != 1)
        return false;
    self->hash = hash_of(name);
    return self->hash != BM_HASH_NONE;
}

static int sign_set_params(void *context, const OSSL_PARAM params[])
{
    signing *self = context;

    return take_padding(self, OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE)) &&
           take_digest(self, OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST));
}

static const OSSL_PARAM *sign_settable(void *context, void *provider)
{
    static const OSSL_PARAM known[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)context;
    (void)provider;
    return known;
}

static bm_sig_alg algorithm_of(const signing *self)
{
    static const bm_sig_alg rsa[] = {[BM_HASH_SHA256] = BM_SIG_RSA_SHA256, [BM_HASH_SHA384] = BM_SIG_RSA_SHA384, [BM_HASH_SHA512] = BM_SIG_RSA_SHA512};
    static const bm_sig_alg ecdsa[] = {[BM_HASH_SHA256] = BM_SIG_ECDSA_SHA256, [BM_HASH_SHA384] = BM_SIG_ECDSA_SHA384, [BM_HASH_SHA512] = BM_SIG_ECDSA_SHA512};

    if (bm_pubkey_is_ecc(self->key->key.type))
        return ecdsa[self->hash];
    if (!self->pss)
        return rsa[self->hash];
    return self->hash == BM_HASH_SHA256 ? BM_SIG_RSAPSS_SHA256 : BM_SIG_NONE;
}

/* What a certificate request or a CMS says of its signature. */
static int sign_get_params(void *context, OSSL_PARAM params[])
{
    const signing *self = context;
    OSSL_PARAM *id = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    if (id == NULL)
        return 1;
    return self->key != NULL && self->hash != BM_HASH_NONE && algorithm_of(self) != BM_SIG_NONE &&
           bm_pkey_put_sig_algorithm(&der, algorithm_of(self)).code == BM_OK && OSSL_PARAM_set_octet_string(id, der.data, der.size) == 1;
}

static const OSSL_PARAM *sign_gettable(void *context, void *provider)
{
    static const OSSL_PARAM known[] = {OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0), OSSL_PARAM_END};

    (void)context;
    (void)provider;
    return known;
}

static bool take_key(signing *self, const bm_tls_key_data *key)
{
    self->key = key != NULL ? key : self->key;
    return self->key != NULL && self->key->hand != NULL;
}

static int message_begin(void *context, const char *digest, void *key, const OSSL_PARAM params[])
{
    signing *self = context;

    EVP_MD_CTX_free(self->pieces);
    self->pieces = NULL;
    self->hash = hash_of(digest);
    return take_key(self, key) && self->hash != BM_HASH_NONE && (params == NULL || sign_set_params(context, params));
}

/* The signature, into the room that there is. */
static int put(const signing *self, const bm_digest *digest, unsigned char *to, size_t *size, size_t room)
{
    const bm_tls_key_hand *hand = self->key->hand;
    bm_tls_scheme scheme = bm_pubkey_is_ecc(self->key->key.type) ? BM_TLS_ECDSA : self->pss ? BM_TLS_PSS : BM_TLS_PKCS1;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;

    if (!hand->sign(hand->context, scheme, self->hash, digest, &signature) || signature.size > room ||
        bm_bytes_copy_exact(bm_buf_view(&signature), to, signature.size).code != BM_OK)
        return 0;
    *size = signature.size;
    return 1;
}

static int say_size(const signing *self, size_t *size)
{
    *size = (size_t)bm_tls_key_sign_max(self->key->key.type);
    return 1;
}

static int message_sign(void *context, unsigned char *to, size_t *size, size_t room, const unsigned char *message, size_t message_size)
{
    const signing *self = context;
    bm_digest digest;

    if (to == NULL)
        return say_size(self, size);
    return bm_hash(self->hash, bm_bytes_of(message, message_size), &digest).code == BM_OK && put(self, &digest, to, size, room);
}

static int piece(void *context, const unsigned char *data, size_t size)
{
    signing *self = context;

    if (self->pieces == NULL) {
        self->pieces = EVP_MD_CTX_new();
        if (self->pieces == NULL || EVP_DigestInit_ex(self->pieces, md_of(self->hash), NULL) != 1)
            return 0;
    }
    return EVP_DigestUpdate(self->pieces, data, size);
}

static int pieces_sign(void *context, unsigned char *to, size_t *size, size_t room)
{
    signing *self = context;
    bm_digest digest = {.size = 0};

    if (to == NULL)
        return say_size(self, size);
    if (self->pieces == NULL && !piece(context, (const unsigned char *)"", 0))
        return 0;
    digest.size = bm_hash_size(self->hash);
    return EVP_DigestFinal_ex(self->pieces, digest.bytes, NULL) == 1 && put(self, &digest, to, size, room);
}

static int digest_begin(void *context, void *key, const OSSL_PARAM params[])
{
    signing *self = context;

    self->hash = BM_HASH_NONE;
    return take_key(self, key) && (params == NULL || sign_set_params(context, params));
}

/* By RSA its hash must have been said: it is part of the signature. */
static int digest_sign(void *context, unsigned char *to, size_t *size, size_t room, const unsigned char *bytes, size_t count)
{
    signing self = *(const signing *)context;
    bm_digest digest = {.size = count};

    if (to == NULL)
        return say_size(&self, size);
    for (int hash = BM_HASH_SHA256; self.hash == BM_HASH_NONE && bm_pubkey_is_ecc(self.key->key.type) && hash <= BM_HASH_SHA512; hash++)
        self.hash = bm_hash_size((bm_hash_alg)hash) == count ? (bm_hash_alg)hash : BM_HASH_NONE;
    if (self.hash == BM_HASH_NONE || count != bm_hash_size(self.hash) || bm_bytes_copy_exact(bm_bytes_of(bytes, count), digest.bytes, count).code != BM_OK)
        return 0;
    return put(&self, &digest, to, size, room);
}

const OSSL_DISPATCH bm_tls_key_sign_functions[] = {
    BM_TLS_KEY_ENTRY(OSSL_FUNC_SIGNATURE_NEWCTX, sign_new),
    BM_TLS_KEY_ENTRY(OSSL_FUNC_SIGNATURE_FREECTX, sign_free),
    BM_TLS_KEY_ENTRY(OSSL_FUNC_SIGNATURE_DUPCTX, sign_copy),
    BM_TLS_KEY_ENTRY(OSSL_FUNC_SIGNATURE_SIGN_INIT, digest_begin),
    BM_TLS_KEY_ENTRY(OSSL_FUNC_SIGNATURE_SIGN, digest_sign),
    BM_TLS_KEY_ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, message_begin),
    BM_TLS_KEY_ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, piece),
    BM_TLS_KEY_ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, pieces_sign),
    BM_TLS_KEY_ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, message_sign),
    BM_TLS_KEY_ENTRY(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, sign_set_params),
    BM_TLS_KEY_ENTRY(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, sign_settable),
    BM_TLS_KEY_ENTRY(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, sign_get_params),
    BM_TLS_KEY_ENTRY(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, sign_gettable),
    {0, NULL},
};

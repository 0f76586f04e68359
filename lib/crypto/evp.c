#include "crypto/evp.h"

#include "crypto/memory.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

EVP_PKEY *bm_evp_of(const bm_pkey *key)
{
    return key->evp;
}

BM_RESULT bm_evp_error(bm_code code, const char *what)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = error == 0 ? NULL : ERR_reason_error_string(error);

    ERR_clear_error();
    if (bm_memory_ran_out() || (error != 0 && ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE))
        code = BM_E_NO_MEMORY;
    if (reason == NULL)
        return bm_failf(code, "%s", what);
    return bm_failf(code, "%s: %s", what, reason);
}

const char *bm_evp_md_name(bm_hash_alg alg)
{
    switch (alg) {
    case BM_HASH_SHA256:
        return "SHA256";
    case BM_HASH_SHA384:
        return "SHA384";
    case BM_HASH_SHA512:
        return "SHA512";
    case BM_HASH_NONE:
        break;
    }
    return NULL;
}

const EVP_MD *bm_evp_md(bm_hash_alg alg)
{
    /* Exempt from "no mutable globals": fetching costs more than hashing. Filled once, never changed; processes are single-threaded. */
    static EVP_MD *fetched[BM_HASH_SHA512 + 1];
    const char *name = bm_evp_md_name(alg);

    if (name == NULL)
        return NULL;
    if (fetched[alg] == NULL)
        fetched[alg] = EVP_MD_fetch(NULL, name, NULL);
    return fetched[alg];
}

static bm_key_type type_of_rsa(const EVP_PKEY *evp)
{
    switch (EVP_PKEY_get_bits(evp)) {
    case 2048:
        return BM_KEY_RSA2048;
    case 3072:
        return BM_KEY_RSA3072;
    case 4096:
        return BM_KEY_RSA4096;
    default:
        return BM_KEY_NONE;
    }
}

static bm_key_type type_of_ec(const EVP_PKEY *evp)
{
    static const struct {
        const char *group;
        bm_key_type type;
    } groups[] = {
        {"prime256v1", BM_KEY_ECC256}, {"P-256", BM_KEY_ECC256},    {"secp384r1", BM_KEY_ECC384},
        {"P-384", BM_KEY_ECC384},      {"secp521r1", BM_KEY_ECC521}, {"P-521", BM_KEY_ECC521},
    };
    char name[32];
    size_t size;
    int is_explicit = 0;

    if (!EVP_PKEY_get_utf8_string_param(evp, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof(name), &size))
        return BM_KEY_NONE;
    if (EVP_PKEY_get_int_param(evp, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) && is_explicit == 1)
        return BM_KEY_NONE;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        if (strcmp(groups[i].group, name) == 0)
            return groups[i].type;
    return BM_KEY_NONE;
}

static bm_key_type type_of(const EVP_PKEY *evp)
{
    if (EVP_PKEY_is_a(evp, "RSA"))
        return type_of_rsa(evp);
    if (EVP_PKEY_is_a(evp, "EC"))
        return type_of_ec(evp);
    return BM_KEY_NONE;
}

/* Wants an odd number above 1. */
static BM_RESULT check_odd(const EVP_PKEY *evp, const char *param, const char *wrong)
{
    BM_AUTO(bm_evp_bn_freep) BIGNUM *number = NULL;

    if (!EVP_PKEY_get_bn_param(evp, param, &number))
        return bm_evp_error(BM_E_MALFORMED, "a key without its number");
    BM_CHECK(BN_is_odd(number) && (BN_num_bits(number) > 32 || BN_get_word(number) > 1), BM_E_MALFORMED, wrong);
    return bm_ok();
}

/*
 * Not EVP_PKEY_public_check: for RSA it also tries whether the modulus is prime, which costs as much as a private operation and tells
 * nothing about a key whose owner chose it; for a curve of cofactor 1 its extra multiplication by the order can only agree.
 */
static BM_RESULT check_public(EVP_PKEY *evp, bm_key_type type)
{
    BM_AUTO(bm_evp_pkey_ctx_freep) EVP_PKEY_CTX *ctx = NULL;

    if (bm_pubkey_is_rsa(type)) {
        BM_TRY(check_odd(evp, OSSL_PKEY_PARAM_RSA_N, "the RSA modulus is even"));
        return check_odd(evp, OSSL_PKEY_PARAM_RSA_E, "the RSA exponent is even or 1");
    }
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, evp, NULL);
    if (ctx == NULL || EVP_PKEY_public_check_quick(ctx) != 1)
        return bm_evp_error(BM_E_MALFORMED, "the point is not on its curve");
    return bm_ok();
}

/* Takes the key, whose type is known and whose public half was checked. */
static BM_RESULT own(EVP_PKEY *evp, bm_key_type type, bm_pkey **key)
{
    bm_pkey *made = malloc(sizeof(*made));

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    *made = (bm_pkey){.evp = evp, .type = type};
    *key = made;
    return bm_ok();
}

BM_RESULT bm_evp_wrap(EVP_PKEY *evp, bm_pkey **key)
{
    BM_AUTO(bm_evp_pkey_freep) EVP_PKEY *owned = evp;
    bm_key_type type = type_of(evp);

    if (type == BM_KEY_NONE)
        return bm_evp_error(BM_E_MALFORMED, "not RSA-2048, -3072, -4096, P-256, P-384 or P-521 as a named curve");
    BM_TRY(check_public(evp, type));
    BM_TRY(own(owned, type, key));
    owned = NULL;
    return bm_ok();
}

BM_RESULT bm_evp_wrap_public(EVP_PKEY *evp, const bm_pubkey *public_key, bm_pkey **key)
{
    BM_AUTO(bm_evp_pkey_freep) EVP_PKEY *owned = evp;
    bm_bytes n = bm_pubkey_n(public_key);

    if (bm_pubkey_is_rsa(public_key->type)) {
        BM_CHECK((n.data[n.size - 1] & 1) != 0, BM_E_MALFORMED, "the RSA modulus is even");
        BM_CHECK((public_key->e & 1) != 0 && public_key->e > 1, BM_E_MALFORMED, "the RSA exponent is even or 1");
    }
    BM_TRY(own(owned, public_key->type, key));
    owned = NULL;
    return bm_ok();
}

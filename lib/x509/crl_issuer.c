#include "crypto/evp.h"
#include "x509/crl.h"
#include "x509/ekc_x509.h"
#include "x509/search.h"

#include <openssl/err.h>

/* One call of bm_crl_issuer. */
typedef struct {
    const bm_crl *crl;
    X509_NAME *name;
    bm_search search;
    bm_result cause; /* why the nearest candidate was refused */
} signer_search;

static void fini(signer_search *find)
{
    X509_NAME_free(find->name);
}

static BM_RESULT verify(const bm_crl *crl, X509 *x509)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    EVP_PKEY *evp = X509_get_pubkey(x509);

    if (evp == NULL)
        return bm_evp_error(BM_E_EKC_UNTRUSTED, "the key of its issuer cannot be read");
    if (bm_evp_wrap(evp, &key).code != BM_OK)
        return bm_fail(BM_E_EKC_UNTRUSTED, "the CA that it names has a key of a type that is not known here");
    BM_CHECK(bm_pkey_sig_is_rsa(crl->alg) == bm_pubkey_is_rsa(key->type), BM_E_EKC_UNTRUSTED,
             "its signature algorithm does not go with its issuer's key");
    if (bm_pkey_verify(key, crl->alg, crl->tbs, crl->signature).code != BM_OK)
        return bm_fail(BM_E_EKC_UNTRUSTED, "its signature is not that of the CA that it names");
    return bm_ok();
}

/* Did this CA sign it, and may it? One with another name is none of the candidates, and no cause. */
static bool has_signed(signer_search *find, X509 *x509)
{
    bm_result result;

    if (X509_NAME_cmp(X509_get_subject_name(x509), find->name) != 0)
        return false;
    if ((X509_get_key_usage(x509) & KU_CRL_SIGN) == 0)
        result = bm_fail(BM_E_EKC_UNTRUSTED, "the CA that it names may not sign CRLs: its certificate's key usage does not allow it");
    else if (!bm_issuer_has_fit_key(x509))
        result = bm_fail(BM_E_EKC_UNTRUSTED, "the CA that it names has a key that is not RSA of 2048 to 4096 bits, P-256, P-384 or P-521");
    else
        result = verify(find->crl, x509);
    if (result.code == BM_OK)
        return true;
    find->cause = result;
    return false;
}

static BM_RESULT search_chain(signer_search *find, X509 *const decoded[BM_EKC_CHAIN_MAX], STACK_OF(X509) *untrusted,
                              uint8_t issuer[BM_SHA256_SIZE])
{
    for (size_t i = 0; i < find->search.chain_count; i++) {
        BM_AUTO(bm_issuer_fini) bm_issuer path = {0};
        bm_result result;

        if (!has_signed(find, decoded[i]))
            continue;
        result = bm_search_path(&find->search, decoded[i], untrusted, &path);
        if (result.code == BM_OK)
            return bm_bytes_copy_exact(BM_BYTES_ARRAY(path.id), issuer, BM_SHA256_SIZE);
        if (result.code != BM_E_EKC_UNTRUSTED && result.code != BM_E_EKC_REVOKED)
            return result;
        find->cause = bm_fail(BM_E_EKC_UNTRUSTED, result.detail);
    }
    return find->cause;
}

/* Decodes the chain: here all of it must be certificates. */
static BM_RESULT decode_and_search(signer_search *find, X509 *decoded[BM_EKC_CHAIN_MAX], uint8_t issuer[BM_SHA256_SIZE])
{
    BM_AUTO(bm_issuer_free_path) STACK_OF(X509) *untrusted = sk_X509_new_null();

    BM_CHECK(untrusted != NULL, BM_E_NO_MEMORY, NULL);
    for (size_t i = 0; i < find->search.chain_count; i++) {
        BM_TRY(bm_ekc_decode(find->search.chain[i], &decoded[i]));
        if (bm_issuer_has_fit_key(decoded[i]))
            BM_TRY(bm_issuer_push(untrusted, decoded[i]));
    }
    return search_chain(find, decoded, untrusted, issuer);
}

BM_RESULT bm_crl_issuer(const bm_crl *crl, bm_anchors *anchors, const bm_bytes *chain, size_t chain_count, int64_t now,
                        uint8_t issuer[BM_SHA256_SIZE])
{
    BM_AUTO(fini) signer_search find = {
        .crl = crl, .search = {.anchors = anchors, .chain = chain, .chain_count = chain_count, .now = now}};
    X509 *decoded[BM_EKC_CHAIN_MAX] = {NULL};
    const unsigned char *at = crl->issuer.data;
    bm_result result;

    BM_CHECK(chain_count <= BM_EKC_CHAIN_MAX, BM_E_EKC_MALFORMED, "more than 4 certificates for its issuer");
    find.cause = bm_fail(BM_E_EKC_UNTRUSTED, "no trust anchor has the name of its issuer");
    find.name = d2i_X509_NAME(NULL, &at, (long)crl->issuer.size);
    if (find.name == NULL)
        return bm_evp_error(BM_E_MALFORMED, "reading the name of its issuer");
    for (size_t i = 0; i < anchors->count; i++)
        if (has_signed(&find, sk_X509_value(anchors->rows[i].self.path, 0)))
            return bm_bytes_copy_exact(BM_BYTES_ARRAY(anchors->rows[i].self.id), issuer, BM_SHA256_SIZE);
    result = decode_and_search(&find, decoded, issuer);
    for (size_t i = 0; i < BM_EKC_CHAIN_MAX; i++)
        X509_free(decoded[i]);
    ERR_clear_error();
    return result;
}

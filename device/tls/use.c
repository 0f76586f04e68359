#include "device/tls/use.h"

#include "device/tls/key.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#define CHAIN_MAX 8

BM_RESULT bm_tls_use_failure(const char *what)
{
    unsigned long error = ERR_get_error();
    const char *reason = error != 0 ? ERR_reason_error_string(error) : NULL;

    ERR_clear_error();
    return bm_failf(BM_E_IO, "%s (%s)", what, reason != NULL ? reason : "no reason given");
}

bool bm_tls_use_is_pss(OSSL_LIB_CTX *library, const X509 *leaf, bm_hash_alg hash, const bm_digest *digest, const bm_buf *signature)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(library, X509_get0_pubkey(leaf), BM_TLS_KEY_QUERY);
    const EVP_MD *md = hash == BM_HASH_SHA256 ? EVP_sha256() : hash == BM_HASH_SHA384 ? EVP_sha384() : EVP_sha512();
    bool good = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_signature_md(ctx, md) == 1 && EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1 &&
                EVP_PKEY_verify(ctx, signature->data, signature->size, digest->bytes, digest->size) == 1;

    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

static X509 *next_certificate(OSSL_LIB_CTX *library, BIO *pem)
{
    X509 *certificate = X509_new_ex(library, BM_TLS_KEY_QUERY);

    /* On failure it frees the certificate and sets it to NULL, or does neither. */
    if (certificate != NULL && PEM_read_bio_X509(pem, &certificate, NULL, NULL) == NULL) {
        X509_free(certificate);
        certificate = NULL;
    }
    ERR_clear_error();
    return certificate;
}

static BIO *reader(const bm_buf *text)
{
    return BIO_new_mem_buf(text->size > 0 ? (const void *)text->data : "", text->size <= INT_MAX ? (int)text->size : 0);
}

BM_RESULT bm_tls_use_anchors(OSSL_LIB_CTX *library, SSL_CTX *ctx, const bm_buf *pem)
{
    BIO *in = reader(pem);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    unsigned count = 0;
    X509 *anchor;

    while (in != NULL && (anchor = next_certificate(library, in)) != NULL) {
        count += X509_STORE_add_cert(store, anchor) == 1 ? 1 : 0;
        X509_free(anchor);
    }
    BIO_free(in);
    BM_CHECK(count > 0, BM_E_IO, "the file of --ca has no certificate in PEM: give the one that verifies the server");
    (void)X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    return bm_ok();
}

static void use_chain(OSSL_LIB_CTX *library, SSL_CTX *ctx, const bm_buf *pem)
{
    BIO *in = reader(pem);
    unsigned count = 0;
    X509 *certificate = NULL;

    while (in != NULL && count++ < CHAIN_MAX && (certificate = next_certificate(library, in)) != NULL)
        /* The other side has the roots that it trusts. */
        if (X509_self_signed(certificate, 0) == 1 || SSL_CTX_add0_chain_cert(ctx, certificate) != 1)
            X509_free(certificate);
    BIO_free(in);
    ERR_clear_error();
}

static BM_RESULT take_key(X509 *leaf, bm_pubkey *key)
{
    unsigned char *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
    bm_result result = bm_fail(BM_E_IO, "device.crt has no key");

    if (size > 0)
        result = bm_pubkey_parse_spki(bm_bytes_of(der, (size_t)size), key);
    OPENSSL_free(der);
    if (result.code != BM_OK || (key->type != BM_KEY_ECC256 && key->type != BM_KEY_ECC384 && !bm_pubkey_is_rsa(key->type)))
        return bm_fail(BM_E_IO, "device.crt has a key of a kind that is no identity key: run 'birthmark enroll'");
    return bm_ok();
}

BM_RESULT bm_tls_use_read(OSSL_LIB_CTX *library, const bm_buf *pem, X509 **leaf, bm_pubkey *key)
{
    BIO *in = reader(pem);
    X509 *read = in != NULL ? next_certificate(library, in) : NULL;
    bm_result result;

    BIO_free(in);
    BM_CHECK(read != NULL, BM_E_IO, "device.crt is no certificate in PEM: run 'birthmark enroll'");
    result = take_key(read, key);
    if (result.code == BM_OK)
        *leaf = read;
    else
        X509_free(read);
    return result;
}

BM_RESULT bm_tls_use_identity(OSSL_LIB_CTX *library, SSL_CTX *ctx, X509 *leaf, EVP_PKEY *key, const bm_buf *chain)
{
    if (SSL_CTX_use_certificate(ctx, leaf) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1)
        return bm_tls_use_failure("device.crt cannot be used");
    use_chain(library, ctx, chain);
    return bm_ok();
}

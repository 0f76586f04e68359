/* What is made once for a pair of key types. */
#include "floor.h"

#include "x509/csr.h"

#include <openssl/core_names.h>
#include <string.h>

static void take(floor_signed *out, const void *tbs, size_t tbs_size, const void *signature, size_t signature_size)
{
    FLOOR_MUST(tbs_size <= sizeof(out->tbs) && signature_size <= sizeof(out->signature));
    memcpy(out->tbs, tbs, tbs_size);
    memcpy(out->signature, signature, signature_size);
    out->tbs_size = tbs_size;
    out->signature_size = signature_size;
}

static void take_csr(floor_signed *out, bm_bytes der)
{
    bm_csr csr;

    assert_ok(bm_csr_parse(der, &csr));
    take(out, csr.tbs.data, csr.tbs.size, csr.signature.data, csr.signature.size);
}

static void take_certificate(floor_signed *out, bm_bytes der)
{
    const unsigned char *at = der.data;
    X509 *x509 = d2i_X509(NULL, &at, (long)der.size);
    const ASN1_BIT_STRING *signature = NULL;
    unsigned char *tbs = NULL;
    int size = i2d_re_X509_tbs(x509, &tbs);

    X509_get0_signature(&signature, NULL, x509);
    FLOOR_MUST(size > 0 && signature != NULL);
    take(out, tbs, (size_t)size, ASN1_STRING_get0_data(signature), (size_t)ASN1_STRING_length(signature));
    OPENSSL_free(tbs);
    X509_free(x509);
}

/* A context with this key and SHA-256, which signs or verifies any number of digests. */
static EVP_PKEY_CTX *keep(EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *), const EVP_MD *md)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

    FLOOR_MUST(ctx != NULL && init(ctx) == 1 && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1);
    return ctx;
}

static void add_vendor(floor_pair *pair, int which, bm_key_type type, bm_ek_template_id ek, bm_key_type ik)
{
    make_vendor vendor = {.key = make_key(type)};

    vendor.certificate = make_x509(&(make_options){.key = vendor.key, .name = "Vendor", .options = make_ca_extensions});
    if (which == 0)
        make_device_init(&pair->device, &vendor, ek, ik, "FLOOR-1");
    else
        make_device_ekc(&pair->device, &vendor, NULL, 0);
    take_certificate(&pair->ekc[which], bm_buf_view(&pair->device.request.ek_certificate));
    pair->vendor[which] = keep(vendor.key, EVP_PKEY_verify_init, pair->hash.md);
    X509_free(vendor.certificate);
    EVP_PKEY_free(vendor.key);
}

static EVP_MAC_CTX *keep_hmac(void)
{
    static const unsigned char key[32] = {1};
    char sha256[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0), OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

    FLOOR_MUST(ctx != NULL && EVP_MAC_init(ctx, key, sizeof(key), params) == 1);
    EVP_MAC_free(mac);
    return ctx;
}

void floor_pair_init(floor_pair *pair, bm_ek_template_id ek, bm_key_type ik)
{
    EVP_PKEY *ca = make_key(BM_KEY_ECC256);

    *pair = (floor_pair){.hash = {.md = EVP_MD_fetch(NULL, "SHA256", NULL), .ctx = EVP_MD_CTX_new()}, .ticket_hmac = keep_hmac()};
    FLOOR_MUST(pair->hash.md != NULL && pair->hash.ctx != NULL);
    add_vendor(pair, 0, BM_KEY_ECC256, ek, ik);
    add_vendor(pair, 1, BM_KEY_RSA2048, ek, ik);
    floor_key_init(&pair->ik, pair->device.ik);
    take_csr(&pair->csr, bm_buf_view(&pair->device.request.csr));
    pair->ca = keep(ca, EVP_PKEY_sign_init, pair->hash.md);
    floor_tls_init(&pair->tls);
    floor_credential_init(&pair->credential, pair->device.ek);
    floor_row_init(&pair->row);
    EVP_PKEY_free(ca);
}

void floor_pair_fini(floor_pair *pair)
{
    floor_row_fini(&pair->row);
    floor_credential_fini(&pair->credential);
    floor_tls_fini(&pair->tls);
    floor_key_fini(&pair->ik);
    make_device_fini(&pair->device);
    EVP_PKEY_CTX_free(pair->vendor[0]);
    EVP_PKEY_CTX_free(pair->vendor[1]);
    EVP_PKEY_CTX_free(pair->ca);
    EVP_MAC_CTX_free(pair->ticket_hmac);
    EVP_MD_CTX_free(pair->hash.ctx);
    EVP_MD_free(pair->hash.md);
}

#include "make_device.h"

#include "x509/csr.h"

#include <openssl/rsa.h>

static void public_of(EVP_PKEY *key, bm_pubkey *out)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *wrapped = make_wrap(key);

    assert_ok(bm_pkey_public(wrapped, out));
}

void make_device_ik(EVP_PKEY *key, bm_buf *out)
{
    BM_AUTO_BUF input = BM_BUF_EMPTY;
    BM_AUTO_BUF area = BM_BUF_EMPTY;
    bm_pubkey public_key;

    public_of(key, &public_key);
    assert_ok(bm_template_put_ik_input(&input, public_key.type));
    if (bm_pubkey_is_rsa(public_key.type)) {
        assert_ok(bm_buf_put(&area, bm_bytes_slice(bm_buf_view(&input), 2, input.size - 4)));
        assert_ok(bm_buf_put_sized16(&area, bm_pubkey_n(&public_key)));
    } else {
        assert_ok(bm_buf_put(&area, bm_bytes_slice(bm_buf_view(&input), 2, input.size - 6)));
        assert_ok(bm_buf_put_sized16(&area, bm_pubkey_x(&public_key)));
        assert_ok(bm_buf_put_sized16(&area, bm_pubkey_y(&public_key)));
    }
    bm_buf_clear(out);
    assert_ok(bm_buf_put_sized16(out, bm_buf_view(&area)));
}

static BM_RESULT sign_with(void *context, bm_hash_alg alg, bm_bytes digest, bm_buf *signature)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(context, NULL);
    uint8_t made[512];
    size_t size = sizeof(made);

    assert_non_null(ctx);
    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    if (EVP_PKEY_is_a(context, "RSA"))
        assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1);
    assert_true(EVP_PKEY_CTX_set_signature_md(ctx, alg == BM_HASH_SHA256 ? EVP_sha256() : EVP_sha384()) == 1);
    assert_int_equal(EVP_PKEY_sign(ctx, made, &size, digest.data, digest.size), 1);
    EVP_PKEY_CTX_free(ctx);
    return bm_buf_put(signature, bm_bytes_of(made, size));
}

void make_device_csr(EVP_PKEY *key, EVP_PKEY *signer, const char *serial, bm_buf *out)
{
    bm_pubkey public_key;

    public_of(key, &public_key);
    bm_buf_clear(out);
    assert_ok(bm_csr_build(serial, &public_key, bm_pkey_default_sig(public_key.type), sign_with, signer, out));
}

static void put_ek(EVP_PKEY *key, bm_ek_template_id id, bm_buf *out)
{
    bm_pubkey public_key;

    public_of(key, &public_key);
    bm_buf_clear(out);
    assert_ok(bm_template_put_ek(out, bm_template_ek(id), &public_key));
}

void make_device_ekc(make_device *d, const make_vendor *vendor, const char *const *extensions, int64_t until)
{
    bm_pubkey public_key;

    public_of(d->ek, &public_key);
    if (extensions == NULL)
        extensions = bm_pubkey_is_rsa(public_key.type) ? make_ek_extensions : make_ek_ecc_extensions;
    bm_buf_clear(&d->request.ek_certificate);
    make_x509_der(&(make_options){.key = d->ek, .issuer = vendor->certificate, .signer = vendor->key, .options = extensions, .until = until},
                  &d->request.ek_certificate);
}

void make_device_init(make_device *d, const make_vendor *vendor, bm_ek_template_id template, bm_key_type ik_type, const char *serial)
{
    *d = (make_device){.request = {.profile = "default", .ek_chain_count = 1}};
    d->ek = make_key(bm_template_ek(template)->key_type);
    d->ik = make_key(ik_type);
    put_ek(d->ek, template, &d->request.ek_public);
    make_device_ik(d->ik, &d->request.ik_public);
    make_device_csr(d->ik, d->ik, serial, &d->request.csr);
    make_device_ekc(d, vendor, NULL, 0);
    make_der(vendor->certificate, &d->request.ek_chain[0]);
}

void make_device_fini(make_device *d)
{
    EVP_PKEY_free(d->ek);
    EVP_PKEY_free(d->ik);
    bm_request_fini(&d->request);
}

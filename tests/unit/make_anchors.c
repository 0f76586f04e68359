#include "make_anchors.h"

#include <openssl/rsa.h>

make_vendor pki;

const bool make_all_classes[BM_CLASS_COUNT] = {true, true, true};
const bool make_no_virtual[BM_CLASS_COUNT] = {true, true, false};

int make_pki_begin(void **state)
{
    (void)state;
    pki.root_key = make_key(BM_KEY_RSA2048);
    pki.mid_key = make_key(BM_KEY_ECC384);
    pki.low_key = make_key(BM_KEY_ECC256);
    pki.ek_key = make_key(BM_KEY_ECC256);
    pki.rsa_ek_key = make_key(BM_KEY_RSA2048);
    pki.stranger = make_key(BM_KEY_ECC256);
    pki.weak_key = EVP_RSA_gen(1024);
    assert_non_null(pki.weak_key);
    pki.root = make_x509(&(make_options){.key = pki.root_key, .name = "Root", .options = make_ca_extensions});
    pki.mid = make_x509(&(make_options){
        .key = pki.mid_key, .name = "Mid", .issuer = pki.root, .signer = pki.root_key, .options = make_ca_extensions});
    pki.low = make_x509(&(make_options){
        .key = pki.low_key, .name = "Low", .issuer = pki.mid, .signer = pki.mid_key, .options = make_ca_extensions});
    return 0;
}

int make_pki_end(void **state)
{
    EVP_PKEY *const keys[] = {pki.root_key, pki.mid_key, pki.low_key, pki.ek_key, pki.rsa_ek_key, pki.stranger, pki.weak_key};

    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        EVP_PKEY_free(keys[i]);
    X509_free(pki.root);
    X509_free(pki.mid);
    X509_free(pki.low);
    return 0;
}

bm_ekc *make_ekc(const make_options *options)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_ekc *ekc = NULL;

    make_x509_der(options, &der);
    assert_ok(bm_ekc_parse(bm_buf_view(&der), &ekc));
    return ekc;
}

bm_ekc *make_ekc_of(X509 *issuer, EVP_PKEY *signer)
{
    return make_ekc(&(make_options){
        .key = pki.ek_key, .issuer = issuer, .signer = signer, .options = make_ek_ecc_extensions});
}

bm_result make_add(bm_anchors *anchors, X509 *x509, bm_tpm_class class)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    make_der(x509, &der);
    return bm_anchors_add(anchors, bm_buf_view(&der), class);
}

bm_anchors *make_anchors_of(X509 *x509)
{
    bm_anchors *anchors = NULL;

    assert_ok(bm_anchors_new(&anchors));
    if (x509 != NULL)
        assert_ok(make_add(anchors, x509, BM_CLASS_DISCRETE));
    return anchors;
}

bm_result make_verify_at(bm_anchors *anchors, const bm_ekc *ekc, X509 *const *chain, int64_t now,
                           const bool accepted[BM_CLASS_COUNT], bm_anchor_match *match)
{
    bm_buf ders[6] = {BM_BUF_EMPTY};
    bm_bytes views[6] = {{0}};
    bm_anchor_match ignored;
    bm_result result;
    size_t count = 0;

    for (; chain[count] != NULL; count++) {
        make_der(chain[count], &ders[count]);
        views[count] = bm_buf_view(&ders[count]);
    }
    result = bm_anchors_verify(anchors, ekc, views, count, accepted, now, match == NULL ? &ignored : match);
    for (size_t i = 0; i < count; i++)
        bm_buf_fini(&ders[i]);
    return result;
}

bm_result make_verify(bm_anchors *anchors, const bm_ekc *ekc, X509 *const *chain)
{
    return make_verify_at(anchors, ekc, chain, MAKE_NOW, make_all_classes, NULL);
}

bm_result make_once(bm_anchors *anchors, bm_ekc *ekc, X509 *const *chain)
{
    bm_result result = make_verify(anchors, ekc, chain);

    bm_ekc_free(ekc);
    bm_anchors_free(anchors);
    return result;
}

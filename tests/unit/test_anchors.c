#include "make_anchors.h"

#include <openssl/param_build.h>

static void classes_have_names(void **state)
{
    bm_tpm_class class;

    (void)state;
    for (int i = 0; i < BM_CLASS_COUNT; i++) {
        assert_ok(bm_anchors_class_by_name(bm_bytes_str(bm_anchors_class_name((bm_tpm_class)i)), &class));
        assert_int_equal(class, i);
    }
    assert_code(bm_anchors_class_by_name(bm_bytes_str("Discrete"), &class), BM_E_MALFORMED);
    assert_code(bm_anchors_class_by_name(bm_bytes_str(""), &class), BM_E_MALFORMED);
    assert_code(bm_anchors_class_by_name(bm_bytes_str("discrete "), &class), BM_E_MALFORMED);
}

static void an_anchor_is_a_ca_certificate(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(NULL);
    X509 *leaf = make_x509(&(make_options){
        .key = pki.ek_key, .name = "x", .issuer = pki.root, .signer = pki.root_key, .options = make_ek_ecc_extensions});
    X509 *old = make_x509(&(make_options){.key = pki.root_key, .name = "Old", .version_1 = true});
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    (void)state;
    assert_code(make_add(anchors, leaf, BM_CLASS_DISCRETE), BM_E_EKC_USAGE);
    assert_code(make_add(anchors, old, BM_CLASS_DISCRETE), BM_E_EKC_USAGE);
    assert_code(bm_anchors_add(anchors, bm_bytes_of(NULL, 0), BM_CLASS_DISCRETE), BM_E_EKC_MALFORMED);
    assert_code(bm_anchors_add(anchors, bm_bytes_str("no certificate"), BM_CLASS_DISCRETE), BM_E_EKC_MALFORMED);
    make_der(pki.root, &der);
    assert_code(bm_anchors_add(anchors, bm_bytes_slice(bm_buf_view(&der), 0, der.size - 1), BM_CLASS_DISCRETE),
                BM_E_EKC_MALFORMED);
    assert_ok(bm_buf_put_u8(&der, 0));
    assert_code(bm_anchors_add(anchors, bm_buf_view(&der), BM_CLASS_DISCRETE), BM_E_EKC_MALFORMED);
    assert_int_equal(bm_anchors_count(anchors), 0);
    /* self-signed or not; the same again is no second one */
    assert_ok(make_add(anchors, pki.mid, BM_CLASS_DISCRETE));
    assert_ok(make_add(anchors, pki.root, BM_CLASS_DISCRETE));
    assert_ok(make_add(anchors, pki.root, BM_CLASS_DISCRETE));
    assert_int_equal(bm_anchors_count(anchors), 2);
    X509_free(leaf);
    X509_free(old);
}

static void a_certificate_chains_to_its_anchor(void **state)
{
    (void)state;
    assert_ok(make_once(make_anchors_of(pki.root), make_ekc_of(pki.root, pki.root_key), (make_chain){NULL}));
    assert_ok(make_once(make_anchors_of(pki.root), make_ekc_of(pki.mid, pki.mid_key), (make_chain){pki.mid}));
    assert_ok(make_once(make_anchors_of(pki.root), make_ekc_of(pki.low, pki.low_key), (make_chain){pki.low, pki.mid}));
    /* in any order, with the root itself, with one twice */
    assert_ok(make_once(make_anchors_of(pki.root), make_ekc_of(pki.low, pki.low_key), (make_chain){pki.root, pki.mid, pki.low}));
    assert_ok(make_once(make_anchors_of(pki.root), make_ekc_of(pki.low, pki.low_key), (make_chain){pki.mid, pki.low, pki.low}));
    /* an anchor that is not self-signed, below or above what the device sends */
    assert_ok(make_once(make_anchors_of(pki.mid), make_ekc_of(pki.mid, pki.mid_key), (make_chain){NULL}));
    assert_ok(make_once(make_anchors_of(pki.mid), make_ekc_of(pki.low, pki.low_key), (make_chain){pki.low}));
    assert_ok(make_once(make_anchors_of(pki.mid), make_ekc_of(pki.low, pki.low_key), (make_chain){pki.low, pki.mid, pki.root}));
    assert_ok(make_once(make_anchors_of(pki.low), make_ekc_of(pki.low, pki.low_key), (make_chain){pki.low, pki.mid, pki.root}));
}

static void a_key_under_oaep_chains_as_any_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        bm_ekc *ekc = make_ekc(&(make_options){.key = pki.rsa_ek_key,
                                               .issuer = i == 0 ? pki.root : pki.mid,
                                               .signer = i == 0 ? pki.root_key : pki.mid_key,
                                               .options = make_ek_extensions,
                                               .oaep = true});

        assert_ok(make_once(make_anchors_of(pki.root), ekc, (make_chain){pki.mid}));
    }
}

static void the_match_names_the_anchor_and_its_class(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = make_ekc_of(pki.low, pki.low_key);
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    uint8_t sha256[BM_SHA256_SIZE];
    bm_anchor_match match;

    (void)state;
    make_der(pki.root, &der);
    assert_ok(bm_hash_sha256(bm_buf_view(&der), sha256));
    /* the second time from memory */
    for (size_t i = 0; i < 2; i++) {
        assert_ok(make_verify_at(anchors, ekc, (make_chain){pki.low, pki.mid}, MAKE_NOW, make_all_classes, &match));
        assert_int_equal(match.class, BM_CLASS_DISCRETE);
        assert_memory_equal(match.anchor_sha256, sha256, sizeof(sha256));
    }
}

static void a_class_that_is_not_accepted_is_refused(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = make_ekc_of(pki.mid, pki.mid_key);
    static const bool none[BM_CLASS_COUNT] = {false, false, false};
    bm_anchor_match match;

    (void)state;
    assert_ok(make_verify_at(anchors, ekc, (make_chain){pki.mid}, MAKE_NOW, make_no_virtual, NULL));
    assert_code(make_verify_at(anchors, ekc, (make_chain){pki.mid}, MAKE_NOW, none, NULL), BM_E_EKC_CLASS);
    /* the anchor takes another class: what is remembered of it does not help */
    assert_ok(make_add(anchors, pki.root, BM_CLASS_VIRTUAL));
    assert_int_equal(bm_anchors_count(anchors), 1);
    assert_code(make_verify_at(anchors, ekc, (make_chain){pki.mid}, MAKE_NOW, make_no_virtual, NULL), BM_E_EKC_CLASS);
    assert_ok(make_verify_at(anchors, ekc, (make_chain){pki.mid}, MAKE_NOW, make_all_classes, &match));
    assert_int_equal(match.class, BM_CLASS_VIRTUAL);
}

static void the_nearest_anchor_says_the_class(void **state)
{
    X509 *const near[] = {pki.mid, pki.low};

    (void)state;
    /* a vendor whose root is discrete and whose one CA is for virtual TPMs */
    for (size_t i = 0; i < 2; i++) {
        BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
        BM_AUTO(bm_ekc_freep) bm_ekc *ekc = make_ekc_of(pki.low, pki.low_key);

        assert_ok(make_add(anchors, near[i], BM_CLASS_VIRTUAL));
        assert_code(make_verify_at(anchors, ekc, (make_chain){pki.low, pki.mid}, MAKE_NOW, make_no_virtual, NULL), BM_E_EKC_CLASS);
        assert_code(make_verify_at(anchors, ekc, (make_chain){pki.low, pki.mid, pki.root}, MAKE_NOW, make_no_virtual, NULL), BM_E_EKC_CLASS);
    }
}

static void what_chains_to_nothing_is_refused(void **state)
{
    X509 *namesake = make_x509(&(make_options){.key = pki.stranger, .name = "Root", .options = make_ca_extensions});
    X509 *impostor = make_x509(&(make_options){
        .key = pki.low_key, .name = "Mid", .issuer = namesake, .signer = pki.stranger, .options = make_ca_extensions});

    (void)state;
    assert_code(make_once(make_anchors_of(NULL), make_ekc_of(pki.root, pki.root_key), (make_chain){NULL}), BM_E_EKC_UNTRUSTED);
    assert_code(make_once(make_anchors_of(NULL), make_ekc_of(pki.root, pki.root_key), (make_chain){pki.root}), BM_E_EKC_UNTRUSTED);
    assert_code(make_once(make_anchors_of(pki.root), make_ekc_of(pki.mid, pki.mid_key), (make_chain){NULL}), BM_E_EKC_UNTRUSTED);
    assert_code(make_once(make_anchors_of(pki.root), make_ekc_of(pki.low, pki.low_key), (make_chain){pki.low}), BM_E_EKC_UNTRUSTED);
    assert_code(make_once(make_anchors_of(pki.root), make_ekc_of(pki.low, pki.low_key), (make_chain){pki.mid}), BM_E_EKC_UNTRUSTED);
    assert_code(make_once(make_anchors_of(pki.low), make_ekc_of(pki.mid, pki.mid_key), (make_chain){pki.mid}), BM_E_EKC_UNTRUSTED);
    /* the names of the vendor's CAs, but other keys */
    assert_code(make_once(make_anchors_of(pki.root), make_ekc_of(pki.root, pki.stranger), (make_chain){NULL}), BM_E_EKC_UNTRUSTED);
    assert_code(make_once(make_anchors_of(pki.root), make_ekc_of(namesake, pki.stranger), (make_chain){namesake}), BM_E_EKC_UNTRUSTED);
    assert_code(make_once(make_anchors_of(pki.root), make_ekc_of(impostor, pki.low_key), (make_chain){impostor, namesake}), BM_E_EKC_UNTRUSTED);
    assert_code(make_once(make_anchors_of(pki.root), make_ekc_of(pki.mid, pki.low_key), (make_chain){pki.mid}), BM_E_EKC_UNTRUSTED);
    /* signed by itself */
    assert_code(make_once(make_anchors_of(pki.root),
                     make_ekc(&(make_options){.key = pki.ek_key, .name = "Root", .options = make_ek_ecc_extensions}),
                     (make_chain){NULL}),
                BM_E_EKC_UNTRUSTED);
    X509_free(namesake);
    X509_free(impostor);
}

static void an_anchor_of_the_same_name_does_not_hide_the_right_one(void **state)
{
    static const char *const no_ids[] = {"basicConstraints", "critical,CA:TRUE", NULL};
    X509 *one = make_x509(&(make_options){.key = pki.stranger, .name = "Twin", .options = no_ids});
    X509 *two = make_x509(&(make_options){.key = pki.low_key, .name = "Twin", .options = no_ids});
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(one);
    BM_AUTO(bm_ekc_freep) bm_ekc *first = make_ekc_of(one, pki.stranger);
    BM_AUTO(bm_ekc_freep) bm_ekc *second = make_ekc_of(two, pki.low_key);

    (void)state;
    assert_code(make_verify(anchors, second, (make_chain){NULL}), BM_E_EKC_UNTRUSTED);
    assert_ok(make_add(anchors, two, BM_CLASS_DISCRETE));
    assert_ok(make_verify(anchors, first, (make_chain){NULL}));
    assert_ok(make_verify(anchors, second, (make_chain){NULL}));
    X509_free(one);
    X509_free(two);
}

/* An EK certificate below an intermediate with these options, which the root signed. */
static bm_result below(const make_options *options)
{
    make_options intermediate = *options;
    X509 *x509;
    bm_result result;

    intermediate.name = "Below";
    intermediate.issuer = pki.root;
    intermediate.signer = pki.root_key;
    x509 = make_x509(&intermediate);
    result = make_once(make_anchors_of(pki.root), make_ekc_of(x509, options->key), (make_chain){x509});
    X509_free(x509);
    return result;
}

static void an_intermediate_is_a_ca_that_may_sign(void **state)
{
    static const char *const cases[][6] = {
        {NULL},
        {"basicConstraints", "critical,CA:FALSE", NULL},
        {"keyUsage", "critical,keyCertSign", NULL},
        {"basicConstraints", "critical,CA:TRUE", "keyUsage", "critical,digitalSignature", NULL},
        {"basicConstraints", "critical,CA:TRUE", "1.2.3.4", "critical,DER:0500", NULL},
    };

    (void)state;
    assert_ok(below(&(make_options){.key = pki.low_key, .options = make_ca_extensions}));
    assert_ok(below(&(make_options){.key = pki.low_key, .options = (const char *const[]){"basicConstraints", "CA:TRUE", NULL}}));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_code(below(&(make_options){.key = pki.low_key, .options = cases[i]}), BM_E_EKC_UNTRUSTED);
    assert_code(below(&(make_options){.key = pki.low_key, .version_1 = true}), BM_E_EKC_UNTRUSTED);
    /* another device's EK certificate */
    assert_code(below(&(make_options){.key = pki.low_key, .options = make_ek_ecc_extensions}), BM_E_EKC_UNTRUSTED);
}

static void weak_keys_and_hashes_are_refused(void **state)
{
    X509 *weak_root = make_x509(&(make_options){.key = pki.weak_key, .name = "Weak", .options = make_ca_extensions});
    X509 *sha1_root = make_x509(&(make_options){
        .key = pki.root_key, .name = "Sha1", .options = make_ca_extensions, .md = EVP_sha1()});
    bm_ekc *sha1 = make_ekc(&(make_options){
        .key = pki.ek_key, .issuer = pki.root, .signer = pki.root_key, .options = make_ek_ecc_extensions, .md = EVP_sha1()});

    (void)state;
    assert_code(below(&(make_options){.key = pki.weak_key, .options = make_ca_extensions}), BM_E_EKC_UNTRUSTED);
    assert_code(below(&(make_options){.key = pki.low_key, .options = make_ca_extensions, .md = EVP_sha1()}), BM_E_EKC_UNTRUSTED);
    assert_code(make_once(make_anchors_of(pki.root), sha1, (make_chain){NULL}), BM_E_EKC_UNTRUSTED);
    assert_code(make_once(make_anchors_of(weak_root), make_ekc_of(weak_root, pki.weak_key), (make_chain){NULL}), BM_E_EKC_UNTRUSTED);
    /* an anchor's own signature is nobody's business */
    assert_ok(make_once(make_anchors_of(sha1_root), make_ekc_of(sha1_root, pki.root_key), (make_chain){NULL}));
    X509_free(weak_root);
    X509_free(sha1_root);
}

/* An RSA key whose public exponent is as long as its modulus: its private one and 65537 have changed their places. */
static EVP_PKEY *slow_key(const char *type)
{
    EVP_PKEY *fast = EVP_RSA_gen(2048);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *n = NULL, *e = NULL, *d = NULL;
    OSSL_PARAM *params;
    EVP_PKEY *slow = NULL;

    assert_true(EVP_PKEY_get_bn_param(fast, "n", &n) && EVP_PKEY_get_bn_param(fast, "e", &e) && EVP_PKEY_get_bn_param(fast, "d", &d));
    assert_true(OSSL_PARAM_BLD_push_BN(builder, "n", n) && OSSL_PARAM_BLD_push_BN(builder, "e", d) && OSSL_PARAM_BLD_push_BN(builder, "d", e));
    params = OSSL_PARAM_BLD_to_param(builder);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &slow, EVP_PKEY_KEYPAIR, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    BN_free(d);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(fast);
    return slow;
}

/* Anybody can send such a chain, four of them at a time: verifying with one takes as long as signing. */
static void a_key_that_is_made_to_cost_time_is_refused(void **state)
{
    static const char *const types[] = {"RSA", "RSA-PSS"};
    EVP_PKEY *binary;

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        EVP_PKEY *slow = slow_key(types[i]);

        assert_code(below(&(make_options){.key = slow, .options = make_ca_extensions}), BM_E_EKC_UNTRUSTED);
        EVP_PKEY_free(slow);
    }
    binary = EVP_EC_gen("B-571");
    assert_non_null(binary);
    assert_code(below(&(make_options){.key = binary, .options = make_ca_extensions}), BM_E_EKC_UNTRUSTED);
    EVP_PKEY_free(binary);
}

static void a_weak_anchor_above_an_intermediate_is_refused(void **state)
{
    X509 *weak_root = make_x509(&(make_options){.key = pki.weak_key, .name = "Weak", .options = make_ca_extensions});
    X509 *x509 = make_x509(&(make_options){
        .key = pki.low_key, .name = "L", .issuer = weak_root, .signer = pki.weak_key, .options = make_ca_extensions});

    (void)state;
    assert_code(make_once(make_anchors_of(weak_root), make_ekc_of(x509, pki.low_key), (make_chain){x509}), BM_E_EKC_UNTRUSTED);
    X509_free(weak_root);
    X509_free(x509);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_have_names),
        cmocka_unit_test(an_anchor_is_a_ca_certificate),
        cmocka_unit_test(a_certificate_chains_to_its_anchor),
        cmocka_unit_test(a_key_under_oaep_chains_as_any_other),
        cmocka_unit_test(the_match_names_the_anchor_and_its_class),
        cmocka_unit_test(a_class_that_is_not_accepted_is_refused),
        cmocka_unit_test(the_nearest_anchor_says_the_class),
        cmocka_unit_test(what_chains_to_nothing_is_refused),
        cmocka_unit_test(an_anchor_of_the_same_name_does_not_hide_the_right_one),
        cmocka_unit_test(an_intermediate_is_a_ca_that_may_sign),
        cmocka_unit_test(weak_keys_and_hashes_are_refused),
        cmocka_unit_test(a_key_that_is_made_to_cost_time_is_refused),
        cmocka_unit_test(a_weak_anchor_above_an_intermediate_is_refused),
    };
    return cmocka_run_group_tests(tests, make_pki_begin, make_pki_end);
}

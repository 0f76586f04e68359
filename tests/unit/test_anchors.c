#include "make_x509.h"

#include "x509/anchors.h"

#include <openssl/rsa.h>
#include <string.h>

/*
 * A vendor's PKI: root (RSA) -> intermediate (P-384) -> lower (P-256) -> EK certificates. `stranger` is a key of nobody.
 */
static EVP_PKEY *root_key, *mid_key, *low_key, *ek_key, *rsa_ek_key, *stranger, *weak_key;
static X509 *root, *mid, *low;

static const bool all_classes[BM_CLASS_COUNT] = {true, true, true};
static const bool no_virtual[BM_CLASS_COUNT] = {true, true, false};

static int make_pki(void **state)
{
    (void)state;
    root_key = make_key(BM_KEY_RSA2048);
    mid_key = make_key(BM_KEY_ECC384);
    low_key = make_key(BM_KEY_ECC256);
    ek_key = make_key(BM_KEY_ECC256);
    rsa_ek_key = make_key(BM_KEY_RSA2048);
    stranger = make_key(BM_KEY_ECC256);
    weak_key = EVP_RSA_gen(1024);
    assert_non_null(weak_key);
    root = make_x509(&(make_options){.key = root_key, .name = "Root", .options = make_ca_extensions});
    mid = make_x509(&(make_options){
        .key = mid_key, .name = "Mid", .issuer = root, .signer = root_key, .options = make_ca_extensions});
    low = make_x509(&(make_options){
        .key = low_key, .name = "Low", .issuer = mid, .signer = mid_key, .options = make_ca_extensions});
    return 0;
}

static int free_pki(void **state)
{
    EVP_PKEY *const keys[] = {root_key, mid_key, low_key, ek_key, rsa_ek_key, stranger, weak_key};

    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        EVP_PKEY_free(keys[i]);
    X509_free(root);
    X509_free(mid);
    X509_free(low);
    return 0;
}

/* An EK certificate, decoded and in our hands; the caller frees both. */
static bm_ekc *make_ekc(const make_options *options)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_ekc *ekc = NULL;

    make_x509_der(options, &der);
    assert_ok(bm_ekc_parse(bm_buf_view(&der), &ekc));
    return ekc;
}

static bm_ekc *ekc_of(X509 *issuer, EVP_PKEY *signer)
{
    return make_ekc(&(make_options){
        .key = ek_key, .issuer = issuer, .signer = signer, .options = make_ek_ecc_extensions});
}

static bm_result add(bm_anchors *anchors, X509 *x509, bm_tpm_class class)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    make_der(x509, &der);
    return bm_anchors_add(anchors, bm_buf_view(&der), class);
}

/* Anchors of one certificate, of class discrete. */
static bm_anchors *anchors_of(X509 *x509)
{
    bm_anchors *anchors = NULL;

    assert_ok(bm_anchors_new(&anchors));
    if (x509 != NULL)
        assert_ok(add(anchors, x509, BM_CLASS_DISCRETE));
    return anchors;
}

/* Verifies with a chain of up to six, which ends at a NULL. */
typedef X509 *chain_of[7];
static bm_result verify_at(bm_anchors *anchors, const bm_ekc *ekc, X509 *const *chain, int64_t now,
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

static bm_result verify(bm_anchors *anchors, const bm_ekc *ekc, X509 *const *chain)
{
    return verify_at(anchors, ekc, chain, MAKE_NOW, all_classes, NULL);
}

/* Verifies an EK certificate once, with these anchors; frees it and them. */
static bm_result once(bm_anchors *anchors, bm_ekc *ekc, X509 *const *chain)
{
    bm_result result = verify(anchors, ekc, chain);

    bm_ekc_free(ekc);
    bm_anchors_free(anchors);
    return result;
}

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
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = anchors_of(NULL);
    X509 *leaf = make_x509(&(make_options){
        .key = ek_key, .name = "x", .issuer = root, .signer = root_key, .options = make_ek_ecc_extensions});
    X509 *old = make_x509(&(make_options){.key = root_key, .name = "Old", .version_1 = true});
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    (void)state;
    assert_code(add(anchors, leaf, BM_CLASS_DISCRETE), BM_E_EKC_USAGE);
    assert_code(add(anchors, old, BM_CLASS_DISCRETE), BM_E_EKC_USAGE);
    assert_code(bm_anchors_add(anchors, bm_bytes_of(NULL, 0), BM_CLASS_DISCRETE), BM_E_EKC_MALFORMED);
    assert_code(bm_anchors_add(anchors, bm_bytes_str("no certificate"), BM_CLASS_DISCRETE), BM_E_EKC_MALFORMED);
    make_der(root, &der);
    assert_code(bm_anchors_add(anchors, bm_bytes_slice(bm_buf_view(&der), 0, der.size - 1), BM_CLASS_DISCRETE),
                BM_E_EKC_MALFORMED);
    assert_ok(bm_buf_put_u8(&der, 0));
    assert_code(bm_anchors_add(anchors, bm_buf_view(&der), BM_CLASS_DISCRETE), BM_E_EKC_MALFORMED);
    assert_int_equal(bm_anchors_count(anchors), 0);
    /* self-signed or not; the same again is no second one */
    assert_ok(add(anchors, mid, BM_CLASS_DISCRETE));
    assert_ok(add(anchors, root, BM_CLASS_DISCRETE));
    assert_ok(add(anchors, root, BM_CLASS_DISCRETE));
    assert_int_equal(bm_anchors_count(anchors), 2);
    X509_free(leaf);
    X509_free(old);
}

static void a_certificate_chains_to_its_anchor(void **state)
{
    (void)state;
    assert_ok(once(anchors_of(root), ekc_of(root, root_key), (chain_of){NULL}));
    assert_ok(once(anchors_of(root), ekc_of(mid, mid_key), (chain_of){mid}));
    assert_ok(once(anchors_of(root), ekc_of(low, low_key), (chain_of){low, mid}));
    /* in any order, with the root itself, with one twice */
    assert_ok(once(anchors_of(root), ekc_of(low, low_key), (chain_of){root, mid, low}));
    assert_ok(once(anchors_of(root), ekc_of(low, low_key), (chain_of){mid, low, low}));
    /* an anchor that is not self-signed, below or above what the device sends */
    assert_ok(once(anchors_of(mid), ekc_of(mid, mid_key), (chain_of){NULL}));
    assert_ok(once(anchors_of(mid), ekc_of(low, low_key), (chain_of){low}));
    assert_ok(once(anchors_of(mid), ekc_of(low, low_key), (chain_of){low, mid, root}));
    assert_ok(once(anchors_of(low), ekc_of(low, low_key), (chain_of){low, mid, root}));
}

static void a_key_under_oaep_chains_as_any_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        bm_ekc *ekc = make_ekc(&(make_options){.key = rsa_ek_key,
                                               .issuer = i == 0 ? root : mid,
                                               .signer = i == 0 ? root_key : mid_key,
                                               .options = make_ek_extensions,
                                               .oaep = true});

        assert_ok(once(anchors_of(root), ekc, (chain_of){mid}));
    }
}

static void the_match_names_the_anchor_and_its_class(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = anchors_of(root);
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = ekc_of(low, low_key);
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    uint8_t sha256[BM_SHA256_SIZE];
    bm_anchor_match match;

    (void)state;
    make_der(root, &der);
    assert_ok(bm_hash_sha256(bm_buf_view(&der), sha256));
    /* the second time from memory */
    for (size_t i = 0; i < 2; i++) {
        assert_ok(verify_at(anchors, ekc, (chain_of){low, mid}, MAKE_NOW, all_classes, &match));
        assert_int_equal(match.class, BM_CLASS_DISCRETE);
        assert_memory_equal(match.anchor_sha256, sha256, sizeof(sha256));
    }
}

static void a_class_that_is_not_accepted_is_refused(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = anchors_of(root);
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = ekc_of(mid, mid_key);
    static const bool none[BM_CLASS_COUNT] = {false, false, false};
    bm_anchor_match match;

    (void)state;
    assert_ok(verify_at(anchors, ekc, (chain_of){mid}, MAKE_NOW, no_virtual, NULL));
    assert_code(verify_at(anchors, ekc, (chain_of){mid}, MAKE_NOW, none, NULL), BM_E_EKC_CLASS);
    /* the anchor takes another class: what is remembered of it does not help */
    assert_ok(add(anchors, root, BM_CLASS_VIRTUAL));
    assert_int_equal(bm_anchors_count(anchors), 1);
    assert_code(verify_at(anchors, ekc, (chain_of){mid}, MAKE_NOW, no_virtual, NULL), BM_E_EKC_CLASS);
    assert_ok(verify_at(anchors, ekc, (chain_of){mid}, MAKE_NOW, all_classes, &match));
    assert_int_equal(match.class, BM_CLASS_VIRTUAL);
}

static void the_nearest_anchor_says_the_class(void **state)
{
    X509 *const near[] = {mid, low};

    (void)state;
    /* a vendor whose root is discrete and whose one CA is for virtual TPMs */
    for (size_t i = 0; i < 2; i++) {
        BM_AUTO(bm_anchors_freep) bm_anchors *anchors = anchors_of(root);
        BM_AUTO(bm_ekc_freep) bm_ekc *ekc = ekc_of(low, low_key);

        assert_ok(add(anchors, near[i], BM_CLASS_VIRTUAL));
        assert_code(verify_at(anchors, ekc, (chain_of){low, mid}, MAKE_NOW, no_virtual, NULL), BM_E_EKC_CLASS);
        assert_code(verify_at(anchors, ekc, (chain_of){low, mid, root}, MAKE_NOW, no_virtual, NULL), BM_E_EKC_CLASS);
    }
}

static void what_chains_to_nothing_is_refused(void **state)
{
    X509 *namesake = make_x509(&(make_options){.key = stranger, .name = "Root", .options = make_ca_extensions});
    X509 *impostor = make_x509(&(make_options){
        .key = low_key, .name = "Mid", .issuer = namesake, .signer = stranger, .options = make_ca_extensions});

    (void)state;
    assert_code(once(anchors_of(NULL), ekc_of(root, root_key), (chain_of){NULL}), BM_E_EKC_UNTRUSTED);
    assert_code(once(anchors_of(NULL), ekc_of(root, root_key), (chain_of){root}), BM_E_EKC_UNTRUSTED);
    assert_code(once(anchors_of(root), ekc_of(mid, mid_key), (chain_of){NULL}), BM_E_EKC_UNTRUSTED);
    assert_code(once(anchors_of(root), ekc_of(low, low_key), (chain_of){low}), BM_E_EKC_UNTRUSTED);
    assert_code(once(anchors_of(root), ekc_of(low, low_key), (chain_of){mid}), BM_E_EKC_UNTRUSTED);
    assert_code(once(anchors_of(low), ekc_of(mid, mid_key), (chain_of){mid}), BM_E_EKC_UNTRUSTED);
    /* the names of the vendor's CAs, but other keys */
    assert_code(once(anchors_of(root), ekc_of(root, stranger), (chain_of){NULL}), BM_E_EKC_UNTRUSTED);
    assert_code(once(anchors_of(root), ekc_of(namesake, stranger), (chain_of){namesake}), BM_E_EKC_UNTRUSTED);
    assert_code(once(anchors_of(root), ekc_of(impostor, low_key), (chain_of){impostor, namesake}), BM_E_EKC_UNTRUSTED);
    assert_code(once(anchors_of(root), ekc_of(mid, low_key), (chain_of){mid}), BM_E_EKC_UNTRUSTED);
    /* signed by itself */
    assert_code(once(anchors_of(root),
                     make_ekc(&(make_options){.key = ek_key, .name = "Root", .options = make_ek_ecc_extensions}),
                     (chain_of){NULL}),
                BM_E_EKC_UNTRUSTED);
    X509_free(namesake);
    X509_free(impostor);
}

static void an_anchor_of_the_same_name_does_not_hide_the_right_one(void **state)
{
    static const char *const no_ids[] = {"basicConstraints", "critical,CA:TRUE", NULL};
    X509 *one = make_x509(&(make_options){.key = stranger, .name = "Twin", .options = no_ids});
    X509 *two = make_x509(&(make_options){.key = low_key, .name = "Twin", .options = no_ids});
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = anchors_of(one);
    BM_AUTO(bm_ekc_freep) bm_ekc *first = ekc_of(one, stranger);
    BM_AUTO(bm_ekc_freep) bm_ekc *second = ekc_of(two, low_key);

    (void)state;
    assert_code(verify(anchors, second, (chain_of){NULL}), BM_E_EKC_UNTRUSTED);
    assert_ok(add(anchors, two, BM_CLASS_DISCRETE));
    assert_ok(verify(anchors, first, (chain_of){NULL}));
    assert_ok(verify(anchors, second, (chain_of){NULL}));
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
    intermediate.issuer = root;
    intermediate.signer = root_key;
    x509 = make_x509(&intermediate);
    result = once(anchors_of(root), ekc_of(x509, options->key), (chain_of){x509});
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
    assert_ok(below(&(make_options){.key = low_key, .options = make_ca_extensions}));
    assert_ok(below(&(make_options){.key = low_key, .options = (const char *const[]){"basicConstraints", "CA:TRUE", NULL}}));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_code(below(&(make_options){.key = low_key, .options = cases[i]}), BM_E_EKC_UNTRUSTED);
    assert_code(below(&(make_options){.key = low_key, .version_1 = true}), BM_E_EKC_UNTRUSTED);
    /* another device's EK certificate */
    assert_code(below(&(make_options){.key = low_key, .options = make_ek_ecc_extensions}), BM_E_EKC_UNTRUSTED);
}

static void weak_keys_and_hashes_are_refused(void **state)
{
    X509 *weak_root = make_x509(&(make_options){.key = weak_key, .name = "Weak", .options = make_ca_extensions});
    X509 *sha1_root = make_x509(&(make_options){
        .key = root_key, .name = "Sha1", .options = make_ca_extensions, .md = EVP_sha1()});
    bm_ekc *sha1 = make_ekc(&(make_options){
        .key = ek_key, .issuer = root, .signer = root_key, .options = make_ek_ecc_extensions, .md = EVP_sha1()});

    (void)state;
    assert_code(below(&(make_options){.key = weak_key, .options = make_ca_extensions}), BM_E_EKC_UNTRUSTED);
    assert_code(below(&(make_options){.key = low_key, .options = make_ca_extensions, .md = EVP_sha1()}), BM_E_EKC_UNTRUSTED);
    assert_code(once(anchors_of(root), sha1, (chain_of){NULL}), BM_E_EKC_UNTRUSTED);
    assert_code(once(anchors_of(weak_root), ekc_of(weak_root, weak_key), (chain_of){NULL}), BM_E_EKC_UNTRUSTED);
    /* an anchor's own signature is nobody's business */
    assert_ok(once(anchors_of(sha1_root), ekc_of(sha1_root, root_key), (chain_of){NULL}));
    X509_free(weak_root);
    X509_free(sha1_root);
}

static void a_weak_anchor_above_an_intermediate_is_refused(void **state)
{
    X509 *weak_root = make_x509(&(make_options){.key = weak_key, .name = "Weak", .options = make_ca_extensions});
    X509 *x509 = make_x509(&(make_options){
        .key = low_key, .name = "L", .issuer = weak_root, .signer = weak_key, .options = make_ca_extensions});

    (void)state;
    assert_code(once(anchors_of(weak_root), ekc_of(x509, low_key), (chain_of){x509}), BM_E_EKC_UNTRUSTED);
    X509_free(weak_root);
    X509_free(x509);
}

static void path_lengths_are_kept(void **state)
{
    static const char *const lengths[] = {"critical,CA:TRUE,pathlen:0", "critical,CA:TRUE,pathlen:1"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *const options[] = {"basicConstraints", lengths[i], NULL};
        X509 *top = make_x509(&(make_options){.key = root_key, .name = "Top", .options = options});
        X509 *one = make_x509(&(make_options){
            .key = mid_key, .name = "One", .issuer = top, .signer = root_key, .options = make_ca_extensions});
        X509 *two = make_x509(&(make_options){
            .key = low_key, .name = "Two", .issuer = one, .signer = mid_key, .options = make_ca_extensions});
        bm_code allowed = i == 1 ? BM_OK : BM_E_EKC_UNTRUSTED;

        assert_ok(once(anchors_of(top), ekc_of(top, root_key), (chain_of){NULL}));
        assert_code(once(anchors_of(top), ekc_of(one, mid_key), (chain_of){one}), allowed);
        assert_code(once(anchors_of(top), ekc_of(two, low_key), (chain_of){one, two}), BM_E_EKC_UNTRUSTED);
        X509_free(top);
        X509_free(one);
        X509_free(two);
    }
}

/* One date in the chain is wrong, all else is right. */
static void dates_are_kept(void **state)
{
    X509 *late = make_x509(&(make_options){.key = low_key,
                                           .name = "Late",
                                           .issuer = root,
                                           .signer = root_key,
                                           .options = make_ca_extensions,
                                           .from = MAKE_FROM + 1000,
                                           .until = MAKE_UNTIL - 1000});
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = anchors_of(root);
    BM_AUTO(bm_anchors_freep) bm_anchors *fresh = anchors_of(root);
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = ekc_of(late, low_key);
    BM_AUTO(bm_ekc_freep) bm_ekc *direct = ekc_of(root, root_key);
    chain_of chain = {late};

    (void)state;
    assert_ok(verify_at(anchors, ekc, chain, MAKE_FROM + 1000, all_classes, NULL));
    assert_ok(verify_at(anchors, ekc, chain, MAKE_UNTIL - 1000, all_classes, NULL));
    /* the intermediate's dates, from memory and not */
    assert_code(verify_at(anchors, ekc, chain, MAKE_FROM + 999, all_classes, NULL), BM_E_EKC_VALIDITY);
    assert_code(verify_at(anchors, ekc, chain, MAKE_UNTIL - 999, all_classes, NULL), BM_E_EKC_VALIDITY);
    assert_code(verify_at(fresh, ekc, chain, MAKE_FROM + 999, all_classes, NULL), BM_E_EKC_VALIDITY);
    assert_ok(verify_at(fresh, ekc, chain, MAKE_NOW, all_classes, NULL));
    /* the anchor's and the leaf's */
    assert_ok(verify_at(fresh, direct, (chain_of){NULL}, MAKE_UNTIL, all_classes, NULL));
    assert_code(verify_at(fresh, direct, (chain_of){NULL}, MAKE_UNTIL + 1, all_classes, NULL), BM_E_EKC_VALIDITY);
    assert_code(verify_at(fresh, direct, (chain_of){NULL}, MAKE_FROM - 1, all_classes, NULL), BM_E_EKC_VALIDITY);
    X509_free(late);
}

static void a_date_of_the_leaf_or_the_anchor_alone_counts_too(void **state)
{
    X509 *past = make_x509(&(make_options){
        .key = low_key, .name = "Past", .options = make_ca_extensions, .until = MAKE_NOW - 1});
    bm_ekc *expired = make_ekc(&(make_options){
        .key = ek_key, .issuer = root, .signer = root_key, .options = make_ek_ecc_extensions, .until = MAKE_NOW - 1});
    bm_ekc *early = make_ekc(&(make_options){
        .key = ek_key, .issuer = mid, .signer = mid_key, .options = make_ek_ecc_extensions, .from = MAKE_NOW + 1});

    (void)state;
    assert_code(once(anchors_of(root), expired, (chain_of){NULL}), BM_E_EKC_VALIDITY);
    assert_code(once(anchors_of(root), early, (chain_of){mid}), BM_E_EKC_VALIDITY);
    assert_code(once(anchors_of(past), ekc_of(past, low_key), (chain_of){NULL}), BM_E_EKC_VALIDITY);
    X509_free(past);
}

static void a_renewed_anchor_takes_the_place_of_an_expired_one(void **state)
{
    X509 *past = make_x509(&(make_options){
        .key = root_key, .name = "Root", .options = make_ca_extensions, .until = MAKE_NOW - 1});
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = anchors_of(past);
    BM_AUTO(bm_ekc_freep) bm_ekc *direct = ekc_of(root, root_key);
    BM_AUTO(bm_ekc_freep) bm_ekc *below_mid = ekc_of(mid, mid_key);

    (void)state;
    assert_code(verify(anchors, direct, (chain_of){NULL}), BM_E_EKC_VALIDITY);
    assert_code(verify(anchors, below_mid, (chain_of){mid}), BM_E_EKC_VALIDITY);
    assert_ok(add(anchors, root, BM_CLASS_DISCRETE));
    assert_ok(verify(anchors, direct, (chain_of){NULL}));
    assert_ok(verify(anchors, below_mid, (chain_of){mid}));
    X509_free(past);
}

static void an_unknown_critical_extension_is_refused(void **state)
{
    static const char *const options[] = {"extendedKeyUsage", "2.23.133.8.1", "1.2.3.4", "critical,DER:0500", NULL};
    static const char *const ca_options[] = {"basicConstraints", "critical,CA:TRUE", "1.2.3.4", "critical,DER:0500", NULL};
    X509 *odd = make_x509(&(make_options){.key = low_key, .name = "Odd", .options = ca_options});

    (void)state;
    assert_code(once(anchors_of(odd), ekc_of(odd, low_key), (chain_of){NULL}), BM_E_EKC_UNTRUSTED);
    X509_free(odd);
    assert_code(once(anchors_of(root),
                     make_ekc(&(make_options){.key = ek_key, .issuer = root, .signer = root_key, .options = options}),
                     (chain_of){NULL}),
                BM_E_EKC_UNTRUSTED);
}

static void name_constraints_bind_the_leaf(void **state)
{
    static const char *const constrained[] = {"basicConstraints", "critical,CA:TRUE", "nameConstraints",
                                              "critical,permitted;email:example.com", NULL};
    static const char *const good[] = {"extendedKeyUsage", "2.23.133.8.1", "subjectAltName", "email:a@example.com", NULL};
    static const char *const bad[] = {"extendedKeyUsage", "2.23.133.8.1", "subjectAltName", "email:a@example.org", NULL};
    X509 *x509 = make_x509(&(make_options){
        .key = low_key, .name = "Bound", .issuer = root, .signer = root_key, .options = constrained});
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = anchors_of(root);
    make_options leaf = {.key = ek_key, .issuer = x509, .signer = low_key, .options = good};
    BM_AUTO(bm_ekc_freep) bm_ekc *inside = make_ekc(&leaf);
    BM_AUTO(bm_ekc_freep) bm_ekc *outside = NULL;

    (void)state;
    leaf.options = bad;
    outside = make_ekc(&leaf);
    for (size_t i = 0; i < 2; i++) {
        assert_code(verify(anchors, outside, (chain_of){x509}), BM_E_EKC_UNTRUSTED);
        assert_ok(verify(anchors, inside, (chain_of){x509}));
    }
    X509_free(x509);
}

static void a_chain_that_is_none_is_refused(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = anchors_of(root);
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = ekc_of(mid, mid_key);
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO_BUF large = BM_BUF_EMPTY;
    bm_anchor_match match;
    bm_bytes chain[2];

    (void)state;
    assert_code(verify(anchors, ekc, (chain_of){mid, mid, mid, mid, mid}), BM_E_EKC_MALFORMED);
    make_der(mid, &der);
    chain[0] = bm_buf_view(&der);
    for (size_t i = 0; i < 2; i++) {
        /* whether or not the rest of the chain is remembered */
        chain[1] = bm_bytes_str("no certificate");
        assert_code(bm_anchors_verify(anchors, ekc, chain, 2, all_classes, MAKE_NOW, &match), BM_E_EKC_MALFORMED);
        chain[1] = bm_bytes_slice(chain[0], 0, chain[0].size - 1);
        assert_code(bm_anchors_verify(anchors, ekc, chain, 2, all_classes, MAKE_NOW, &match), BM_E_EKC_MALFORMED);
        chain[1] = bm_bytes_of(NULL, 0);
        assert_code(bm_anchors_verify(anchors, ekc, chain, 2, all_classes, MAKE_NOW, &match), BM_E_EKC_MALFORMED);
        assert_ok(bm_anchors_verify(anchors, ekc, chain, 1, all_classes, MAKE_NOW, &match));
    }
    for (size_t i = 0; i <= BM_EKC_MAX; i++)
        assert_ok(bm_buf_put_u8(&large, 0x30));
    chain[1] = bm_buf_view(&large);
    assert_code(bm_anchors_verify(anchors, ekc, chain, 2, all_classes, MAKE_NOW, &match), BM_E_EKC_MALFORMED);
}

static void what_is_remembered_helps_nobody_else(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = anchors_of(root);
    BM_AUTO(bm_ekc_freep) bm_ekc *good = ekc_of(mid, mid_key);
    BM_AUTO(bm_ekc_freep) bm_ekc *forged = ekc_of(mid, low_key);
    X509 *twin = make_x509(&(make_options){
        .key = mid_key, .name = "Mid", .issuer = root, .signer = low_key, .options = make_ca_extensions});

    (void)state;
    assert_ok(verify(anchors, good, (chain_of){mid}));
    assert_ok(verify(anchors, good, (chain_of){mid}));
    assert_code(verify(anchors, forged, (chain_of){mid}), BM_E_EKC_UNTRUSTED);
    /* it must still be sent, byte for byte */
    assert_code(verify(anchors, good, (chain_of){NULL}), BM_E_EKC_UNTRUSTED);
    assert_code(verify(anchors, good, (chain_of){twin}), BM_E_EKC_UNTRUSTED);
    assert_ok(verify(anchors, good, (chain_of){twin, mid}));
    X509_free(twin);
}

static void more_intermediates_than_are_remembered_are_verified_all_the_same(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = anchors_of(root);
    X509 *many[70];
    char name[8];

    (void)state;
    for (size_t i = 0; i < 70; i++) {
        name[0] = (char)('A' + i / 10);
        name[1] = (char)('0' + i % 10);
        name[2] = '\0';
        many[i] = make_x509(&(make_options){
            .key = low_key, .name = name, .issuer = root, .signer = root_key, .options = make_ca_extensions});
    }
    for (size_t round = 0; round < 2; round++)
        for (size_t i = 0; i < 70; i++) {
            BM_AUTO(bm_ekc_freep) bm_ekc *ekc = ekc_of(many[i], low_key);

            assert_ok(verify(anchors, ekc, (chain_of){many[i]}));
            assert_code(verify(anchors, ekc, (chain_of){many[(i + 1) % 70]}), BM_E_EKC_UNTRUSTED);
        }
    for (size_t i = 0; i < 70; i++)
        X509_free(many[i]);
}

/* What a changed leaf or intermediate is verified against. */
typedef struct {
    bm_anchors *anchors;
    bm_bytes leaf;
    bm_bytes intermediate;
} target;

static bm_code verify_bytes(const target *what)
{
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
    bm_anchor_match match;

    if (bm_ekc_parse(what->leaf, &ekc).code != BM_OK)
        return BM_E_EKC_MALFORMED;
    return bm_anchors_verify(what->anchors, ekc, &what->intermediate, 1, all_classes, MAKE_NOW, &match).code;
}

static make_verdict verdict_of(bm_code code)
{
    return code == BM_OK ? MAKE_VERIFIED : code == BM_E_EKC_MALFORMED ? MAKE_REFUSED : MAKE_PARSED;
}

static make_verdict torture_leaf(bm_bytes bytes, void *context)
{
    target what = *(const target *)context;

    what.leaf = bytes;
    return verdict_of(verify_bytes(&what));
}

static make_verdict torture_intermediate(bm_bytes bytes, void *context)
{
    target what = *(const target *)context;

    what.intermediate = bytes;
    return verdict_of(verify_bytes(&what));
}

static void no_changed_certificate_is_trusted(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = anchors_of(root);
    X509 *x509 = make_x509(&(make_options){
        .key = low_key, .name = "Fast", .issuer = root, .signer = root_key, .options = make_ca_extensions});
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = ekc_of(x509, low_key);
    BM_AUTO_BUF intermediate = BM_BUF_EMPTY;
    target what;

    (void)state;
    make_der(x509, &intermediate);
    what = (target){.anchors = anchors, .leaf = bm_ekc_der(ekc), .intermediate = bm_buf_view(&intermediate)};
    make_torture(what.intermediate, torture_intermediate, &what);
    make_torture(what.leaf, torture_leaf, &what);
    assert_int_equal(verify_bytes(&what), BM_OK);
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
        cmocka_unit_test(a_weak_anchor_above_an_intermediate_is_refused),
        cmocka_unit_test(path_lengths_are_kept),
        cmocka_unit_test(dates_are_kept),
        cmocka_unit_test(a_date_of_the_leaf_or_the_anchor_alone_counts_too),
        cmocka_unit_test(a_renewed_anchor_takes_the_place_of_an_expired_one),
        cmocka_unit_test(an_unknown_critical_extension_is_refused),
        cmocka_unit_test(name_constraints_bind_the_leaf),
        cmocka_unit_test(a_chain_that_is_none_is_refused),
        cmocka_unit_test(what_is_remembered_helps_nobody_else),
        cmocka_unit_test(more_intermediates_than_are_remembered_are_verified_all_the_same),
        cmocka_unit_test(no_changed_certificate_is_trusted),
    };
    return cmocka_run_group_tests(tests, make_pki, free_pki);
}

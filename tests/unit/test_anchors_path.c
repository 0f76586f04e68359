#include "make_anchors.h"

static void path_lengths_are_kept(void **state)
{
    static const char *const lengths[] = {"critical,CA:TRUE,pathlen:0", "critical,CA:TRUE,pathlen:1"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *const options[] = {"basicConstraints", lengths[i], NULL};
        X509 *top = make_x509(&(make_options){.key = pki.root_key, .name = "Top", .options = options});
        X509 *one = make_x509(&(make_options){
            .key = pki.mid_key, .name = "One", .issuer = top, .signer = pki.root_key, .options = make_ca_extensions});
        X509 *two = make_x509(&(make_options){
            .key = pki.low_key, .name = "Two", .issuer = one, .signer = pki.mid_key, .options = make_ca_extensions});
        bm_code allowed = i == 1 ? BM_OK : BM_E_EKC_UNTRUSTED;

        assert_ok(make_once(make_anchors_of(top), make_ekc_of(top, pki.root_key), (make_chain){NULL}));
        assert_code(make_once(make_anchors_of(top), make_ekc_of(one, pki.mid_key), (make_chain){one}), allowed);
        assert_code(make_once(make_anchors_of(top), make_ekc_of(two, pki.low_key), (make_chain){one, two}), BM_E_EKC_UNTRUSTED);
        X509_free(top);
        X509_free(one);
        X509_free(two);
    }
}

/* One date in the chain is wrong, all else is right. */
static void dates_are_kept(void **state)
{
    X509 *late = make_x509(&(make_options){.key = pki.low_key,
                                           .name = "Late",
                                           .issuer = pki.root,
                                           .signer = pki.root_key,
                                           .options = make_ca_extensions,
                                           .from = MAKE_FROM + 1000,
                                           .until = MAKE_UNTIL - 1000});
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    BM_AUTO(bm_anchors_freep) bm_anchors *fresh = make_anchors_of(pki.root);
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = make_ekc_of(late, pki.low_key);
    BM_AUTO(bm_ekc_freep) bm_ekc *direct = make_ekc_of(pki.root, pki.root_key);
    make_chain chain = {late};

    (void)state;
    assert_ok(make_verify_at(anchors, ekc, chain, MAKE_FROM + 1000, make_all_classes, NULL));
    assert_ok(make_verify_at(anchors, ekc, chain, MAKE_UNTIL - 1000, make_all_classes, NULL));
    /* the intermediate's dates, from memory and not */
    assert_code(make_verify_at(anchors, ekc, chain, MAKE_FROM + 999, make_all_classes, NULL), BM_E_EKC_VALIDITY);
    assert_code(make_verify_at(anchors, ekc, chain, MAKE_UNTIL - 999, make_all_classes, NULL), BM_E_EKC_VALIDITY);
    assert_code(make_verify_at(fresh, ekc, chain, MAKE_FROM + 999, make_all_classes, NULL), BM_E_EKC_VALIDITY);
    assert_ok(make_verify_at(fresh, ekc, chain, MAKE_NOW, make_all_classes, NULL));
    /* the anchor's and the leaf's */
    assert_ok(make_verify_at(fresh, direct, (make_chain){NULL}, MAKE_UNTIL, make_all_classes, NULL));
    assert_code(make_verify_at(fresh, direct, (make_chain){NULL}, MAKE_UNTIL + 1, make_all_classes, NULL), BM_E_EKC_VALIDITY);
    assert_code(make_verify_at(fresh, direct, (make_chain){NULL}, MAKE_FROM - 1, make_all_classes, NULL), BM_E_EKC_VALIDITY);
    X509_free(late);
}

static void a_date_of_the_leaf_or_the_anchor_alone_counts_too(void **state)
{
    X509 *past = make_x509(&(make_options){
        .key = pki.low_key, .name = "Past", .options = make_ca_extensions, .until = MAKE_NOW - 1});
    bm_ekc *expired = make_ekc(&(make_options){
        .key = pki.ek_key, .issuer = pki.root, .signer = pki.root_key, .options = make_ek_ecc_extensions, .until = MAKE_NOW - 1});
    bm_ekc *early = make_ekc(&(make_options){
        .key = pki.ek_key, .issuer = pki.mid, .signer = pki.mid_key, .options = make_ek_ecc_extensions, .from = MAKE_NOW + 1});

    (void)state;
    assert_code(make_once(make_anchors_of(pki.root), expired, (make_chain){NULL}), BM_E_EKC_VALIDITY);
    assert_code(make_once(make_anchors_of(pki.root), early, (make_chain){pki.mid}), BM_E_EKC_VALIDITY);
    assert_code(make_once(make_anchors_of(past), make_ekc_of(past, pki.low_key), (make_chain){NULL}), BM_E_EKC_VALIDITY);
    X509_free(past);
}

static void a_renewed_anchor_takes_the_place_of_an_expired_one(void **state)
{
    X509 *past = make_x509(&(make_options){
        .key = pki.root_key, .name = "Root", .options = make_ca_extensions, .until = MAKE_NOW - 1});
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(past);
    BM_AUTO(bm_ekc_freep) bm_ekc *direct = make_ekc_of(pki.root, pki.root_key);
    BM_AUTO(bm_ekc_freep) bm_ekc *below_mid = make_ekc_of(pki.mid, pki.mid_key);

    (void)state;
    assert_code(make_verify(anchors, direct, (make_chain){NULL}), BM_E_EKC_VALIDITY);
    assert_code(make_verify(anchors, below_mid, (make_chain){pki.mid}), BM_E_EKC_VALIDITY);
    assert_ok(make_add(anchors, pki.root, BM_CLASS_DISCRETE));
    assert_ok(make_verify(anchors, direct, (make_chain){NULL}));
    assert_ok(make_verify(anchors, below_mid, (make_chain){pki.mid}));
    X509_free(past);
}

static void an_unknown_critical_extension_is_refused(void **state)
{
    static const char *const options[] = {"extendedKeyUsage", "2.23.133.8.1", "1.2.3.4", "critical,DER:0500", NULL};
    static const char *const ca_options[] = {"basicConstraints", "critical,CA:TRUE", "1.2.3.4", "critical,DER:0500", NULL};
    X509 *odd = make_x509(&(make_options){.key = pki.low_key, .name = "Odd", .options = ca_options});

    (void)state;
    assert_code(make_once(make_anchors_of(odd), make_ekc_of(odd, pki.low_key), (make_chain){NULL}), BM_E_EKC_UNTRUSTED);
    X509_free(odd);
    assert_code(make_once(make_anchors_of(pki.root),
                     make_ekc(&(make_options){.key = pki.ek_key, .issuer = pki.root, .signer = pki.root_key, .options = options}),
                     (make_chain){NULL}),
                BM_E_EKC_UNTRUSTED);
}

static void name_constraints_bind_the_leaf(void **state)
{
    static const char *const constrained[] = {"basicConstraints", "critical,CA:TRUE", "nameConstraints",
                                              "critical,permitted;email:example.com", NULL};
    static const char *const good[] = {"extendedKeyUsage", "2.23.133.8.1", "subjectAltName", "email:a@example.com", NULL};
    static const char *const bad[] = {"extendedKeyUsage", "2.23.133.8.1", "subjectAltName", "email:a@example.org", NULL};
    X509 *x509 = make_x509(&(make_options){
        .key = pki.low_key, .name = "Bound", .issuer = pki.root, .signer = pki.root_key, .options = constrained});
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    make_options leaf = {.key = pki.ek_key, .issuer = x509, .signer = pki.low_key, .options = good};
    BM_AUTO(bm_ekc_freep) bm_ekc *inside = make_ekc(&leaf);
    BM_AUTO(bm_ekc_freep) bm_ekc *outside = NULL;

    (void)state;
    leaf.options = bad;
    outside = make_ekc(&leaf);
    for (size_t i = 0; i < 2; i++) {
        assert_code(make_verify(anchors, outside, (make_chain){x509}), BM_E_EKC_UNTRUSTED);
        assert_ok(make_verify(anchors, inside, (make_chain){x509}));
    }
    X509_free(x509);
}

static void a_chain_that_is_none_is_refused(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = make_ekc_of(pki.mid, pki.mid_key);
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO_BUF large = BM_BUF_EMPTY;
    bm_anchor_match match;
    bm_bytes chain[2];

    (void)state;
    assert_code(make_verify(anchors, ekc, (make_chain){pki.mid, pki.mid, pki.mid, pki.mid, pki.mid}), BM_E_EKC_MALFORMED);
    make_der(pki.mid, &der);
    chain[0] = bm_buf_view(&der);
    for (size_t i = 0; i < 2; i++) {
        /* whether or not the rest of the chain is remembered */
        chain[1] = bm_bytes_str("no certificate");
        assert_code(bm_anchors_verify(anchors, ekc, chain, 2, make_all_classes, MAKE_NOW, &match), BM_E_EKC_MALFORMED);
        chain[1] = bm_bytes_slice(chain[0], 0, chain[0].size - 1);
        assert_code(bm_anchors_verify(anchors, ekc, chain, 2, make_all_classes, MAKE_NOW, &match), BM_E_EKC_MALFORMED);
        chain[1] = bm_bytes_of(NULL, 0);
        assert_code(bm_anchors_verify(anchors, ekc, chain, 2, make_all_classes, MAKE_NOW, &match), BM_E_EKC_MALFORMED);
        assert_ok(bm_anchors_verify(anchors, ekc, chain, 1, make_all_classes, MAKE_NOW, &match));
    }
    for (size_t i = 0; i <= BM_EKC_MAX; i++)
        assert_ok(bm_buf_put_u8(&large, 0x30));
    chain[1] = bm_buf_view(&large);
    assert_code(bm_anchors_verify(anchors, ekc, chain, 2, make_all_classes, MAKE_NOW, &match), BM_E_EKC_MALFORMED);
}

static void what_is_remembered_helps_nobody_else(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    BM_AUTO(bm_ekc_freep) bm_ekc *good = make_ekc_of(pki.mid, pki.mid_key);
    BM_AUTO(bm_ekc_freep) bm_ekc *forged = make_ekc_of(pki.mid, pki.low_key);
    X509 *twin = make_x509(&(make_options){
        .key = pki.mid_key, .name = "Mid", .issuer = pki.root, .signer = pki.low_key, .options = make_ca_extensions});

    (void)state;
    assert_ok(make_verify(anchors, good, (make_chain){pki.mid}));
    assert_ok(make_verify(anchors, good, (make_chain){pki.mid}));
    assert_code(make_verify(anchors, forged, (make_chain){pki.mid}), BM_E_EKC_UNTRUSTED);
    /* it must still be sent, byte for byte */
    assert_code(make_verify(anchors, good, (make_chain){NULL}), BM_E_EKC_UNTRUSTED);
    assert_code(make_verify(anchors, good, (make_chain){twin}), BM_E_EKC_UNTRUSTED);
    assert_ok(make_verify(anchors, good, (make_chain){twin, pki.mid}));
    X509_free(twin);
}

static void more_intermediates_than_are_remembered_are_verified_all_the_same(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    X509 *many[70];
    char name[8];

    (void)state;
    for (size_t i = 0; i < 70; i++) {
        name[0] = (char)('A' + i / 10);
        name[1] = (char)('0' + i % 10);
        name[2] = '\0';
        many[i] = make_x509(&(make_options){
            .key = pki.low_key, .name = name, .issuer = pki.root, .signer = pki.root_key, .options = make_ca_extensions});
    }
    for (size_t round = 0; round < 2; round++)
        for (size_t i = 0; i < 70; i++) {
            BM_AUTO(bm_ekc_freep) bm_ekc *ekc = make_ekc_of(many[i], pki.low_key);

            assert_ok(make_verify(anchors, ekc, (make_chain){many[i]}));
            assert_code(make_verify(anchors, ekc, (make_chain){many[(i + 1) % 70]}), BM_E_EKC_UNTRUSTED);
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
    return bm_anchors_verify(what->anchors, ekc, &what->intermediate, 1, make_all_classes, MAKE_NOW, &match).code;
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
    X509 *top = make_x509(&(make_options){.key = pki.stranger, .name = "Top", .options = make_ca_extensions});
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(top);
    X509 *x509 = make_x509(&(make_options){
        .key = pki.low_key, .name = "Fast", .issuer = top, .signer = pki.stranger, .options = make_ca_extensions});
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = make_ekc_of(x509, pki.low_key);
    BM_AUTO_BUF intermediate = BM_BUF_EMPTY;
    target what;

    (void)state;
    make_der(x509, &intermediate);
    what = (target){.anchors = anchors, .leaf = bm_ekc_der(ekc), .intermediate = bm_buf_view(&intermediate)};
    make_torture(what.intermediate, torture_intermediate, &what);
    make_torture(what.leaf, torture_leaf, &what);
    assert_int_equal(verify_bytes(&what), BM_OK);
    X509_free(x509);
    X509_free(top);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    return cmocka_run_group_tests(tests, make_pki_begin, make_pki_end);
}

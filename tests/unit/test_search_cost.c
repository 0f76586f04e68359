/* What a chain that somebody made costs: signatures that are verified, counted. */
#include "make_anchors.h"

#include "count_verify.h"
#include "x509/issuer.h"
#include "x509/revoked.h"

#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <string.h>

#define MADE 4

/* CAs that an attacker made, all with the name of the EK certificate's issuer. */
typedef struct {
    EVP_PKEY *keys[MADE];
    X509 *made[MADE];
} forgery;

/* With `keys` keys (1: all have one), below an issuer that did not sign them. */
static void forge(forgery *f, size_t keys, X509 *issuer)
{
    for (size_t i = 0; i < MADE; i++) {
        f->keys[i] = i < keys ? make_key(BM_KEY_ECC384) : f->keys[0];
        f->made[i] = make_x509(
            &(make_options){.key = f->keys[i], .name = "Made", .issuer = issuer, .signer = pki.stranger, .options = make_ca_extensions});
    }
}

static void end_forgery(forgery *f, size_t keys)
{
    for (size_t i = 0; i < MADE; i++) {
        X509_free(f->made[i]);
        if (i < keys)
            EVP_PKEY_free(f->keys[i]);
    }
}

/* How many signatures are verified until it is refused so. */
static unsigned cost(bm_anchors *anchors, const bm_ekc *ekc, X509 *const *chain, bm_code code)
{
    (void)count_verify();
    assert_code(make_verify(anchors, ekc, chain), code);
    return count_verify();
}

static void a_made_chain_costs_two_signatures_however_many_keys_it_has(void **state)
{
    (void)state;
    for (size_t keys = 1; keys <= MADE; keys += MADE - 1) {
        BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.mid);
        forgery f;

        forge(&f, keys, pki.mid);
        for (size_t signer = 0; signer < keys; signer++) {
            BM_AUTO(bm_ekc_freep) bm_ekc *ekc = make_ekc_of(f.made[signer], f.keys[signer]);

            assert_int_equal(cost(anchors, ekc, (make_chain){f.made[0], f.made[1], f.made[2], f.made[3]}, BM_E_EKC_UNTRUSTED), 2);
        }
        end_forgery(&f, keys);
    }
}

static void below_a_genuine_intermediate_it_costs_no_more(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
    forgery f;

    (void)state;
    forge(&f, MADE, pki.mid);
    ekc = make_ekc_of(f.made[0], f.keys[0]);
    assert_int_equal(cost(anchors, ekc, (make_chain){f.made[0], f.made[1], f.made[2], pki.mid}, BM_E_EKC_UNTRUSTED), 2);
    end_forgery(&f, MADE);
}

/* The same one as often as it fits; what revokes it is found on its path, which is verified. */
static void a_revoked_certificate_is_looked_at_once(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = make_ekc_of(pki.mid, pki.mid_key);
    const ASN1_INTEGER *serial = X509_get0_serialNumber(pki.mid);
    BM_AUTO_BUF ids = BM_BUF_EMPTY;
    uint8_t issuer[BM_SHA256_SIZE];
    uint8_t id[BM_REVOKED_ID_SIZE];

    (void)state;
    assert_ok(bm_issuer_id(pki.root, issuer));
    assert_ok(bm_revoked_id(issuer, bm_bytes_of(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)), id));
    assert_ok(bm_buf_put(&ids, BM_BYTES_ARRAY(id)));
    assert_ok(bm_anchors_revoke(anchors, &ids));
    assert_int_equal(cost(anchors, ekc, (make_chain){pki.mid, pki.mid, pki.mid, pki.mid}, BM_E_EKC_REVOKED), 1);
}

static void a_chain_that_leads_to_no_anchor_costs_nothing(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
    forgery f;

    (void)state;
    forge(&f, MADE, pki.low);
    ekc = make_ekc_of(f.made[0], f.keys[0]);
    assert_int_equal(cost(anchors, ekc, (make_chain){f.made[0], f.made[1], f.made[2], f.made[3]}, BM_E_EKC_UNTRUSTED), 0);
    end_forgery(&f, MADE);
}

static void what_is_not_on_the_path_costs_nothing(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    BM_AUTO(bm_ekc_freep) bm_ekc *ekc = make_ekc_of(pki.low, pki.low_key);
    X509 *same_key = make_x509(&(make_options){
        .key = pki.low_key, .name = "Low", .issuer = pki.low, .signer = pki.stranger, .options = make_ca_extensions});
    forgery f;

    (void)state;
    forge(&f, 1, pki.mid);
    /* root over mid, mid over low, low over the EK certificate */
    assert_int_equal(cost(anchors, ekc, (make_chain){f.made[0], pki.mid, f.made[1], pki.low}, BM_OK), 3);
    assert_int_equal(cost(anchors, ekc, (make_chain){f.made[0], pki.mid, f.made[1], pki.low}, BM_OK), 1);
    assert_int_equal(cost(anchors, ekc, (make_chain){pki.low, same_key}, BM_OK), 1);
    end_forgery(&f, 1);
    X509_free(same_key);
}

/* The same genuine intermediate as often as it fits, and a leaf that it did not sign. */
static void a_key_is_asked_once(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    BM_AUTO(bm_ekc_freep) bm_ekc *good = make_ekc_of(pki.mid, pki.mid_key);
    BM_AUTO(bm_ekc_freep) bm_ekc *forged = make_ekc_of(pki.mid, pki.low_key);
    make_chain chain = {pki.mid, pki.mid, pki.mid, pki.mid};

    (void)state;
    assert_int_equal(cost(anchors, forged, chain, BM_E_EKC_UNTRUSTED), 2);
    assert_int_equal(cost(anchors, good, chain, BM_OK), 2);
    assert_int_equal(cost(anchors, forged, chain, BM_E_EKC_UNTRUSTED), 1);
    /* and as an anchor, beside a renewed certificate of the same key */
    assert_ok(make_add(anchors, pki.mid, BM_CLASS_DISCRETE));
    assert_int_equal(cost(anchors, forged, chain, BM_E_EKC_UNTRUSTED), 1);
}

/* Keys that a CA may not have; the last has a curve of ours, and writes all of it out. */
static EVP_PKEY *unfit_key(size_t which)
{
    static const char *const curves[] = {"brainpoolP256r1", "brainpoolP512r1", "secp256k1", "secp521r1", "P-224", "sect409r1"};
    EVP_PKEY *key;

    if (which == 6)
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (which == 7)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    if (which == 8)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)4104);
    key = EVP_EC_gen(curves[which]);
    if (which == 3)
        assert_int_equal(EVP_PKEY_set_utf8_string_param(key, "encoding", "explicit"), 1);
    return key;
}

static void a_ca_with_another_key_is_refused_before_anything_is_verified(void **state)
{
    (void)state;
    for (size_t i = 0; i <= 8; i++) {
        BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
        BM_AUTO(bm_anchors_freep) bm_anchors *trusting = NULL;
        BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
        BM_AUTO(bm_ekc_freep) bm_ekc *below = NULL;
        EVP_PKEY *key = unfit_key(i);
        X509 *odd = make_x509(&(make_options){.key = key,
                                              .name = "Odd",
                                              .issuer = pki.root,
                                              .signer = pki.root_key,
                                              .options = make_ca_extensions});
        X509 *under = make_x509(&(make_options){
            .key = pki.low_key, .name = "Under", .issuer = odd, .signer = pki.stranger, .options = make_ca_extensions});

        /* below it, in a chain and as an anchor; and one step further below */
        assert_false(bm_issuer_has_fit_key(odd));
        trusting = make_anchors_of(odd);
        ekc = make_ekc(&(make_options){.key = pki.ek_key, .issuer = odd, .signer = pki.stranger, .options = make_ek_ecc_extensions});
        below = make_ekc_of(under, pki.low_key);
        assert_int_equal(cost(anchors, ekc, (make_chain){odd}, BM_E_EKC_UNTRUSTED), 0);
        assert_int_equal(cost(anchors, below, (make_chain){under, odd}, BM_E_EKC_UNTRUSTED), 0);
        assert_int_equal(cost(trusting, ekc, (make_chain){NULL}, BM_E_EKC_UNTRUSTED), 0);
        assert_non_null(strstr(make_verify(trusting, ekc, (make_chain){NULL}).detail, "has a key that is not RSA"));
        assert_int_equal(cost(trusting, below, (make_chain){under}, BM_E_EKC_UNTRUSTED), 0);
        X509_free(odd);
        X509_free(under);
        EVP_PKEY_free(key);
    }
}

static void the_keys_that_vendors_use_are_fit(void **state)
{
    static const bm_key_type types[] = {BM_KEY_RSA2048, BM_KEY_RSA3072, BM_KEY_RSA4096, BM_KEY_ECC256, BM_KEY_ECC384, BM_KEY_ECC521};

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        EVP_PKEY *key = make_key(types[i]);
        X509 *ca = make_x509(&(make_options){.key = key, .name = "Fit", .options = make_ca_extensions});

        assert_true(bm_issuer_has_fit_key(ca));
        assert_ok(make_once(make_anchors_of(ca), make_ekc_of(ca, key), (make_chain){NULL}));
        X509_free(ca);
        EVP_PKEY_free(key);
    }
}

static int begin(void **state)
{
    count_verify_begin();
    return make_pki_begin(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_made_chain_costs_two_signatures_however_many_keys_it_has),
        cmocka_unit_test(below_a_genuine_intermediate_it_costs_no_more),
        cmocka_unit_test(a_revoked_certificate_is_looked_at_once),
        cmocka_unit_test(a_chain_that_leads_to_no_anchor_costs_nothing),
        cmocka_unit_test(what_is_not_on_the_path_costs_nothing),
        cmocka_unit_test(a_key_is_asked_once),
        cmocka_unit_test(a_ca_with_another_key_is_refused_before_anything_is_verified),
        cmocka_unit_test(the_keys_that_vendors_use_are_fit),
    };

    return cmocka_run_group_tests(tests, begin, make_pki_end);
}

/* An honest device may send more than its path: certificates that a rollover left behind. Which of them comes first does not matter. */
#include "make_anchors.h"

#include <openssl/ec.h>

/* Is an EK certificate of `key` accepted with these two, in each order, by anchors of their own? */
static void accepted_in_each_order(X509 *const *roots, X509 *good, X509 *other, EVP_PKEY *key)
{
    for (size_t i = 0; i < 2; i++) {
        BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(NULL);
        BM_AUTO(bm_ekc_freep) bm_ekc *ekc = make_ekc_of(good, key);

        for (size_t k = 0; roots[k] != NULL; k++)
            assert_ok(make_add(anchors, roots[k], BM_CLASS_DISCRETE));
        assert_ok(make_verify(anchors, ekc, i == 0 ? (make_chain){good, other} : (make_chain){other, good}));
    }
}

static X509 *issuer_below(X509 *root, EVP_PKEY *root_key, EVP_PKEY *key, const EVP_MD *md)
{
    return make_x509(&(make_options){
        .key = key, .name = "Issuer", .issuer = root, .signer = root_key, .options = make_ca_extensions, .md = md});
}

/* The vendor's root has a new key under its old name; the same intermediate has a certificate of each. */
static void of_two_roots_with_one_name_one_is_an_anchor(void **state)
{
    X509 *before = issuer_below(pki.root, pki.rsa_ek_key, pki.low_key, NULL);
    X509 *now = issuer_below(pki.root, pki.root_key, pki.low_key, NULL);

    (void)state;
    accepted_in_each_order((X509 *[]){pki.root, NULL}, now, before, pki.low_key);
    X509_free(before);
    X509_free(now);
}

/* The intermediate has a new key, too. */
static void root_and_intermediate_have_new_keys_under_their_old_names(void **state)
{
    X509 *before = issuer_below(pki.root, pki.rsa_ek_key, pki.mid_key, NULL);
    X509 *now = issuer_below(pki.root, pki.root_key, pki.low_key, NULL);

    (void)state;
    accepted_in_each_order((X509 *[]){pki.root, NULL}, now, before, pki.low_key);
    X509_free(before);
    X509_free(now);
}

/* The intermediate was signed again, with a better hash or below a root that allows more. */
static void of_two_certificates_of_a_key_one_will_do(void **state)
{
    static const char *const short_path[] = {"basicConstraints", "critical,CA:TRUE,pathlen:0", NULL};
    X509 *narrow = make_x509(&(make_options){.key = pki.mid_key, .name = "Narrow", .options = short_path});
    X509 *weak = issuer_below(pki.root, pki.root_key, pki.low_key, EVP_sha1());
    X509 *strong = issuer_below(pki.root, pki.root_key, pki.low_key, NULL);
    X509 *below_narrow = issuer_below(narrow, pki.mid_key, pki.low_key, NULL);

    (void)state;
    accepted_in_each_order((X509 *[]){pki.root, NULL}, strong, weak, pki.low_key);
    accepted_in_each_order((X509 *[]){pki.root, narrow, NULL}, strong, below_narrow, pki.low_key);
    X509_free(narrow);
    X509_free(weak);
    X509_free(strong);
    X509_free(below_narrow);
}

/* The intermediate's certificate has ended, and was renewed. */
static void of_two_certificates_of_a_key_the_current_one_counts(void **state)
{
    X509 *past = make_x509(&(make_options){.key = pki.low_key,
                                           .name = "Issuer",
                                           .issuer = pki.root,
                                           .signer = pki.root_key,
                                           .options = make_ca_extensions,
                                           .until = MAKE_NOW - 1});
    X509 *now = issuer_below(pki.root, pki.root_key, pki.low_key, NULL);

    (void)state;
    accepted_in_each_order((X509 *[]){pki.root, NULL}, now, past, pki.low_key);
    assert_code(make_once(make_anchors_of(pki.root), make_ekc_of(past, pki.low_key), (make_chain){past}), BM_E_EKC_VALIDITY);
    X509_free(past);
    X509_free(now);
}

/* An anchor whose certificate writes its curve out, and a newer certificate of the same key that names it. */
static void a_key_counts_by_the_certificate_that_has_it(void **state)
{
    EVP_PKEY *plain = EVP_EC_gen("P-256");
    EVP_PKEY *explicit_key = EVP_PKEY_dup(plain);
    X509 *anchor;
    X509 *named;

    (void)state;
    assert_int_equal(EVP_PKEY_set_utf8_string_param(explicit_key, "encoding", "explicit"), 1);
    anchor = make_x509(&(make_options){.key = explicit_key, .name = "Issuer", .options = make_ca_extensions});
    named = issuer_below(pki.root, pki.root_key, plain, NULL);
    accepted_in_each_order((X509 *[]){anchor, pki.root, NULL}, named, pki.mid, plain);
    X509_free(anchor);
    X509_free(named);
    EVP_PKEY_free(explicit_key);
    EVP_PKEY_free(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_two_roots_with_one_name_one_is_an_anchor),
        cmocka_unit_test(root_and_intermediate_have_new_keys_under_their_old_names),
        cmocka_unit_test(of_two_certificates_of_a_key_one_will_do),
        cmocka_unit_test(of_two_certificates_of_a_key_the_current_one_counts),
        cmocka_unit_test(a_key_counts_by_the_certificate_that_has_it),
    };

    return cmocka_run_group_tests(tests, make_pki_begin, make_pki_end);
}

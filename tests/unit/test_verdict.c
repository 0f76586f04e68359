#include "make_device.h"

#include "protocol/verdict.h"
#include "tpm/credential.h"

#include <string.h>

/* The vendor, shared by all tests: a root that is the anchor, and an intermediate that signs EK certificates. */
static EVP_PKEY *root_key;
static X509 *root;
static make_vendor vendor;
static bm_anchors *anchors;

static int set_up(void **state)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    (void)state;
    root_key = make_key(BM_KEY_ECC256);
    vendor.key = make_key(BM_KEY_ECC256);
    root = make_x509(&(make_options){.key = root_key, .name = "Vendor root", .options = make_ca_extensions});
    vendor.certificate = make_x509(&(make_options){.key = vendor.key, .name = "Vendor", .issuer = root, .signer = root_key, .options = make_ca_extensions});
    make_der(root, &der);
    assert_ok(bm_anchors_new(&anchors));
    assert_ok(bm_anchors_add(anchors, bm_buf_view(&der), BM_CLASS_DISCRETE));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bm_anchors_free(anchors);
    X509_free(vendor.certificate);
    X509_free(root);
    EVP_PKEY_free(vendor.key);
    EVP_PKEY_free(root_key);
    return 0;
}

static bm_profile default_profile(void)
{
    bm_profile profile = {.name = "default", .trust = BM_TRUST_CERTIFICATE, .identity = BM_IDENTITY_CLAIM, .validity = 31536000,
                          .ticket_lifetime = 300};

    profile.classes[BM_CLASS_DISCRETE] = true;
    for (int i = BM_KEY_RSA2048; i < BM_KEY_TYPE_COUNT; i++)
        profile.ik_keys[i] = true;
    return profile;
}

/* Parses and judges; the subject is ended by the caller. */
static BM_RESULT judge(const make_device *d, const bm_profile *profile, bm_judge_depth depth, bm_subject *subject)
{
    BM_TRY(bm_verdict_parse(&d->request, subject));
    return bm_verdict_judge(&d->request, profile, anchors, MAKE_NOW, depth, subject);
}

static void refused_as(const make_device *d, const bm_profile *profile, bm_code code)
{
    BM_AUTO(bm_verdict_subject_fini) bm_subject subject = {0};

    assert_code(judge(d, profile, BM_JUDGE_ALL, &subject), code);
}

/* ... and at getCertificate too, where the ticket stands for the keys' mathematics alone. */
static void refused_in_both(const make_device *d, const bm_profile *profile, bm_code code)
{
    BM_AUTO(bm_verdict_subject_fini) bm_subject subject = {0};

    refused_as(d, profile, code);
    assert_code(judge(d, profile, BM_JUDGE_AGAIN, &subject), code);
}

static void a_genuine_device_is_judged_good_and_its_credential_opens(void **state)
{
    static const struct {
        bm_ek_template_id ek;
        bm_key_type ik;
    } pairs[] = {{BM_EK_L1, BM_KEY_ECC256}, {BM_EK_L2, BM_KEY_RSA2048}, {BM_EK_H1, BM_KEY_ECC384}, {BM_EK_H2, BM_KEY_ECC256},
                 {BM_EK_H3, BM_KEY_ECC256}, {BM_EK_H6, BM_KEY_ECC256}, {BM_EK_H4, BM_KEY_ECC384}, {BM_EK_H7, BM_KEY_RSA2048}};

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        BM_AUTO(make_device_fini) make_device d;
        BM_AUTO(bm_verdict_subject_fini) bm_subject subject = {0};
        BM_AUTO(bm_pkey_freep) bm_pkey *ek_private = NULL;
        BM_AUTO_BUF object = BM_BUF_EMPTY;
        BM_AUTO_BUF secret = BM_BUF_EMPTY;
        BM_AUTO_BUF opened = BM_BUF_EMPTY;
        bm_profile profile = default_profile();

        make_device_init(&d, &vendor, pairs[i].ek, pairs[i].ik, "SN-1");
        assert_ok(judge(&d, &profile, BM_JUDGE_ALL, &subject));
        assert_true(subject.certified);
        assert_int_equal(subject.anchor.class, BM_CLASS_DISCRETE);
        assert_string_equal(subject.claimed, "SN-1");
        assert_int_equal(subject.ek_template->id, pairs[i].ek);
        ek_private = make_wrap(d.ek);
        assert_ok(bm_credential_make(&subject.ek, subject.ek_key, bm_tpm_public_name_view(&subject.ik_name), bm_bytes_str("ticket"),
                                     &object, &secret));
        assert_ok(bm_credential_open(&subject.ek, ek_private, bm_tpm_public_name_view(&subject.ik_name), bm_buf_view(&object),
                                     bm_buf_view(&secret), &opened));
        assert_bytes(bm_buf_view(&opened), bm_bytes_str("ticket"));
    }
}

static void what_does_not_parse_is_refused_by_its_name(void **state)
{
    BM_AUTO(make_device_fini) make_device d;
    BM_AUTO(bm_verdict_subject_fini) bm_subject subject = {0};
    bm_profile profile = default_profile();

    (void)state;
    make_device_init(&d, &vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    d.request.csr.size--;
    refused_in_both(&d, &profile, BM_E_CSR_MALFORMED);
    d.request.csr.size++;
    d.request.ik_public.size--;
    refused_in_both(&d, &profile, BM_E_IK_PUBLIC_MALFORMED);
    d.request.ik_public.size++;
    d.request.ek_public.size--;
    refused_in_both(&d, &profile, BM_E_EK_PUBLIC_MALFORMED);
    d.request.ek_public.size++;
    d.request.ek_certificate.size--;
    refused_in_both(&d, &profile, BM_E_EKC_MALFORMED);
    d.request.ek_certificate.size++;
    d.request.ek_chain[0].size--;
    refused_as(&d, &profile, BM_E_EKC_MALFORMED);
    d.request.ek_chain[0].size++;
    assert_ok(judge(&d, &profile, BM_JUDGE_ALL, &subject));
}

static void a_csr_of_another_key_or_signed_by_another_is_refused(void **state)
{
    BM_AUTO(make_device_fini) make_device d;
    BM_AUTO(make_device_fini) make_device other;
    bm_profile profile = default_profile();

    (void)state;
    make_device_init(&d, &vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    make_device_init(&other, &vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    make_device_csr(other.ik, other.ik, "SN-1", &d.request.csr);
    refused_in_both(&d, &profile, BM_E_CSR_KEY_NOT_IK);
    make_device_csr(d.ik, other.ik, "SN-1", &d.request.csr);
    refused_as(&d, &profile, BM_E_CSR_SIGNATURE);
}

static void an_ik_with_a_wrong_attribute_is_refused(void **state)
{
    static const uint32_t flips[] = {BM_TPMA_FIXED_TPM, BM_TPMA_FIXED_PARENT, BM_TPMA_SENSITIVE_DATA_ORIGIN, BM_TPMA_SIGN,
                                     BM_TPMA_DECRYPT, BM_TPMA_ENCRYPTED_DUPLICATION, BM_TPMA_ST_CLEAR,
                                     BM_TPMA_ADMIN_WITH_POLICY, BM_TPMA_RESTRICTED, BM_TPMA_X509_SIGN};
    BM_AUTO(make_device_fini) make_device d;
    bm_profile profile = default_profile();

    (void)state;
    make_device_init(&d, &vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    for (size_t i = 0; i < sizeof(flips) / sizeof(flips[0]); i++) {
        /* objectAttributes stand at offset 6 of a TPM2B_PUBLIC */
        for (size_t k = 0; k < 4; k++)
            d.request.ik_public.data[6 + k] ^= (uint8_t)(flips[i] >> (24 - 8 * k));
        refused_in_both(&d, &profile, BM_E_IK_ATTRIBUTES);
        make_device_ik(d.ik, &d.request.ik_public);
    }
}

static void an_ik_that_the_profile_does_not_take_is_refused(void **state)
{
    BM_AUTO(make_device_fini) make_device d;
    bm_profile profile = default_profile();

    (void)state;
    make_device_init(&d, &vendor, BM_EK_L2, BM_KEY_ECC384, "SN-1");
    profile.ik_keys[BM_KEY_ECC384] = false;
    refused_in_both(&d, &profile, BM_E_IK_ALGORITHM);
}

static void an_ek_that_is_not_of_a_template_is_refused(void **state)
{
    BM_AUTO(make_device_fini) make_device d;
    bm_profile profile = default_profile();

    (void)state;
    make_device_init(&d, &vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    /* Each byte before the key: type, nameAlg, attributes, policy, symmetric, scheme, curve, KDF. */
    for (size_t i = 2; i < 2 + 8 + 34 + 12; i++) {
        BM_AUTO(bm_verdict_subject_fini) bm_subject subject = {0};
        bm_result result;

        d.request.ek_public.data[i] ^= 0x01;
        result = judge(&d, &profile, BM_JUDGE_ALL, &subject);
        assert_true(result.code == BM_E_EK_TEMPLATE || result.code == BM_E_EK_PUBLIC_MALFORMED);
        d.request.ek_public.data[i] ^= 0x01;
    }
    /* The IK in its place. */
    make_device_ik(d.ek, &d.request.ek_public);
    refused_in_both(&d, &profile, BM_E_EK_TEMPLATE);
}

static void an_ek_that_is_not_the_certificates_is_refused(void **state)
{
    BM_AUTO(make_device_fini) make_device d;
    BM_AUTO(make_device_fini) make_device genuine;
    bm_profile profile = default_profile();

    (void)state;
    make_device_init(&d, &vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    make_device_init(&genuine, &vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    bm_buf_move(&d.request.ek_certificate, &genuine.request.ek_certificate);
    refused_in_both(&d, &profile, BM_E_EK_MISMATCH);
    profile.trust = BM_TRUST_INVENTORY;
    refused_in_both(&d, &profile, BM_E_EK_MISMATCH);
}

static void a_missing_certificate_is_refused_unless_the_inventory_vouches(void **state)
{
    BM_AUTO(make_device_fini) make_device d;
    BM_AUTO(bm_verdict_subject_fini) bm_subject subject = {0};
    bm_profile profile = default_profile();

    (void)state;
    make_device_init(&d, &vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    bm_buf_fini(&d.request.ek_certificate);
    refused_in_both(&d, &profile, BM_E_EKC_MISSING);
    profile.trust = BM_TRUST_BOTH;
    refused_in_both(&d, &profile, BM_E_EKC_MISSING);
    profile.trust = BM_TRUST_INVENTORY;
    assert_ok(judge(&d, &profile, BM_JUDGE_ALL, &subject));
    assert_false(subject.certified);
}

static void a_certificate_that_is_not_for_an_ek_or_not_valid_is_refused(void **state)
{
    static const char *const tls[] = {"basicConstraints", "critical,CA:FALSE", "keyUsage", "critical,keyAgreement", "extendedKeyUsage",
                                      "serverAuth", NULL};
    BM_AUTO(make_device_fini) make_device d;
    bm_profile profile = default_profile();

    (void)state;
    make_device_init(&d, &vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    make_device_ekc(&d, &vendor, tls, 0);
    refused_in_both(&d, &profile, BM_E_EKC_USAGE);
    make_device_ekc(&d, &vendor, make_ca_extensions, 0);
    refused_in_both(&d, &profile, BM_E_EKC_USAGE);
    make_device_ekc(&d, &vendor, NULL, MAKE_NOW - 1);
    refused_in_both(&d, &profile, BM_E_EKC_VALIDITY);
}

static void a_certificate_that_chains_to_no_anchor_is_refused(void **state)
{
    BM_AUTO(make_device_fini) make_device d;
    bm_profile profile = default_profile();
    EVP_PKEY *own_key = make_key(BM_KEY_ECC256);
    X509 *own = make_x509(&(make_options){.key = own_key, .name = "Vendor", .options = make_ca_extensions});

    (void)state;
    make_device_init(&d, &vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    d.request.ek_chain_count = 0;
    refused_in_both(&d, &profile, BM_E_EKC_UNTRUSTED);
    /* A chain of the attacker's with the vendor's name. */
    bm_buf_clear(&d.request.ek_certificate);
    make_x509_der(&(make_options){.key = d.ek, .issuer = own, .signer = own_key, .options = make_ek_ecc_extensions},
                  &d.request.ek_certificate);
    d.request.ek_chain_count = 1;
    bm_buf_clear(&d.request.ek_chain[0]);
    make_der(own, &d.request.ek_chain[0]);
    refused_in_both(&d, &profile, BM_E_EKC_UNTRUSTED);
    X509_free(own);
    EVP_PKEY_free(own_key);
}

static void an_anchor_of_a_class_that_is_not_accepted_is_refused(void **state)
{
    BM_AUTO(make_device_fini) make_device d;
    bm_profile profile = default_profile();

    (void)state;
    make_device_init(&d, &vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    profile.classes[BM_CLASS_DISCRETE] = false;
    profile.classes[BM_CLASS_VIRTUAL] = true;
    refused_in_both(&d, &profile, BM_E_EKC_CLASS);
}

static void a_point_off_its_curve_is_refused(void **state)
{
    BM_AUTO(make_device_fini) make_device d;
    bm_profile profile = default_profile();

    (void)state;
    make_device_init(&d, &vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    profile.trust = BM_TRUST_INVENTORY;
    bm_buf_fini(&d.request.ek_certificate);
    d.request.ek_public.data[d.request.ek_public.size - 1] ^= 1;
    refused_as(&d, &profile, BM_E_EK_WEAK);
}

static void what_was_verified_a_moment_ago_is_good_only_as_long_as_its_dates_class_and_anchor(void **state)
{
    BM_AUTO(make_device_fini) make_device d;
    bm_profile profile = default_profile();
    bm_profile virtual_only = default_profile();
    BM_AUTO(bm_verdict_subject_fini) bm_subject first = {0};
    BM_AUTO(bm_verdict_subject_fini) bm_subject again = {0};
    BM_AUTO(bm_verdict_subject_fini) bm_subject late = {0};
    BM_AUTO(bm_verdict_subject_fini) bm_subject elsewhere = {0};
    BM_AUTO(bm_anchors_freep) bm_anchors *none = NULL;

    (void)state;
    make_device_init(&d, &vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    make_device_ekc(&d, &vendor, NULL, MAKE_NOW + 100);
    virtual_only.classes[BM_CLASS_DISCRETE] = false;
    virtual_only.classes[BM_CLASS_VIRTUAL] = true;
    assert_ok(judge(&d, &profile, BM_JUDGE_ALL, &first));
    assert_ok(judge(&d, &profile, BM_JUDGE_AGAIN, &again));
    assert_true(again.certified);
    assert_memory_equal(again.anchor.anchor_sha256, first.anchor.anchor_sha256, BM_SHA256_SIZE);
    refused_in_both(&d, &virtual_only, BM_E_EKC_CLASS);
    assert_ok(bm_verdict_parse(&d.request, &late));
    assert_code(bm_verdict_judge(&d.request, &profile, anchors, MAKE_NOW + 101, BM_JUDGE_AGAIN, &late), BM_E_EKC_VALIDITY);
    /* The anchors were loaded anew, without this vendor's. */
    assert_ok(bm_anchors_new(&none));
    assert_ok(bm_verdict_parse(&d.request, &elsewhere));
    assert_code(bm_verdict_judge(&d.request, &profile, none, MAKE_NOW, BM_JUDGE_AGAIN, &elsewhere), BM_E_EKC_UNTRUSTED);
    /* Another certificate of the same EK is another certificate. */
    make_device_ekc(&d, &vendor, make_ca_extensions, 0);
    refused_in_both(&d, &profile, BM_E_EKC_USAGE);
}

static void the_claimed_identity_is_the_profiles_choice(void **state)
{
    BM_AUTO(make_device_fini) make_device d;
    BM_AUTO(bm_verdict_subject_fini) bm_subject subject = {0};
    bm_profile profile = default_profile();

    (void)state;
    make_device_init(&d, &vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    profile.identity = BM_IDENTITY_EK;
    assert_ok(judge(&d, &profile, BM_JUDGE_ALL, &subject));
    assert_int_equal(strlen(subject.claimed), 43);
    assert_memory_equal(subject.claimed, "ek-", 3);
    assert_true(bm_text_is_identity(bm_bytes_str(subject.claimed)));
}

static void every_parameter_is_in_the_ticket(void **state)
{
    BM_AUTO(make_device_fini) make_device d;
    bm_buf *const buffers[] = {&d.request.ek_certificate, &d.request.ek_chain[0]};
    bm_subject first = {0};
    bm_subject second = {0};

    (void)state;
    make_device_init(&d, &vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    assert_ok(bm_verdict_parse(&d.request, &first));
    for (size_t i = 0; i < 2; i++) {
        buffers[i]->data[buffers[i]->size - 1] ^= 1;
        second = (bm_subject){0};
        assert_ok(bm_verdict_parse(&d.request, &second));
        assert_memory_not_equal(&first.fields, &second.fields, sizeof(first.fields));
        buffers[i]->data[buffers[i]->size - 1] ^= 1;
    }
    d.request.profile[0] = 'D';
    second = (bm_subject){0};
    assert_ok(bm_verdict_parse(&d.request, &second));
    assert_memory_not_equal(first.fields.profile, second.fields.profile, BM_SHA256_SIZE);
    make_device_csr(d.ik, d.ik, "SN-2", &d.request.csr);
    second = (bm_subject){0};
    assert_ok(bm_verdict_parse(&d.request, &second));
    assert_memory_not_equal(first.fields.csr, second.fields.csr, BM_SHA256_SIZE);
}

static void a_chain_cut_in_two_is_another_chain(void **state)
{
    BM_AUTO(make_device_fini) make_device d;
    bm_subject first = {0};
    bm_subject second = {0};
    size_t half;

    (void)state;
    make_device_init(&d, &vendor, BM_EK_L2, BM_KEY_ECC256, "SN-1");
    assert_ok(bm_verdict_parse(&d.request, &first));
    half = d.request.ek_chain[0].size / 2;
    assert_ok(bm_buf_put(&d.request.ek_chain[1], bm_bytes_slice(bm_buf_view(&d.request.ek_chain[0]), half,
                                                                d.request.ek_chain[0].size - half)));
    d.request.ek_chain[0].size = half;
    d.request.ek_chain_count = 2;
    assert_ok(bm_verdict_parse(&d.request, &second));
    assert_memory_not_equal(first.fields.ek_chain, second.fields.ek_chain, BM_SHA256_SIZE);
}

static void a_process_can_rehearse_before_it_shuts_itself_in(void **state)
{
    (void)state;
    assert_ok(bm_verdict_warm_up());
    assert_ok(bm_verdict_warm_up());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_genuine_device_is_judged_good_and_its_credential_opens),
        cmocka_unit_test(what_does_not_parse_is_refused_by_its_name),
        cmocka_unit_test(a_csr_of_another_key_or_signed_by_another_is_refused),
        cmocka_unit_test(an_ik_with_a_wrong_attribute_is_refused),
        cmocka_unit_test(an_ik_that_the_profile_does_not_take_is_refused),
        cmocka_unit_test(an_ek_that_is_not_of_a_template_is_refused),
        cmocka_unit_test(an_ek_that_is_not_the_certificates_is_refused),
        cmocka_unit_test(a_missing_certificate_is_refused_unless_the_inventory_vouches),
        cmocka_unit_test(a_certificate_that_is_not_for_an_ek_or_not_valid_is_refused),
        cmocka_unit_test(a_certificate_that_chains_to_no_anchor_is_refused),
        cmocka_unit_test(an_anchor_of_a_class_that_is_not_accepted_is_refused),
        cmocka_unit_test(a_point_off_its_curve_is_refused),
        cmocka_unit_test(what_was_verified_a_moment_ago_is_good_only_as_long_as_its_dates_class_and_anchor),
        cmocka_unit_test(the_claimed_identity_is_the_profiles_choice),
        cmocka_unit_test(every_parameter_is_in_the_ticket),
        cmocka_unit_test(a_chain_cut_in_two_is_another_chain),
        cmocka_unit_test(a_process_can_rehearse_before_it_shuts_itself_in),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

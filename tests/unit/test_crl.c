#include "make_anchors.h"
#include "make_crl.h"

#include "x509/issuer.h"

#include <string.h>

static const uint8_t five[] = {5};
static const uint8_t seven[] = {7};
static const uint8_t nine[] = {9};
static const uint8_t long_serial[] = {0x7F, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19};
#define SERIAL(array) bm_bytes_of((array), sizeof(array))

static bm_result parse(const make_crl_options *options)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_crl crl;

    make_crl(options, &der);
    return bm_crl_parse(bm_buf_view(&der), &crl);
}

/* Refused with these words in the reason. */
static void refused(const make_crl_options *options, const char *words)
{
    bm_result result = parse(options);

    assert_int_equal(result.code, BM_E_MALFORMED);
    assert_non_null(result.detail);
    if (strstr(result.detail, words) == NULL)
        fail_msg("'%s' has no '%s'", result.detail, words);
}

static make_crl_options by_root(void)
{
    return (make_crl_options){.issuer = pki.root, .signer = pki.root_key, .number = 1};
}

/* Is a serial number of a CA among the ids? */
static bool lists(bm_bytes ids, X509 *issuer, bm_bytes serial)
{
    uint8_t ca[BM_SHA256_SIZE];
    uint8_t id[BM_REVOKED_ID_SIZE];

    assert_ok(bm_issuer_id(issuer, ca));
    assert_ok(bm_revoked_id(ca, serial, id));
    return bm_revoked_has(ids, id);
}

static void what_a_crl_says_comes_out(void **state)
{
    const make_entry entries[] = {{.serial = SERIAL(five)}, {.serial = SERIAL(long_serial)}};
    make_crl_options options = by_root();
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    char name[32];
    bm_crl crl;

    (void)state;
    options.entries = entries;
    options.count = 2;
    options.number = 300;
    make_crl(&options, &der);
    assert_ok(bm_crl_parse(bm_buf_view(&der), &crl));
    assert_int_equal(crl.count, 2);
    assert_int_equal(crl.this_update, MAKE_FROM);
    assert_int_equal(crl.next_update, MAKE_UNTIL);
    assert_bytes(crl.number, bm_bytes_of("\x01\x2C", 2));
    assert_int_equal(crl.scope.size, 0);
    assert_ok(bm_crl_issuer_name(&crl, name, sizeof(name)));
    assert_string_equal(name, "CN=Root");
}

static void an_old_or_bare_crl_is_taken(void **state)
{
    make_crl_options options = by_root();

    (void)state;
    assert_ok(parse(&options));
    options.number = -1;
    options.next_update = -1;
    assert_ok(parse(&options));
    options.version = "";
    assert_ok(parse(&options));
    options.extensions = MAKE_UNKNOWN MAKE_IDP_USERS;
    assert_ok(parse(&options));
}

static void what_openssl_makes_is_taken(void **state)
{
    X509_CRL *made = X509_CRL_new();
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    ASN1_TIME *time = ASN1_TIME_set(NULL, MAKE_FROM);
    unsigned char *bytes = NULL;
    uint8_t issuer[BM_SHA256_SIZE];
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    BM_AUTO_BUF ids = BM_BUF_EMPTY;
    bm_crl crl;
    int size;

    (void)state;
    assert_int_equal(ASN1_INTEGER_set(number, 300), 1);
    assert_int_equal(X509_REVOKED_set_serialNumber(revoked, number), 1);
    assert_int_equal(X509_REVOKED_set_revocationDate(revoked, time), 1);
    assert_int_equal(X509_CRL_set_version(made, 1), 1);
    assert_int_equal(X509_CRL_set_issuer_name(made, X509_get_subject_name(pki.root)), 1);
    assert_int_equal(X509_CRL_set1_lastUpdate(made, time), 1);
    assert_int_equal(X509_CRL_set1_nextUpdate(made, time), 1);
    assert_int_equal(X509_CRL_add0_revoked(made, revoked), 1);
    assert_int_equal(X509_CRL_add1_ext_i2d(made, NID_crl_number, number, 0, 0), 1);
    assert_true(X509_CRL_sign(made, pki.root_key, EVP_sha384()) > 0);
    size = i2d_X509_CRL(made, &bytes);
    assert_true(size > 0);
    assert_ok(bm_crl_parse(bm_bytes_of(bytes, (size_t)size), &crl));
    assert_ok(bm_crl_issuer(&crl, anchors, NULL, 0, MAKE_NOW, issuer));
    assert_ok(bm_crl_put_ids(&crl, issuer, &ids));
    assert_true(lists(bm_buf_view(&ids), pki.root, bm_bytes_of("\x01\x2C", 2)));
    OPENSSL_free(bytes);
    ASN1_TIME_free(time);
    ASN1_INTEGER_free(number);
    X509_CRL_free(made);
}

static void lists_that_are_not_complete_ones_of_one_ca_are_refused(void **state)
{
    const make_entry foreign = {.serial = SERIAL(five), .extensions = MAKE_CERTIFICATE_ISSUER};
    make_crl_options options = by_root();

    (void)state;
    options.extensions = MAKE_DELTA;
    refused(&options, "delta CRL");
    options.extensions = MAKE_IDP_INDIRECT;
    refused(&options, "indirect CRL");
    options.extensions = MAKE_IDP_ATTRIBUTES;
    refused(&options, "attribute certificates");
    options.extensions = NULL;
    options.entries = &foreign;
    options.count = 1;
    refused(&options, "indirect CRL");
}

static void what_is_critical_and_not_known_refuses_the_list(void **state)
{
    const make_entry entry = {.serial = SERIAL(five), .extensions = MAKE_UNKNOWN_CRITICAL};
    const make_entry good = {.serial = SERIAL(five), .extensions = MAKE_UNKNOWN};
    make_crl_options options = by_root();

    (void)state;
    options.extensions = MAKE_UNKNOWN_CRITICAL;
    refused(&options, "critical extension");
    options.extensions = NULL;
    options.count = 1;
    options.entries = &entry;
    refused(&options, "an entry has a critical extension");
    options.entries = &good;
    assert_ok(parse(&options));
}

static void weak_and_odd_forms_are_refused(void **state)
{
    const make_entry empty = {.serial = {NULL, 0}};
    const make_entry reason = {.serial = SERIAL(five), .extensions = "300B0603551D1504040A020001"};
    make_crl_options options = by_root();

    (void)state;
    options.version = "02";
    refused(&options, "version");
    options.version = "00";
    refused(&options, "version");
    options.version = NULL;
    options.extensions = "300A0603551D14040302010A";
    refused(&options, "two CRL numbers");
    options.extensions = MAKE_IDP_USERS MAKE_IDP_USERS;
    refused(&options, "two issuing distribution points");
    options.number = -1;
    options.extensions = "300A0603551D140403020181";
    refused(&options, "negative");
    options = by_root();
    options.count = 1;
    options.entries = &empty;
    refused(&options, "serial number");
    options.entries = &reason;
    refused(&options, "reason");
    options = by_root();
    /* ecdsa-with-SHA256 within, RSA without */
    options.algorithm = "300A06082A8648CE3D040302";
    refused(&options, "two signature algorithms");
}

static void a_crl_signed_with_sha_1_is_refused(void **state)
{
    static const uint8_t sha256_rsa[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B};
    static const uint8_t sha1_rsa[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x05};
    make_crl_options options = by_root();
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_result result;
    bm_crl crl;

    (void)state;
    make_crl(&options, &der);
    make_replace(&der, BM_BYTES_ARRAY(sha256_rsa), BM_BYTES_ARRAY(sha1_rsa));
    make_replace(&der, BM_BYTES_ARRAY(sha256_rsa), BM_BYTES_ARRAY(sha1_rsa));
    result = bm_crl_parse(bm_buf_view(&der), &crl);
    assert_int_equal(result.code, BM_E_MALFORMED);
    assert_non_null(strstr(result.detail, "SHA-256"));
}

static make_verdict parse_and_verify(bm_bytes bytes, void *context)
{
    uint8_t issuer[BM_SHA256_SIZE];
    bm_crl crl;

    if (bm_crl_parse(bytes, &crl).code != BM_OK)
        return MAKE_REFUSED;
    return bm_crl_issuer(&crl, context, NULL, 0, MAKE_NOW, issuer).code == BM_OK ? MAKE_VERIFIED : MAKE_PARSED;
}

static void no_byte_of_a_crl_can_be_changed_or_left_out(void **state)
{
    const make_entry entries[] = {{.serial = SERIAL(five), .extensions = MAKE_REASON("01")}, {.serial = SERIAL(long_serial)}};
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    make_crl_options options = by_root();
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    (void)state;
    options.entries = entries;
    options.count = 2;
    options.extensions = MAKE_IDP_USERS;
    make_crl(&options, &der);
    make_torture(bm_buf_view(&der), parse_and_verify, anchors);
}

static void on_hold_is_revoked_and_removed_is_not(void **state)
{
    const make_entry entries[] = {{.serial = SERIAL(five), .extensions = MAKE_REASON("06")},
                                  {.serial = SERIAL(seven), .extensions = MAKE_REASON("08")},
                                  {.serial = SERIAL(nine), .extensions = MAKE_REASON("63")},
                                  {.serial = SERIAL(nine)}};
    make_crl_options options = by_root();
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO_BUF ids = BM_BUF_EMPTY;
    uint8_t issuer[BM_SHA256_SIZE];
    bm_crl crl;

    (void)state;
    options.entries = entries;
    options.count = 4;
    make_crl(&options, &der);
    assert_ok(bm_crl_parse(bm_buf_view(&der), &crl));
    assert_int_equal(crl.count, 3);
    assert_ok(bm_issuer_id(pki.root, issuer));
    assert_ok(bm_crl_put_ids(&crl, issuer, &ids));
    assert_int_equal(ids.size, 2 * BM_REVOKED_ID_SIZE);
    assert_true(lists(bm_buf_view(&ids), pki.root, SERIAL(five)));
    assert_false(lists(bm_buf_view(&ids), pki.root, SERIAL(seven)));
    assert_true(lists(bm_buf_view(&ids), pki.root, SERIAL(nine)));
    assert_false(lists(bm_buf_view(&ids), pki.mid, SERIAL(five)));
}

static void a_serial_number_is_the_same_however_it_is_written(void **state)
{
    static const uint8_t numbers[][3] = {{5}, {0, 5}, {0, 0, 5}, {0x85}, {0xFF, 0x85}, {0, 0x85}, {0, 0, 0x85}, {0xFF, 0xFF, 0x85}, {0}};
    static const size_t sizes[] = {1, 2, 3, 1, 2, 2, 3, 3, 1};
    static const unsigned values[] = {5, 5, 5, 1, 1, 2, 2, 1, 0};
    static const uint8_t issuer[BM_SHA256_SIZE] = {1};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
            uint8_t a[BM_REVOKED_ID_SIZE];
            uint8_t b[BM_REVOKED_ID_SIZE];

            assert_ok(bm_revoked_id(issuer, bm_bytes_of(numbers[i], sizes[i]), a));
            assert_ok(bm_revoked_id(issuer, bm_bytes_of(numbers[k], sizes[k]), b));
            assert_int_equal(memcmp(a, b, sizeof(a)) == 0, values[i] == values[k]);
        }
}

/* Asks who signed a CRL, with these certificates beside it. */
static bm_result who(const make_crl_options *options, bm_anchors *anchors, X509 *const *chain, uint8_t issuer[BM_SHA256_SIZE])
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_buf ders[BM_EKC_CHAIN_MAX] = {BM_BUF_EMPTY};
    bm_bytes views[BM_EKC_CHAIN_MAX];
    size_t count = 0;
    bm_result result;
    bm_crl crl;

    make_crl(options, &der);
    assert_ok(bm_crl_parse(bm_buf_view(&der), &crl));
    for (; chain[count] != NULL; count++) {
        make_der(chain[count], &ders[count]);
        views[count] = bm_buf_view(&ders[count]);
    }
    result = bm_crl_issuer(&crl, anchors, views, count, MAKE_NOW, issuer);
    for (size_t i = 0; i < count; i++)
        bm_buf_fini(&ders[i]);
    return result;
}

static void not_signed(const make_crl_options *options, bm_anchors *anchors, X509 *const *chain, const char *words)
{
    uint8_t issuer[BM_SHA256_SIZE];
    bm_result result = who(options, anchors, chain, issuer);

    assert_int_equal(result.code, BM_E_EKC_UNTRUSTED);
    assert_non_null(result.detail);
    if (strstr(result.detail, words) == NULL)
        fail_msg("'%s' has no '%s'", result.detail, words);
}

static void the_signer_is_an_anchor_or_chains_to_one(void **state)
{
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    const make_crl_options low = {.issuer = pki.low, .signer = pki.low_key, .number = 1};
    const make_crl_options root = by_root();
    uint8_t issuer[BM_SHA256_SIZE];
    uint8_t wanted[BM_SHA256_SIZE];

    (void)state;
    assert_ok(who(&root, anchors, (make_chain){NULL}, issuer));
    assert_ok(bm_issuer_id(pki.root, wanted));
    assert_memory_equal(issuer, wanted, sizeof(wanted));
    not_signed(&low, anchors, (make_chain){NULL}, "no trust anchor has the name");
    not_signed(&low, anchors, (make_chain){pki.mid}, "no trust anchor has the name");
    not_signed(&low, anchors, (make_chain){pki.low}, "the chain:");
    assert_ok(who(&low, anchors, (make_chain){pki.low, pki.mid}, issuer));
    assert_ok(who(&low, anchors, (make_chain){pki.mid, pki.low}, issuer));
    assert_ok(bm_issuer_id(pki.low, wanted));
    assert_memory_equal(issuer, wanted, sizeof(wanted));
}

static void a_signer_that_may_not_or_did_not_sign_is_refused(void **state)
{
    static const char *const no_crls[] = {"basicConstraints", "critical,CA:TRUE", "keyUsage", "critical,keyCertSign", NULL};
    X509 *mute = make_x509(&(make_options){.key = pki.low_key, .name = "Mute", .options = no_crls});
    X509 *weak = make_x509(&(make_options){.key = pki.weak_key, .name = "Weak", .options = make_ca_extensions});
    X509 *same_name = make_x509(&(make_options){.key = pki.stranger, .name = "Root", .options = make_ca_extensions});
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    make_crl_options options = {.issuer = mute, .signer = pki.low_key, .number = 1};

    (void)state;
    assert_ok(make_add(anchors, mute, BM_CLASS_DISCRETE));
    assert_ok(make_add(anchors, weak, BM_CLASS_DISCRETE));
    not_signed(&options, anchors, (make_chain){NULL}, "may not sign CRLs");
    options = (make_crl_options){.issuer = weak, .signer = pki.low_key, .number = 1};
    not_signed(&options, anchors, (make_chain){NULL}, "RSA of 2048 to 4096 bits");
    /* the name of the root, the key of somebody else, of the same type and of another */
    options = (make_crl_options){.issuer = pki.root, .signer = pki.rsa_ek_key, .number = 1};
    not_signed(&options, anchors, (make_chain){NULL}, "its signature is not");
    options.signer = pki.stranger;
    not_signed(&options, anchors, (make_chain){NULL}, "does not go with");
    not_signed(&options, anchors, (make_chain){same_name}, "the chain:");
    X509_free(mute);
    X509_free(weak);
    X509_free(same_name);
}

static void of_two_cas_with_one_name_the_key_decides(void **state)
{
    X509 *other = make_x509(&(make_options){.key = pki.stranger, .name = "Root", .options = make_ca_extensions});
    X509 *renewed = make_x509(&(make_options){.key = pki.root_key, .name = "root", .options = make_ca_extensions});
    X509 *renamed = make_x509(&(make_options){.key = pki.root_key, .name = "Another", .options = make_ca_extensions});
    BM_AUTO(bm_anchors_freep) bm_anchors *anchors = make_anchors_of(pki.root);
    const make_crl_options options = {.issuer = other, .signer = pki.stranger, .number = 1};
    uint8_t issuer[BM_SHA256_SIZE];
    uint8_t first[BM_SHA256_SIZE];
    uint8_t id[BM_SHA256_SIZE];

    (void)state;
    assert_ok(make_add(anchors, other, BM_CLASS_DISCRETE));
    assert_ok(who(&options, anchors, (make_chain){NULL}, issuer));
    assert_ok(bm_issuer_id(other, id));
    assert_memory_equal(issuer, id, sizeof(id));
    assert_ok(bm_issuer_id(pki.root, first));
    assert_memory_not_equal(issuer, first, sizeof(first));
    /* a renewed certificate is the same CA, in whichever case its name is written; another name is not */
    assert_ok(bm_issuer_id(renewed, id));
    assert_memory_equal(id, first, sizeof(id));
    assert_ok(bm_issuer_id(renamed, id));
    assert_memory_not_equal(id, first, sizeof(id));
    X509_free(other);
    X509_free(renewed);
    X509_free(renamed);
}

static void parts_of_a_ca_s_certificates_have_lists_of_their_own(void **state)
{
    static const uint8_t issuer[BM_SHA256_SIZE] = {1};
    static const uint8_t another[BM_SHA256_SIZE] = {2};
    const bm_crl whole = {.number = bm_bytes_str("x")};
    const bm_crl users = {.scope = bm_bytes_str("users")};
    uint8_t a[BM_SHA256_SIZE];
    uint8_t b[BM_SHA256_SIZE];

    (void)state;
    assert_ok(bm_crl_scope(&whole, issuer, a));
    assert_ok(bm_crl_scope(&users, issuer, b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_ok(bm_crl_scope(&whole, another, b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_ok(bm_crl_scope(&(bm_crl){.this_update = 5}, issuer, b));
    assert_memory_equal(a, b, sizeof(a));
}

static void newer_is_by_number_and_date(void **state)
{
    static const uint8_t n9[] = {9};
    static const uint8_t n10[] = {10};
    static const uint8_t n256[] = {1, 0};
    const struct {
        bm_crl_age fresh;
        bm_crl_age old;
        bool newer;
    } rows[] = {
        {{SERIAL(n10), 100}, {SERIAL(n9), 100}, true},
        {{SERIAL(n10), 200}, {SERIAL(n9), 100}, true},
        {{SERIAL(n256), 200}, {SERIAL(n10), 100}, true},
        {{SERIAL(n10), 200}, {SERIAL(n10), 100}, true},
        {{{NULL, 0}, 200}, {SERIAL(n10), 100}, true},
        {{SERIAL(n10), 200}, {{NULL, 0}, 100}, true},
        {{SERIAL(n10), 100}, {SERIAL(n10), 100}, false},
        {{SERIAL(n9), 100}, {SERIAL(n10), 100}, false},
        {{SERIAL(n9), 200}, {SERIAL(n10), 100}, false},
        {{SERIAL(n10), 100}, {SERIAL(n9), 200}, false},
        {{SERIAL(n10), 100}, {SERIAL(n256), 200}, false},
        {{{NULL, 0}, 100}, {SERIAL(n10), 100}, false},
        {{{NULL, 0}, 100}, {{NULL, 0}, 100}, false},
        {{{NULL, 0}, 99}, {{NULL, 0}, 100}, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (bm_crl_is_newer(&rows[i].fresh, &rows[i].old) != rows[i].newer)
            fail_msg("row %zu", i);
}

static void no_more_is_read_than_the_limits_allow(void **state)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    uint8_t *start;
    bm_crl crl;

    (void)state;
    assert_ok(bm_buf_extend(&der, BM_CRL_MAX + 1, &start));
    memset(start, 0, BM_CRL_MAX + 1);
    assert_code(bm_crl_parse(bm_buf_view(&der), &crl), BM_E_MALFORMED);
    assert_code(bm_crl_parse(bm_bytes_of(NULL, 0), &crl), BM_E_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_crl_says_comes_out),
        cmocka_unit_test(an_old_or_bare_crl_is_taken),
        cmocka_unit_test(what_openssl_makes_is_taken),
        cmocka_unit_test(lists_that_are_not_complete_ones_of_one_ca_are_refused),
        cmocka_unit_test(what_is_critical_and_not_known_refuses_the_list),
        cmocka_unit_test(weak_and_odd_forms_are_refused),
        cmocka_unit_test(a_crl_signed_with_sha_1_is_refused),
        cmocka_unit_test(no_byte_of_a_crl_can_be_changed_or_left_out),
        cmocka_unit_test(on_hold_is_revoked_and_removed_is_not),
        cmocka_unit_test(a_serial_number_is_the_same_however_it_is_written),
        cmocka_unit_test(the_signer_is_an_anchor_or_chains_to_one),
        cmocka_unit_test(a_signer_that_may_not_or_did_not_sign_is_refused),
        cmocka_unit_test(of_two_cas_with_one_name_the_key_decides),
        cmocka_unit_test(parts_of_a_ca_s_certificates_have_lists_of_their_own),
        cmocka_unit_test(newer_is_by_number_and_date),
        cmocka_unit_test(no_more_is_read_than_the_limits_allow),
    };

    return cmocka_run_group_tests(tests, make_pki_begin, make_pki_end);
}

#include "make_x509.h"

#include "crypto/der.h"
#include "x509/csr.h"

#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

/* Keys of the whole group: RSA keys take their time. */
static EVP_PKEY *keys[BM_KEY_TYPE_COUNT];

static const bm_key_type types[] = {BM_KEY_RSA2048, BM_KEY_RSA3072, BM_KEY_ECC256, BM_KEY_ECC384, BM_KEY_ECC521};
#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

static int make_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPE_COUNT; i++)
        keys[types[i]] = make_key(types[i]);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < BM_KEY_TYPE_COUNT; i++)
        EVP_PKEY_free(keys[i]);
    return 0;
}

static void entry(X509_NAME *name, int nid, int type, const char *text)
{
    assert_int_equal(X509_NAME_add_entry_by_NID(name, nid, type, (const unsigned char *)text, -1, -1, 0), 1);
}

/* A CSR by OpenSSL, with CN and serialNumber where they are not NULL. */
static void openssl_csr(EVP_PKEY *key, const EVP_MD *md, const char *cn, const char *serial, bm_buf *der)
{
    X509_REQ *request = X509_REQ_new();
    unsigned char *bytes = NULL;
    int size;

    if (cn != NULL)
        entry(X509_REQ_get_subject_name(request), NID_commonName, MBSTRING_ASC, cn);
    if (serial != NULL)
        entry(X509_REQ_get_subject_name(request), NID_serialNumber, V_ASN1_PRINTABLESTRING, serial);
    assert_int_equal(X509_REQ_set_pubkey(request, key), 1);
    assert_true(X509_REQ_sign(request, key, md) > 0);
    size = i2d_X509_REQ(request, &bytes);
    assert_true(size > 0);
    assert_ok(bm_buf_put(der, bm_bytes_of(bytes, (size_t)size)));
    OPENSSL_free(bytes);
    X509_REQ_free(request);
}

/* Parses a CSR and verifies it with its own key. */
static bm_result take(bm_bytes der, bm_csr *csr)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;

    BM_TRY(bm_csr_parse(der, csr));
    BM_TRY(bm_pkey_from_public(&csr->key, &key));
    return bm_csr_verify(csr, key);
}

/* The parts of a CSR that is written raw. */
typedef struct {
    const char *version; /* hex of the INTEGER */
    const char *rdns;    /* hex of what is in the Name */
    bool no_attributes;
    size_t filler; /* bytes of nonsense among the attributes */
    bm_sig_alg named; /* the algorithm named, when it is not the one used */
    const char *behind; /* hex of bytes behind the attributes */
} raw_csr;

#define RDN_CN "310A30080603550403" "0C0161" /* CN=a */
#define RDN_SERIAL "310A30080603550405" "130161" /* serialNumber=a */

static void put_raw(const raw_csr *raw, EVP_PKEY *evp, bm_buf *der)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *key = make_wrap(evp);
    BM_AUTO_BUF name = BM_BUF_EMPTY;
    BM_AUTO_BUF filler = BM_BUF_EMPTY;
    BM_AUTO_BUF info = BM_BUF_EMPTY;
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    bm_pubkey public_key;

    assert_ok(bm_pkey_public(key, &public_key));
    make_hex(&info, raw->version == NULL ? "020100" : raw->version);
    make_hex(&name, raw->rdns);
    make_put(&info, BM_DER_SEQUENCE, bm_buf_view(&name));
    assert_ok(bm_pubkey_put_spki(&info, &public_key));
    for (size_t i = 0; i < raw->filler; i++)
        assert_ok(bm_buf_put_u8(&filler, 0x41));
    if (!raw->no_attributes)
        make_put(&info, BM_DER_CONTEXT(0), bm_buf_view(&filler));
    make_hex(&info, raw->behind == NULL ? "" : raw->behind);
    make_put(&tbs, BM_DER_SEQUENCE, bm_buf_view(&info));
    assert_ok(bm_pkey_sign(key, bm_pkey_default_sig(public_key.type), bm_buf_view(&tbs), &signature));
    assert_ok(bm_buf_put(&body, bm_buf_view(&tbs)));
    assert_ok(bm_pkey_put_sig_algorithm(
        &body, raw->named == BM_SIG_NONE ? bm_pkey_default_sig(public_key.type) : raw->named));
    assert_ok(bm_der_put_bits(&body, bm_buf_view(&signature)));
    make_put(der, BM_DER_SEQUENCE, bm_buf_view(&body));
}

static bm_code code_of_raw(const raw_csr *raw)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_csr csr;

    put_raw(raw, keys[BM_KEY_ECC256], &der);
    return take(bm_buf_view(&der), &csr).code;
}

static void a_csr_of_each_key_and_hash_is_taken(void **state)
{
    const EVP_MD *const hashes[] = {EVP_sha256(), EVP_sha384(), EVP_sha512()};

    (void)state;
    for (size_t i = 0; i < TYPE_COUNT; i++)
        for (size_t k = 0; k < 3; k++) {
            BM_AUTO_BUF der = BM_BUF_EMPTY;
            bm_csr csr;

            openssl_csr(keys[types[i]], hashes[k], "name", "SN-1", &der);
            assert_ok(take(bm_buf_view(&der), &csr));
            assert_int_equal(csr.key.type, types[i]);
            assert_bytes(csr.serial, bm_bytes_str("SN-1"));
            assert_bytes(csr.der, bm_buf_view(&der));
            assert_true(make_contains(csr.tbs, csr.spki));
        }
}

static void a_csr_signed_with_pss_is_taken(void **state)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *key = make_wrap(keys[BM_KEY_RSA2048]);
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO_BUF again = BM_BUF_EMPTY;
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    bm_csr csr;

    (void)state;
    openssl_csr(keys[BM_KEY_RSA2048], EVP_sha256(), "a", NULL, &der);
    assert_ok(bm_csr_parse(bm_buf_view(&der), &csr));
    assert_ok(bm_pkey_sign(key, BM_SIG_RSAPSS_SHA256, csr.tbs, &signature));
    assert_ok(bm_buf_put(&body, csr.tbs));
    assert_ok(bm_pkey_put_sig_algorithm(&body, BM_SIG_RSAPSS_SHA256));
    assert_ok(bm_der_put_bits(&body, bm_buf_view(&signature)));
    make_put(&again, BM_DER_SEQUENCE, bm_buf_view(&body));
    assert_ok(take(bm_buf_view(&again), &csr));
    assert_int_equal(csr.alg, BM_SIG_RSAPSS_SHA256);
}

static void the_serial_is_the_serial_number_or_else_the_common_name(void **state)
{
    static const struct {
        const char *cn;
        const char *serial;
        const char *expected;
    } cases[] = {{"a", "b", "b"}, {"a", NULL, "a"}, {NULL, "b", "b"}, {NULL, NULL, ""}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        bm_csr csr;

        openssl_csr(keys[BM_KEY_ECC256], EVP_sha256(), cases[i].cn, cases[i].serial, &der);
        assert_ok(take(bm_buf_view(&der), &csr));
        assert_bytes(csr.serial, bm_bytes_str(cases[i].expected));
    }
    /* both in one RDN, in an order that DER does not have */
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = "311430080603550405130161"
                                                    "30080603550403" "0C0161"}),
                     BM_OK);
}

static void what_the_subject_leaves_open_is_refused(void **state)
{
    (void)state;
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = RDN_CN RDN_SERIAL}), BM_OK);
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = RDN_SERIAL RDN_SERIAL}), BM_E_CSR_MALFORMED);
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = RDN_CN RDN_CN}), BM_E_CSR_MALFORMED);
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = RDN_CN RDN_CN RDN_SERIAL}), BM_OK);
    /* an empty string, a BMPString, a NULL */
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = "310930070603550405" "1300"}), BM_E_CSR_MALFORMED);
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = "310B30090603550405" "1E020061"}), BM_E_CSR_MALFORMED);
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = "310930070603550405" "0500"}), BM_E_CSR_MALFORMED);
    /* an RDN without attributes, an attribute without a value, one with bytes behind the value */
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = "3100"}), BM_E_CSR_MALFORMED);
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = "310730050603550405"}), BM_E_CSR_MALFORMED);
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = "310C300A0603550405" "130161" "0500"}), BM_E_CSR_MALFORMED);
}

static void more_than_64_attributes_are_refused(void **state)
{
    (void)state;
    for (size_t count = 64; count <= 65; count++) {
        BM_AUTO_BUF rdns = BM_BUF_EMPTY;

        for (size_t i = 0; i < count; i++)
            assert_ok(bm_buf_put_str(&rdns, "310A3008060355040B" "0C0161")); /* OU=a */
        assert_ok(bm_buf_terminate(&rdns));
        assert_int_equal(code_of_raw(&(raw_csr){.rdns = (const char *)rdns.data}),
                         count == 64 ? BM_OK : BM_E_CSR_MALFORMED);
    }
}

static void what_is_not_rfc_2986_is_refused(void **state)
{
    (void)state;
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = RDN_CN}), BM_OK);
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = RDN_CN, .version = "020101"}), BM_E_CSR_MALFORMED);
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = RDN_CN, .version = "02020000"}), BM_E_CSR_MALFORMED);
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = RDN_CN, .version = "0200"}), BM_E_CSR_MALFORMED);
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = RDN_CN, .version = ""}), BM_E_CSR_MALFORMED);
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = RDN_CN, .no_attributes = true}), BM_E_CSR_MALFORMED);
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = RDN_CN, .behind = "0500"}), BM_E_CSR_MALFORMED);
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = RDN_CN, .filler = 3000}), BM_OK);
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = RDN_CN, .filler = 4096}), BM_E_CSR_MALFORMED);
}

static void an_algorithm_that_does_not_go_with_the_key_is_refused(void **state)
{
    static const bm_sig_alg others[] = {BM_SIG_RSA_SHA256, BM_SIG_RSA_SHA384, BM_SIG_RSA_SHA512, BM_SIG_RSAPSS_SHA256};

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(code_of_raw(&(raw_csr){.rdns = RDN_CN, .named = others[i]}), BM_E_CSR_ALGORITHM);
    /* one that goes with it, but was not used */
    assert_int_equal(code_of_raw(&(raw_csr){.rdns = RDN_CN, .named = BM_SIG_ECDSA_SHA384}), BM_E_CSR_SIGNATURE);
}

static void sha1_is_no_algorithm(void **state)
{
    static const bm_key_type two[] = {BM_KEY_RSA2048, BM_KEY_ECC256};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        bm_csr csr;

        openssl_csr(keys[two[i]], EVP_sha1(), "a", NULL, &der);
        assert_code(take(bm_buf_view(&der), &csr), BM_E_CSR_ALGORITHM);
    }
}

static void a_key_that_is_none_of_ours_is_refused(void **state)
{
    EVP_PKEY *const others[] = {EVP_RSA_gen(1024), EVP_EC_gen("secp256k1"), EVP_EC_gen("P-224"),
                                EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        bm_csr csr;

        openssl_csr(others[i], i == 3 ? NULL : EVP_sha256(), "a", NULL, &der);
        assert_code(take(bm_buf_view(&der), &csr), BM_E_CSR_MALFORMED);
        EVP_PKEY_free(others[i]);
    }
}

static void a_csr_that_another_key_signed_is_refused(void **state)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *other = make_wrap(keys[BM_KEY_ECC384]);
    EVP_PKEY *third = make_key(BM_KEY_ECC256);
    BM_AUTO(bm_pkey_freep) bm_pkey *same_type = make_wrap(third);
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_csr csr;

    (void)state;
    openssl_csr(keys[BM_KEY_ECC256], EVP_sha256(), "a", NULL, &der);
    assert_ok(bm_csr_parse(bm_buf_view(&der), &csr));
    assert_code(bm_csr_verify(&csr, other), BM_E_CSR_SIGNATURE);
    assert_code(bm_csr_verify(&csr, same_type), BM_E_CSR_SIGNATURE);
    EVP_PKEY_free(third);
}

static make_verdict torture_csr(bm_bytes bytes, void *context)
{
    bm_csr csr;

    (void)context;
    if (bm_csr_parse(bytes, &csr).code != BM_OK)
        return MAKE_REFUSED;
    return take(bytes, &csr).code == BM_OK ? MAKE_VERIFIED : MAKE_PARSED;
}

static void no_changed_csr_is_taken(void **state)
{
    static const bm_key_type two[] = {BM_KEY_RSA2048, BM_KEY_ECC256};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;

        openssl_csr(keys[two[i]], EVP_sha256(), "device", "SN-1", &der);
        make_torture(bm_buf_view(&der), torture_csr, NULL);
    }
}

/* Signs as a TPM would: a digest, nothing else. */
typedef struct {
    EVP_PKEY *key;
    bm_hash_alg asked;
    bm_result answer;
} signer;

static bm_result sign_digest(void *context, bm_hash_alg alg, bm_bytes digest, bm_buf *signature)
{
    signer *who = context;
    EVP_PKEY_CTX *operation = EVP_PKEY_CTX_new(who->key, NULL);
    uint8_t bytes[BM_RSA_MAX];
    size_t size = sizeof(bytes);

    who->asked = alg;
    if (who->answer.code == BM_OK) {
        assert_int_equal(digest.size, bm_hash_size(alg));
        assert_int_equal(EVP_PKEY_sign_init(operation), 1);
        assert_int_equal(EVP_PKEY_CTX_set_signature_md(operation, bm_evp_md(alg)), 1);
        assert_int_equal(EVP_PKEY_sign(operation, bytes, &size, digest.data, digest.size), 1);
        assert_ok(bm_buf_put(signature, bm_bytes_of(bytes, size)));
    }
    EVP_PKEY_CTX_free(operation);
    return who->answer;
}

static bm_result build(bm_key_type type, const char *serial, signer *who, bm_buf *der)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *key = make_wrap(keys[type]);
    bm_pubkey public_key;

    assert_ok(bm_pkey_public(key, &public_key));
    return bm_csr_build(serial, &public_key, bm_pkey_default_sig(type), sign_digest, who, der);
}

static void a_csr_that_we_build_is_one_for_openssl_and_for_us(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        signer who = {.key = keys[types[i]]};
        const unsigned char *at;
        X509_REQ *request;
        char text[64];
        bm_csr csr;

        assert_ok(build(types[i], "SN_00:1", &who, &der));
        assert_int_equal(who.asked, bm_pkey_sig_hash(bm_pkey_default_sig(types[i])));
        assert_ok(take(bm_buf_view(&der), &csr));
        assert_bytes(csr.serial, bm_bytes_str("SN_00:1"));
        at = der.data;
        request = d2i_X509_REQ(NULL, &at, (long)der.size);
        assert_non_null(request);
        assert_int_equal(X509_REQ_verify(request, keys[types[i]]), 1);
        assert_int_equal(X509_NAME_entry_count(X509_REQ_get_subject_name(request)), 2);
        X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(request), NID_commonName, text, sizeof(text));
        assert_string_equal(text, "SN_00:1");
        assert_int_equal(X509_REQ_get_attr_count(request), 0);
        X509_REQ_free(request);
    }
}

static void a_csr_is_not_built_for_what_is_no_identity(void **state)
{
    static const char *const bad[] = {"", "-a", "a b", "a/b", "a\n", "\xC3\xA9"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        BM_AUTO_BUF der = BM_BUF_EMPTY;
        signer who = {.key = keys[BM_KEY_ECC256]};

        assert_code(build(BM_KEY_ECC256, bad[i], &who, &der), BM_E_IDENTITY_INVALID);
        assert_int_equal(der.size, 0);
        assert_int_equal(who.asked, BM_HASH_NONE);
    }
}

static void what_the_tpm_says_is_what_the_builder_says(void **state)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    signer who = {.key = keys[BM_KEY_ECC256], .answer = bm_fail(BM_E_TPM_LOCKOUT, "tried too often")};

    (void)state;
    assert_code(build(BM_KEY_ECC256, "a", &who, &der), BM_E_TPM_LOCKOUT);
    assert_int_equal(der.size, 0);
}

static void an_ecdsa_signature_is_encoded_as_openssl_does(void **state)
{
    static const char *const numbers[][2] = {
        {"01", "02"}, {"80", "7f"}, {"0000ff01", "00000001"}, {"ffffffffffffffff", "0080"}, {"00", "00"}};

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        BM_AUTO_BUF r = BM_BUF_EMPTY;
        BM_AUTO_BUF s = BM_BUF_EMPTY;
        BM_AUTO_BUF ours = BM_BUF_EMPTY;
        ECDSA_SIG *theirs = ECDSA_SIG_new();
        unsigned char *der = NULL;
        int size;

        make_hex(&r, numbers[i][0]);
        make_hex(&s, numbers[i][1]);
        assert_ok(bm_csr_put_ecdsa(&ours, bm_buf_view(&r), bm_buf_view(&s)));
        assert_int_equal(ECDSA_SIG_set0(theirs, BN_bin2bn(r.data, (int)r.size, NULL), BN_bin2bn(s.data, (int)s.size, NULL)), 1);
        size = i2d_ECDSA_SIG(theirs, &der);
        assert_bytes(bm_buf_view(&ours), bm_bytes_of(der, (size_t)size));
        OPENSSL_free(der);
        ECDSA_SIG_free(theirs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_csr_of_each_key_and_hash_is_taken),
        cmocka_unit_test(a_csr_signed_with_pss_is_taken),
        cmocka_unit_test(the_serial_is_the_serial_number_or_else_the_common_name),
        cmocka_unit_test(what_the_subject_leaves_open_is_refused),
        cmocka_unit_test(more_than_64_attributes_are_refused),
        cmocka_unit_test(what_is_not_rfc_2986_is_refused),
        cmocka_unit_test(an_algorithm_that_does_not_go_with_the_key_is_refused),
        cmocka_unit_test(sha1_is_no_algorithm),
        cmocka_unit_test(a_key_that_is_none_of_ours_is_refused),
        cmocka_unit_test(a_csr_that_another_key_signed_is_refused),
        cmocka_unit_test(no_changed_csr_is_taken),
        cmocka_unit_test(a_csr_that_we_build_is_one_for_openssl_and_for_us),
        cmocka_unit_test(a_csr_is_not_built_for_what_is_no_identity),
        cmocka_unit_test(what_the_tpm_says_is_what_the_builder_says),
        cmocka_unit_test(an_ecdsa_signature_is_encoded_as_openssl_does),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}

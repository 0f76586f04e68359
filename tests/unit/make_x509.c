#include "make_x509.h"

#include "../vectors/keys.h"
#include "crypto/der.h"
#include "x509/build.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

const char *const make_ca_extensions[] = {"basicConstraints", "critical,CA:TRUE", "keyUsage", "critical,keyCertSign,cRLSign",
                                          "subjectKeyIdentifier", "hash", NULL};
const char *const make_ek_extensions[] = {"basicConstraints", "critical,CA:FALSE", "keyUsage", "critical,keyEncipherment",
                                          "extendedKeyUsage", "2.23.133.8.1", NULL};
const char *const make_ek_ecc_extensions[] = {"basicConstraints", "critical,CA:FALSE", "keyUsage", "critical,keyAgreement",
                                              "extendedKeyUsage", "2.23.133.8.1", NULL};

static EVP_PKEY *read_key(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key;

    assert_non_null(bio);
    key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return key;
}

EVP_PKEY *make_key(bm_key_type type)
{
    static const char *const curves[BM_KEY_TYPE_COUNT] = {
        [BM_KEY_ECC256] = "P-256", [BM_KEY_ECC384] = "P-384", [BM_KEY_ECC521] = "P-521"};
    EVP_PKEY *key;

    if (curves[type] != NULL)
        key = EVP_EC_gen(curves[type]);
    else if (type == BM_KEY_RSA4096)
        key = read_key(key_rsa4096);
    else
        key = EVP_RSA_gen((unsigned)bm_pubkey_field_size(type) * 8);
    assert_non_null(key);
    return key;
}

bm_pkey *make_wrap(EVP_PKEY *key)
{
    bm_pkey *wrapped = NULL;

    assert_int_equal(EVP_PKEY_up_ref(key), 1);
    assert_ok(bm_evp_wrap(key, &wrapped));
    return wrapped;
}

static void add_extensions(X509 *x509, X509 *issuer, const char *const *options)
{
    X509V3_CTX context;

    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    for (; options != NULL && options[0] != NULL; options += 2) {
        X509_EXTENSION *extension = X509V3_EXT_conf(NULL, &context, options[0], options[1]);

        if (extension == NULL)
            ERR_print_errors_fp(stderr);
        assert_non_null(extension);
        assert_int_equal(X509_add_ext(x509, extension, -1), 1);
        X509_EXTENSION_free(extension);
    }
}

/* The same key bits under id-RSAES-OAEP, as older EK certificates have them: with the label "TCPA" as their parameter. */
static void set_oaep(X509 *x509)
{
    static const unsigned char parameters[] = {0x30, 0x15, 0xA2, 0x13, 0x30, 0x11, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86,
                                               0xF7, 0x0D, 0x01, 0x01, 0x09, 0x04, 0x04, 'T',  'C',  'P',  'A'};
    ASN1_STRING *sequence = ASN1_STRING_type_new(V_ASN1_SEQUENCE);
    X509_PUBKEY *key = X509_get_X509_PUBKEY(x509);
    const unsigned char *bits;
    int size;

    assert_int_equal(X509_PUBKEY_get0_param(NULL, &bits, &size, NULL, key), 1);
    assert_int_equal(ASN1_STRING_set(sequence, parameters, sizeof(parameters)), 1);
    assert_int_equal(X509_PUBKEY_set0_param(key, OBJ_nid2obj(NID_rsaesOaep), V_ASN1_SEQUENCE, sequence,
                                            OPENSSL_memdup(bits, (size_t)size), size),
                     1);
}

static void set_name(X509 *x509, const char *name)
{
    if (name != NULL)
        assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                                                    (const unsigned char *)name, -1, -1, 0),
                         1);
}

X509 *make_x509(const make_options *options)
{
    static long serial = 1;
    X509 *x509 = X509_new();
    X509 *issuer = options->issuer == NULL ? x509 : options->issuer;
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    const unsigned char *at;

    assert_non_null(x509);
    assert_int_equal(X509_set_version(x509, options->version_1 ? 0 : 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial), 1);
    assert_non_null(ASN1_TIME_adj(X509_getm_notBefore(x509), options->from == 0 ? MAKE_FROM : options->from, 0, 0));
    assert_non_null(ASN1_TIME_adj(X509_getm_notAfter(x509), options->until == 0 ? MAKE_UNTIL : options->until, 0, 0));
    set_name(x509, options->name);
    assert_int_equal(X509_set_issuer_name(x509, X509_get_subject_name(issuer)), 1);
    assert_int_equal(X509_set_pubkey(x509, options->key), 1);
    if (options->oaep)
        set_oaep(x509);
    if (!options->version_1)
        add_extensions(x509, issuer, options->options);
    assert_true(X509_sign(x509, options->signer == NULL ? options->key : options->signer,
                          options->md == NULL ? EVP_sha256() : options->md) > 0);
    make_der(x509, &der);
    X509_free(x509);
    at = der.data;
    x509 = d2i_X509(NULL, &at, (long)der.size);
    assert_non_null(x509);
    ERR_clear_error();
    return x509;
}

void make_der(X509 *x509, bm_buf *der)
{
    unsigned char *bytes = NULL;
    int size = i2d_X509(x509, &bytes);

    assert_true(size > 0);
    assert_ok(bm_buf_put(der, bm_bytes_of(bytes, (size_t)size)));
    OPENSSL_free(bytes);
}

void make_x509_der(const make_options *options, bm_buf *der)
{
    X509 *x509 = make_x509(options);

    make_der(x509, der);
    X509_free(x509);
}

void make_raw(EVP_PKEY *key, X509 *issuer, EVP_PKEY *signer, bm_bytes subject, bm_bytes extensions, bm_buf *der)
{
    static const uint8_t empty_name[] = {BM_DER_SEQUENCE, 0};
    static const uint8_t serial[] = {0x2A};
    BM_AUTO(bm_pkey_freep) bm_pkey *wrapped = make_wrap(key);
    BM_AUTO(bm_pkey_freep) bm_pkey *signing = make_wrap(signer);
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    bm_pubkey public_key;
    unsigned char *name = NULL;
    int size = i2d_X509_NAME(X509_get_subject_name(issuer), &name);
    bm_sig_alg alg = EVP_PKEY_is_a(signer, "RSA") ? BM_SIG_RSA_SHA256 : BM_SIG_ECDSA_SHA256;
    bm_build_fields fields = {.serial = BM_BYTES_ARRAY(serial),
                              .alg = alg,
                              .issuer = bm_bytes_of(name, (size_t)size),
                              .not_before = MAKE_FROM,
                              .not_after = MAKE_UNTIL,
                              .subject = subject.size > 0 ? subject : BM_BYTES_ARRAY(empty_name),
                              .key = &public_key,
                              .extensions = extensions};

    assert_true(size > 0);
    assert_ok(bm_pkey_public(wrapped, &public_key));
    assert_ok(bm_build_put_tbs(&tbs, &fields));
    assert_ok(bm_pkey_sign(signing, alg, bm_buf_view(&tbs), &signature));
    assert_ok(bm_build_put_certificate(der, bm_buf_view(&tbs), alg, bm_buf_view(&signature)));
    OPENSSL_free(name);
}

void make_put(bm_buf *out, uint8_t tag, bm_bytes content)
{
    assert_ok(bm_der_put(out, tag, content));
}

void make_hex(bm_buf *out, const char *hex)
{
    assert_ok(bm_text_from_hex(bm_bytes_str(hex), out));
}

static bool find(bm_bytes outer, bm_bytes inner, size_t *at)
{
    for (*at = 0; *at + inner.size <= outer.size; (*at)++)
        if (bm_bytes_equal(bm_bytes_slice(outer, *at, inner.size), inner))
            return true;
    return false;
}

bool make_contains(bm_bytes outer, bm_bytes inner)
{
    size_t at;

    return find(outer, inner, &at);
}

void make_replace(bm_buf *in, bm_bytes from, bm_bytes to)
{
    size_t at;

    assert_int_equal(from.size, to.size);
    assert_true(find(bm_buf_view(in), from, &at));
    memcpy(in->data + at, to.data, to.size);
}

/* Each attempt has memory of its own of exactly its size, so that a sanitizer sees a read beyond it. */
static make_verdict attempt(bm_bytes bytes, make_parser parser, void *context)
{
    uint8_t *copy = malloc(bytes.size == 0 ? 1 : bytes.size);
    make_verdict verdict;

    assert_non_null(copy);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    verdict = parser(bm_bytes_of(copy, bytes.size), context);
    free(copy);
    return verdict;
}

void make_torture(bm_bytes good, make_parser parser, void *context)
{
    BM_AUTO_BUF changed = BM_BUF_EMPTY;

    assert_int_not_equal(attempt(good, parser, context), MAKE_REFUSED);
    for (size_t size = 0; size < good.size; size++)
        assert_int_equal(attempt(bm_bytes_slice(good, 0, size), parser, context), MAKE_REFUSED);
    assert_ok(bm_buf_put(&changed, good));
    assert_ok(bm_buf_put_u8(&changed, 0));
    assert_int_equal(attempt(bm_buf_view(&changed), parser, context), MAKE_REFUSED);
    changed.size--;
    for (size_t bit = 0; bit < good.size * 8; bit++) {
        changed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (attempt(bm_buf_view(&changed), parser, context) == MAKE_VERIFIED)
            fail_msg("bit %zu flipped, and it was taken all the same", bit);
        changed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

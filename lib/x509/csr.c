#include "x509/csr.h"

#include "base/text.h"
#include "crypto/der.h"
#include "crypto/evp.h"
#include "x509/name.h"

#include <openssl/x509.h>

#define SUBJECT_ATTRIBUTES_MAX 64
#define TAG_TELETEX_STRING 0x14

/* What a subject says of the identity that is asked for. */
typedef struct {
    bm_bytes serial;
    bm_bytes name;
    size_t names;
} requested;

static bool is_plain_string(uint8_t tag)
{
    return tag == BM_DER_UTF8_STRING || tag == BM_DER_PRINTABLE_STRING || tag == BM_DER_IA5_STRING ||
           tag == TAG_TELETEX_STRING;
}

static BM_RESULT note_attribute(const bm_name_attribute *attribute, requested *asked)
{
    bool serial = bm_bytes_equal(attribute->oid, bm_name_oid(BM_ATTR_SERIAL_NUMBER));

    if (!serial && !bm_bytes_equal(attribute->oid, bm_name_oid(BM_ATTR_CN)))
        return bm_ok();
    BM_CHECK(is_plain_string(attribute->tag) && attribute->value.size > 0, BM_E_MALFORMED,
             "a serialNumber or commonName that is no string, or an empty one");
    if (serial) {
        BM_CHECK(asked->serial.size == 0, BM_E_MALFORMED, "the subject has two serialNumbers");
        asked->serial = attribute->value;
    } else {
        asked->name = attribute->value;
        asked->names++;
    }
    return bm_ok();
}

/* The serialNumber, or else the commonName; two of what would be taken are ambiguous. */
static BM_RESULT find_serial(bm_bytes subject, bm_bytes *serial)
{
    requested asked = {0};
    bm_name_walk walk;
    size_t count = 0;

    BM_TRY(bm_name_open(subject, &walk));
    for (;; count++) {
        bm_name_attribute attribute;
        bool found;

        BM_TRY(bm_name_next(&walk, &attribute, &found));
        if (!found)
            break;
        BM_CHECK(count < SUBJECT_ATTRIBUTES_MAX, BM_E_MALFORMED, "the subject has more than 64 attributes");
        BM_TRY(note_attribute(&attribute, &asked));
    }
    BM_CHECK(asked.serial.size > 0 || asked.names <= 1, BM_E_MALFORMED,
             "the subject has two commonNames and no serialNumber");
    *serial = asked.serial.size > 0 ? asked.serial : asked.name;
    return bm_ok();
}

/* CertificationRequestInfo (RFC 2986, 4.1) */
static BM_RESULT walk_info(bm_bytes tbs, bm_csr *csr)
{
    bm_cursor at = bm_cursor_of(tbs);
    bm_cursor inner;
    bm_bytes version;
    bm_bytes subject;
    bm_bytes attributes;

    BM_TRY(bm_der_enter(&at, BM_DER_SEQUENCE, &inner));
    BM_TRY(bm_der_take(&inner, BM_DER_INTEGER, &version));
    BM_CHECK(version.size == 1 && version.data[0] == 0, BM_E_MALFORMED, "a CSR of another version than 1");
    BM_TRY(bm_der_take_whole(&inner, BM_DER_SEQUENCE, &subject));
    BM_TRY(find_serial(subject, &csr->serial));
    BM_TRY(bm_der_take_whole(&inner, BM_DER_SEQUENCE, &csr->spki));
    BM_TRY(bm_pubkey_parse_spki(csr->spki, &csr->key));
    BM_TRY(bm_der_take(&inner, BM_DER_CONTEXT(0), &attributes));
    return bm_cursor_end(&inner);
}

static BM_RESULT walk_request(bm_bytes der, bm_csr *csr, bm_bytes *alg)
{
    bm_cursor at = bm_cursor_of(der);
    bm_cursor inner;

    BM_TRY(bm_der_enter(&at, BM_DER_SEQUENCE, &inner));
    BM_TRY(bm_cursor_end(&at));
    BM_TRY(bm_der_take_whole(&inner, BM_DER_SEQUENCE, &csr->tbs));
    BM_TRY(walk_info(csr->tbs, csr));
    BM_TRY(bm_der_take_whole(&inner, BM_DER_SEQUENCE, alg));
    BM_TRY(bm_der_bits(&inner, &csr->signature));
    BM_CHECK(csr->signature.size > 0, BM_E_MALFORMED, "a CSR without a signature");
    return bm_cursor_end(&inner);
}

BM_RESULT bm_csr_parse(bm_bytes der, bm_csr *csr)
{
    bm_csr found = {.der = der};
    bm_bytes alg;

    BM_CHECK(der.size <= BM_CSR_MAX, BM_E_CSR_MALFORMED, "the CSR is larger than 4096 bytes");
    BM_TRY(bm_result_as(walk_request(der, &found, &alg), BM_E_CSR_MALFORMED));
    found.alg = bm_pkey_parse_sig_algorithm(alg);
    BM_CHECK(found.alg != BM_SIG_NONE, BM_E_CSR_ALGORITHM, "sign it with SHA-256 or longer");
    BM_CHECK(bm_pkey_sig_is_rsa(found.alg) == bm_pubkey_is_rsa(found.key.type), BM_E_CSR_ALGORITHM,
             "the signature algorithm does not go with the key");
    *csr = found;
    return bm_ok();
}

BM_RESULT bm_csr_verify(const bm_csr *csr, const bm_pkey *key)
{
    return bm_result_as(bm_pkey_verify(key, csr->alg, csr->tbs, csr->signature), BM_E_CSR_SIGNATURE);
}

static void free_request(X509_REQ **request)
{
    X509_REQ_free(*request);
}

static void free_algorithm(X509_ALGOR **algorithm)
{
    X509_ALGOR_free(*algorithm);
}

static void free_bits(ASN1_BIT_STRING **bits)
{
    ASN1_BIT_STRING_free(*bits);
}

static void free_bytes(unsigned char **bytes)
{
    OPENSSL_free(*bytes);
}

/* The Name that a device asks for: CN and serialNumber, encoded as our own certificates have it. */
static BM_RESULT set_subject(X509_REQ *request, const char *serial)
{
    BM_AUTO_BUF rdns = BM_BUF_EMPTY;
    BM_AUTO_BUF name = BM_BUF_EMPTY;
    const unsigned char *at;
    X509_NAME *parsed;
    int good;

    BM_TRY(bm_name_put_rdn(&rdns, BM_ATTR_CN, bm_bytes_str(serial)));
    BM_TRY(bm_name_put_rdn(&rdns, BM_ATTR_SERIAL_NUMBER, bm_bytes_str(serial)));
    BM_TRY(bm_der_put(&name, BM_DER_SEQUENCE, bm_buf_view(&rdns)));
    at = name.data;
    parsed = d2i_X509_NAME(NULL, &at, (long)name.size);
    good = parsed != NULL && X509_REQ_set_subject_name(request, parsed) == 1;
    X509_NAME_free(parsed);
    return good ? bm_ok() : bm_evp_error(BM_E_INTERNAL, "setting the CSR's subject");
}

static BM_RESULT set_algorithm(X509_REQ *request, bm_sig_alg alg)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    BM_AUTO(free_algorithm) X509_ALGOR *algorithm = NULL;
    const unsigned char *at;

    BM_TRY(bm_pkey_put_sig_algorithm(&der, alg));
    at = der.data;
    algorithm = d2i_X509_ALGOR(NULL, &at, (long)der.size);
    if (algorithm == NULL || X509_REQ_set1_signature_algo(request, algorithm) != 1)
        return bm_evp_error(BM_E_INTERNAL, "setting the CSR's algorithm");
    return bm_ok();
}

static BM_RESULT fill_request(X509_REQ *request, const char *serial, const bm_pubkey *key, bm_sig_alg alg)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *pkey = NULL;

    BM_TRY(bm_pkey_from_public(key, &pkey));
    if (X509_REQ_set_version(request, 0) != 1 || X509_REQ_set_pubkey(request, bm_evp_of(pkey)) != 1)
        return bm_evp_error(BM_E_INTERNAL, "setting the CSR's key");
    BM_TRY(set_subject(request, serial));
    return set_algorithm(request, alg);
}

static BM_RESULT sign_request(X509_REQ *request, bm_sig_alg alg, bm_csr_sign sign, void *context)
{
    BM_AUTO(free_bytes) unsigned char *tbs = NULL;
    BM_AUTO(free_bits) ASN1_BIT_STRING *bits = NULL;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    bm_digest digest;
    int size = i2d_re_X509_REQ_tbs(request, &tbs);

    if (size <= 0)
        return bm_evp_error(BM_E_INTERNAL, "encoding what the CSR's signature covers");
    BM_TRY(bm_hash(bm_pkey_sig_hash(alg), bm_bytes_of(tbs, (size_t)size), &digest));
    BM_TRY(sign(context, bm_pkey_sig_hash(alg), bm_hash_view(&digest), &signature));
    BM_CHECK(signature.size > 0 && signature.size <= BM_CSR_MAX, BM_E_INTERNAL, "a signature of an impossible size");
    bits = ASN1_BIT_STRING_new();
    if (bits == NULL || ASN1_BIT_STRING_set(bits, signature.data, (int)signature.size) != 1)
        return bm_evp_error(BM_E_INTERNAL, "keeping the CSR's signature");
    /* No unused bits: otherwise OpenSSL drops trailing zero bits of the last byte. */
    bits->flags = (bits->flags & ~0x07L) | ASN1_STRING_FLAG_BITS_LEFT;
    X509_REQ_set0_signature(request, bits);
    bits = NULL;
    return bm_ok();
}

BM_RESULT bm_csr_build(const char *serial, const bm_pubkey *key, bm_sig_alg alg, bm_csr_sign sign, void *context,
                       bm_buf *der)
{
    BM_AUTO(free_request) X509_REQ *request = X509_REQ_new();
    BM_AUTO(free_bytes) unsigned char *bytes = NULL;
    int size;

    BM_CHECK(bm_text_is_identity(bm_bytes_str(serial)), BM_E_IDENTITY_INVALID, NULL);
    BM_CHECK(request != NULL, BM_E_NO_MEMORY, NULL);
    BM_TRY(bm_result_as(fill_request(request, serial, key, alg), BM_E_INTERNAL));
    BM_TRY(sign_request(request, alg, sign, context));
    size = i2d_X509_REQ(request, &bytes);
    if (size <= 0)
        return bm_evp_error(BM_E_INTERNAL, "encoding the CSR");
    return bm_buf_put(der, bm_bytes_of(bytes, (size_t)size));
}

BM_RESULT bm_csr_put_ecdsa(bm_buf *out, bm_bytes r, bm_bytes s)
{
    BM_AUTO_BUF numbers = BM_BUF_EMPTY;

    BM_TRY(bm_der_put_unsigned(&numbers, r));
    BM_TRY(bm_der_put_unsigned(&numbers, s));
    return bm_der_put(out, BM_DER_SEQUENCE, bm_buf_view(&numbers));
}

#include "x509/ekc.h"

#include "base/text.h"
#include "crypto/der.h"
#include "crypto/evp.h"
#include "x509/ekc_extensions.h"
#include "x509/ekc_x509.h"
#include "x509/walk.h"

#include <openssl/err.h>
#include <stdlib.h>

struct bm_ekc {
    bm_buf der;
    bm_walk_cert walked; /* views of der */
    bm_ekc_extensions extensions;
    AUTHORITY_KEYID *authority; /* NULL: it names none */
    bm_pubkey key;
    int64_t not_before;
    int64_t not_after;
};

/* TCG PC Client, stored certificate: u16 tag 0x1001, u8 type 0, u16 length, then the certificate. */
static bm_bytes without_prefix(bm_bytes nv)
{
    bm_cursor at = bm_cursor_of(nv);
    uint16_t tag;
    uint8_t type;
    bm_bytes inner;

    if (bm_cursor_u16(&at, &tag).code != BM_OK || bm_cursor_u8(&at, &type).code != BM_OK || tag != 0x1001 || type != 0)
        return nv;
    if (bm_cursor_sized16(&at, UINT16_MAX, &inner).code != BM_OK)
        return nv;
    return inner;
}

BM_RESULT bm_ekc_trim(bm_bytes nv, bm_bytes *der)
{
    bm_cursor at = bm_cursor_of(without_prefix(nv));

    return bm_result_as(bm_der_take_whole(&at, BM_DER_SEQUENCE, der), BM_E_EKC_MALFORMED);
}

BM_RESULT bm_ekc_next(bm_bytes *rest, bm_bytes *der)
{
    bm_cursor at = bm_cursor_of(*rest);
    bm_bytes found;

    /* No certificate begins with either byte of padding, and each index of a chain may be padded. */
    while (at.rest.size > 0 && (at.rest.data[0] == 0x00 || at.rest.data[0] == 0xFF)) {
        at.rest.data++;
        at.rest.size--;
    }
    if (at.rest.size == 0) {
        *rest = bm_bytes_of(NULL, 0);
        *der = bm_bytes_of(NULL, 0);
        return bm_ok();
    }
    BM_TRY(bm_result_as(bm_der_take_whole(&at, BM_DER_SEQUENCE, &found), BM_E_EKC_MALFORMED));
    *rest = at.rest;
    *der = found;
    return bm_ok();
}

BM_RESULT bm_ekc_decode(bm_bytes der, X509 **x509)
{
    const unsigned char *at = der.data;
    X509 *decoded;

    ERR_clear_error();
    BM_CHECK(der.size > 0 && der.size <= BM_EKC_MAX, BM_E_EKC_MALFORMED, "an empty certificate, or one over 4096 bytes");
    decoded = d2i_X509(NULL, &at, (long)der.size);
    if (decoded == NULL)
        return bm_evp_error(BM_E_EKC_MALFORMED, "decoding a certificate");
    if (at != der.data + der.size || (X509_get_extension_flags(decoded) & EXFLAG_INVALID) != 0) {
        X509_free(decoded);
        ERR_clear_error();
        return bm_fail(BM_E_EKC_MALFORMED, "bytes behind a certificate, or an extension that cannot be read");
    }
    /* A key under id-RSAES-OAEP leaves an error behind that is none. */
    ERR_clear_error();
    *x509 = decoded;
    return bm_ok();
}

static BM_RESULT read_time(const ASN1_TIME *time, int64_t *seconds)
{
    struct tm tm = {0};

    if (time == NULL || ASN1_TIME_to_tm(time, &tm) != 1) {
        ERR_clear_error();
        return bm_fail(BM_E_EKC_MALFORMED, "a date of a certificate that cannot be read");
    }
    *seconds = bm_text_days(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday) * 86400 + tm.tm_hour * 3600 +
               tm.tm_min * 60 + tm.tm_sec;
    return bm_ok();
}

BM_RESULT bm_ekc_dates(const X509 *x509, int64_t *not_before, int64_t *not_after)
{
    int64_t from;

    BM_TRY(read_time(X509_get0_notBefore(x509), &from));
    BM_TRY(read_time(X509_get0_notAfter(x509), not_after));
    *not_before = from;
    return bm_ok();
}

static void free_time(ASN1_TIME **time)
{
    ASN1_STRING_free(*time);
}

/* A time as OpenSSL reads it, which takes more forms than RFC 5280 wants: vendors write more. */
static BM_RESULT take_time(bm_cursor *validity, int64_t *seconds)
{
    BM_AUTO(free_time) ASN1_TIME *time = NULL;
    bm_bytes value;
    uint8_t tag;

    BM_TRY(bm_der_any(validity, &tag, &value, NULL));
    BM_CHECK(tag == V_ASN1_UTCTIME || tag == V_ASN1_GENERALIZEDTIME, BM_E_MALFORMED, "a date of a certificate of another type");
    time = ASN1_STRING_type_new(tag);
    BM_CHECK(time != NULL && ASN1_STRING_set(time, value.data, (int)value.size) == 1, BM_E_NO_MEMORY, NULL);
    return read_time(time, seconds);
}

static BM_RESULT take_dates(bm_ekc *ekc)
{
    bm_cursor at = bm_cursor_of(ekc->walked.fields.validity);

    BM_TRY(take_time(&at, &ekc->not_before));
    BM_TRY(take_time(&at, &ekc->not_after));
    return bm_cursor_end(&at);
}

static BM_RESULT take_authority(bm_ekc *ekc)
{
    bm_bytes value = ekc->extensions.authority;
    const unsigned char *at = value.data;

    if (value.size == 0)
        return bm_ok();
    ekc->authority = d2i_AUTHORITY_KEYID(NULL, &at, (long)value.size);
    if (ekc->authority == NULL)
        return bm_evp_error(BM_E_MALFORMED, "the authorityKeyIdentifier");
    BM_CHECK(at == value.data + value.size, BM_E_MALFORMED, "bytes behind the authorityKeyIdentifier");
    return bm_ok();
}

static BM_RESULT fill(bm_ekc *ekc, bm_bytes der)
{
    BM_TRY(bm_buf_put(&ekc->der, der));
    BM_TRY(bm_walk_certificate(bm_buf_view(&ekc->der), &ekc->walked));
    BM_TRY(bm_pubkey_parse_spki(ekc->walked.fields.spki, &ekc->key));
    BM_TRY(take_dates(ekc));
    BM_TRY(bm_ekc_extensions_read(ekc->walked.fields.extensions, &ekc->extensions));
    return take_authority(ekc);
}

BM_RESULT bm_ekc_parse(bm_bytes der, bm_ekc **ekc)
{
    bm_ekc *made;
    bm_result result;

    BM_CHECK(der.size > 0 && der.size <= BM_EKC_MAX, BM_E_EKC_MALFORMED, "an empty certificate, or one over 4096 bytes");
    made = calloc(1, sizeof(*made));
    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    result = bm_result_as(fill(made, der), BM_E_EKC_MALFORMED);
    if (result.code == BM_OK)
        *ekc = made;
    else
        bm_ekc_free(made);
    return result;
}

void bm_ekc_free(bm_ekc *ekc)
{
    if (ekc == NULL)
        return;
    AUTHORITY_KEYID_free(ekc->authority);
    bm_buf_fini(&ekc->der);
    free(ekc);
}

void bm_ekc_freep(bm_ekc **ekc)
{
    bm_ekc_free(*ekc);
    *ekc = NULL;
}

const bm_walk_cert *bm_ekc_walked(const bm_ekc *ekc)
{
    return &ekc->walked;
}

const AUTHORITY_KEYID *bm_ekc_authority(const bm_ekc *ekc)
{
    return ekc->authority;
}

const bm_pubkey *bm_ekc_key(const bm_ekc *ekc)
{
    return &ekc->key;
}

bm_bytes bm_ekc_der(const bm_ekc *ekc)
{
    return bm_buf_view(&ekc->der);
}

void bm_ekc_validity(const bm_ekc *ekc, int64_t *not_before, int64_t *not_after)
{
    *not_before = ekc->not_before;
    *not_after = ekc->not_after;
}

BM_RESULT bm_ekc_check_critical(const bm_ekc *ekc, bm_code code)
{
    BM_CHECK(!ekc->extensions.unknown_critical, code, "the EK certificate has a critical extension that is not known");
    return bm_ok();
}

BM_RESULT bm_ekc_check_usage(const bm_ekc *ekc)
{
    /* The second is not what the EK Credential Profile says for ECC (section 3.2), but is in the field. */
    uint8_t wanted = bm_pubkey_is_rsa(ekc->key.type) ? BM_EKC_KEY_ENCIPHERMENT : BM_EKC_KEY_AGREEMENT | BM_EKC_KEY_ENCIPHERMENT;

    BM_CHECK(!ekc->extensions.is_ca, BM_E_EKC_USAGE, "the EK certificate is a CA certificate");
    BM_TRY(bm_ekc_check_critical(ekc, BM_E_EKC_USAGE));
    BM_CHECK(ekc->extensions.has_ek_purpose, BM_E_EKC_USAGE, "the EK certificate lacks the extended key usage 2.23.133.8.1");
    BM_CHECK((ekc->extensions.key_usage & wanted) != 0, BM_E_EKC_USAGE,
             "the EK certificate's key usage does not allow what an EK does");
    return bm_ok();
}

BM_RESULT bm_ekc_check_validity(const bm_ekc *ekc, int64_t now)
{
    BM_CHECK(now >= ekc->not_before, BM_E_EKC_VALIDITY, "the EK certificate is not valid yet");
    BM_CHECK(now <= ekc->not_after, BM_E_EKC_VALIDITY, "the EK certificate has expired");
    return bm_ok();
}

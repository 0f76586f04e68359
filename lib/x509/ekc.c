#include "x509/ekc.h"

#include "base/text.h"
#include "crypto/der.h"
#include "crypto/evp.h"
#include "x509/ekc_x509.h"
#include "x509/walk.h"

#include <openssl/err.h>
#include <stdlib.h>

struct bm_ekc {
    bm_buf der;
    X509 *x509;
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

static BM_RESULT fill(bm_ekc *ekc, bm_bytes der)
{
    bm_walk_cert walked;

    /* The key is read from the raw bytes: OpenSSL cannot read one under id-RSAES-OAEP. */
    BM_TRY(bm_result_as(bm_walk_certificate(der, &walked), BM_E_EKC_MALFORMED));
    BM_TRY(bm_result_as(bm_pubkey_parse_spki(walked.fields.spki, &ekc->key), BM_E_EKC_MALFORMED));
    BM_TRY(bm_ekc_decode(der, &ekc->x509));
    BM_TRY(bm_ekc_dates(ekc->x509, &ekc->not_before, &ekc->not_after));
    return bm_buf_put(&ekc->der, der);
}

BM_RESULT bm_ekc_parse(bm_bytes der, bm_ekc **ekc)
{
    bm_ekc *made;
    bm_result result;

    BM_CHECK(der.size <= BM_EKC_MAX, BM_E_EKC_MALFORMED, "a certificate over 4096 bytes");
    made = calloc(1, sizeof(*made));
    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    result = fill(made, der);
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
    X509_free(ekc->x509);
    bm_buf_fini(&ekc->der);
    free(ekc);
}

void bm_ekc_freep(bm_ekc **ekc)
{
    bm_ekc_free(*ekc);
    *ekc = NULL;
}

X509 *bm_ekc_x509(const bm_ekc *ekc)
{
    return ekc->x509;
}

const bm_pubkey *bm_ekc_key(const bm_ekc *ekc)
{
    return &ekc->key;
}

bm_bytes bm_ekc_der(const bm_ekc *ekc)
{
    return bm_buf_view(&ekc->der);
}

/* Is 2.23.133.8.1 (tcg-kp-EKCertificate) among the purposes? */
static bool has_ek_purpose(const X509 *x509)
{
    static const uint8_t ek_purpose[] = {0x67, 0x81, 0x05, 0x08, 0x01};
    EXTENDED_KEY_USAGE *purposes = X509_get_ext_d2i(x509, NID_ext_key_usage, NULL, NULL);
    bool found = false;

    for (int i = 0; i < sk_ASN1_OBJECT_num(purposes) && !found; i++) {
        const ASN1_OBJECT *purpose = sk_ASN1_OBJECT_value(purposes, i);

        found = bm_bytes_equal(bm_bytes_of(OBJ_get0_data(purpose), OBJ_length(purpose)), BM_BYTES_ARRAY(ek_purpose));
    }
    EXTENDED_KEY_USAGE_free(purposes);
    return found;
}

BM_RESULT bm_ekc_check_usage(const bm_ekc *ekc)
{
    /* The second is not what the EK Credential Profile says for ECC (section 3.2), but is in the field. */
    uint32_t wanted = bm_pubkey_is_rsa(ekc->key.type) ? KU_KEY_ENCIPHERMENT : KU_KEY_AGREEMENT | KU_KEY_ENCIPHERMENT;
    uint32_t flags = X509_get_extension_flags(ekc->x509);

    BM_CHECK(X509_check_ca(ekc->x509) == 0 && (flags & EXFLAG_CA) == 0, BM_E_EKC_USAGE,
             "the EK certificate is a CA certificate");
    BM_CHECK((flags & EXFLAG_CRITICAL) == 0, BM_E_EKC_USAGE,
             "the EK certificate has a critical extension that is not known");
    BM_CHECK((flags & EXFLAG_XKUSAGE) != 0 && has_ek_purpose(ekc->x509), BM_E_EKC_USAGE,
             "the EK certificate lacks the extended key usage 2.23.133.8.1");
    /* Without the extension every bit is said to be set (RFC 5280, 4.2.1.3). */
    BM_CHECK((X509_get_key_usage(ekc->x509) & wanted) != 0, BM_E_EKC_USAGE,
             "the EK certificate's key usage does not allow what an EK does");
    return bm_ok();
}

BM_RESULT bm_ekc_check_validity(const bm_ekc *ekc, int64_t now)
{
    BM_CHECK(now >= ekc->not_before, BM_E_EKC_VALIDITY, "the EK certificate is not valid yet");
    BM_CHECK(now <= ekc->not_after, BM_E_EKC_VALIDITY, "the EK certificate has expired");
    return bm_ok();
}

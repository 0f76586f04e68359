#include "x509/build.h"

#include "base/text.h"

#define TAG_UTC_TIME 0x17
#define TAG_GENERALIZED_TIME 0x18
#define TAG_AKI_KEY_ID 0x80

#define OID(variable, ...)                                                                                             \
    static const uint8_t variable##_bytes[] = {__VA_ARGS__};                                                           \
    const bm_bytes variable = {variable##_bytes, sizeof(variable##_bytes)}

OID(bm_build_oid_ski, 0x55, 0x1D, 0x0E);
OID(bm_build_oid_key_usage, 0x55, 0x1D, 0x0F);
OID(bm_build_oid_san, 0x55, 0x1D, 0x11);
OID(bm_build_oid_basic, 0x55, 0x1D, 0x13);
OID(bm_build_oid_policies, 0x55, 0x1D, 0x20);
OID(bm_build_oid_aki, 0x55, 0x1D, 0x23);
OID(bm_build_oid_eku, 0x55, 0x1D, 0x25);
OID(bm_build_oid_server_auth, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01);
OID(bm_build_oid_client_auth, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02);

/* RFC 5280, 4.1.2.5: UTCTime until 2049, GeneralizedTime from 2050. */
static BM_RESULT put_time(bm_buf *out, int64_t time)
{
    static const uint8_t places[] = {0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18};
    bool short_year = time < bm_text_days(2050, 1, 1) * 86400;
    char text[BM_TIME_TEXT_SIZE];
    uint8_t digits[sizeof(places) + 1];
    size_t from = short_year ? 2 : 0;

    bm_text_time(time, text);
    for (size_t i = 0; i < sizeof(places); i++)
        digits[i] = (uint8_t)text[places[i]];
    digits[sizeof(places)] = 'Z';
    return bm_der_put(out, short_year ? TAG_UTC_TIME : TAG_GENERALIZED_TIME,
                      bm_bytes_of(digits + from, sizeof(digits) - from));
}

static BM_RESULT put_validity(bm_buf *out, int64_t not_before, int64_t not_after)
{
    BM_AUTO_BUF times = BM_BUF_EMPTY;

    BM_CHECK(not_before >= 0 && not_before <= not_after && not_after <= BM_BUILD_TIME_MAX, BM_E_INTERNAL,
             "a validity that no certificate can have");
    BM_TRY(put_time(&times, not_before));
    BM_TRY(put_time(&times, not_after));
    return bm_der_put(out, BM_DER_SEQUENCE, bm_buf_view(&times));
}

static BM_RESULT put_extensions(bm_buf *out, bm_bytes extensions)
{
    BM_AUTO_BUF sequence = BM_BUF_EMPTY;

    BM_TRY(bm_der_put(&sequence, BM_DER_SEQUENCE, extensions));
    return bm_der_put(out, BM_DER_CONTEXT(3), bm_buf_view(&sequence));
}

BM_RESULT bm_build_put_tbs(bm_buf *out, const bm_build_fields *fields)
{
    static const uint8_t version_3[] = {BM_DER_CONTEXT(0), 3, BM_DER_INTEGER, 1, 2};
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    BM_TRY(bm_buf_reserve(&body, 1024));
    BM_TRY(bm_buf_put(&body, BM_BYTES_ARRAY(version_3)));
    BM_TRY(bm_der_put_unsigned(&body, fields->serial));
    BM_TRY(bm_pkey_put_sig_algorithm(&body, fields->alg));
    BM_TRY(bm_buf_put(&body, fields->issuer));
    BM_TRY(put_validity(&body, fields->not_before, fields->not_after));
    BM_TRY(bm_buf_put(&body, fields->subject));
    BM_TRY(bm_pubkey_put_spki(&body, fields->key));
    BM_TRY(put_extensions(&body, fields->extensions));
    return bm_der_put(out, BM_DER_SEQUENCE, bm_buf_view(&body));
}

BM_RESULT bm_build_put_certificate(bm_buf *out, bm_bytes tbs, bm_sig_alg alg, bm_bytes signature)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    BM_TRY(bm_buf_reserve(&body, tbs.size + signature.size + 64));
    BM_TRY(bm_buf_put(&body, tbs));
    BM_TRY(bm_pkey_put_sig_algorithm(&body, alg));
    BM_TRY(bm_der_put_bits(&body, signature));
    return bm_der_put(out, BM_DER_SEQUENCE, bm_buf_view(&body));
}

BM_RESULT bm_build_put_extension(bm_buf *out, bm_bytes oid, bool critical, bm_bytes value)
{
    static const uint8_t yes = 0xFF;
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    BM_TRY(bm_der_put(&body, BM_DER_OID, oid));
    if (critical)
        BM_TRY(bm_der_put(&body, BM_DER_BOOLEAN, bm_bytes_of(&yes, 1)));
    BM_TRY(bm_der_put(&body, BM_DER_OCTET_STRING, value));
    return bm_der_put(out, BM_DER_SEQUENCE, bm_buf_view(&body));
}

BM_RESULT bm_build_put_basic(bm_buf *out, bool ca)
{
    static const uint8_t ca_pathlen_0[] = {BM_DER_SEQUENCE, 6, BM_DER_BOOLEAN, 1, 0xFF, BM_DER_INTEGER, 1, 0};
    static const uint8_t no_ca[] = {BM_DER_SEQUENCE, 0};

    return bm_build_put_extension(out, bm_build_oid_basic, true,
                                  ca ? BM_BYTES_ARRAY(ca_pathlen_0) : BM_BYTES_ARRAY(no_ca));
}

BM_RESULT bm_build_put_key_usage(bm_buf *out, uint8_t bits)
{
    uint8_t unused = 0;

    BM_CHECK(bits != 0, BM_E_INTERNAL, "a key usage without a use");
    /* A named bit list has no trailing zero bits (X.690, 11.2.2). */
    while ((bits >> unused & 1) == 0)
        unused++;
    return bm_build_put_extension(
        out, bm_build_oid_key_usage, true,
        BM_BYTES_ARRAY(((const uint8_t[]){BM_DER_BIT_STRING, 2, unused, bits})));
}

BM_RESULT bm_build_put_eku(bm_buf *out, bm_bytes purpose)
{
    BM_AUTO_BUF oid = BM_BUF_EMPTY;
    BM_AUTO_BUF value = BM_BUF_EMPTY;

    BM_TRY(bm_der_put(&oid, BM_DER_OID, purpose));
    BM_TRY(bm_der_put(&value, BM_DER_SEQUENCE, bm_buf_view(&oid)));
    return bm_build_put_extension(out, bm_build_oid_eku, false, bm_buf_view(&value));
}

BM_RESULT bm_build_put_key_ids(bm_buf *out, bm_bytes subject_id, bm_bytes issuer_id)
{
    BM_AUTO_BUF ski = BM_BUF_EMPTY;
    BM_AUTO_BUF inner = BM_BUF_EMPTY;
    BM_AUTO_BUF aki = BM_BUF_EMPTY;

    BM_TRY(bm_der_put(&ski, BM_DER_OCTET_STRING, subject_id));
    BM_TRY(bm_build_put_extension(out, bm_build_oid_ski, false, bm_buf_view(&ski)));
    BM_TRY(bm_der_put(&inner, TAG_AKI_KEY_ID, issuer_id));
    BM_TRY(bm_der_put(&aki, BM_DER_SEQUENCE, bm_buf_view(&inner)));
    return bm_build_put_extension(out, bm_build_oid_aki, false, bm_buf_view(&aki));
}

BM_RESULT bm_build_key_id(const bm_pubkey *key, uint8_t id[BM_BUILD_KEY_ID_SIZE])
{
    BM_AUTO_BUF spki = BM_BUF_EMPTY;
    uint8_t digest[BM_SHA256_SIZE];
    bm_cursor at;
    bm_cursor inner;
    bm_bytes part;

    BM_TRY(bm_pubkey_put_spki(&spki, key));
    at = bm_cursor_of(bm_buf_view(&spki));
    BM_TRY(bm_der_enter(&at, BM_DER_SEQUENCE, &inner));
    BM_TRY(bm_der_take(&inner, BM_DER_SEQUENCE, &part));
    BM_TRY(bm_der_bits(&inner, &part));
    BM_TRY(bm_hash_sha256(part, digest));
    return bm_bytes_copy_exact(bm_bytes_of(digest, BM_BUILD_KEY_ID_SIZE), id, BM_BUILD_KEY_ID_SIZE);
}

#include "crypto/pubkey.h"

#include "crypto/der.h"
#include "crypto/hash.h"

/* The DER of object identifiers, without their headers. */
static const uint8_t oid_rsa_encryption[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01}; /* 1.2.840.113549.1.1.1 */
static const uint8_t oid_rsaes_oaep[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x07};     /* 1.2.840.113549.1.1.7 */
static const uint8_t oid_ec_public_key[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01};             /* 1.2.840.10045.2.1 */
static const uint8_t oid_p256[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};                /* 1.2.840.10045.3.1.7 */
static const uint8_t oid_p384[] = {0x2B, 0x81, 0x04, 0x00, 0x22};                                  /* 1.3.132.0.34 */
static const uint8_t oid_p521[] = {0x2B, 0x81, 0x04, 0x00, 0x23};                                  /* 1.3.132.0.35 */

/* The curve of a type, as its OID; empty for RSA. */
static bm_bytes curve_of(bm_key_type type)
{
    switch (type) {
    case BM_KEY_ECC256:
        return BM_BYTES_ARRAY(oid_p256);
    case BM_KEY_ECC384:
        return BM_BYTES_ARRAY(oid_p384);
    case BM_KEY_ECC521:
        return BM_BYTES_ARRAY(oid_p521);
    case BM_KEY_NONE:
    case BM_KEY_RSA2048:
    case BM_KEY_RSA3072:
    case BM_KEY_RSA4096:
    case BM_KEY_TYPE_COUNT:
        break;
    }
    return bm_bytes_of(NULL, 0);
}

/* RSAPublicKey (RFC 8017, A.1.1). */
static BM_RESULT put_rsa_key(bm_buf *out, const bm_pubkey *key)
{
    BM_AUTO_BUF numbers = BM_BUF_EMPTY;
    BM_AUTO_BUF exponent = BM_BUF_EMPTY;

    BM_TRY(bm_buf_put_u32(&exponent, key->e));
    BM_TRY(bm_der_put_unsigned(&numbers, bm_pubkey_n(key)));
    BM_TRY(bm_der_put_unsigned(&numbers, bm_buf_view(&exponent)));
    return bm_der_put(out, BM_DER_SEQUENCE, bm_buf_view(&numbers));
}

/* ECPoint, uncompressed (RFC 5480, 2.2). */
static BM_RESULT put_point(bm_buf *out, const bm_pubkey *key)
{
    BM_TRY(bm_buf_put_u8(out, 0x04));
    BM_TRY(bm_buf_put(out, bm_pubkey_x(key)));
    return bm_buf_put(out, bm_pubkey_y(key));
}

BM_RESULT bm_pubkey_put_spki(bm_buf *out, const bm_pubkey *key)
{
    BM_AUTO_BUF algorithm = BM_BUF_EMPTY;
    BM_AUTO_BUF bits = BM_BUF_EMPTY;
    BM_AUTO_BUF spki = BM_BUF_EMPTY;

    if (bm_pubkey_is_rsa(key->type)) {
        BM_TRY(bm_der_put(&algorithm, BM_DER_OID, BM_BYTES_ARRAY(oid_rsa_encryption)));
        BM_TRY(bm_der_put(&algorithm, BM_DER_NULL, bm_bytes_of(NULL, 0)));
        BM_TRY(put_rsa_key(&bits, key));
    } else {
        BM_CHECK(bm_pubkey_is_ecc(key->type), BM_E_INTERNAL, "a key of no type has no SubjectPublicKeyInfo");
        BM_TRY(bm_der_put(&algorithm, BM_DER_OID, BM_BYTES_ARRAY(oid_ec_public_key)));
        BM_TRY(bm_der_put(&algorithm, BM_DER_OID, curve_of(key->type)));
        BM_TRY(put_point(&bits, key));
    }
    BM_TRY(bm_der_put(&spki, BM_DER_SEQUENCE, bm_buf_view(&algorithm)));
    BM_TRY(bm_der_put_bits(&spki, bm_buf_view(&bits)));
    return bm_der_put(out, BM_DER_SEQUENCE, bm_buf_view(&spki));
}

BM_RESULT bm_pubkey_spki_sha256(const bm_pubkey *key, uint8_t digest[BM_SHA256_SIZE])
{
    BM_AUTO_BUF spki = BM_BUF_EMPTY;

    BM_TRY(bm_pubkey_put_spki(&spki, key));
    return bm_hash_sha256(bm_buf_view(&spki), digest);
}

static BM_RESULT parse_rsa_key(bm_bytes bits, bm_pubkey *key)
{
    bm_cursor cursor = bm_cursor_of(bits);
    bm_cursor numbers;
    bm_bytes n, e;

    BM_TRY(bm_der_enter(&cursor, BM_DER_SEQUENCE, &numbers));
    BM_TRY(bm_cursor_end(&cursor));
    BM_TRY(bm_der_unsigned(&numbers, &n));
    BM_TRY(bm_der_unsigned(&numbers, &e));
    BM_TRY(bm_cursor_end(&numbers));
    return bm_pubkey_from_rsa(n, e, key);
}

static BM_RESULT parse_point(bm_bytes bits, bm_bytes curve, bm_pubkey *key)
{
    bm_cursor cursor = bm_cursor_of(bits);
    bm_key_type type = BM_KEY_NONE;
    uint8_t form;
    bm_bytes x, y;

    for (unsigned i = BM_KEY_ECC256; i <= BM_KEY_ECC521; i++)
        if (bm_bytes_equal(curve, curve_of((bm_key_type)i)))
            type = (bm_key_type)i;
    BM_CHECK(type != BM_KEY_NONE, BM_E_MALFORMED, "a curve that is not P-256, P-384 or P-521");
    BM_TRY(bm_cursor_u8(&cursor, &form));
    BM_CHECK(form == 0x04, BM_E_MALFORMED, "a point that is not in uncompressed form");
    BM_TRY(bm_cursor_take(&cursor, bm_pubkey_field_size(type), &x));
    BM_TRY(bm_cursor_take(&cursor, bm_pubkey_field_size(type), &y));
    BM_TRY(bm_cursor_end(&cursor));
    return bm_pubkey_from_point(type, x, y, key);
}

/* The parameters: NULL for rsaEncryption, a named curve for id-ecPublicKey; a SEQUENCE or nothing for id-RSAES-OAEP. */
static BM_RESULT parse_algorithm(bm_cursor *algorithm, bool *is_rsa, bm_bytes *curve)
{
    bm_bytes oid, parameters;

    BM_TRY(bm_der_take(algorithm, BM_DER_OID, &oid));
    *is_rsa = true;
    if (bm_bytes_equal(oid, BM_BYTES_ARRAY(oid_ec_public_key))) {
        *is_rsa = false;
        BM_TRY(bm_der_take(algorithm, BM_DER_OID, curve));
    } else if (bm_bytes_equal(oid, BM_BYTES_ARRAY(oid_rsa_encryption))) {
        BM_TRY(bm_der_take(algorithm, BM_DER_NULL, &parameters));
        BM_CHECK(parameters.size == 0, BM_E_MALFORMED, "DER: a NULL with content");
    } else if (bm_bytes_equal(oid, BM_BYTES_ARRAY(oid_rsaes_oaep))) {
        if (algorithm->rest.size > 0)
            BM_TRY(bm_der_take(algorithm, BM_DER_SEQUENCE, &parameters));
    } else {
        return bm_fail(BM_E_MALFORMED, "a public key that is neither RSA nor of an elliptic curve");
    }
    return bm_cursor_end(algorithm);
}

BM_RESULT bm_pubkey_parse_spki(bm_bytes der, bm_pubkey *key)
{
    bm_cursor cursor = bm_cursor_of(der);
    bm_cursor spki, algorithm;
    bm_bytes bits, curve = bm_bytes_of(NULL, 0);
    bool is_rsa;

    BM_TRY(bm_der_enter(&cursor, BM_DER_SEQUENCE, &spki));
    BM_TRY(bm_cursor_end(&cursor));
    BM_TRY(bm_der_enter(&spki, BM_DER_SEQUENCE, &algorithm));
    BM_TRY(bm_der_bits(&spki, &bits));
    BM_TRY(bm_cursor_end(&spki));
    BM_TRY(parse_algorithm(&algorithm, &is_rsa, &curve));
    if (is_rsa)
        return parse_rsa_key(bits, key);
    return parse_point(bits, curve, key);
}

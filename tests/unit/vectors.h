/* For tests that have vectors: hex in, and every way of damaging some bytes. */
#ifndef BM_TESTS_VECTORS_H
#define BM_TESTS_VECTORS_H

#include "unit.h"

#include "base/text.h"
#include "crypto/der.h"
#include "crypto/pkey.h"

/* Appends the bytes of a hex string. */
static inline void vector_put(bm_buf *out, const char *hex)
{
    assert_ok(bm_text_from_hex(bm_bytes_str(hex), out));
}

/* A buffer with the bytes of a hex string; the caller ends it (BM_AUTO_BUF). */
static inline bm_buf vector(const char *hex)
{
    bm_buf out = BM_BUF_EMPTY;

    vector_put(&out, hex);
    return out;
}

/* What a test does with damaged bytes. */
typedef void (*vector_judge)(bm_bytes damaged, void *context);

/* Hands over the bytes cut at every length below their own, and with one byte appended (00, 01, FF). */
static inline void vector_each_length(bm_bytes good, vector_judge judge, void *context)
{
    static const uint8_t extra[] = {0x00, 0x01, 0xFF};

    for (size_t size = 0; size < good.size; size++)
        judge(bm_bytes_slice(good, 0, size), context);
    for (size_t i = 0; i < sizeof(extra); i++) {
        BM_AUTO_BUF longer = BM_BUF_EMPTY;

        assert_ok(bm_buf_put(&longer, good));
        assert_ok(bm_buf_put_u8(&longer, extra[i]));
        judge(bm_buf_view(&longer), context);
    }
}

/* Hands over the bytes with each single bit flipped. */
static inline void vector_each_bit(bm_bytes good, vector_judge judge, void *context)
{
    BM_AUTO_BUF copy = BM_BUF_EMPTY;

    assert_ok(bm_buf_put(&copy, good));
    for (size_t bit = 0; bit < copy.size * 8; bit++) {
        copy.data[bit / 8] = (uint8_t)(copy.data[bit / 8] ^ (1u << (bit % 8)));
        judge(bm_buf_view(&copy), context);
        copy.data[bit / 8] = (uint8_t)(copy.data[bit / 8] ^ (1u << (bit % 8)));
    }
}

/* The private key of a scalar: an ECPrivateKey (RFC 5915) without its public half, which OpenSSL computes. */
static inline bm_pkey *key_of_scalar(const char *curve_oid, const char *scalar)
{
    BM_AUTO_BUF number = vector(scalar);
    BM_AUTO_BUF oid = vector(curve_oid);
    BM_AUTO_BUF fields = vector("020101");
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_pkey *key = NULL;

    assert_ok(bm_der_put(&fields, BM_DER_OCTET_STRING, bm_buf_view(&number)));
    assert_ok(bm_der_put(&fields, BM_DER_CONTEXT(0), bm_buf_view(&oid)));
    assert_ok(bm_der_put(&der, BM_DER_SEQUENCE, bm_buf_view(&fields)));
    assert_ok(bm_pkey_from_private(bm_buf_view(&der), &key));
    return key;
}

#endif

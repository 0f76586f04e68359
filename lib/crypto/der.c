#include "crypto/der.h"

/* The length octets (X.690, 10.1: definite, in the fewest octets). */
static BM_RESULT read_length(bm_cursor *cursor, size_t *length)
{
    uint8_t first;
    size_t value = 0;

    BM_TRY(bm_cursor_u8(cursor, &first));
    if (first < 0x80) {
        *length = first;
        return bm_ok();
    }
    BM_CHECK(first != 0x80, BM_E_MALFORMED, "DER: an indefinite length");
    BM_CHECK(first <= 0x84, BM_E_MALFORMED, "DER: a length above 4 octets");
    for (int i = 0; i < first - 0x80; i++) {
        uint8_t octet;

        BM_TRY(bm_cursor_u8(cursor, &octet));
        BM_CHECK(i > 0 || octet != 0, BM_E_MALFORMED, "DER: a length with a leading zero");
        value = value << 8 | octet;
    }
    BM_CHECK(value >= 0x80, BM_E_MALFORMED, "DER: a length in more octets than it needs");
    *length = value;
    return bm_ok();
}

BM_RESULT bm_der_any(bm_cursor *cursor, uint8_t *tag, bm_bytes *content, bm_bytes *whole)
{
    bm_cursor at = *cursor;
    uint8_t found;
    size_t length;
    bm_bytes inside;

    BM_TRY(bm_cursor_u8(&at, &found));
    BM_CHECK((found & 0x1F) != 0x1F, BM_E_MALFORMED, "DER: a tag number above 30");
    BM_CHECK(found != 0, BM_E_MALFORMED, "DER: the tag 0");
    BM_TRY(read_length(&at, &length));
    BM_TRY(bm_cursor_take(&at, length, &inside));
    *tag = found;
    *content = inside;
    if (whole != NULL)
        *whole = bm_bytes_of(cursor->rest.data, cursor->rest.size - at.rest.size);
    *cursor = at;
    return bm_ok();
}

static BM_RESULT take(bm_cursor *cursor, uint8_t tag, bm_bytes *content, bm_bytes *whole)
{
    bm_cursor at = *cursor;
    uint8_t found;
    bm_bytes inside, all;

    BM_TRY(bm_der_any(&at, &found, &inside, &all));
    if (found != tag)
        return bm_failf(BM_E_MALFORMED, "DER: tag 0x%02x instead of 0x%02x", found, tag);
    *content = inside;
    *whole = all;
    *cursor = at;
    return bm_ok();
}

BM_RESULT bm_der_take(bm_cursor *cursor, uint8_t tag, bm_bytes *content)
{
    bm_bytes whole;

    return take(cursor, tag, content, &whole);
}

BM_RESULT bm_der_take_whole(bm_cursor *cursor, uint8_t tag, bm_bytes *whole)
{
    bm_bytes content;

    return take(cursor, tag, &content, whole);
}

BM_RESULT bm_der_enter(bm_cursor *cursor, uint8_t tag, bm_cursor *inner)
{
    bm_bytes content;

    BM_TRY(bm_der_take(cursor, tag, &content));
    *inner = bm_cursor_of(content);
    return bm_ok();
}

BM_RESULT bm_der_unsigned(bm_cursor *cursor, bm_bytes *value)
{
    bm_cursor at = *cursor;
    bm_bytes content;

    BM_TRY(bm_der_take(&at, BM_DER_INTEGER, &content));
    BM_CHECK(content.size > 0, BM_E_MALFORMED, "DER: an INTEGER of no octets");
    BM_CHECK(content.data[0] < 0x80, BM_E_MALFORMED, "DER: a negative INTEGER");
    if (content.size > 1 && content.data[0] == 0) {
        BM_CHECK(content.data[1] >= 0x80, BM_E_MALFORMED, "DER: an INTEGER in more octets than it needs");
        content = bm_bytes_slice(content, 1, content.size - 1);
    }
    *value = content;
    *cursor = at;
    return bm_ok();
}

BM_RESULT bm_der_bits(bm_cursor *cursor, bm_bytes *value)
{
    bm_cursor at = *cursor;
    bm_bytes content;

    BM_TRY(bm_der_take(&at, BM_DER_BIT_STRING, &content));
    BM_CHECK(content.size > 0 && content.data[0] == 0, BM_E_MALFORMED, "DER: a BIT STRING with unused bits");
    *value = bm_bytes_slice(content, 1, content.size - 1);
    *cursor = at;
    return bm_ok();
}

bool bm_der_peek(const bm_cursor *cursor, uint8_t tag)
{
    return cursor->rest.size > 0 && cursor->rest.data[0] == tag;
}

static BM_RESULT put_header(bm_buf *out, uint8_t tag, size_t length)
{
    int octets = 1;

    BM_CHECK(length <= UINT32_MAX, BM_E_NO_MEMORY, "DER: more than 2^32 - 1 octets");
    BM_TRY(bm_buf_put_u8(out, tag));
    if (length < 0x80)
        return bm_buf_put_u8(out, (uint8_t)length);
    while (octets < 4 && length >> (8 * octets) != 0)
        octets++;
    BM_TRY(bm_buf_put_u8(out, (uint8_t)(0x80 + octets)));
    for (int i = octets - 1; i >= 0; i--)
        BM_TRY(bm_buf_put_u8(out, (uint8_t)(length >> (8 * i))));
    return bm_ok();
}

BM_RESULT bm_der_put(bm_buf *out, uint8_t tag, bm_bytes content)
{
    BM_TRY(bm_buf_reserve(out, content.size + 6));
    BM_TRY(put_header(out, tag, content.size));
    return bm_buf_put(out, content);
}

BM_RESULT bm_der_put_unsigned(bm_buf *out, bm_bytes value)
{
    bm_bytes digits = bm_bytes_strip_zeros(value);
    bool sign_octet = digits.size == 0 || digits.data[0] >= 0x80;

    BM_TRY(bm_buf_reserve(out, digits.size + 7));
    BM_TRY(put_header(out, BM_DER_INTEGER, digits.size + (sign_octet ? 1 : 0)));
    if (sign_octet)
        BM_TRY(bm_buf_put_u8(out, 0));
    return bm_buf_put(out, digits);
}

BM_RESULT bm_der_put_bits(bm_buf *out, bm_bytes value)
{
    BM_TRY(bm_buf_reserve(out, value.size + 7));
    BM_TRY(put_header(out, BM_DER_BIT_STRING, value.size + 1));
    BM_TRY(bm_buf_put_u8(out, 0));
    return bm_buf_put(out, value);
}

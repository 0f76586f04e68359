/* bm_der_any, bm_der_unsigned, bm_der_bits and bm_der_put (crypto/der.h): what is read as DER is written the same. */
#include "fuzz.h"

#include "crypto/der.h"

/* An INTEGER or a BIT STRING that is taken as one is written as it was. */
static void check_value(bm_bytes whole)
{
    BM_AUTO_BUF made = BM_BUF_EMPTY;
    bm_cursor cursor = bm_cursor_of(whole);
    bm_bytes value;

    if (bm_der_unsigned(&cursor, &value).code == BM_OK)
        FUZZ_OK(bm_der_put_unsigned(&made, value));
    else if (bm_der_bits(&cursor, &value).code == BM_OK)
        FUZZ_OK(bm_der_put_bits(&made, value));
    else
        return;
    FUZZ_MUST(bm_bytes_equal(bm_buf_view(&made), whole));
}

/* Every element is its tag and its content, and nothing else; and so down to the leaves. */
static void walk(bm_bytes bytes, unsigned depth)
{
    bm_cursor cursor = bm_cursor_of(bytes);
    bm_bytes content;
    bm_bytes whole;
    uint8_t tag;

    while (bm_der_any(&cursor, &tag, &content, &whole).code == BM_OK) {
        BM_AUTO_BUF made = BM_BUF_EMPTY;

        FUZZ_MUST(fuzz_inside(bytes, whole) && fuzz_inside(whole, content));
        FUZZ_OK(bm_der_put(&made, tag, content));
        FUZZ_MUST(bm_bytes_equal(bm_buf_view(&made), whole));
        check_value(whole);
        if ((tag & 0x20) != 0 && depth < 32)
            walk(content, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    walk(bm_bytes_of(data, size), 0);
    return 0;
}

#include "mutate.h"

#include "crypto/der.h"

#include <string.h>

#define ELEMENTS_MAX 64
#define GROWTH 64

unsigned mutate_below(unsigned *seed, unsigned bound)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % bound;
}

void mutate_plain(bm_bytes bytes, bm_buf *out)
{
    uint8_t *at;

    bm_buf_clear(out);
    FUZZ_OK(bm_buf_put(out, bytes));
    FUZZ_OK(bm_buf_extend(out, GROWTH, &at));
    memset(at, 0, GROWTH);
    out->size = LLVMFuzzerMutate(out->data, bytes.size, bytes.size + GROWTH);
}

typedef struct {
    uint8_t tag;
    bm_bytes content;
    bm_bytes whole;
} element;

/* Inside a constructed element; or inside an OCTET STRING or BIT STRING that holds DER. */
static bool can_descend(const element *e)
{
    bm_cursor cursor = bm_cursor_of(e->content);
    bm_bytes content;
    uint8_t tag;

    if (e->tag == BM_DER_BIT_STRING && e->content.size > 0)
        cursor = bm_cursor_of(bm_bytes_slice(e->content, 1, e->content.size - 1));
    return bm_der_any(&cursor, &tag, &content, NULL).code == BM_OK && (tag == BM_DER_SEQUENCE || (e->tag & 0x20) != 0);
}

static void descend(const element *e, unsigned *seed, bm_buf *out)
{
    BM_AUTO_BUF inner = BM_BUF_EMPTY;
    size_t skip = e->tag == BM_DER_BIT_STRING ? 1 : 0;

    FUZZ_OK(bm_buf_put(&inner, bm_bytes_slice(e->content, 0, skip)));
    mutate_der(bm_bytes_slice(e->content, skip, e->content.size - skip), seed, &inner);
    FUZZ_OK(bm_der_put(out, e->tag, bm_buf_view(&inner)));
}

static void change(const element *e, unsigned *seed, bm_buf *out)
{
    static const uint8_t tags[] = {BM_DER_BOOLEAN,     BM_DER_INTEGER,  BM_DER_BIT_STRING, BM_DER_OCTET_STRING, BM_DER_NULL,
                                   BM_DER_UTF8_STRING, BM_DER_SEQUENCE, BM_DER_SET,        BM_DER_CONTEXT(0),   BM_DER_CONTEXT(3)};
    BM_AUTO_BUF content = BM_BUF_EMPTY;
    unsigned action = mutate_below(seed, 8);

    if (action == 0)
        return; /* it is left out */
    if (action == 1)
        FUZZ_OK(bm_buf_put(out, e->whole)); /* it is there twice */
    if (action <= 2) {
        FUZZ_OK(bm_der_put(out, action == 1 ? e->tag : tags[mutate_below(seed, sizeof(tags))], e->content));
        return;
    }
    mutate_plain(e->content, &content);
    FUZZ_OK(bm_der_put(out, e->tag, bm_buf_view(&content)));
}

void mutate_der(bm_bytes bytes, unsigned *seed, bm_buf *out)
{
    bm_cursor cursor = bm_cursor_of(bytes);
    element elements[ELEMENTS_MAX];
    unsigned count = 0;
    unsigned chosen;

    while (count < ELEMENTS_MAX &&
           bm_der_any(&cursor, &elements[count].tag, &elements[count].content, &elements[count].whole).code == BM_OK)
        count++;
    if (count == 0) {
        BM_AUTO_BUF plain = BM_BUF_EMPTY;

        mutate_plain(bytes, &plain);
        FUZZ_OK(bm_buf_put(out, bm_buf_view(&plain)));
        return;
    }
    chosen = mutate_below(seed, count);
    for (unsigned i = 0; i < count; i++) {
        if (i != chosen)
            FUZZ_OK(bm_buf_put(out, elements[i].whole));
        else if (can_descend(&elements[i]) && mutate_below(seed, 6) != 0)
            descend(&elements[i], seed, out);
        else
            change(&elements[i], seed, out);
    }
    FUZZ_OK(bm_buf_put(out, cursor.rest));
}

size_t mutate_store(const bm_buf *made, uint8_t *data, size_t size, size_t max)
{
    if (made->size > max)
        return size;
    if (made->size > 0)
        memcpy(data, made->data, made->size);
    return made->size;
}

/*
 * For targets whose input is JSON: half of the time a string that is base64 is changed inside, as DER where it is some, and written back as
 * base64.
 */
#include "mutate.h"

#include "base/text.h"

#include <string.h>

#define STRINGS_MAX 32

/* The strings of a text, without their quotes, as far as they can be told. */
static unsigned find_strings(bm_bytes text, bm_bytes strings[STRINGS_MAX])
{
    unsigned count = 0;
    size_t open = 0;
    bool inside = false;

    for (size_t i = 0; i < text.size && count < STRINGS_MAX; i++) {
        if (text.data[i] != '"')
            continue;
        if (inside)
            strings[count++] = bm_bytes_slice(text, open, i - open);
        open = i + 1;
        inside = !inside;
    }
    return count;
}

static bool change_string(bm_bytes text, bm_bytes string, unsigned *seed, bm_buf *made)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    BM_AUTO_BUF changed = BM_BUF_EMPTY;
    size_t before = (size_t)(string.data - text.data);

    if (string.size < 8 || bm_text_from_base64(string, &bytes).code != BM_OK)
        return false;
    if (bytes.data[0] == 0x30)
        mutate_der(bm_buf_view(&bytes), seed, &changed);
    else
        mutate_plain(bm_buf_view(&bytes), &changed);
    FUZZ_OK(bm_buf_put(made, bm_bytes_slice(text, 0, before)));
    FUZZ_OK(bm_text_put_base64(made, bm_buf_view(&changed)));
    FUZZ_OK(bm_buf_put(made, bm_bytes_slice(text, before + string.size, text.size - before - string.size)));
    return true;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    bm_bytes text = bm_bytes_of(data, size);
    BM_AUTO_BUF made = BM_BUF_EMPTY;
    bm_bytes strings[STRINGS_MAX];
    unsigned count = find_strings(text, strings);

    if (count > 0 && mutate_below(&seed, 2) == 0 && change_string(text, strings[mutate_below(&seed, count)], &seed, &made))
        return mutate_store(&made, data, size, max);
    return LLVMFuzzerMutate(data, size, max);
}

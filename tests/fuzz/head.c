/* bm_server_head_parse (server/server_head.h): the head of an HTTP request. */
#include "fuzz.h"

#include "server/server_head.h"

#define BODY_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bm_bytes input = bm_bytes_of(data, size);
    bm_server_head head;
    bm_server_head again;

    if (bm_server_head_parse(input, BODY_MAX, &head).code != BM_OK)
        return 0;
    FUZZ_MUST(size >= 4 && bm_bytes_equal(bm_bytes_slice(input, size - 4, 4), bm_bytes_str("\r\n\r\n")));
    FUZZ_MUST(fuzz_inside(input, head.path) && head.path.size > 0 && head.path.data[0] == '/');
    FUZZ_MUST(head.content_length <= BODY_MAX);
    /* Nothing depends on a limit that was kept. */
    FUZZ_MUST(bm_server_head_parse(input, head.content_length, &again).code == BM_OK && again.content_length == head.content_length);
    if (head.content_length > 0)
        FUZZ_MUST(bm_server_head_parse(input, head.content_length - 1, &again).code == BM_E_BODY_TOO_LARGE);
    return 0;
}

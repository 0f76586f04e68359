#include "api/abi.h"

/* More than any structure will ever have: a size that was not set. */
#define SIZE_LIMIT 65536

static BM_RESULT size_of(const void *given, size_t *size)
{
    BM_CHECK(given != NULL, BM_E_USAGE, "a structure is missing: give one, made ready with BIRTHMARK_INIT");
    BM_TRY(bm_bytes_copy_exact(bm_bytes_of(given, sizeof(*size)), (uint8_t *)size, sizeof(*size)));
    BM_CHECK(*size >= sizeof(*size) && *size < SIZE_LIMIT, BM_E_USAGE, "the member `size` of a structure is not set: make it ready with BIRTHMARK_INIT");
    return bm_ok();
}

BM_RESULT bm_abi_take(const void *given, void *ours, size_t size)
{
    size_t has;
    bm_bytes all;

    BM_TRY(size_of(given, &has));
    all = bm_bytes_of(given, has);
    for (size_t i = size; i < has; i++)
        BM_CHECK(all.data[i] == 0, BM_E_USAGE, "a structure wants something that this version of libbirthmark does not know: install the version of the header");
    if (has > size)
        has = size;
    bm_wipe(ours, size);
    return bm_bytes_copy_exact(bm_bytes_slice(all, 0, has), ours, has);
}

BM_RESULT bm_abi_give(const void *ours, size_t size, void *given)
{
    const size_t head = sizeof(size_t);
    uint8_t *to = given;
    size_t has;
    size_t gets;

    BM_TRY(size_of(given, &has));
    gets = has < size ? has : size;
    for (size_t i = gets; i < has; i++)
        to[i] = 0;
    return bm_bytes_copy_exact(bm_bytes_slice(bm_bytes_of(ours, size), head, gets - head), to + head, gets - head);
}

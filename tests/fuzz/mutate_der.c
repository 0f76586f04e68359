/* For targets whose input is DER, behind PREFIX bytes that choose. One in eight times libFuzzer has its own way. */
#include "mutate.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    BM_AUTO_BUF made = BM_BUF_EMPTY;

    if (size <= PREFIX || mutate_below(&seed, 8) == 0)
        return LLVMFuzzerMutate(data, size, max);
    FUZZ_OK(bm_buf_put(&made, bm_bytes_of(data, PREFIX)));
    mutate_der(bm_bytes_of(data + PREFIX, size - PREFIX), &seed, &made);
    return mutate_store(&made, data, size, max);
}

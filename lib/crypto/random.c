#include "crypto/random.h"

#include "crypto/evp.h"

#include <limits.h>
#include <openssl/rand.h>

BM_RESULT bm_random(uint8_t *out, size_t size)
{
    BM_CHECK(size <= INT_MAX, BM_E_INTERNAL, "too many random bytes at once");
    if (RAND_bytes(out, (int)size) != 1)
        return bm_evp_error(BM_E_INTERNAL, "no randomness");
    return bm_ok();
}

/* Randomness, from OpenSSL's generator: the one door through which it enters lib/. */
#ifndef BM_CRYPTO_RANDOM_H
#define BM_CRYPTO_RANDOM_H

#include "base/bytes.h"

/* Fills `size` bytes; BM_E_INTERNAL when the generator fails. */
BM_RESULT bm_random(uint8_t *out, size_t size);

#endif

/* Structures of the public header, of whatever version of it the program was compiled with: each begins with its size. */
#ifndef BM_API_ABI_H
#define BM_API_ABI_H

#include "base/bytes.h"

/*
 * Reads a program's structure into ours of `size` bytes. What an older header did not have is zero; what a newer one has must be zero, since we would
 * pass over it. BM_E_USAGE: it is NULL, its size is not set, or it wants something that we do not know.
 */
BM_RESULT bm_abi_take(const void *given, void *ours, size_t size);

/* Writes ours into the program's structure as far as it goes, whose size stays as it is. BM_E_USAGE: it is NULL, or its size is not set. */
BM_RESULT bm_abi_give(const void *ours, size_t size, void *given);

#endif

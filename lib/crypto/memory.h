/*
 * Memory that ran out inside OpenSSL: it does not always say so in its errors, and an error taken for a verdict ("not by this key") would
 * refuse a good device for good.
 */
#ifndef BM_CRYPTO_MEMORY_H
#define BM_CRYPTO_MEMORY_H

#include <stdbool.h>

/* Sees OpenSSL's allocations from now on: the first call of main, before OpenSSL allocates anything; later it does nothing. */
void bm_memory_watch(void);

/* Has an allocation of OpenSSL failed since it was last forgotten? An error since then may be due to that. */
bool bm_memory_ran_out(void);

/* At the beginning of a piece of work: what failed before has nothing to do with it. */
void bm_memory_forget(void);

#endif

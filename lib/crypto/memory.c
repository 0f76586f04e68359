#include "crypto/memory.h"

#include <openssl/crypto.h>
#include <stdlib.h>

/* Exempt from "no mutable globals": OpenSSL hands these functions no context. Processes are single-threaded. */
static bool ran_out;

static void *take(size_t size, const char *file, int line)
{
    void *taken = size == 0 ? NULL : malloc(size);

    (void)file;
    (void)line;
    if (taken == NULL && size > 0)
        ran_out = true;
    return taken;
}

static void *take_again(void *old, size_t size, const char *file, int line)
{
    void *taken;

    (void)file;
    (void)line;
    if (size == 0) {
        free(old);
        return NULL;
    }
    taken = realloc(old, size);
    if (taken == NULL)
        ran_out = true;
    return taken;
}

static void give_back(void *old, const char *file, int line)
{
    (void)file;
    (void)line;
    free(old);
}

void bm_memory_watch(void)
{
    (void)CRYPTO_set_mem_functions(take, take_again, give_back);
}

bool bm_memory_ran_out(void)
{
    return ran_out;
}

void bm_memory_forget(void)
{
    ran_out = false;
}

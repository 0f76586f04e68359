#include "api/openssl.h"

#include "crypto/hash.h"

#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <pthread.h>

/*
 * Exempt from "no mutable globals": made once for all handles and threads, and never freed, since digests
 * that were fetched from it stay for good.
 */
static OSSL_LIB_CTX *own;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* They are fetched once in a process (crypto/evp.h), and must not come from the program's. */
static BM_RESULT fetch_digests(void)
{
    static const bm_hash_alg all[] = {BM_HASH_SHA256, BM_HASH_SHA384, BM_HASH_SHA512};
    bm_digest digest;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        BM_TRY(bm_hash(all[i], bm_bytes_of(NULL, 0), &digest));
    return bm_ok();
}

static void make(void)
{
    OSSL_LIB_CTX *made = OSSL_LIB_CTX_new();
    OSSL_LIB_CTX *before;
    bm_result fetched;

    if (made == NULL || OSSL_PROVIDER_load(made, "default") == NULL) {
        OSSL_LIB_CTX_free(made);
        return;
    }
    before = OSSL_LIB_CTX_set0_default(made);
    fetched = fetch_digests();
    (void)OSSL_LIB_CTX_set0_default(before);
    if (fetched.code == BM_OK)
        own = made;
}

BM_RESULT bm_openssl_enter(bm_openssl *stay)
{
    (void)pthread_once(&once, make);
    BM_CHECK(own != NULL, BM_E_NO_MEMORY, "OpenSSL gives no library context");
    *stay = (bm_openssl){.entered = true, .before = OSSL_LIB_CTX_set0_default(own)};
    return bm_ok();
}

void bm_openssl_leave(bm_openssl *stay)
{
    if (stay->entered)
        (void)OSSL_LIB_CTX_set0_default(stay->before);
    stay->entered = false;
}

OSSL_LIB_CTX *bm_openssl_go_out(const bm_openssl *stay)
{
    return OSSL_LIB_CTX_set0_default(stay->before);
}

void bm_openssl_go_in(OSSL_LIB_CTX *inside)
{
    (void)OSSL_LIB_CTX_set0_default(inside);
}

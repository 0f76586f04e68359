#include "crypto/startup.h"

#include <openssl/crypto.h>

void bm_startup_unconfigured(void)
{
    /* That is decided once in a process: what libcurl and others ask for later does not count. */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

/*
 * An OpenSSL of our own. The one of the program around us may be configured (OPENSSL_CONF), and have another
 * provider for our keys: with a device's openssl.cnf tpm2-openssl, which reaches for the TPM while we have
 * it. OpenSSL keeps a default library context for each thread; inside of a function of ours it is this one,
 * for us and for those whom we call (tpm2-tss, libcurl), and the program's again when we leave.
 */
#ifndef BM_API_OPENSSL_H
#define BM_API_OPENSSL_H

#include "base/bytes.h"

#include <openssl/types.h>

/* A stay inside. Zero-initialise. */
typedef struct {
    bool entered;
    OSSL_LIB_CTX *before; /* the program's */
} bm_openssl;

/* From here on this thread's default is ours; may be nested. BM_E_NO_MEMORY: it is as it was. */
BM_RESULT bm_openssl_enter(bm_openssl *stay);

/* As it was before. For BM_AUTO. */
void bm_openssl_leave(bm_openssl *stay);

/*
 * For a function of the program that is called from inside, in whatever thread: the program's default, until
 * bm_openssl_go_in is given what this returned.
 */
OSSL_LIB_CTX *bm_openssl_go_out(const bm_openssl *stay);
void bm_openssl_go_in(OSSL_LIB_CTX *inside);

#endif

/* OpenSSL as our own programs start it. */
#ifndef BM_CRYPTO_STARTUP_H
#define BM_CRYPTO_STARTUP_H

/*
 * The first of a program, before anything else asks OpenSSL for something (but behind bm_memory_watch, where
 * that is called): this process reads neither the file of OPENSSL_CONF nor the system's openssl.cnf. They are
 * for other programs, and may name providers or engines (a device's own openssl.cnf: those of its TPM, which
 * would take our own keys, too) or be damaged. Where it does not succeed, OpenSSL cannot be started at all,
 * and what is asked of it first says so.
 */
void bm_startup_unconfigured(void);

#endif

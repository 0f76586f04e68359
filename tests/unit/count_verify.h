/*
 * How many signatures OpenSSL verifies, whoever asks it to, libcrypto itself too: a provider that does what its own does, and counts.
 */
#ifndef BM_TESTS_COUNT_VERIFY_H
#define BM_TESTS_COUNT_VERIFY_H

/* Begins to count; before anything else is asked of OpenSSL. */
void count_verify_begin(void);

/* How many RSA and ECDSA signatures were verified, well or not, since this was asked last. */
unsigned count_verify(void);

#endif

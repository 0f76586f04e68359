/*
 * The oracle tests ask others (tpm2-tools, libtss2-mu, a software TPM, the openssl command) whether lib/tpm and lib/crypto are right.
 * Here: what the parts of the helper program share. A failure ends the program with a sentence; nothing is returned.
 */
#ifndef BM_TESTS_ORACLE_H
#define BM_TESTS_ORACLE_H

#include "tpm/credential.h"
#include "tpm/template.h"

/* Prints to standard error and ends the program with 1. */
_Noreturn void oracle_die(const char *format, ...) BM_PRINTF(1, 2);

/* Ends the program unless the result is BM_OK. */
void oracle_must(bm_result result, const char *what);

/* Ends the program unless the two are the same bytes; prints both when they are not. */
void oracle_same(bm_bytes ours, bm_bytes theirs, const char *what);

/* Reads a file whole; the caller ends the buffer. */
bm_buf oracle_read(const char *path);

/* Writes a file. */
void oracle_write(const char *path, bm_bytes bytes);

/* The row of a template's label ("L-1"); ends the program when there is none. */
const bm_ek_template *oracle_row(const char *label);

/* structures.c: our TPM2B_PUBLIC of every template against what libtss2-mu marshals from structures filled here by hand. */
void oracle_structures(void);

/*
 * device.c: makes an object in the endorsement hierarchy of the TPM that TPM2TOOLS_TCTI names, from our bytes, checks its Name against the
 * TPM's, makes it persistent at `handle`, and writes its public area to `path`.
 */
void oracle_create_ek(const char *label, const char *path, const char *handle);
void oracle_create_ik(const char *type, const char *path, const char *handle);

/* The same with nonces tried until the EK's x (of L-2) begins with a zero byte. */
void oracle_create_zero_ek(const char *path, const char *handle);

#endif

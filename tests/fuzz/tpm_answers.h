/*
 * A TPM that gives the right answers to what the agent asks, and nothing more: it has an EK of template L-2 with a certificate and a chain in
 * NV, and an identity key. No command does anything. What a fuzz target changes in its answers is what a broken or false TPM says.
 */
#ifndef BM_TESTS_FUZZ_TPM_ANSWERS_H
#define BM_TESTS_FUZZ_TPM_ANSWERS_H

#include "world.h"

/* What is in this TPM. */
typedef struct {
    bool has_ik;         /* the identity key is persistent at its default handle */
    bool has_ek;         /* the EK is persistent at 0x81010001 */
    bool no_certificate; /* NV is empty */
} tpm_answers_options;

/* Where the parameters begin in an answer, and how many bytes of them there are. */
typedef struct {
    size_t start;
    size_t size;
} tpm_answers_place;

/* Replaces `response` by the answer to a command; `place` is where its parameters are. */
void tpm_answers_make(bm_bytes command, const tpm_answers_options *options, bm_buf *response, tpm_answers_place *place);

/* The private area that goes with the identity key: a TPM2B_PRIVATE. Static. */
bm_bytes tpm_answers_private(void);

#endif

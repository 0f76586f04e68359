/*
 * Platform configuration registers: a key whose policy is TPM2_PolicyPCR can be used only while they hold what they held when it was made,
 * so not after another boot loader or kernel.
 */
#ifndef BM_DEVICE_TPM_PCRS_H
#define BM_DEVICE_TPM_PCRS_H

#include "device/tpm/object.h"

#define BM_TPM_PCRS_COUNT 24 /* of every TPM of a PC or a device (PC Client Platform TPM Profile, 4.6) */

/* Registers of one bank; `mask` 0: none. */
typedef struct {
    bm_hash_alg bank;
    uint32_t mask; /* bit n: register n */
} bm_tpm_pcrs;

/* Reads "sha256:0,2,7" (banks: sha256, sha384, sha512); BM_E_MALFORMED. */
BM_RESULT bm_tpm_pcrs_parse(const char *text, bm_tpm_pcrs *pcrs);

/* Appends them in that form. */
BM_RESULT bm_tpm_pcrs_put(bm_buf *out, const bm_tpm_pcrs *pcrs);

/* Are they the same? */
bool bm_tpm_pcrs_equal(const bm_tpm_pcrs *one, const bm_tpm_pcrs *other);

/*
 * The parameters of TPM2_PolicyPCR as the command has them (Part 3, 23.7), which is how key files keep a policy: a digest, which is empty, and the
 * selection. The second reads what the first appended, and nothing else: BM_E_MALFORMED.
 */
BM_RESULT bm_tpm_pcrs_put_parameters(bm_buf *out, const bm_tpm_pcrs *pcrs);
BM_RESULT bm_tpm_pcrs_parse_parameters(bm_bytes bytes, bm_tpm_pcrs *pcrs);

/* Does the TPM have all of them? It would pass over one that it does not have, and the policy would protect less. BM_E_USAGE: no. BM_E_TPM... */
BM_RESULT bm_tpm_pcrs_check(bm_tpm_context *context, const bm_tpm_pcrs *pcrs);

/* Starts a policy session for a key of this nameAlg and lets the TPM put what the registers hold now into it. Its one use ends it. BM_E_TPM... */
BM_RESULT bm_tpm_pcrs_begin(bm_tpm_context *context, const bm_tpm_pcrs *pcrs, bm_hash_alg name_alg, bm_tpm_object *session);

/* Appends the policy that what they hold now gives, for a key of this nameAlg. BM_E_TPM... */
BM_RESULT bm_tpm_pcrs_put_policy(bm_tpm_context *context, const bm_tpm_pcrs *pcrs, bm_hash_alg name_alg, bm_buf *policy);

#endif

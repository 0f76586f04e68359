/*
 * The authorisation values of the owner and endorsement hierarchies. A value is known to ESYS for one command, and one that the TPM
 * refused is never sent again.
 */
#ifndef BM_DEVICE_TPM_AUTH_H
#define BM_DEVICE_TPM_AUTH_H

#include "device/tpm/context.h"

/* The values of the hierarchies; empty: none. Secret: wiped at the end. Zero-initialise; end with bm_tpm_auth_fini. */
typedef struct {
    bm_buf value[BM_TPM_HIERARCHIES];
} bm_tpm_auth;

/* Reads the values from their sources (secret.h), of which any may be NULL. BM_E_IO, BM_E_USAGE. */
BM_RESULT bm_tpm_auth_read(const char *const sources[BM_TPM_HIERARCHIES], bm_tpm_auth *auth);

/* Wipes and frees. For BM_AUTO. */
void bm_tpm_auth_fini(bm_tpm_auth *auth);

/* The values that the context uses from here on, instead of empty ones; they must outlive it. */
void bm_tpm_auth_use(bm_tpm_context *context, const bm_tpm_auth *auth);

/* The ESYS handle of a hierarchy. */
ESYS_TR bm_tpm_auth_handle(bm_tpm_hierarchy hierarchy);

/*
 * For BM_TPM_TRY_AS: lets ESYS know the value, and makes the session for it (`session.with`): a value is proven by the session's HMAC and never
 * sent, whether the session is salted or not. BM_E_TPM_AUTH, and nothing is sent, when the TPM has refused the value before; BM_E_TPM...
 */
BM_RESULT bm_tpm_auth_begin(bm_tpm_context *context, bm_tpm_hierarchy hierarchy, unsigned seal);

/*
 * For BM_TPM_TRY_AS: wipes the value where ESYS and the session had it, and makes the result of the command's code. BM_E_TPM_AUTH, BM_E_TPM_LOCKOUT, and as
 * bm_tpm_context_result.
 */
BM_RESULT bm_tpm_auth_end(bm_tpm_context *context, bm_tpm_hierarchy hierarchy, const char *command, TSS2_RC rc);

/* The value as the TPM has it: it takes zeros at the end away when one is set (Part 1, 19.6.5), and an HMAC shows the difference. A view. */
bm_bytes bm_tpm_auth_without_zeros(bm_bytes value);

/* Wipes all values where ESYS may have them: when a signal came between the two above. */
void bm_tpm_auth_forget(bm_tpm_context *context);

/* BM_TPM_TRY for a command that a hierarchy authorises with its value, in `session.with`; `seal` is a BM_TPM_SEAL_... */
#define BM_TPM_TRY_AS(context, hierarchy, seal, name, call)                                                            \
    do {                                                                                                               \
        TSS2_RC bm_tpm_as_rc;                                                                                          \
        BM_TRY(bm_tpm_auth_begin((context), (hierarchy), (seal)));                                                     \
        BM_TPM_CALL((context), bm_tpm_as_rc, (call));                                                                  \
        BM_TRY(bm_tpm_auth_end((context), (hierarchy), (name), bm_tpm_as_rc));                                         \
    } while (0)

#endif

/* What an identity key is besides its type: where in the TPM it hangs, and who may use it. */
#ifndef BM_DEVICE_TPM_KIND_H
#define BM_DEVICE_TPM_KIND_H

#include "device/tpm/pcrs.h"

#define BM_TPM_KIND_AUTH_MAX 32 /* bytes of a value, whatever the key's type */

/*
 * BM_TPM_OWNER: a child of the storage key that every program can make; TPM2_Clear ends it. BM_TPM_ENDORSEMENT: a primary, made from the seed that
 * TPM2_Clear leaves as it is. Not both an authorisation value and registers.
 */
typedef struct {
    bm_tpm_hierarchy parent;
    bool has_auth;    /* an authorisation value */
    bm_tpm_pcrs pcrs; /* its policy; none: whoever knows the value (or nothing) may use it */
    bm_bytes auth;    /* the value itself where it is known; somebody else's, and secret */
} bm_tpm_kind;

/* Is it the same, whatever is known of the value? */
bool bm_tpm_kind_equal(const bm_tpm_kind *one, const bm_tpm_kind *other);

/* Appends words for a person: "endorsement hierarchy, PCRs sha256:0,7". BM_E_NO_MEMORY. */
BM_RESULT bm_tpm_kind_put(bm_buf *out, const bm_tpm_kind *kind);

/*
 * Does what was given go together with the key: a value where there is one, and none where there is none? A wrong guess would cost a failed
 * authorisation. BM_E_TPM_AUTH.
 */
BM_RESULT bm_tpm_kind_check_given(const bm_tpm_kind *kind, const char *state);

/*
 * Appends the value that a source (secret.h) names, for a key. BM_E_IO; BM_E_USAGE: none, or longer than BM_TPM_KIND_AUTH_MAX: a TPM takes none that is
 * longer than a digest of the key's nameAlg.
 */
BM_RESULT bm_tpm_kind_read_auth(const char *source, bm_buf *auth);

#endif

/* Signatures for TLS in the TPM: a call blocks for as long as the chip takes. The tunnel has a helper for it. */
#ifndef BM_DEVICE_TLS_SIGNER_H
#define BM_DEVICE_TLS_SIGNER_H

#include "device/tpm/auth.h"
#include "device/tpm/ik.h"
#include "device/tls/wish.h"

/*
 * The TPM and the key in it, when they are open; zero-initialise, set the first four, end with bm_tls_signer_close. Stays where it is.
 */
typedef struct {
    const char *tcti;
    const char *state;       /* the state directory, whose device.key says what the key is */
    const bm_tpm_auth *auth; /* or NULL */
    bm_bytes key_auth;
    bm_tpm_context context;
    bm_tpm_ik ik;
    uint32_t handle; /* 0: the key is loaded from device.key */
    bool open;
    bool refused;    /* the TPM refused the value: it is not tried again */
} bm_tls_signer;

/*
 * Appends the signature that is wanted, ECDSA as DER. A TPM that went away since the last one is opened again. BM_E_TPM_UNREACHABLE,
 * BM_E_TPM...; BM_E_TPM_HANDLE_TAKEN: at the handle is no key, or another than the certificate's; BM_E_TPM_AUTH: the key's value is wrong or missing, or
 * its registers have changed.
 */
BM_RESULT bm_tls_signer_sign(bm_tls_signer *signer, const bm_tls_wish *wish, bm_buf *signature);

/* Should it be closed when nothing is wanted, because a TPM without a resource manager serves one program at a time? */
bool bm_tls_signer_is_greedy(const bm_tls_signer *signer);

/* Closes the TPM; the next signature opens it again. */
void bm_tls_signer_close(bm_tls_signer *signer);

#endif

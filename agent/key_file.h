/*
 * TSS2 PRIVATE KEY files ("ASN.1 Specification for TPM 2.0 Key Files", draft-bottomley-tpm2-keys): a key wrapped by the TPM, for programs
 * that take a key file but no handle. Nothing in it is secret: only the TPM that made it can unwrap it.
 */
#ifndef BM_AGENT_KEY_FILE_H
#define BM_AGENT_KEY_FILE_H

#include "base/bytes.h"

/*
 * Appends the PEM of a loadable key with an empty authorisation value, whose parent is the storage key that every reader makes in the owner
 * hierarchy (TPM_RH_OWNER), from its TPM2B_PUBLIC and TPM2B_PRIVATE.
 */
BM_RESULT bm_key_file_put(bm_buf *pem, bm_bytes public_area, bm_bytes private_area);

/*
 * Reads such a PEM into the two TPM2B structures, appended. BM_E_MALFORMED: no such file, or one of another kind (another parent, a
 * policy, an authorisation value).
 */
BM_RESULT bm_key_file_parse(bm_bytes pem, bm_buf *public_area, bm_buf *private_area);

#endif

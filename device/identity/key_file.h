/*
 * device.key: how the identity key gets into the TPM again. Nothing in it is secret.
 *
 * A key of the owner hierarchy is a TSS2 PRIVATE KEY ("ASN.1 Specification for TPM 2.0 Key Files", draft-bottomley-tpm2-keys): wrapped by the TPM
 * that made it, for programs that take a key file but no handle. A primary of the endorsement hierarchy has nothing to be wrapped: its file, which
 * no program but ours reads, has the same form under another label, with the number that tells it from others.
 */
#ifndef BM_DEVICE_IDENTITY_KEY_FILE_H
#define BM_DEVICE_IDENTITY_KEY_FILE_H

#include "device/identity/identity.h"
#include "device/tpm/kind.h"

/* Appends the PEM of a key of this kind, from its TPM2B_PUBLIC and its TPM2B_PRIVATE (of a primary: its number). The kind's value is not written. */
BM_RESULT bm_key_file_put(bm_buf *pem, const bm_tpm_kind *kind, bm_bytes public_area, bm_bytes private_area);

/*
 * Reads such a PEM into the kind and the two areas, appended. BM_E_MALFORMED: no such file, or one of another kind (another parent, another policy
 * than one of registers, a policy beside an authorisation value).
 */
BM_RESULT bm_key_file_parse(bm_bytes pem, bm_tpm_kind *kind, bm_buf *public_area, bm_buf *private_area);

/* Reads device.key of a directory into them, the areas empty before; one that is not there or damaged leaves all three empty. BM_E_IO. */
BM_RESULT bm_key_file_read(const bm_identity *identity, bm_tpm_kind *kind, bm_buf *public_area, bm_buf *private_area);

#endif

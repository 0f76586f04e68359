/* CSRs (PKCS#10, RFC 2986), good and bad. */
#ifndef BM_ATTACKS_CSR_H
#define BM_ATTACKS_CSR_H

#include "tpm.h"

/* Makes the CSR of a TPM anew; `key` and `signer` (each NULL for its own IK) are other TPMs. Options: README, "CSRs". */
void atk_csr_make(atk_line *line, atk_tpm *tpm, const atk_tpm *key, const atk_tpm *signer);

#endif

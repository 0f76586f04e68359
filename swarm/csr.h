/* CSRs by the hundred thousand: the same bytes as bm_csr_build's, written element by element. */
#ifndef BM_SWARM_CSR_H
#define BM_SWARM_CSR_H

#include "crypto/pkey.h"

/* Appends the signature of a message with the key that the context has. */
typedef BM_RESULT (*bm_swarm_csr_sign)(void *context, bm_sig_alg alg, bm_bytes message, bm_buf *signature);

/* Appends a PKCS#10 request (RFC 2986): subject CN=serial, serialNumber=serial. BM_E_MALFORMED: the serial; and what the callback returns. */
BM_RESULT bm_swarm_csr_build(const char *serial, const bm_pubkey *key, bm_swarm_csr_sign sign, void *context, bm_buf *der);

#endif

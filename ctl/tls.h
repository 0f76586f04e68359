/* The server's TLS certificate. */
#ifndef BM_CTL_TLS_H
#define BM_CTL_TLS_H

#include "ctl/ca.h"

/*
 * Appends what tls.crt holds: a certificate of two years for the names of --tls-name (else localhost, its addresses and this host's
 * name), signed by the CA, and the CA's chain; PEM. BM_E_USAGE: a name is none.
 */
BM_RESULT bm_ctl_tls_certificate(const bm_ctl *ctl, const bm_ctl_ca *ca, const bm_pkey *tls_key, bm_buf *pem);

#endif

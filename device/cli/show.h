/* birthmark show: what there is in the TPM and in the state directory. */
#ifndef BM_DEVICE_CLI_SHOW_H
#define BM_DEVICE_CLI_SHOW_H

#include "device/cli/options.h"

/* Prints the EKs with their certificates, the identity key, and the certificate, on stdout. BM_E_TPM..., BM_E_IO. */
BM_RESULT bm_show(const bm_options *options);

#endif

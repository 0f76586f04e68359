/* What an earlier run of ours left in a TPM without a resource manager, because it was killed or its connection broke. */
#ifndef BM_DEVICE_TPM_SWEEP_H
#define BM_DEVICE_TPM_SWEEP_H

#include "device/tpm/context.h"

/*
 * Flushes the transient objects and sessions that are of our making and not `owned` now: EKs of the known templates, the storage key above
 * the identity key, identity keys, and policy sessions for an EK, for the identity key as far as the context knows it, or that have no policy yet. What another program has in the TPM stays.
 * Only for a TPM without a resource manager. `context->left` is set when it could not be done.
 */
void bm_tpm_sweep(bm_tpm_context *context);

#endif

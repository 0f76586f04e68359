/* birthmark enroll: the six steps from the TPM to a certificate. */
#ifndef BM_AGENT_ENROLL_H
#define BM_AGENT_ENROLL_H

#include "agent/options.h"

/*
 * Carries out the six steps, or finds that there is nothing to do. Says on stderr what happens, and on stdout what came of it. Whatever it
 * returns, nothing that it loaded is left in the TPM.
 */
BM_RESULT bm_enroll(const bm_options *options);

#endif

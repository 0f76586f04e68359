/* birthmark enroll: the six steps from the TPM to a certificate. */
#ifndef BM_AGENT_ENROLL_H
#define BM_AGENT_ENROLL_H

#include "agent/enrolment.h"

/*
 * Carries out the six steps, or finds that there is nothing to do. Says on stderr what happens, and on stdout what came of it. Whatever it
 * returns, nothing that it loaded is left in the TPM.
 */
BM_RESULT bm_enroll(const bm_options *options);

/*
 * Steps 2 to 6, with the keys of the first: up to the certificate, which is for this IK, in `certificate`. Nothing is written, and the sixth step is
 * not ended. BM_E_NETWORK, BM_E_SERVER_REFUSED (see bm_exchange_refusal), BM_E_SERVER_REPLY, BM_E_TPM...
 */
BM_RESULT bm_enroll_obtain(bm_enrolment *e, bm_ekc_info *info);

/* Says how long it all took since `start` (bm_clock_ns). */
void bm_enroll_print_total(const bm_enrolment *e, int64_t start);

#endif

/* birthmark enroll: the six steps from the TPM to a certificate. */
#ifndef BM_AGENT_ENROLL_H
#define BM_AGENT_ENROLL_H

#include "agent/enrolment.h"

/*
 * Carries out the six steps, or finds that there is nothing to do. Says on stderr what happens, and on stdout what came of it. Whatever it
 * returns, nothing that it loaded is left in the TPM.
 */
BM_RESULT bm_enroll(const bm_options *options);

/* The steps that other ways to a certificate have as well. */

/* Has the directory a good identity, so that there is nothing to do? It is said then. */
bool bm_enroll_is_done(const bm_enrolment *e);

/* Opens the credential of `e->challenge` in the TPM: the ticket is in `e->request`. BM_E_CHALLENGE_FAILED, BM_E_SERVER_REPLY, BM_E_TPM... */
BM_RESULT bm_enroll_open(bm_enrolment *e);

/* Reads the reply of getCertificate, which must be for our key, and writes the identity's files. BM_E_SERVER_REPLY, BM_E_IO. */
BM_RESULT bm_enroll_install(bm_enrolment *e, bm_bytes body);

#endif

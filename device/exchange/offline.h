/* birthmark request and birthmark accept: a certificate without a network, in two trips of files (docs/protocol.md, "The exchange by files"). */
#ifndef BM_DEVICE_EXCHANGE_OFFLINE_H
#define BM_DEVICE_EXCHANGE_OFFLINE_H

#include "device/exchange/enroll.h"

/* How a command ended: with an identity, or with a request file that was written for the first or the second trip. */
typedef enum { BM_OFFLINE_IDENTITY = 0, BM_OFFLINE_FIRST, BM_OFFLINE_SECOND } bm_offline_end;

typedef struct {
    bm_offline_end end;
    bm_enroll_outcome enrolment; /* the identity */
    int64_t until;               /* when the answer to the second request must be there; seconds since 1970 */
} bm_offline_outcome;

/*
 * Makes the keys as enroll does, and writes the request of the first trip; or finds that there is nothing to do. While that request waits for its
 * answer, the same again gives the same file, which is `out`. BM_E_IO, BM_E_TPM...
 */
BM_RESULT bm_offline_request(const bm_enrolment_options *options, const char *out,
                             bm_offline_outcome *outcome);

/*
 * Takes `file`, a file of answers: opens the challenge and writes the request of the second trip to `out` (NULL:
 * none was named), or installs the certificate. Of the options the directory, the TPM, `ca` and the authorisation
 * values count; the rest is in the request. BM_E_ANSWER_INVALID: it is not signed in the name of the CA;
 * BM_E_ANSWER_MISSING: nothing in it is for the request of the state directory; BM_E_SERVER_REFUSED: what is in it
 * is a refusal; BM_E_SERVER_REPLY, BM_E_CHALLENGE_FAILED, BM_E_USAGE, BM_E_IO, BM_E_TPM...
 */
BM_RESULT bm_offline_accept(const bm_enrolment_options *options, const char *file, const char *out,
                            bm_offline_outcome *outcome);

#endif

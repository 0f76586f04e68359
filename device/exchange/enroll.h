/* birthmark enroll: the six steps from the TPM to a certificate. */
#ifndef BM_DEVICE_EXCHANGE_ENROLL_H
#define BM_DEVICE_EXCHANGE_ENROLL_H

#include "device/exchange/enrolment.h"

/* What came of it: the identity that there is now. */
typedef struct {
    bool issued;       /* a certificate came; false: there was nothing to do */
    char device[BM_IDENTITY_MAX + 1]; /* whose certificate */
    bm_ekc_info info;
    int64_t renew_after;
    bm_key_type key;
    bool new_key;            /* a renewal: another key than before */
    uint32_t handle;         /* of the key */
    bool in_file;            /* the key is in device.key alone, and not at its handle */
    bm_tpm_hierarchy parent; /* device.key is there for a key of the owner */
    bool has_ek;       /* false for an identity from before its directory knew */
    uint8_t ek[BM_SHA256_SIZE]; /* the EK that it is bound to: SHA-256 of its SubjectPublicKeyInfo */
} bm_enroll_outcome;

/*
 * Carries out the six steps, or finds that there is nothing to do. Tells the thread's sink what happens, and prints nothing. Whatever it returns,
 * nothing that it loaded is left in the TPM.
 */
BM_RESULT bm_enroll(const bm_enrolment_options *options, bm_enroll_outcome *outcome);

/* The steps that other ways to a certificate have as well. */

/* Has the directory a good identity, so that there is nothing to do? */
bool bm_enroll_is_done(const bm_enrolment *e);

/* What a directory says of its identity; the parent of its key is not in it. */
BM_RESULT bm_enroll_found(const bm_identity_state *state, bm_enroll_outcome *outcome);

/* The same of the directory of an enrolment that is done, whose key was looked at. */
BM_RESULT bm_enroll_leave(const bm_enrolment *e, bm_enroll_outcome *outcome);

/* Opens the credential of `e->challenge` in the TPM: the ticket is in `e->request`. BM_E_CHALLENGE_FAILED, BM_E_SERVER_REPLY, BM_E_TPM... */
BM_RESULT bm_enroll_open(bm_enrolment *e);

/* Reads the reply of getCertificate, which must be for our key, and writes the identity's files. BM_E_SERVER_REPLY, BM_E_IO. */
BM_RESULT bm_enroll_install(bm_enrolment *e, bm_bytes body, bm_enroll_outcome *outcome);

/*
 * Steps 2 to 6, with the keys of the first: up to the certificate, which is for this IK, in `certificate`. Nothing is written, and the sixth step is
 * not ended. BM_E_NETWORK, BM_E_SERVER_REFUSED (see bm_exchange_refusal), BM_E_SERVER_REPLY, BM_E_TPM...
 */
BM_RESULT bm_enroll_obtain(bm_enrolment *e, bm_ekc_info *info);

/* What came of it, once the certificate is in `certificate`. */
BM_RESULT bm_enroll_note(const bm_enrolment *e, const bm_ekc_info *info, bm_enroll_outcome *outcome);

/* Tells how long it all took since `start` (bm_clock_ns). */
void bm_enroll_tell_total(const bm_enrolment *e, int64_t start);

#endif

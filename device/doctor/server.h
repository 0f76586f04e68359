/* What the doctor finds at the server. */
#ifndef BM_DEVICE_DOCTOR_SERVER_H
#define BM_DEVICE_DOCTOR_SERVER_H

#include "device/doctor/ek.h"
#include "device/doctor/options.h"

/*
 * "server": does it answer, and is its TLS certificate good. "profile": the first call of an enrolment, with the EKs of this TPM in the order
 * of enroll and with an identity key that was made for this and is gone again; the server binds and issues nothing in it. Nothing when the
 * options name no server; `tpm` may be closed. BM_E_NO_MEMORY, BM_E_INTERRUPTED, BM_E_TPM...
 */
BM_RESULT bm_doctor_server_find(bm_findings *findings, const bm_doctor_options *options, bm_tpm_context *tpm,
                                const bm_doctor_eks *eks);

#endif

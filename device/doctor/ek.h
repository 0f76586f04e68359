/* What the doctor finds of the endorsement keys and their certificates. */
#ifndef BM_DEVICE_DOCTOR_EK_H
#define BM_DEVICE_DOCTOR_EK_H

#include "device/doctor/findings.h"
#include "device/tpm/ek.h"

/* An EK as enroll would offer it. */
typedef struct {
    const bm_ek_template *row;
    bm_buf public_area; /* TPM2B_PUBLIC */
    bm_buf certificate; /* DER; empty: none */
    bm_pubkey key;
} bm_doctor_offer;

/* All of them, in the order of the offers. Zero-initialise; end with bm_doctor_ek_fini. */
typedef struct {
    bm_doctor_offer offer[BM_EK_TEMPLATE_COUNT];
    size_t count;
    bm_buf chain[BM_EKC_CHAIN_MAX]; /* the CA certificates on the chip */
    size_t chain_count;
    const bm_doctor_offer *bound; /* the one of the directory's identity, or NULL */
    int64_t newest; /* the latest notBefore of the certificates; 0: there is none */
} bm_doctor_eks;

/* Frees. For BM_AUTO. */
void bm_doctor_ek_fini(bm_doctor_eks *eks);

/*
 * "ek-L-1" and so on for each template, "ek-chain", and "ek" for the whole. `may_make`: the endorsement hierarchy can be used, so that keys are
 * recreated (loaded, and flushed) and compared with their certificates. BM_E_TPM...
 */
BM_RESULT bm_doctor_ek_find(bm_findings *findings, bm_tpm_context *tpm, bool may_make, bm_doctor_eks *eks);

/* "ek-bound": the EK with this SHA-256 of its SubjectPublicKeyInfo is the one that enroll offers. BM_E_NO_MEMORY. */
BM_RESULT bm_doctor_ek_bind(bm_findings *findings, const uint8_t sha256[BM_SHA256_SIZE], bm_doctor_eks *eks);

#endif

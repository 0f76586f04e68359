/*
 * The endorsement key: its certificate in NV, the key recreated from the TPM's seed, and the chain on the chip
 * (TCG EK Credential Profile v2.5, 2.2 and B.3 to B.6).
 */
#ifndef BM_DEVICE_TPM_EK_H
#define BM_DEVICE_TPM_EK_H

#include "device/tpm/object.h"
#include "tpm/template.h"
#include "x509/ekc.h"

#define BM_TPM_EK_NV_FIRST 0x01C00000u
#define BM_TPM_EK_NV_LAST 0x01C0FFFFu
#define BM_TPM_EK_CHAIN_FIRST 0x01C00100u
#define BM_TPM_EK_CHAIN_LAST 0x01C001FFu
#define BM_TPM_EK_PERSISTENT_FIRST 0x81010000u
#define BM_TPM_EK_PERSISTENT_LAST 0x8101FFFFu

/* An EK that is loaded or persistent. Owns what it holds; zero-initialise, end with bm_tpm_ek_fini. */
typedef struct {
    const bm_ek_template *row;
    bm_tpm_object object;
    uint32_t handle;     /* the persistent one, or 0 */
    bool foreign;        /* made from a template in NV that is not the row's: a server that knows the table alone refuses it */
    bm_buf public_area;  /* TPM2B_PUBLIC */
    bm_pubkey key;
    bm_buf certificate;  /* DER; empty when the chip has none */
    bm_buf chain[BM_EKC_CHAIN_MAX];
    size_t chain_count;
} bm_tpm_ek;

/* Frees and flushes; leaves it empty. For BM_AUTO. */
void bm_tpm_ek_fini(bm_tpm_ek *ek);

/* All indices of the TCG's range, read once for the functions below. */
BM_RESULT bm_tpm_ek_indices(bm_tpm_context *context, bm_tpm_handles *indices);

/*
 * Reads the certificate of a template, without prefix and padding, and parses it; `ekc` is NULL when the chip has none.
 * BM_E_EKC_MALFORMED: something else lies there; BM_E_TPM...
 */
BM_RESULT bm_tpm_ek_certificate(bm_tpm_context *context, const bm_tpm_handles *indices, const bm_ek_template *row, bm_ekc **ekc);

/*
 * The first EK of the table, in its order, whose certificate is in NV and is for the key that this TPM has: the persistent one where its
 * public area is the same, or else recreated from the seed (honouring the nonce and template indices) and loaded. A chip without any
 * certificate gives the first EK that it can make, with `certificate` empty. BM_E_EK_MISMATCH: there are certificates, and none is for an EK
 * of this TPM; BM_E_TPM...
 */
BM_RESULT bm_tpm_ek_find(bm_tpm_context *context, const bm_tpm_handles *indices, bm_tpm_ek *ek);

/* The next EK of the table behind `row` that has its certificate in NV; `ek` stays empty when there is none. BM_E_TPM... */
BM_RESULT bm_tpm_ek_find_next(bm_tpm_context *context, const bm_tpm_handles *indices, const bm_ek_template *row, bm_tpm_ek *ek);

/*
 * The EK whose SubjectPublicKeyInfo has this SHA-256, with its certificate if the chip has one; `ek` stays empty when the TPM has no such
 * EK. BM_E_TPM...: also when it has, and fails to load it.
 */
BM_RESULT bm_tpm_ek_find_known(bm_tpm_context *context, const bm_tpm_handles *indices, const uint8_t sha256[BM_SHA256_SIZE], bm_tpm_ek *ek);

/*
 * Loads the EK of this template for which the certificate is: the persistent one, or else recreated. BM_E_EK_TEMPLATE: the TPM makes another
 * key than the certificate's; BM_E_TPM...
 */
BM_RESULT bm_tpm_ek_load(bm_tpm_context *context, const bm_tpm_handles *indices, const bm_ek_template *row, const bm_ekc *ekc, bm_tpm_ek *ek);

/* Loads the EK of this template, whatever certificate there is; BM_E_TPM when the TPM does not have it. */
BM_RESULT bm_tpm_ek_recreate(bm_tpm_context *context, const bm_tpm_handles *indices, const bm_ek_template *row, bm_tpm_ek *ek);

/*
 * Reads the CA chain on the chip into the EK: concatenated DER, split over indices; nothing when there is none, and as much as is good of one
 * that is damaged. BM_E_TPM...
 */
BM_RESULT bm_tpm_ek_read_chain(bm_tpm_context *context, const bm_tpm_handles *indices, bm_tpm_ek *ek);

/* Cuts a concatenation into at most BM_EKC_CHAIN_MAX certificates; what is more than that is left out. BM_E_EKC_MALFORMED. */
BM_RESULT bm_tpm_ek_split_chain(bm_bytes bytes, bm_buf chain[BM_EKC_CHAIN_MAX], size_t *count);

/*
 * Writes the nonce of the low range into a template read from NV: at the start of `unique`, zeros behind it (B.3.2). BM_E_MALFORMED: too
 * long, or no RSA or ECC template.
 */
BM_RESULT bm_tpm_ek_put_nonce(TPM2B_PUBLIC *template, bm_bytes nonce);

#endif

/*
 * The identity key (IK): a signing key, persistent at a handle. In the owner hierarchy, under a storage key that any program can make again, and at the
 * same time a TSS2 PRIVATE KEY for programs that take no handles; or a primary of the endorsement hierarchy, with this template:
 *
 *   the attributes, nameAlg and parameters of every identity key (tpm/template.h); unique: "birthmark-ik", four zero bytes, and the 16 bytes of the
 *   key's number, then zeros up to the size of the modulus or of x; y is all zeros. With an authorisation value, the first 16 bytes of SHA-256(number,
 *   value) stand in the place of the number.
 */
#ifndef BM_DEVICE_TPM_IK_H
#define BM_DEVICE_TPM_IK_H

#include "device/tpm/kind.h"
#include "tpm/template.h"

/* The handles at which an owner may keep objects (TCG Registry of Reserved TPM 2.0 Handles, 2.3.1). */
#define BM_TPM_IK_HANDLE_FIRST 0x81000000u
#define BM_TPM_IK_HANDLE_LAST 0x817FFFFFu
#define BM_TPM_IK_HANDLE_DEFAULT 0x81020000u
#define BM_TPM_IK_NUMBER_SIZE 16
/* Of the storage key above it. */
#define BM_TPM_IK_PARENT_ATTRIBUTES                                                                                              \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |     \
     TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)

/* An identity key. Owns what it holds; zero-initialise, end with bm_tpm_ik_fini. */
typedef struct {
    bm_tpm_object object; /* transient or persistent */
    bm_buf public_area;   /* TPM2B_PUBLIC */
    bm_buf private_area;  /* TPM2B_PRIVATE, wrapped by the parent; of a primary its number; empty when it was opened at a handle */
    bm_pubkey key;
    bm_tpm_kind kind;     /* after bm_tpm_ik_open for the caller to fill in, who knows the key's file */
} bm_tpm_ik;

/* Frees and flushes; leaves it empty. For BM_AUTO. */
void bm_tpm_ik_fini(bm_tpm_ik *ik);

/* Is this TPM2B_PUBLIC what our template makes, for one of the key types that we make? The key's type, or BM_KEY_NONE. */
bm_key_type bm_tpm_ik_type_of(bm_bytes public_area);

/* Is this TPM2B_PUBLIC the storage key above our identity keys? */
bool bm_tpm_ik_is_parent(bm_bytes public_area);

/* Opens the IK at a handle; its key's type stays BM_KEY_NONE when nothing is there. BM_E_TPM_HANDLE_TAKEN: what is there is not ours. */
BM_RESULT bm_tpm_ik_open(bm_tpm_context *context, uint32_t handle, bm_tpm_ik *ik);

/*
 * Makes a new IK of this type and kind, loaded, with the kind's value. BM_E_IK_ALGORITHM; BM_E_USAGE: the TPM does not have the kind's registers;
 * BM_E_TPM...
 */
BM_RESULT bm_tpm_ik_create(bm_tpm_context *context, bm_key_type type, const bm_tpm_kind *kind, bm_tpm_ik *ik);

/*
 * Loads an IK from what its key file has: the kind, its TPM2B_PUBLIC, and its TPM2B_PRIVATE or number.
 * `loaded` is false, and nothing is loaded, when the key is not this TPM's (any more): it was cleared, or the
 * files are another TPM's. BM_E_TPM_AUTH: a primary that another value belongs to; BM_E_TPM...: any other
 * reason, which says nothing of whose key it is.
 */
BM_RESULT bm_tpm_ik_load(bm_tpm_context *context, const bm_tpm_kind *kind, bm_bytes public_area, bm_bytes private_area, bm_tpm_ik *ik, bool *loaded);

/* Makes a loaded IK persistent at a free handle; it is the persistent one afterwards. `full`: there is no room in NV memory, and it is as it was. */
BM_RESULT bm_tpm_ik_persist(bm_tpm_ik *ik, uint32_t handle, bool *full);

/* A bm_csr_sign: signs a digest in the TPM; `context` is the bm_tpm_ik. */
BM_RESULT bm_tpm_ik_sign(void *context, bm_hash_alg alg, bm_bytes digest, bm_buf *signature);

#endif

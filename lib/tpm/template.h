/*
 * The EK templates of the TCG EK Credential Profile (v2.5, B.3 and B.4), their NV indices, and the template of our identity key.
 */
#ifndef BM_TPM_TEMPLATE_H
#define BM_TPM_TEMPLATE_H

#include "tpm/public.h"

/*
 * The templates, in the order in which an agent looks for them. Append only: a device keeps the EK with which it enrolled, although its TPM
 * has one of a later row as well. (H-5, which is SM2 with SM3 and SM4, is not among them.)
 */
typedef enum {
    BM_EK_L1 = 0, /* RSA 2048, low range */
    BM_EK_L2,     /* P-256, low range */
    BM_EK_H1,     /* RSA 2048 */
    BM_EK_H2,     /* P-256 */
    BM_EK_H3,     /* P-384 */
    BM_EK_H6,     /* RSA 3072 */
    BM_EK_H4,     /* P-521 */
    BM_EK_H7,     /* RSA 4096 */
    BM_EK_TEMPLATE_COUNT
} bm_ek_template_id;

/* Policy A: PolicySecret(endorsement). Policy B: PolicyOR(A, C), C = PolicyAuthorizeNV(I-n). */
typedef enum { BM_EK_POLICY_A, BM_EK_POLICY_B } bm_ek_policy;

/* A row of the table. */
typedef struct {
    bm_ek_template_id id;
    const char *label; /* "L-1" */
    bm_key_type key_type;
    bm_hash_alg name_alg;
    uint32_t attributes;
    uint16_t aes_bits;
    bm_ek_policy policy;
    uint32_t certificate_index; /* NV index of the EK certificate */
    uint32_t nonce_index;       /* 0 when the range has none */
    uint32_t template_index;
} bm_ek_template;

/* The row of a template; never NULL for an id below BM_EK_TEMPLATE_COUNT. */
const bm_ek_template *bm_template_ek(bm_ek_template_id id);

/* The digest of policy A, B, or of C (PolicyAuthorizeNV) for a nameAlg; empty for BM_HASH_NONE. Static. */
bm_bytes bm_template_policy_a(bm_hash_alg alg);
bm_bytes bm_template_policy_b(bm_hash_alg alg);
bm_bytes bm_template_policy_c(bm_hash_alg alg);

/*
 * Appends the TPM2B_PUBLIC that TPM2_CreatePrimary takes to recreate the EK: `unique` is zero bytes in the low range (with `nonce` at
 * its beginning, when not empty) and of size zero in the high range. BM_E_MALFORMED: a nonce too long, or in the high range.
 */
BM_RESULT bm_template_put_ek_input(bm_buf *out, const bm_ek_template *row, bm_bytes nonce);

/* Appends the TPM2B_PUBLIC that an EK of this template with this key has. Coordinates are written at the field's full size. */
BM_RESULT bm_template_put_ek(bm_buf *out, const bm_ek_template *row, const bm_pubkey *key);

/*
 * Is this public area, byte for byte, an EK of a template of the table, but for its key (coordinates with leading zeros stripped are
 * equal too)? That fixes attributes, nameAlg, symmetric, policy and scheme in one comparison. NULL when it is of none.
 */
const bm_ek_template *bm_template_match_ek(const bm_tpm_public *ek);

/* What the template of an identity key says besides what it always says. */
typedef struct {
    bm_key_type type;
    bm_bytes policy; /* who may use it: empty (userWithAuth SET), or of the nameAlg's size (userWithAuth CLEAR: the policy alone) */
    bm_bytes unique; /* empty; of a primary, what tells it from others: it stands at the beginning of `unique`, zeros behind it */
} bm_ik_template;

/*
 * Appends the TPM2B_PUBLIC template of an identity key: fixedTPM fixedParent sensitiveDataOrigin userWithAuth noDA sign, unrestricted,
 * nameAlg SHA-256 (SHA-384 for P-384), scheme NULL. For rsa2048, rsa3072, ecc256, ecc384; BM_E_IK_ALGORITHM otherwise.
 */
BM_RESULT bm_template_put_ik(bm_buf *out, const bm_ik_template *ik);

/* The same without a policy, and with an empty `unique`. */
BM_RESULT bm_template_put_ik_input(bm_buf *out, bm_key_type type);

/* The nameAlg of an identity key of this type. */
bm_hash_alg bm_template_ik_name_alg(bm_key_type type);

/* Is this what bm_template_put_ik makes, whatever its policy? Its type, or BM_KEY_NONE. */
bm_key_type bm_template_match_ik(const bm_tpm_public *ik);

/*
 * Are these the attributes of an identity key: fixedTPM, fixedParent, sensitiveDataOrigin, sign SET; decrypt, encryptedDuplication,
 * stClear, adminWithPolicy, restricted, x509sign CLEAR; symmetric NULL; no policy, or a policy alone (userWithAuth CLEAR): a policy beside an
 * authorisation value would be a second way to use the key, of which its owner need not know. BM_E_IK_ATTRIBUTES, the detail names what is wrong.
 * Scheme NULL, or RSASSA, RSAPSS, ECDSA with a hash of SHA-256 or longer; else BM_E_IK_ALGORITHM.
 */
BM_RESULT bm_template_check_ik(const bm_tpm_public *ik);

#endif

/*
 * Public areas of TPM objects (TPM 2.0 Part 2, 12.2): strict parsing, Names, building.
 */
#ifndef BM_TPM_PUBLIC_H
#define BM_TPM_PUBLIC_H

#include "crypto/hash.h"
#include "crypto/pubkey.h"

#define BM_TPM_PUBLIC_MAX 1024 /* bytes of a TPM2B_PUBLIC that we take */
#define BM_TPM_NAME_MAX (2 + BM_HASH_MAX)

/* TPM_ALG_ID (Part 2, 6.3) */
#define BM_TPM_ALG_RSA 0x0001
#define BM_TPM_ALG_AES 0x0006
#define BM_TPM_ALG_SHA256 0x000B
#define BM_TPM_ALG_SHA384 0x000C
#define BM_TPM_ALG_SHA512 0x000D
#define BM_TPM_ALG_NULL 0x0010
#define BM_TPM_ALG_RSASSA 0x0014
#define BM_TPM_ALG_RSAPSS 0x0016
#define BM_TPM_ALG_ECDSA 0x0018
#define BM_TPM_ALG_ECC 0x0023
#define BM_TPM_ALG_CFB 0x0043

/* TPMA_OBJECT (Part 2, 8.3) */
#define BM_TPMA_FIXED_TPM 0x00000002u
#define BM_TPMA_ST_CLEAR 0x00000004u
#define BM_TPMA_FIXED_PARENT 0x00000010u
#define BM_TPMA_SENSITIVE_DATA_ORIGIN 0x00000020u
#define BM_TPMA_USER_WITH_AUTH 0x00000040u
#define BM_TPMA_ADMIN_WITH_POLICY 0x00000080u
#define BM_TPMA_NO_DA 0x00000400u
#define BM_TPMA_ENCRYPTED_DUPLICATION 0x00000800u
#define BM_TPMA_RESTRICTED 0x00010000u
#define BM_TPMA_DECRYPT 0x00020000u
#define BM_TPMA_SIGN 0x00040000u
#define BM_TPMA_X509_SIGN 0x00080000u

/* A parsed public area. `area` is a view of the TPMT_PUBLIC inside the bytes that were parsed: they must outlive this. */
typedef struct {
    bm_bytes area;
    uint16_t type;     /* BM_TPM_ALG_RSA or BM_TPM_ALG_ECC */
    bm_hash_alg name_alg;
    uint32_t attributes;
    bm_bytes policy;   /* empty, or of name_alg's size; a view */
    uint16_t symmetric; /* BM_TPM_ALG_NULL or BM_TPM_ALG_AES */
    uint16_t symmetric_bits;
    uint16_t symmetric_mode;
    uint16_t scheme;   /* BM_TPM_ALG_NULL, RSASSA, RSAPSS, ECDSA */
    bm_hash_alg scheme_hash;
    bm_pubkey key;     /* an exponent of 0 stands here as 65537 */
} bm_tpm_public;

/* A Name (Part 1, 16): u16 nameAlg and the digest of the TPMT_PUBLIC. */
typedef struct {
    size_t size;
    uint8_t bytes[BM_TPM_NAME_MAX];
} bm_tpm_name;

/* A view of a Name. */
static inline bm_bytes bm_tpm_public_name_view(const bm_tpm_name *name)
{
    return bm_bytes_of(name->bytes, name->size);
}

/*
 * Parses a TPM2B_PUBLIC of an RSA (2048, 3072, 4096) or ECC (P-256, P-384, P-521) key: exact sizes, nothing left over, reserved
 * attribute bits clear, policy empty or of the digest's size, unique of exactly the key's size (a modulus with its top bit set, each
 * coordinate at most the field's size: a TPM may strip leading zeros), ECC KDF NULL. BM_E_MALFORMED.
 */
BM_RESULT bm_tpm_public_parse(bm_bytes tpm2b, bm_tpm_public *parsed);

/* The Name of what was parsed, hashed over the bytes as they were received; BM_E_INTERNAL. */
BM_RESULT bm_tpm_public_name(const bm_tpm_public *parsed, bm_tpm_name *name);

/* The TPM_ALG_ID of a hash and back; 0 and BM_HASH_NONE when there is none. */
uint16_t bm_tpm_public_hash_id(bm_hash_alg alg);
bm_hash_alg bm_tpm_public_hash_of(uint16_t id);

/* The TPM_ECC_CURVE (Part 2, 6.4) of a key type and back; 0 and BM_KEY_NONE. */
uint16_t bm_tpm_public_curve_id(bm_key_type type);
bm_key_type bm_tpm_public_curve_of(uint16_t id);

#endif

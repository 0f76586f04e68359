/* What the public area of an identity key says by itself, without a TPM (ik.h). */
#include "device/tpm/ik.h"

bm_key_type bm_tpm_ik_type_of(bm_bytes public_area)
{
    bm_tpm_public parsed;

    return bm_tpm_public_parse(public_area, &parsed).code == BM_OK ? bm_template_match_ik(&parsed) : BM_KEY_NONE;
}

bool bm_tpm_ik_is_parent(bm_bytes public_area)
{
    bm_tpm_public parsed;

    return bm_tpm_public_parse(public_area, &parsed).code == BM_OK && parsed.attributes == BM_TPM_IK_PARENT_ATTRIBUTES &&
           parsed.name_alg == BM_HASH_SHA256 && parsed.policy.size == 0 && parsed.key.type == BM_KEY_ECC256 &&
           parsed.symmetric == BM_TPM_ALG_AES && parsed.symmetric_bits == 128 && parsed.symmetric_mode == TPM2_ALG_CFB &&
           parsed.scheme == BM_TPM_ALG_NULL;
}

/*
 * bm_tpm_public_parse and _name (tpm/public.h), bm_template_match_ek, _put_ek and _check_ik (tpm/template.h), bm_weak_check (tpm/weak.h),
 * bm_pkey_from_public (crypto/pkey.h), bm_credential_make (tpm/credential.h): a public area, and all that is done with its key.
 */
#include "fuzz.h"

#include "crypto/random.h"
#include "tpm/credential.h"
#include "tpm/template.h"
#include "tpm/weak.h"

/* An area of a template, written again: the same, but for coordinates whose leading zeros a TPM may have stripped. */
static void check_template(bm_bytes input, const bm_tpm_public *parsed, const bm_ek_template *row)
{
    BM_AUTO_BUF made = BM_BUF_EMPTY;
    bm_tpm_public again;

    FUZZ_OK(bm_template_put_ek(&made, row, &parsed->key));
    FUZZ_OK(bm_tpm_public_parse(bm_buf_view(&made), &again));
    FUZZ_MUST(bm_pubkey_equal(&again.key, &parsed->key) && bm_template_match_ek(&again) == row);
    FUZZ_MUST(bm_pubkey_is_rsa(parsed->key.type) ? bm_bytes_equal(bm_buf_view(&made), input) : made.size >= input.size);
}

/* The key's SubjectPublicKeyInfo is read as the same key. */
static void check_spki(const bm_pubkey *key)
{
    BM_AUTO_BUF spki = BM_BUF_EMPTY;
    bm_pubkey again;

    FUZZ_OK(bm_pubkey_put_spki(&spki, key));
    FUZZ_OK(bm_pubkey_parse_spki(bm_buf_view(&spki), &again));
    FUZZ_MUST(bm_pubkey_equal(&again, key));
}

/* A credential for whatever key passed: RSA with an odd modulus, or a point on its curve. */
static void make_credential(const bm_tpm_public *parsed, const bm_pkey *key)
{
    static const uint8_t secret[32] = "a ticket of thirty-two bytes...";
    BM_AUTO_BUF blob = BM_BUF_EMPTY;
    BM_AUTO_BUF encrypted = BM_BUF_EMPTY;
    bm_tpm_name name;

    FUZZ_OK(bm_tpm_public_name(parsed, &name));
    if (bm_credential_make(parsed, key, bm_tpm_public_name_view(&name), BM_BYTES_ARRAY(secret), &blob, &encrypted).code == BM_OK)
        FUZZ_MUST(parsed->symmetric == BM_TPM_ALG_AES && blob.size > 2 && encrypted.size > 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bm_bytes input = bm_bytes_of(data, size);
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    const bm_ek_template *row;
    bm_tpm_public parsed;

    if (bm_tpm_public_parse(input, &parsed).code != BM_OK)
        return 0;
    FUZZ_MUST(size <= BM_TPM_PUBLIC_MAX && fuzz_inside(input, parsed.area) && parsed.area.size == size - 2);
    FUZZ_MUST(fuzz_inside(input, parsed.policy) && bm_pubkey_field_size(parsed.key.type) > 0);
    check_spki(&parsed.key);
    row = bm_template_match_ek(&parsed);
    if (row != NULL)
        check_template(input, &parsed, row);
    if (bm_template_check_ik(&parsed).code == BM_OK)
        FUZZ_MUST(row == NULL && (parsed.attributes & BM_TPMA_SIGN) != 0 && (parsed.attributes & BM_TPMA_DECRYPT) == 0);
    if (bm_weak_check(&parsed.key).code == BM_OK && bm_pkey_from_public(&parsed.key, &key).code == BM_OK)
        make_credential(&parsed, key);
    return 0;
}

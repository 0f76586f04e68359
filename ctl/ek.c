#include "ctl/ek.h"

#include "base/text.h"
#include "tpm/public.h"
#include "tpm/template.h"
#include "x509/ca.h"
#include "x509/ekc.h"

#define PEM_BEGIN "-----BEGIN"

/* Is it PEM? Text may stand before the first block. */
static bool is_pem(bm_bytes bytes)
{
    bm_bytes begin = bm_bytes_str(PEM_BEGIN);

    for (size_t i = 0; i + begin.size <= bytes.size; i++)
        if (bm_bytes_equal(bm_bytes_slice(bytes, i, begin.size), begin))
            return true;
    return false;
}

static BM_RESULT next_block(bm_bytes bytes, const char *label, bm_buf *der)
{
    bool found;

    BM_TRY(bm_ca_next_pem(&bytes, label, der, &found));
    if (!found)
        return bm_failf(BM_E_MALFORMED, "the PEM text has no %s", label);
    return bm_ok();
}

static BM_RESULT malformed(bm_result result, const char *what)
{
    if (result.code == BM_OK || result.code == BM_E_NO_MEMORY || result.code == BM_E_INTERNAL)
        return result;
    return bm_failf(BM_E_MALFORMED, "%s: %s", what, result.detail == NULL ? bm_code_advice(result.code) : result.detail);
}

BM_RESULT bm_ctl_ek_of_certificate(bm_bytes bytes, uint8_t sha256[BM_SHA256_SIZE])
{
    BM_AUTO_BUF decoded = BM_BUF_EMPTY;
    BM_AUTO(bm_ekc_freep) bm_ekc *certificate = NULL;
    bm_bytes der;

    if (is_pem(bytes)) {
        BM_TRY(next_block(bytes, "CERTIFICATE", &decoded));
        bytes = bm_buf_view(&decoded);
    }
    BM_TRY(malformed(bm_ekc_trim(bytes, &der), "not an EK certificate"));
    BM_TRY(malformed(bm_ekc_parse(der, &certificate), "not an EK certificate"));
    return bm_pubkey_spki_sha256(bm_ekc_key(certificate), sha256);
}

static BM_RESULT of_pem_key(bm_bytes bytes, uint8_t *sha256)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_pubkey key;

    BM_TRY(next_block(bytes, "PUBLIC KEY", &der));
    BM_TRY(malformed(bm_pubkey_parse_spki(bm_buf_view(&der), &key), "not a public key that an EK can have"));
    return bm_pubkey_spki_sha256(&key, sha256);
}

BM_RESULT bm_ctl_ek_of_public(bm_bytes bytes, uint8_t sha256[BM_SHA256_SIZE])
{
    bm_tpm_public ek;

    if (is_pem(bytes))
        return of_pem_key(bytes, sha256);
    BM_TRY(malformed(bm_tpm_public_parse(bytes, &ek), "not a TPM2B_PUBLIC"));
    BM_CHECK(bm_template_match_ek(&ek) != NULL, BM_E_MALFORMED,
             "not an EK: the public area is of no template of the TCG EK Credential Profile");
    return bm_pubkey_spki_sha256(&ek.key, sha256);
}

BM_RESULT bm_ctl_ek_of_hex(bm_bytes text, uint8_t sha256[BM_SHA256_SIZE])
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;

    if (text.size != (size_t)2 * BM_SHA256_SIZE || bm_text_from_hex(text, &bytes).code != BM_OK)
        return bm_fail(BM_E_MALFORMED, "a SHA-256 is 64 digits of hex");
    return bm_bytes_copy_exact(bm_buf_view(&bytes), sha256, BM_SHA256_SIZE);
}

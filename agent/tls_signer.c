#include "agent/tls_signer.h"

#include "tpm/public.h"
#include "x509/csr.h"

void bm_tls_signer_close(bm_tls_signer *signer)
{
    bm_tpm_ik_fini(&signer->ik);
    bm_tpm_context_close(&signer->context);
    signer->context = (bm_tpm_context){0};
    signer->open = false;
}

bool bm_tls_signer_is_greedy(const bm_tls_signer *signer)
{
    return signer->open && !signer->context.managed;
}

static BM_RESULT open_key(bm_tls_signer *signer, const bm_tls_wish *wish)
{
    uint8_t key[BM_SHA256_SIZE];

    if (signer->open && signer->handle != wish->handle)
        bm_tls_signer_close(signer);
    if (!signer->open) {
        BM_TRY(bm_tpm_context_open(signer->tcti, &signer->context));
        signer->open = true;
        signer->handle = wish->handle;
        BM_TRY(bm_tpm_ik_open(&signer->context, wish->handle, &signer->ik));
    }
    if (signer->ik.key.type == BM_KEY_NONE)
        return bm_failf(BM_E_TPM_HANDLE_TAKEN, "there is no key at the TPM's handle 0x%08x (was the TPM cleared?): run 'birthmark enroll'",
                        wish->handle);
    BM_TRY(bm_pubkey_spki_sha256(&signer->ik.key, key));
    if (!bm_bytes_equal(BM_BYTES_ARRAY(key), BM_BYTES_ARRAY(wish->key)))
        return bm_failf(BM_E_TPM_HANDLE_TAKEN, "the key at the TPM's handle 0x%08x is not that of device.crt: run 'birthmark enroll'",
                        wish->handle);
    return bm_ok();
}

static BM_RESULT put_signature(bm_buf *out, const TPMT_SIGNATURE *signature, TPM2_ALG_ID wanted)
{
    const TPMS_SIGNATURE_ECDSA *ecdsa = &signature->signature.ecdsa;
    const TPM2B_PUBLIC_KEY_RSA *rsa = wanted == TPM2_ALG_RSAPSS ? &signature->signature.rsapss.sig : &signature->signature.rsassa.sig;

    BM_CHECK(signature->sigAlg == wanted, BM_E_TPM_RESPONSE, "TPM2_Sign gave a signature of another kind");
    if (wanted != TPM2_ALG_ECDSA)
        return bm_buf_put(out, bm_bytes_of(rsa->buffer, rsa->size));
    return bm_csr_put_ecdsa(out, bm_bytes_of(ecdsa->signatureR.buffer, ecdsa->signatureR.size),
                            bm_bytes_of(ecdsa->signatureS.buffer, ecdsa->signatureS.size));
}

static BM_RESULT sign_once(bm_tls_signer *signer, const bm_tls_wish *wish, bm_buf *signature)
{
    static const TPM2_ALG_ID schemes[] = {[BM_TLS_ECDSA] = TPM2_ALG_ECDSA, [BM_TLS_PKCS1] = TPM2_ALG_RSASSA, [BM_TLS_PSS] = TPM2_ALG_RSAPSS};
    const TPMT_TK_HASHCHECK ticket = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
    TPMT_SIG_SCHEME scheme = {.scheme = schemes[wish->scheme]};
    TPM2B_DIGEST in = {.size = (UINT16)wish->digest.size};
    TPMT_SIGNATURE *made = NULL;
    bm_tpm_context *tpm = &signer->context;
    bm_result result;

    BM_TRY(open_key(signer, wish));
    BM_CHECK((wish->scheme == BM_TLS_ECDSA) == bm_pubkey_is_ecc(signer->ik.key.type), BM_E_INTERNAL, "a signature of another kind than the key");
    scheme.details.any.hashAlg = bm_tpm_public_hash_id(wish->hash);
    BM_TRY(bm_bytes_copy_exact(bm_hash_view(&wish->digest), in.buffer, wish->digest.size));
    BM_TPM_TRY(tpm, "TPM2_Sign",
               Esys_Sign(tpm->esys, signer->ik.object.tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &in, &scheme, &ticket, &made));
    result = put_signature(signature, made, scheme.scheme);
    Esys_Free(made);
    return result;
}

BM_RESULT bm_tls_signer_sign(bm_tls_signer *signer, const bm_tls_wish *wish, bm_buf *signature)
{
    bool was_open = signer->open;
    bm_result result = sign_once(signer, wish, signature);

    if (result.code != BM_OK)
        bm_tls_signer_close(signer);
    /* A TPM that was restarted, or a key that was replaced, since it was opened. */
    if (result.code != BM_OK && result.code != BM_E_NO_MEMORY && was_open) {
        bm_buf_clear(signature);
        result = sign_once(signer, wish, signature);
        if (result.code != BM_OK)
            bm_tls_signer_close(signer);
    }
    return result;
}

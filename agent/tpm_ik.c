#include "agent/tpm_ik.h"

#include "agent/tpm_session.h"
#include "tpm/template.h"
#include "x509/csr.h"

#include <tss2/tss2_mu.h>

#define PARENT_ATTRIBUTES                                                                                              \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |     \
     TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)
#define IK_ATTRIBUTES                                                                                                  \
    (BM_TPMA_FIXED_TPM | BM_TPMA_FIXED_PARENT | BM_TPMA_SENSITIVE_DATA_ORIGIN | BM_TPMA_USER_WITH_AUTH | BM_TPMA_NO_DA | \
     BM_TPMA_SIGN)

void bm_tpm_ik_fini(bm_tpm_ik *ik)
{
    bm_tpm_object_fini(&ik->object);
    bm_buf_fini(&ik->public_area);
    bm_buf_fini(&ik->private_area);
    *ik = (bm_tpm_ik){0};
}

bm_key_type bm_tpm_ik_type_of(bm_bytes public_area)
{
    bm_tpm_public parsed;
    bm_hash_alg name_alg;

    if (bm_tpm_public_parse(public_area, &parsed).code != BM_OK)
        return BM_KEY_NONE;
    name_alg = parsed.key.type == BM_KEY_ECC384 ? BM_HASH_SHA384 : BM_HASH_SHA256;
    if (parsed.attributes != IK_ATTRIBUTES || parsed.name_alg != name_alg || parsed.policy.size != 0 ||
        parsed.symmetric != BM_TPM_ALG_NULL || parsed.scheme != BM_TPM_ALG_NULL)
        return BM_KEY_NONE;
    if (parsed.key.type != BM_KEY_RSA2048 && parsed.key.type != BM_KEY_RSA3072 && parsed.key.type != BM_KEY_ECC256 &&
        parsed.key.type != BM_KEY_ECC384)
        return BM_KEY_NONE;
    return parsed.key.type;
}

bool bm_tpm_ik_is_parent(bm_bytes public_area)
{
    bm_tpm_public parsed;

    return bm_tpm_public_parse(public_area, &parsed).code == BM_OK && parsed.attributes == PARENT_ATTRIBUTES &&
           parsed.name_alg == BM_HASH_SHA256 && parsed.policy.size == 0 && parsed.key.type == BM_KEY_ECC256 &&
           parsed.symmetric == BM_TPM_ALG_AES && parsed.symmetric_bits == 128 && parsed.symmetric_mode == TPM2_ALG_CFB &&
           parsed.scheme == BM_TPM_ALG_NULL;
}

static BM_RESULT take_key(bm_tpm_ik *ik)
{
    bm_tpm_public parsed;

    BM_TRY(bm_tpm_public_parse(bm_buf_view(&ik->public_area), &parsed));
    ik->key = parsed.key;
    return bm_ok();
}

BM_RESULT bm_tpm_ik_open(bm_tpm_context *context, uint32_t handle, bm_tpm_ik *ik)
{
    bool found;

    bm_tpm_ik_fini(ik);
    BM_TRY(bm_tpm_object_open(context, handle, &ik->object, &ik->public_area, &found));
    if (!found)
        return bm_ok();
    if (bm_tpm_ik_type_of(bm_buf_view(&ik->public_area)) == BM_KEY_NONE)
        return bm_failf(BM_E_TPM_HANDLE_TAKEN, "the handle 0x%08x holds a key that is no identity key of ours", handle);
    return take_key(ik);
}

/*
 * The storage key above the IK: the one that tpm2-openssl and the other readers of TSS2 PRIVATE KEY files make again when a file names
 * the owner hierarchy as parent. Any difference gives another key, under which the file could not be loaded.
 */
static BM_RESULT create_parent(bm_tpm_context *context, bm_tpm_object *parent)
{
    TPM2B_PUBLIC template = {.publicArea = {.type = TPM2_ALG_ECC, .nameAlg = TPM2_ALG_SHA256, .objectAttributes = PARENT_ATTRIBUTES}};
    TPMS_ECC_PARMS *ecc = &template.publicArea.parameters.eccDetail;
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    BM_AUTO_BUF made = BM_BUF_EMPTY;

    ecc->symmetric.algorithm = TPM2_ALG_AES;
    ecc->symmetric.keyBits.aes = 128;
    ecc->symmetric.mode.aes = TPM2_ALG_CFB;
    ecc->scheme.scheme = TPM2_ALG_NULL;
    ecc->curveID = TPM2_ECC_NIST_P256;
    ecc->kdf.scheme = TPM2_ALG_NULL;
    BM_TRY(bm_tpm_object_put_public(&bytes, &template));
    return bm_tpm_object_create_primary(context, BM_TPM_OWNER, bm_buf_view(&bytes), parent, &made);
}

static BM_RESULT put_private(bm_buf *out, const TPM2B_PRIVATE *private_area)
{
    return bm_buf_put_sized16(out, bm_bytes_of(private_area->buffer, private_area->size));
}

static BM_RESULT load_under(const bm_tpm_object *parent, const TPM2B_PRIVATE *private_area, bm_tpm_ik *ik, TSS2_RC *code)
{
    bm_tpm_context *context = parent->context;
    TPM2B_PUBLIC public_area;
    ESYS_TR tr = ESYS_TR_NONE;
    TSS2_RC rc;

    BM_TRY(bm_tpm_object_public_of(bm_buf_view(&ik->public_area), &public_area));
    BM_TPM_CALL(context, rc,
                Esys_Load(context->esys, parent->tr, bm_tpm_session_or(context, BM_TPM_SEAL_BOTH, ESYS_TR_PASSWORD), ESYS_TR_NONE, ESYS_TR_NONE,
                          private_area, &public_area, &tr));
    *code = rc;
    BM_TRY(bm_tpm_context_result("TPM2_Load", rc));
    return bm_tpm_object_adopt(&ik->object, context, tr, BM_TPM_OBJECT_TRANSIENT);
}

BM_RESULT bm_tpm_ik_create(bm_tpm_context *context, bm_key_type type, bm_tpm_ik *ik)
{
    const TPM2B_SENSITIVE_CREATE sensitive = {0};
    const TPM2B_DATA outside = {0};
    const TPML_PCR_SELECTION pcrs = {0};
    BM_TPM_AUTO_OBJECT parent = BM_TPM_OBJECT_EMPTY;
    BM_AUTO_BUF template = BM_BUF_EMPTY;
    TPM2B_PUBLIC in;
    TPM2B_PUBLIC *public_area = NULL;
    TPM2B_PRIVATE *private_area = NULL;
    TSS2_RC rc;
    bm_result result;

    bm_tpm_ik_fini(ik);
    BM_TRY(bm_template_put_ik_input(&template, type));
    BM_TRY(bm_tpm_object_public_of(bm_buf_view(&template), &in));
    BM_TRY(create_parent(context, &parent));
    BM_TPM_TRY(context, "TPM2_Create",
               Esys_Create(context->esys, parent.tr, bm_tpm_session_or(context, BM_TPM_SEAL_BOTH, ESYS_TR_PASSWORD), ESYS_TR_NONE, ESYS_TR_NONE,
                           &sensitive, &in, &outside, &pcrs, &private_area, &public_area, NULL, NULL, NULL));
    result = bm_tpm_object_put_public(&ik->public_area, public_area);
    if (result.code == BM_OK)
        result = put_private(&ik->private_area, private_area);
    if (result.code == BM_OK)
        result = load_under(&parent, private_area, ik, &rc);
    Esys_Free(public_area);
    Esys_Free(private_area);
    BM_TRY(result);
    return take_key(ik);
}

BM_RESULT bm_tpm_ik_load(bm_tpm_context *context, bm_bytes public_area, bm_bytes private_area, bm_tpm_ik *ik, bool *loaded)
{
    BM_TPM_AUTO_OBJECT parent = BM_TPM_OBJECT_EMPTY;
    TPM2B_PRIVATE in = {0};
    bm_cursor cursor = bm_cursor_of(private_area);
    bm_bytes wrapped;
    TSS2_RC rc = TSS2_RC_SUCCESS;
    bm_result result;

    bm_tpm_ik_fini(ik);
    BM_TRY(bm_cursor_sized16(&cursor, sizeof(in.buffer), &wrapped));
    BM_TRY(bm_cursor_end(&cursor));
    BM_TRY(bm_bytes_copy_exact(wrapped, in.buffer, wrapped.size));
    in.size = (UINT16)wrapped.size;
    BM_TRY(bm_buf_put(&ik->public_area, public_area));
    BM_TRY(bm_buf_put(&ik->private_area, private_area));
    BM_TRY(create_parent(context, &parent));
    result = load_under(&parent, &in, ik, &rc);
    /* Every format-one code of TPM2_Load is about the two areas: they are another TPM's, or from before a TPM2_Clear. */
    *loaded = result.code == BM_OK;
    if (result.code == BM_E_TPM && (bm_tpm_context_code(rc) & TPM2_RC_FMT1) != 0) {
        bm_tpm_ik_fini(ik);
        return bm_ok();
    }
    BM_TRY(result);
    return take_key(ik);
}

BM_RESULT bm_tpm_ik_persist(bm_tpm_ik *ik, uint32_t handle)
{
    BM_TPM_AUTO_OBJECT resident = BM_TPM_OBJECT_EMPTY;

    BM_TRY(bm_tpm_object_persist(&ik->object, handle, &resident));
    bm_tpm_object_move(&ik->object, &resident);
    return bm_ok();
}

static BM_RESULT put_signature(bm_buf *out, const TPMT_SIGNATURE *signature)
{
    const TPMS_SIGNATURE_ECDSA *ecdsa = &signature->signature.ecdsa;
    const TPM2B_PUBLIC_KEY_RSA *rsa = &signature->signature.rsassa.sig;

    if (signature->sigAlg == TPM2_ALG_RSASSA)
        return bm_buf_put(out, bm_bytes_of(rsa->buffer, rsa->size));
    BM_CHECK(signature->sigAlg == TPM2_ALG_ECDSA, BM_E_TPM_RESPONSE, "TPM2_Sign gave a signature of another kind");
    return bm_csr_put_ecdsa(out, bm_bytes_of(ecdsa->signatureR.buffer, ecdsa->signatureR.size),
                            bm_bytes_of(ecdsa->signatureS.buffer, ecdsa->signatureS.size));
}

BM_RESULT bm_tpm_ik_sign(void *context, bm_hash_alg alg, bm_bytes digest, bm_buf *signature)
{
    const bm_tpm_ik *ik = context;
    bm_tpm_context *tpm = ik->object.context;
    const TPMT_TK_HASHCHECK ticket = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
    TPMT_SIG_SCHEME scheme = {.scheme = bm_pubkey_is_rsa(ik->key.type) ? TPM2_ALG_RSASSA : TPM2_ALG_ECDSA};
    TPM2B_DIGEST in = {.size = (UINT16)digest.size};
    TPMT_SIGNATURE *made = NULL;
    bm_result result;

    scheme.details.any.hashAlg = bm_tpm_public_hash_id(alg);
    BM_CHECK(digest.size <= sizeof(in.buffer), BM_E_INTERNAL, "a digest is too long");
    BM_TRY(bm_bytes_copy_exact(digest, in.buffer, digest.size));
    BM_TPM_TRY(tpm, "TPM2_Sign",
               Esys_Sign(tpm->esys, ik->object.tr, bm_tpm_session_or(tpm, BM_TPM_SEAL_COMMAND, ESYS_TR_PASSWORD), ESYS_TR_NONE, ESYS_TR_NONE,
                         &in, &scheme, &ticket, &made));
    result = put_signature(signature, made);
    Esys_Free(made);
    return result;
}

#include "device/tpm/ik.h"

#include "crypto/random.h"
#include "device/tpm/auth.h"
#include "device/tpm/session.h"
#include "device/tpm/use.h"
#include "x509/csr.h"

#include <tss2/tss2_mu.h>

/* The first half of a primary's `unique`; the other half is its number. */
#define PRIMARY_LABEL "birthmark-ik\0\0\0\0"

void bm_tpm_ik_fini(bm_tpm_ik *ik)
{
    bm_tpm_object_fini(&ik->object);
    bm_buf_fini(&ik->public_area);
    bm_buf_fini(&ik->private_area);
    *ik = (bm_tpm_ik){0};
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
    TPM2B_PUBLIC template = {.publicArea = {.type = TPM2_ALG_ECC, .nameAlg = TPM2_ALG_SHA256, .objectAttributes = BM_TPM_IK_PARENT_ATTRIBUTES}};
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

/* TPM2_Create under the storage key, and TPM2_Load. */
static BM_RESULT create_child(bm_tpm_context *context, bm_bytes template, const TPM2B_SENSITIVE_CREATE *sensitive, bm_tpm_ik *ik)
{
    const TPM2B_DATA outside = {0};
    const TPML_PCR_SELECTION pcrs = {0};
    BM_TPM_AUTO_OBJECT parent = BM_TPM_OBJECT_EMPTY;
    TPM2B_PUBLIC in;
    TPM2B_PUBLIC *public_area = NULL;
    TPM2B_PRIVATE *private_area = NULL;
    TSS2_RC rc;
    bm_result result;

    BM_TRY(bm_tpm_object_public_of(template, &in));
    BM_TRY(create_parent(context, &parent));
    BM_TPM_TRY(context, "TPM2_Create",
               Esys_Create(context->esys, parent.tr, bm_tpm_session_or(context, BM_TPM_SEAL_BOTH, ESYS_TR_PASSWORD), ESYS_TR_NONE, ESYS_TR_NONE,
                           sensitive, &in, &outside, &pcrs, &private_area, &public_area, NULL, NULL, NULL));
    result = bm_tpm_object_put_public(&ik->public_area, public_area);
    if (result.code == BM_OK)
        result = put_private(&ik->private_area, private_area);
    if (result.code == BM_OK)
        result = load_under(&parent, private_area, ik, &rc);
    Esys_Free(public_area);
    Esys_Free(private_area);
    return result;
}

/* The template of a key of the owner hierarchy. */
static BM_RESULT make_child(bm_tpm_context *context, bm_key_type type, bm_bytes policy, bm_tpm_ik *ik)
{
    const bm_ik_template template = {.type = type, .policy = policy};
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    TPM2B_SENSITIVE_CREATE sensitive;
    bm_result result;

    BM_CHECK(ik->kind.auth.size == 0 || (context->session.open && context->session.salted), BM_E_INTERNAL,
             "an authorisation value would go over the bus in the clear");
    BM_TRY(bm_template_put_ik(&bytes, &template));
    BM_TRY(bm_tpm_object_sensitive_of(ik->kind.auth, &sensitive));
    result = create_child(context, bm_buf_view(&bytes), &sensitive, ik);
    bm_wipe(&sensitive, sizeof(sensitive));
    if (ik->kind.auth.size > 0)
        bm_tpm_object_forget(context, &ik->object);
    return result;
}

/*
 * A primary follows from the seed and the template alone. Its authorisation value is none of them: so that nobody makes the key again with another
 * value, the value goes into the template, hashed together with the number.
 */
static BM_RESULT put_unique(bm_buf *unique, bm_bytes number, bm_bytes auth)
{
    const bm_bytes pieces[] = {number, auth};
    bm_digest digest;

    BM_CHECK(number.size == BM_TPM_IK_NUMBER_SIZE, BM_E_MALFORMED, "the number of a primary has another size");
    BM_TRY(bm_buf_put(unique, bm_bytes_of(PRIMARY_LABEL, 16)));
    if (auth.size == 0)
        return bm_buf_put(unique, number);
    BM_TRY(bm_hash_pieces(BM_HASH_SHA256, pieces, 2, &digest));
    return bm_buf_put(unique, bm_bytes_slice(bm_hash_view(&digest), 0, BM_TPM_IK_NUMBER_SIZE));
}

/* Makes the primary with the number in `private_area`. */
static BM_RESULT make_primary(bm_tpm_context *context, bm_key_type type, bm_bytes policy, bm_tpm_ik *ik)
{
    bm_bytes auth = bm_tpm_auth_without_zeros(ik->kind.auth);
    bm_ik_template template = {.type = type, .policy = policy};
    BM_AUTO_BUF unique = BM_BUF_EMPTY;
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;

    BM_TRY(put_unique(&unique, bm_buf_view(&ik->private_area), auth));
    template.unique = bm_buf_view(&unique);
    BM_TRY(bm_template_put_ik(&bytes, &template));
    bm_buf_clear(&ik->public_area);
    return bm_tpm_object_create_guarded(context, BM_TPM_ENDORSEMENT, bm_buf_view(&bytes), auth, &ik->object, &ik->public_area);
}

BM_RESULT bm_tpm_ik_create(bm_tpm_context *context, bm_key_type type, const bm_tpm_kind *kind, bm_tpm_ik *ik)
{
    BM_AUTO_BUF policy = BM_BUF_EMPTY;
    uint8_t number[BM_TPM_IK_NUMBER_SIZE];

    bm_tpm_ik_fini(ik);
    ik->kind = *kind;
    if (kind->pcrs.mask != 0) {
        BM_TRY(bm_tpm_pcrs_check(context, &kind->pcrs));
        BM_TRY(bm_tpm_pcrs_put_policy(context, &kind->pcrs, bm_template_ik_name_alg(type), &policy));
    }
    if (kind->parent == BM_TPM_OWNER) {
        BM_TRY(make_child(context, type, bm_buf_view(&policy), ik));
        return take_key(ik);
    }
    BM_TRY(bm_random(number, sizeof(number)));
    BM_TRY(bm_buf_put(&ik->private_area, BM_BYTES_ARRAY(number)));
    BM_TRY(make_primary(context, type, bm_buf_view(&policy), ik));
    return take_key(ik);
}

static BM_RESULT load_child(bm_tpm_context *context, bm_tpm_ik *ik, bool *loaded)
{
    BM_TPM_AUTO_OBJECT parent = BM_TPM_OBJECT_EMPTY;
    TPM2B_PRIVATE in = {0};
    bm_cursor cursor = bm_cursor_of(bm_buf_view(&ik->private_area));
    bm_bytes wrapped;
    TSS2_RC rc = TSS2_RC_SUCCESS;
    bm_result result;

    BM_TRY(bm_cursor_sized16(&cursor, sizeof(in.buffer), &wrapped));
    BM_TRY(bm_cursor_end(&cursor));
    BM_TRY(bm_bytes_copy_exact(wrapped, in.buffer, wrapped.size));
    in.size = (UINT16)wrapped.size;
    BM_TRY(create_parent(context, &parent));
    result = load_under(&parent, &in, ik, &rc);
    /*
     * The one code that says that another parent wrapped it: another TPM's, or the one before a TPM2_Clear
     * (Part 3, 12.2.2).
     */
    *loaded = result.code == BM_OK;
    if (bm_tpm_context_format_one(rc) == TPM2_RC_INTEGRITY)
        return bm_ok();
    return result;
}

static BM_RESULT load_primary(bm_tpm_context *context, bm_bytes public_area, bm_tpm_ik *ik, bool *loaded)
{
    bm_tpm_public parsed;

    BM_TRY(bm_tpm_public_parse(public_area, &parsed));
    BM_TRY(make_primary(context, parsed.key.type, parsed.policy, ik));
    *loaded = bm_bytes_equal(bm_buf_view(&ik->public_area), public_area);
    BM_CHECK(*loaded || !ik->kind.has_auth, BM_E_TPM_AUTH,
             "the TPM makes another identity key than that of device.key: the value of --key-auth is not the one with which it was made, or this is another TPM. "
             "Give the right value; in another TPM, another --state");
    return bm_ok();
}

BM_RESULT bm_tpm_ik_load(bm_tpm_context *context, const bm_tpm_kind *kind, bm_bytes public_area, bm_bytes private_area, bm_tpm_ik *ik, bool *loaded)
{
    bool is_child = kind->parent == BM_TPM_OWNER;

    bm_tpm_ik_fini(ik);
    ik->kind = *kind;
    BM_TRY(bm_buf_put(&ik->public_area, public_area));
    BM_TRY(bm_buf_put(&ik->private_area, private_area));
    BM_TRY(is_child ? load_child(context, ik, loaded) : load_primary(context, public_area, ik, loaded));
    if (*loaded)
        return take_key(ik);
    bm_tpm_ik_fini(ik);
    return bm_ok();
}

BM_RESULT bm_tpm_ik_persist(bm_tpm_ik *ik, uint32_t handle, bool *full)
{
    BM_TPM_AUTO_OBJECT resident = BM_TPM_OBJECT_EMPTY;

    BM_TRY(bm_tpm_object_persist(&ik->object, handle, &resident, full));
    if (!*full)
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
    TPMT_SIG_SCHEME scheme = {.scheme = bm_pubkey_is_rsa(ik->key.type) ? TPM2_ALG_RSASSA : TPM2_ALG_ECDSA};
    TPMT_SIGNATURE *made = NULL;
    bm_result result;

    scheme.details.any.hashAlg = bm_tpm_public_hash_id(alg);
    BM_TRY(bm_tpm_use_sign(ik, &scheme, digest, &made));
    result = put_signature(signature, made);
    Esys_Free(made);
    return result;
}

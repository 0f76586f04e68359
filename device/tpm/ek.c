#include "device/tpm/ek.h"

#include "device/tpm/nv.h"

#include <tss2/tss2_mu.h>

void bm_tpm_ek_fini(bm_tpm_ek *ek)
{
    bm_tpm_object_fini(&ek->object);
    bm_buf_fini(&ek->public_area);
    bm_buf_fini(&ek->certificate);
    for (size_t i = 0; i < BM_EKC_CHAIN_MAX; i++)
        bm_buf_fini(&ek->chain[i]);
    *ek = (bm_tpm_ek){0};
}

BM_RESULT bm_tpm_ek_indices(bm_tpm_context *context, bm_tpm_handles *indices)
{
    return bm_tpm_context_handles(context, BM_TPM_EK_NV_FIRST, BM_TPM_EK_NV_LAST, indices);
}

BM_RESULT bm_tpm_ek_certificate(bm_tpm_context *context, const bm_tpm_handles *indices, const bm_ek_template *row, bm_ekc **ekc)
{
    BM_AUTO_BUF nv = BM_BUF_EMPTY;
    bm_bytes der;

    *ekc = NULL;
    if (!bm_tpm_context_has(indices, row->certificate_index))
        return bm_ok();
    BM_TRY(bm_tpm_nv_read(context, row->certificate_index, &nv));
    if (nv.size == 0)
        return bm_ok();
    BM_TRY(bm_ekc_trim(bm_buf_view(&nv), &der));
    return bm_ekc_parse(der, ekc);
}

BM_RESULT bm_tpm_ek_put_nonce(TPM2B_PUBLIC *template, bm_bytes nonce)
{
    TPMT_PUBLIC *area = &template->publicArea;
    uint8_t field[TPM2_MAX_RSA_KEY_BYTES] = {0};
    size_t size = area->type == TPM2_ALG_RSA ? (size_t)area->parameters.rsaDetail.keyBits / 8 : area->unique.ecc.x.size;

    BM_CHECK(area->type == TPM2_ALG_RSA || area->type == TPM2_ALG_ECC, BM_E_MALFORMED, "the EK template is of no known type");
    BM_CHECK(nonce.size <= size && size <= sizeof(field), BM_E_MALFORMED, "the EK nonce does not fit its template");
    BM_TRY(bm_bytes_copy_exact(nonce, field, nonce.size));
    if (area->type == TPM2_ALG_RSA) {
        area->unique.rsa.size = (UINT16)size;
        return bm_bytes_copy_exact(bm_bytes_of(field, size), area->unique.rsa.buffer, size);
    }
    BM_CHECK(size <= sizeof(area->unique.ecc.x.buffer), BM_E_MALFORMED, "the EK nonce does not fit its template");
    return bm_bytes_copy_exact(bm_bytes_of(field, size), area->unique.ecc.x.buffer, size);
}

/* The template that TPM2_CreatePrimary takes for a row: the NV index where it is there, or else the table's; with the nonce, if any. */
static BM_RESULT put_template(bm_tpm_context *context, const bm_tpm_handles *indices, const bm_ek_template *row, bm_buf *out)
{
    BM_AUTO_BUF nonce = BM_BUF_EMPTY;
    BM_AUTO_BUF nv = BM_BUF_EMPTY;
    TPM2B_PUBLIC template = {0};
    size_t offset = 0;

    if (row->nonce_index != 0 && bm_tpm_context_has(indices, row->nonce_index))
        BM_TRY(bm_tpm_nv_read(context, row->nonce_index, &nonce));
    if (row->template_index != 0 && bm_tpm_context_has(indices, row->template_index))
        BM_TRY(bm_tpm_nv_read(context, row->template_index, &nv));
    if (nv.size == 0)
        return bm_template_put_ek_input(out, row, bm_buf_view(&nonce));
    if (Tss2_MU_TPMT_PUBLIC_Unmarshal(nv.data, nv.size, &offset, &template.publicArea) != TSS2_RC_SUCCESS)
        return bm_failf(BM_E_EK_TEMPLATE, "NV index 0x%08x holds no EK template", row->template_index);
    if (nonce.size > 0)
        BM_TRY(bm_tpm_ek_put_nonce(&template, bm_buf_view(&nonce)));
    return bm_tpm_object_put_public(out, &template);
}

BM_RESULT bm_tpm_ek_recreate(bm_tpm_context *context, const bm_tpm_handles *indices, const bm_ek_template *row, bm_tpm_ek *ek)
{
    BM_AUTO_BUF template = BM_BUF_EMPTY;
    bm_tpm_public parsed;

    bm_tpm_ek_fini(ek);
    BM_TRY(put_template(context, indices, row, &template));
    BM_TRY(bm_tpm_object_create_primary(context, BM_TPM_ENDORSEMENT, bm_buf_view(&template), &ek->object, &ek->public_area));
    BM_TRY(bm_tpm_public_parse(bm_buf_view(&ek->public_area), &parsed));
    ek->key = parsed.key;
    ek->foreign = bm_template_match_ek(&parsed) != row;
    ek->row = row;
    return bm_ok();
}

/* A persistent EK of this template with this key, so that it need not be made again (seconds, for an RSA key on a small chip). */
static BM_RESULT find_persistent(bm_tpm_context *context, const bm_ek_template *row, const bm_pubkey *key, bm_tpm_ek *ek)
{
    bm_tpm_handles handles;

    BM_TRY(bm_tpm_context_handles(context, BM_TPM_EK_PERSISTENT_FIRST, BM_TPM_EK_PERSISTENT_LAST, &handles));
    for (size_t i = 0; i < handles.count; i++) {
        bm_tpm_public parsed;
        bool found;

        bm_tpm_ek_fini(ek);
        BM_TRY(bm_tpm_object_open(context, handles.handle[i], &ek->object, &ek->public_area, &found));
        if (!found || bm_tpm_public_parse(bm_buf_view(&ek->public_area), &parsed).code != BM_OK ||
            bm_template_match_ek(&parsed) != row || !bm_pubkey_equal(&parsed.key, key))
            continue;
        ek->row = row;
        ek->handle = handles.handle[i];
        ek->key = parsed.key;
        return bm_ok();
    }
    bm_tpm_ek_fini(ek);
    return bm_ok();
}

/* Failures that are about this template or its certificate alone: the next one may do. */
static bool is_about_template(bm_result result)
{
    return result.code == BM_E_TPM || result.code == BM_E_MALFORMED || result.code == BM_E_EKC_MALFORMED ||
           result.code == BM_E_EK_TEMPLATE || result.code == BM_E_TPM_RESPONSE;
}

BM_RESULT bm_tpm_ek_load(bm_tpm_context *context, const bm_tpm_handles *indices, const bm_ek_template *row, const bm_ekc *ekc, bm_tpm_ek *ek)
{
    BM_TRY(find_persistent(context, row, bm_ekc_key(ekc), ek));
    if (ek->row == NULL)
        BM_TRY(bm_tpm_ek_recreate(context, indices, row, ek));
    BM_CHECK(bm_pubkey_equal(&ek->key, bm_ekc_key(ekc)), BM_E_EK_TEMPLATE, "the certificate is for another key");
    return bm_buf_put(&ek->certificate, bm_ekc_der(ekc));
}

/* What is looked for among the certified EKs. */
typedef struct {
    unsigned from;         /* the first template */
    const uint8_t *sha256; /* of the SubjectPublicKeyInfo, or NULL: any */
    uint32_t seen;         /* the last NV index that held a certificate, or something else */
} search;

static BM_RESULT look_at(const search *wanted, const bm_pubkey *key, bool *is_wanted)
{
    uint8_t digest[BM_SHA256_SIZE] = {0};

    if (wanted->sha256 != NULL)
        BM_TRY(bm_pubkey_spki_sha256(key, digest));
    *is_wanted = wanted->sha256 == NULL || bm_bytes_equal(BM_BYTES_ARRAY(digest), bm_bytes_of(wanted->sha256, BM_SHA256_SIZE));
    return bm_ok();
}

static BM_RESULT find_certified(bm_tpm_context *context, const bm_tpm_handles *indices, search *wanted, bm_tpm_ek *ek)
{
    for (unsigned id = wanted->from; id < BM_EK_TEMPLATE_COUNT; id++) {
        const bm_ek_template *row = bm_template_ek((bm_ek_template_id)id);
        BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
        bm_result result = bm_tpm_ek_certificate(context, indices, row, &ekc);
        bool is_wanted = false;

        if (result.code == BM_OK && ekc == NULL)
            continue;
        wanted->seen = row->certificate_index;
        if (result.code == BM_OK)
            BM_TRY(look_at(wanted, bm_ekc_key(ekc), &is_wanted));
        if (result.code == BM_OK && (bm_ekc_key(ekc)->type != row->key_type || !is_wanted))
            continue;
        if (result.code == BM_OK)
            result = bm_tpm_ek_load(context, indices, row, ekc, ek);
        if (result.code == BM_OK || !is_about_template(result) || (wanted->sha256 != NULL && is_wanted && result.code == BM_E_TPM))
            return result;
        bm_tpm_ek_fini(ek);
    }
    return bm_ok();
}

/* The first EK that the TPM can make, or of these the wanted one, without a certificate. */
static BM_RESULT find_bare(bm_tpm_context *context, const bm_tpm_handles *indices, const search *wanted, bm_tpm_ek *ek)
{
    bm_result result = bm_fail(BM_E_TPM_NO_EKC, "this TPM makes no EK of a known template");

    for (unsigned id = 0; id < BM_EK_TEMPLATE_COUNT; id++) {
        bool is_wanted = false;

        result = bm_tpm_ek_recreate(context, indices, bm_template_ek((bm_ek_template_id)id), ek);
        if (result.code == BM_OK)
            BM_TRY(look_at(wanted, &ek->key, &is_wanted));
        if (is_wanted)
            return result;
        if (result.code != BM_OK && !is_about_template(result))
            return result;
        bm_tpm_ek_fini(ek);
    }
    return wanted->sha256 == NULL ? result : bm_ok();
}

BM_RESULT bm_tpm_ek_find(bm_tpm_context *context, const bm_tpm_handles *indices, bm_tpm_ek *ek)
{
    search any = {.from = 0};

    BM_TRY(find_certified(context, indices, &any, ek));
    if (ek->row != NULL)
        return bm_ok();
    if (any.seen != 0)
        return bm_failf(BM_E_EK_MISMATCH, "the EK certificate at NV index 0x%08x is not for this TPM's EK: have the device's maker write the right one, "
                        "or remove it and enrol by the inventory; if it was right before, somebody may be on the TPM's bus", any.seen);
    return find_bare(context, indices, &any, ek);
}

BM_RESULT bm_tpm_ek_find_next(bm_tpm_context *context, const bm_tpm_handles *indices, const bm_ek_template *row, bm_tpm_ek *ek)
{
    search any = {.from = (unsigned)row->id + 1};

    return find_certified(context, indices, &any, ek);
}

BM_RESULT bm_tpm_ek_find_known(bm_tpm_context *context, const bm_tpm_handles *indices, const uint8_t sha256[BM_SHA256_SIZE], bm_tpm_ek *ek)
{
    search known = {.sha256 = sha256};

    BM_TRY(find_certified(context, indices, &known, ek));
    return ek->row != NULL ? bm_ok() : find_bare(context, indices, &known, ek);
}

BM_RESULT bm_tpm_ek_split_chain(bm_bytes bytes, bm_buf chain[BM_EKC_CHAIN_MAX], size_t *count)
{
    bm_bytes der;

    *count = 0;
    while (*count < BM_EKC_CHAIN_MAX) {
        BM_TRY(bm_ekc_next(&bytes, &der));
        if (der.size == 0)
            return bm_ok();
        BM_CHECK(der.size <= BM_EKC_MAX, BM_E_EKC_MALFORMED, "a certificate of the chain on the chip is too large");
        bm_buf_clear(&chain[*count]);
        BM_TRY(bm_buf_put(&chain[*count], der));
        (*count)++;
    }
    return bm_ok();
}

BM_RESULT bm_tpm_ek_read_chain(bm_tpm_context *context, const bm_tpm_handles *indices, bm_tpm_ek *ek)
{
    BM_AUTO_BUF all = BM_BUF_EMPTY;
    bm_result result;

    for (size_t i = 0; i < indices->count; i++)
        if (indices->handle[i] >= BM_TPM_EK_CHAIN_FIRST && indices->handle[i] <= BM_TPM_EK_CHAIN_LAST)
            BM_TRY(bm_tpm_nv_read(context, indices->handle[i], &all));
    if (all.size == 0)
        return bm_ok();
    result = bm_tpm_ek_split_chain(bm_buf_view(&all), ek->chain, &ek->chain_count);
    /* What was cut off before the damage is sent; the server may know the rest. */
    return result.code == BM_E_EKC_MALFORMED ? bm_ok() : result;
}

#include "device/cli/seen.h"

#include "device/exchange/enrolment.h"
#include "device/identity/key_look.h"
#include "device/tpm/auth.h"
#include "device/tpm/use.h"

/* The persistent handles that hold an EK of this template with this key. */
static BM_RESULT find_persistent(bm_tpm_context *tpm, const bm_tpm_handles *handles, bm_seen_ek *ek)
{
    for (size_t i = 0; i < handles->count && ek->persistent_count < BM_SEEN_PERSISTENT_MAX; i++) {
        BM_TPM_AUTO_OBJECT object = BM_TPM_OBJECT_EMPTY;
        BM_AUTO_BUF area = BM_BUF_EMPTY;
        bm_tpm_public parsed;
        bool found;

        BM_TRY(bm_tpm_object_open(tpm, handles->handle[i], &object, &area, &found));
        if (found && bm_tpm_public_parse(bm_buf_view(&area), &parsed).code == BM_OK && bm_template_match_ek(&parsed) == ek->row &&
            bm_pubkey_equal(&parsed.key, &ek->key))
            ek->persistent[ek->persistent_count++] = handles->handle[i];
    }
    return bm_ok();
}

static BM_RESULT look_at_certificates(bm_tpm_context *tpm, const bm_tpm_handles *indices, bm_seen *seen)
{
    bm_tpm_handles persistent;

    BM_TRY(bm_tpm_context_handles(tpm, BM_TPM_EK_PERSISTENT_FIRST, BM_TPM_EK_PERSISTENT_LAST, &persistent));
    for (unsigned id = 0; id < BM_EK_TEMPLATE_COUNT; id++) {
        bm_seen_ek *ek = &seen->ek[seen->ek_count];
        BM_AUTO(bm_ekc_freep) bm_ekc *ekc = NULL;
        bm_result result;

        *ek = (bm_seen_ek){.row = bm_template_ek((bm_ek_template_id)id)};
        result = bm_tpm_ek_certificate(tpm, indices, ek->row, &ekc);
        if (result.code == BM_OK && ekc == NULL)
            continue;
        if (result.code != BM_E_EKC_MALFORMED)
            BM_TRY(result);
        seen->ek_count++;
        if (ekc == NULL)
            continue;
        ek->certified = true;
        ek->key = *bm_ekc_key(ekc);
        BM_TRY(bm_ekc_describe(ekc, &ek->info));
        BM_TRY(find_persistent(tpm, &persistent, ek));
    }
    seen->certificates = seen->ek_count > 0;
    return bm_ok();
}

static BM_RESULT look_at_eks(bm_tpm_context *tpm, bm_seen *seen)
{
    BM_AUTO(bm_tpm_ek_fini) bm_tpm_ek ek = {0};
    bm_tpm_handles indices;

    BM_TRY(bm_tpm_ek_indices(tpm, &indices));
    BM_TRY(look_at_certificates(tpm, &indices, seen));
    if (!seen->certificates) {
        BM_TRY(bm_tpm_ek_find(tpm, &indices, &ek));
        seen->ek[0] = (bm_seen_ek){.row = ek.row, .key = ek.key};
        seen->ek_count = 1;
        return bm_ok();
    }
    BM_TRY(bm_tpm_ek_read_chain(tpm, &indices, &ek));
    seen->chain_count = ek.chain_count;
    return bm_ok();
}

static BM_RESULT look_at_ik(bm_tpm_context *tpm, const bm_options *options, bm_seen *seen)
{
    BM_AUTO(bm_key_look_fini) bm_key_look look = {.has_file = false};
    bm_result result;

    BM_TRY(bm_key_look_read(options->state, &look));
    result = bm_key_look_find(tpm, seen->handle, &look);
    seen->has_file = look.has_file;
    seen->in_file = look.in_file;
    seen->handle_taken = result.code == BM_E_TPM_HANDLE_TAKEN;
    if (seen->handle_taken)
        return bm_ok();
    BM_TRY(result);
    seen->ik = look.ik.key;
    seen->is_filed = look.is_filed;
    seen->kind = look.ik.kind;
    return look.is_filed ? bm_tpm_use_holds(&look.ik, &seen->holds) : bm_ok();
}

static BM_RESULT look_at_directory(const char *path, bm_seen *seen)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;

    BM_TRY(bm_identity_open_to_read(path, &identity));
    return bm_identity_look(&identity, &seen->identity);
}

BM_RESULT bm_seen_look(const bm_options *options, bm_seen *seen)
{
    BM_AUTO(bm_tpm_auth_fini) bm_tpm_auth auth = {0};
    BM_AUTO(bm_tpm_context_close) bm_tpm_context tpm = {0};

    *seen = (bm_seen){.handle = bm_enrolment_read_handle(options->handle, options->state)};
    BM_TRY(bm_tpm_auth_read(options->auth, &auth));
    BM_TRY(bm_tpm_context_open(options->tcti, &tpm));
    bm_tpm_auth_use(&tpm, &auth);
    BM_TRY(look_at_eks(&tpm, seen));
    BM_TRY(look_at_ik(&tpm, options, seen));
    return look_at_directory(options->state, seen);
}

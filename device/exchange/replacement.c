#include "device/exchange/replacement.h"

#include "device/exchange/enrolment_keys.h"
#include "device/exchange/renew_key.h"
#include "device/identity/key_file.h"
#include "device/identity/swap.h"

/* The value is asked for before a certificate is: the key is put down when that is there. */
static BM_RESULT check_owner(bm_enrolment *e)
{
    uint32_t set;

    if (e->in_file || e->auth.value[BM_TPM_OWNER].size > 0)
        return bm_ok();
    BM_TRY(bm_tpm_context_property(&e->tpm, TPM2_PT_PERMANENT, &set));
    BM_CHECK((set & TPMA_PERMANENT_OWNERAUTHSET) == 0, BM_E_TPM_AUTH,
             "the TPM's owner hierarchy has an authorisation value, which is needed to put down another key. Give it "
             "with --owner-auth file:PATH or env:NAME");
    return bm_ok();
}

/* The directory's own key, which is to have the place of another at the handle. */
static BM_RESULT take_over(bm_enrolment *e, bm_identity *next, bm_tpm_ik *made)
{
    BM_AUTO_BUF pem = BM_BUF_EMPTY;

    BM_TRY(bm_key_file_put(&pem, &made->kind, bm_buf_view(&made->public_area),
                           bm_buf_view(&made->private_area)));
    BM_TRY(bm_identity_save_key(next, bm_buf_view(&pem)));
    e->ik = *made;
    *made = (bm_tpm_ik){0};
    return bm_ok();
}

BM_RESULT bm_replacement_begin(bm_enrolment *e, bm_key_type type, bm_tpm_ik *made)
{
    BM_AUTO(bm_identity_close) bm_identity next = BM_IDENTITY_CLOSED;

    BM_TRY(check_owner(e));
    BM_TRY(bm_renew_key_drop_left(e, true));
    BM_TRY(bm_identity_swap_stage(&e->identity, &next));
    e->before = e->ik;
    e->ik = (bm_tpm_ik){0};
    BM_TRY(made->key.type != BM_KEY_NONE ? take_over(e, &next, made) : bm_renew_key_make(e, type, &next));
    e->staged = true;
    e->persists_later = !e->in_file;
    return bm_ok();
}

BM_RESULT bm_replacement_resume(bm_enrolment *e, bm_bytes public_area, bool *found)
{
    BM_AUTO(bm_identity_close) bm_identity next = BM_IDENTITY_CLOSED;
    BM_AUTO(bm_tpm_ik_fini) bm_tpm_ik made = {0};
    BM_AUTO_BUF filed = BM_BUF_EMPTY;
    BM_AUTO_BUF private_area = BM_BUF_EMPTY;
    bm_tpm_kind kind = {.has_auth = false};

    *found = false;
    BM_TRY(bm_identity_swap_open_next(&e->identity, &next));
    if (next.fd >= 0)
        BM_TRY(bm_key_file_read(&next, &kind, &filed, &private_area));
    if (!bm_bytes_equal(bm_buf_view(&filed), public_area))
        return bm_ok();
    kind.auth = bm_buf_view(&e->key_auth);
    BM_TRY(bm_tpm_kind_check_given(&kind, e->options->state));
    bm_steps_begin(&e->steps, "recreating the endorsement key and loading the identity key of the request");
    BM_TRY(bm_enrolment_keys_find_ek(e));
    BM_TRY(check_owner(e));
    BM_TRY(bm_tpm_ik_load(&e->tpm, &kind, public_area, bm_buf_view(&private_area), &made, found));
    if (!*found)
        return bm_ok();
    e->before = e->ik;
    e->ik = made;
    made = (bm_tpm_ik){0};
    e->staged = true;
    e->persists_later = !e->in_file;
    bm_steps_end(&e->steps, "EK %s (%s), identity key %s", e->ek.row->label, bm_pubkey_type_name(e->ek.key.type),
                 bm_pubkey_type_name(e->ik.key.type));
    return bm_ok();
}

/*
 * Beside a key that is in use it must have a place: the file alone would not do for programs that take that
 * one by a handle.
 */
static BM_RESULT put_beside(bm_enrolment *e, bm_identity *next)
{
    bool full;

    e->handle_before = e->handle;
    BM_TRY(bm_renew_key_place(e, &e->handle));
    BM_TRY(bm_identity_save(next, e->handle, &e->ek.key, &e->certificate));
    BM_TRY(bm_tpm_ik_persist(&e->ik, e->handle, &full));
    BM_CHECK(!full, BM_E_TPM,
             "the TPM's NV memory is full: there is no room for the new key beside the one that it replaces. Remove "
             "a persistent key that is not needed (tpm2_evictcontrol), or keep the new one in its file with "
             "--persist never; the identity stays as it was");
    return bm_ok();
}

/* The files are complete before the key is persistent: a run after this one knows whose it is. */
static BM_RESULT put_down(bm_enrolment *e, bm_identity *next)
{
    if (e->before.key.type != BM_KEY_NONE)
        return put_beside(e, next);
    BM_TRY(bm_identity_save(next, e->in_file ? 0 : e->handle, &e->ek.key, &e->certificate));
    if (e->in_file)
        return bm_ok();
    BM_TRY(bm_enrolment_keys_put_down(e, &e->ik));
    return e->in_file ? bm_identity_save(next, 0, &e->ek.key, &e->certificate) : bm_ok();
}

/* The key whose place was taken, and what the swap kept of the old identity. */
static BM_RESULT remove_before(bm_enrolment *e)
{
    if (e->before.key.type != BM_KEY_NONE)
        BM_TRY(bm_tpm_object_evict(&e->before.object));
    BM_TRY(bm_identity_look(&e->identity, &e->state));
    return bm_renew_key_drop(e);
}

BM_RESULT bm_replacement_put_down(bm_enrolment *e)
{
    BM_AUTO(bm_identity_close) bm_identity next = BM_IDENTITY_CLOSED;

    BM_TRY(bm_identity_swap_stage(&e->identity, &next));
    return put_down(e, &next);
}

BM_RESULT bm_replacement_use(bm_enrolment *e)
{
    bm_result result;

    BM_TRY(bm_identity_swap_commit(&e->identity));
    if (e->before.key.type != BM_KEY_NONE)
        bm_steps_note("the new key is at 0x%08x, and the one at 0x%08x is removed: programs that were told the handle "
                      "must be told this one (key.uri)",
                      e->handle, e->handle_before);
    result = remove_before(e);
    if (result.code != BM_OK)
        bm_steps_note("the new identity is in use, but the key before it may still be in the TPM: %s. The next "
                      "'birthmark renew' removes it, or 'tpm2_evictcontrol -C o -c HANDLE'",
                      result.detail != NULL ? result.detail : bm_code_advice(result.code));
    return bm_ok();
}

#include "device/exchange/enrolment_settle.h"

#include "device/exchange/enrolment_keys.h"
#include "device/exchange/renew_key.h"
#include "device/exchange/replacement.h"
#include "device/identity/key_file.h"
#include "device/identity/swap.h"

/* Does the key at the handle belong to this directory: by its file, or by its certificate? */
static bool is_of_directory(const bm_enrolment *e)
{
    return bm_bytes_equal(bm_buf_view(&e->ik.public_area), bm_buf_view(&e->file_public)) ||
           (e->state.key.type != BM_KEY_NONE && bm_pubkey_equal(&e->state.key, &e->ik.key));
}

/* The key of device.key, when it is of the wanted type and kind and this TPM's. */
static BM_RESULT load(bm_enrolment *e, bm_key_type type, bm_tpm_ik *made, bool *loaded)
{
    const bm_tpm_kind kind = bm_enrolment_keys_kind(e);

    *loaded = false;
    if (bm_tpm_ik_type_of(bm_buf_view(&e->file_public)) != type || !bm_tpm_kind_equal(&kind, &e->file_kind))
        return bm_ok();
    BM_TRY(bm_tpm_ik_load(&e->tpm, &kind, bm_buf_view(&e->file_public), bm_buf_view(&e->file_private), made, loaded));
    if (*loaded)
        return bm_enrolment_keys_usable(e, made, loaded);
    bm_steps_note("the identity key of %s cannot be loaded any more: the TPM was cleared, or is another one. "
                  "A new key takes its place when there is a certificate for it",
                  e->options->state);
    return bm_ok();
}

/* The first key of a directory, whose file is written before it is persistent. */
static BM_RESULT create(bm_enrolment *e, bm_key_type type, bm_tpm_ik *made)
{
    const bm_tpm_kind kind = bm_enrolment_keys_kind(e);
    BM_AUTO_BUF pem = BM_BUF_EMPTY;

    BM_TRY(bm_tpm_ik_create(&e->tpm, type, &kind, made));
    BM_TRY(bm_key_file_put(&pem, &kind, bm_buf_view(&made->public_area), bm_buf_view(&made->private_area)));
    BM_TRY(bm_identity_swap_forget_key(&e->identity));
    return bm_identity_save_key(&e->identity, bm_buf_view(&pem));
}

/* Has the directory's certificate a key in device.key of another type or kind than what is wanted? It need not be at this handle. */
static bool is_other_identity(const bm_enrolment *e, bm_key_type type)
{
    const bm_tpm_kind kind = bm_enrolment_keys_kind(e);
    bm_key_type filed = bm_tpm_ik_type_of(bm_buf_view(&e->file_public));

    return e->state.key.type != BM_KEY_NONE && filed != BM_KEY_NONE &&
           (filed != type || !bm_tpm_kind_equal(&kind, &e->file_kind));
}

/* May the key that is there be replaced by one of this type? Not without being told to: it may be the identity of another directory. */
static BM_RESULT may_replace(const bm_enrolment *e, bm_key_type there, bm_key_type type)
{
    BM_AUTO_BUF words = BM_BUF_EMPTY;

    if (e->options->renew || (there == BM_KEY_NONE && !is_other_identity(e, type)))
        return bm_ok();
    if (there == BM_KEY_NONE)
        return bm_failf(BM_E_TPM_HANDLE_TAKEN,
                        "the identity in %s has a key of another type or kind, which is not at 0x%08x: choose another --state, or replace it "
                        "with --renew",
                        e->options->state, e->handle);
    if (there != type && e->in_file)
        return bm_failf(BM_E_TPM_HANDLE_TAKEN, "%s has an identity key of type %s: choose another --state, or replace it with --renew",
                        e->options->state, bm_pubkey_type_name(there));
    if (there != type && is_of_directory(e))
        return bm_failf(BM_E_TPM_HANDLE_TAKEN,
                        "the identity key of %s is of type %s: leave --key out, give another --state with another --handle, or replace it with --renew",
                        e->options->state, bm_pubkey_type_name(there));
    if (there != type)
        return bm_failf(BM_E_TPM_HANDLE_TAKEN,
                        "the handle 0x%08x holds an identity key of type %s: choose another --handle, or replace it with --renew",
                        e->handle, bm_pubkey_type_name(there));
    if (e->in_file || is_of_directory(e)) {
        BM_TRY(bm_tpm_kind_put(&words, &e->file_kind));
        BM_TRY(bm_buf_terminate(&words));
        return bm_failf(BM_E_TPM_HANDLE_TAKEN,
                        "the identity key of %s is of another kind (%s) than --parent, --key-auth or --pcrs say: leave them out, or replace it with --renew",
                        e->options->state, (const char *)words.data);
    }
    return bm_failf(BM_E_TPM_HANDLE_TAKEN,
                    "the handle 0x%08x holds an identity key that %s knows nothing of: choose its --state or another --handle, or replace "
                    "it with --renew",
                    e->handle, e->options->state);
}

/* Has the directory a certificate, or a file of a key, which may be damaged? */
static BM_RESULT holds_any(const bm_enrolment *e, bool *any)
{
    BM_AUTO_BUF file = BM_BUF_EMPTY;
    bool found;

    BM_TRY(bm_identity_read(&e->identity, "device.key", &file, &found));
    *any = found || e->state.key.type != BM_KEY_NONE;
    return bm_ok();
}

/*
 * Puts down the key of device.key (`made`) or, where nothing is lost by that, a first one; or begins a
 * replacement, which ends when the server has a certificate for it.
 */
static BM_RESULT put_or_stage(bm_enrolment *e, bm_key_type type, bm_tpm_ik *made)
{
    bool loaded = made->key.type != BM_KEY_NONE;
    bool any = true;

    if (!loaded)
        BM_TRY(holds_any(e, &any));
    if (e->ik.key.type != BM_KEY_NONE || (!loaded && any))
        return bm_replacement_begin(e, type, made);
    if (!loaded)
        BM_TRY(create(e, type, made));
    BM_TRY(bm_enrolment_keys_put_down(e, made));
    e->ik = *made;
    *made = (bm_tpm_ik){0};
    return bm_ok();
}

/*
 * Sees to it that the identity key is persistent at the handle, or loaded. A key of ours that is there is kept when it belongs to this directory; one
 * whose directory was lost is replaced with --renew, because no file for it can be made any more.
 */
static BM_RESULT settle_ik(bm_enrolment *e, bm_key_type type)
{
    BM_AUTO(bm_tpm_ik_fini) bm_tpm_ik made = {0};
    bm_key_type there = bm_enrolment_keys_type_there(e);
    bool good = there == type && (e->in_file || is_of_directory(e)) && bm_enrolment_keys_are_wanted(e);
    bool usable = true;
    bool loaded = false;

    if (good && !e->in_file) {
        BM_TRY(bm_enrolment_keys_usable(e, &e->ik, &usable));
        if (usable)
            return bm_ok();
    }
    if (!good)
        BM_TRY(may_replace(e, there, type));
    if (usable)
        BM_TRY(load(e, type, &made, &loaded));
    if (!loaded)
        bm_tpm_ik_fini(&made);
    return put_or_stage(e, type, &made);
}

BM_RESULT bm_enrolment_settle_keys(bm_enrolment *e)
{
    char place[BM_ENROLMENT_PLACE];
    bm_key_type there = e->ik.key.type;
    bm_key_type type;

    bm_steps_begin(&e->steps, "recreating the endorsement key and creating the identity key");
    BM_TRY(bm_enrolment_keys_find_ek(e));
    type = bm_enrolment_keys_type(e);
    BM_TRY(bm_enrolment_keys_check_kind(e));
    if (there != BM_KEY_NONE && there == type && e->options->renew && !is_of_directory(e))
        bm_steps_note("the identity key at 0x%08x does not belong to %s: it is replaced", e->handle, e->options->state);
    BM_TRY(bm_renew_key_drop_left(e, false));
    BM_TRY(settle_ik(e, type));
    bm_enrolment_place(e, place);
    bm_steps_end(&e->steps, "EK %s (%s%s), identity key %s at %s", e->ek.row->label, bm_pubkey_type_name(e->ek.key.type),
                 e->ek.handle != 0 ? ", persistent" : "", bm_pubkey_type_name(e->ik.key.type), place);
    return bm_ok();
}

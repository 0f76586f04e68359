#include "device/exchange/enrolment_keys.h"

#include "device/exchange/renew_key.h"
#include "device/exchange/replacement.h"
#include "device/identity/key_file.h"
#include "device/identity/swap.h"
#include "device/tpm/session.h"
#include "device/tpm/use.h"

/* The type of the key in device.key. */
static bm_key_type filed_type(const bm_enrolment *e)
{
    return bm_tpm_ik_type_of(bm_buf_view(&e->file_public));
}

/* The type of the key that is there: at the handle, or in device.key where it is there alone. */
static bm_key_type type_there(const bm_enrolment *e)
{
    return e->in_file ? filed_type(e) : e->ik.key.type;
}

bm_key_type bm_enrolment_keys_type(const bm_enrolment *e)
{
    bm_key_type filed = filed_type(e);

    if (e->options->key != BM_KEY_NONE)
        return e->options->key;
    if (e->ik.key.type != BM_KEY_NONE)
        return e->ik.key.type;
    if (filed != BM_KEY_NONE)
        return filed;
    if (bm_pubkey_is_rsa(e->ek.key.type))
        return BM_KEY_RSA2048;
    return e->ek.key.type == BM_KEY_ECC521 ? BM_KEY_ECC384 : e->ek.key.type;
}

bm_tpm_kind bm_enrolment_keys_kind(const bm_enrolment *e)
{
    bm_tpm_kind kind = e->file_kind;

    if (e->options->has_parent)
        kind.parent = e->options->parent;
    if (e->options->pcrs.mask != 0)
        kind.pcrs = e->options->pcrs;
    kind.has_auth = kind.has_auth || e->key_auth.size > 0;
    if (e->options->pcrs.mask != 0)
        kind.has_auth = false;
    else if (e->key_auth.size > 0)
        kind.pcrs = (bm_tpm_pcrs){.bank = BM_HASH_NONE};
    return kind;
}

/* Does the key at the handle belong to this directory: by its file, or by its certificate? */
static bool is_of_directory(const bm_enrolment *e)
{
    return bm_bytes_equal(bm_buf_view(&e->ik.public_area), bm_buf_view(&e->file_public)) ||
           (e->state.key.type != BM_KEY_NONE && bm_pubkey_equal(&e->state.key, &e->ik.key));
}

/* May the key be used, or (with --renew) must another take its place? BM_E_TPM_AUTH: its registers have changed, and nobody asked for another. */
static BM_RESULT is_usable(const bm_enrolment *e, const bm_tpm_ik *ik, bool *usable)
{
    BM_TRY(bm_tpm_use_holds(ik, usable));
    if (*usable)
        return bm_ok();
    if (!e->options->renew)
        return bm_tpm_use_changed(ik);
    bm_steps_note("the PCRs of the identity key have changed since it was made: a new key takes its place");
    return bm_ok();
}

BM_RESULT bm_enrolment_keys_check(const bm_enrolment *e)
{
    bool usable;

    if (e->ik.key.type == BM_KEY_NONE || e->options->renew)
        return bm_ok();
    return is_usable(e, &e->ik, &usable);
}

/* The key of device.key, when it is of the wanted type and kind and this TPM's. */
static BM_RESULT load(bm_enrolment *e, bm_key_type type, bm_tpm_ik *made, bool *loaded)
{
    const bm_tpm_kind kind = bm_enrolment_keys_kind(e);

    *loaded = false;
    if (filed_type(e) != type || !bm_tpm_kind_equal(&kind, &e->file_kind))
        return bm_ok();
    BM_TRY(bm_tpm_ik_load(&e->tpm, &kind, bm_buf_view(&e->file_public), bm_buf_view(&e->file_private), made, loaded));
    if (*loaded)
        return is_usable(e, made, loaded);
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

/* May the key that is there be replaced by one of this type? Not without being told to: it may be the identity of another directory. */
static BM_RESULT may_replace(const bm_enrolment *e, bm_key_type there, bm_key_type type)
{
    BM_AUTO_BUF words = BM_BUF_EMPTY;

    if (there == BM_KEY_NONE || e->options->renew)
        return bm_ok();
    if (there != type && e->in_file)
        return bm_failf(BM_E_TPM_HANDLE_TAKEN, "%s has an identity key of type %s: choose another --state, or replace it with --renew",
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

BM_RESULT bm_enrolment_keys_put_down(bm_enrolment *e, bm_tpm_ik *made)
{
    bool full = false;

    if (e->in_file)
        return bm_ok();
    BM_TRY(bm_tpm_ik_persist(made, e->handle, &full));
    if (!full)
        return bm_ok();
    BM_CHECK(made->kind.parent == BM_TPM_OWNER, BM_E_TPM,
             "the TPM's NV memory is full: remove a persistent key that is not needed (tpm2_evictcontrol), or use --parent owner, whose keys need no room");
    BM_CHECK(e->options->persist != BM_PERSIST_ALWAYS, BM_E_TPM,
             "the TPM's NV memory is full: remove a persistent key that is not needed (tpm2_evictcontrol), or leave --persist always out");
    bm_steps_note("the TPM's NV memory is full: the identity key is kept in %s/device.key alone", e->options->state);
    e->in_file = true;
    return bm_ok();
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

bool bm_enrolment_keys_are_wanted(const bm_enrolment *e)
{
    const bm_tpm_kind kind = bm_enrolment_keys_kind(e);

    if (e->options->key != BM_KEY_NONE && e->options->key != type_there(e))
        return false;
    return e->file_public.size == 0 || bm_tpm_kind_equal(&kind, &e->file_kind);
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
    bm_key_type there = type_there(e);
    bool good = there == type && (e->in_file || is_of_directory(e)) && bm_enrolment_keys_are_wanted(e);
    bool usable = true;
    bool loaded = false;

    if (good && !e->in_file) {
        BM_TRY(is_usable(e, &e->ik, &usable));
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

/*
 * The EK that was asked for, or of this directory's identity, or else the first of the table. A directory that has an identity but does not know whose is from
 * before they knew: it was the first.
 */
static BM_RESULT find_ek(bm_enrolment *e)
{
    e->bound = e->options->has_ek || e->state.has_ek || e->state.key.type != BM_KEY_NONE;
    if (e->options->has_ek) {
        BM_TRY(bm_tpm_ek_find_known(&e->tpm, &e->indices, e->options->ek, &e->ek));
        BM_CHECK(e->ek.row != NULL, BM_E_EK_MISMATCH,
                 "this TPM does not have the EK of --ek-sha256: it is another TPM, or somebody is on the TPM's bus. No authorisation value and "
                 "no ticket was sent");
        return bm_ok();
    }
    if (e->state.has_ek) {
        BM_TRY(bm_tpm_ek_find_known(&e->tpm, &e->indices, e->state.ek, &e->ek));
        if (e->ek.row != NULL)
            return bm_ok();
        if (!e->options->renew)
            return bm_failf(BM_E_EK_MISMATCH,
                            "this TPM does not have the EK to which the identity in %s is bound: it is another TPM, "
                            "or was given a new seed. Give the right --tcti or --state, or replace the identity on "
                            "purpose with 'birthmark enroll --renew'",
                            e->options->state);
        bm_steps_note("the EK to which the identity in %s is bound is not in this TPM: it is another one, or was given a new seed",
                      e->options->state);
        e->bound = false;
    }
    return bm_tpm_ek_find(&e->tpm, &e->indices, &e->ek);
}

BM_RESULT bm_enrolment_keys_find_ek(bm_enrolment *e)
{
    BM_TRY(bm_enrolment_mark(e));
    BM_TRY(bm_tpm_ek_indices(&e->tpm, &e->indices));
    BM_TRY(find_ek(e));
    BM_TRY(bm_tpm_session_salt(&e->tpm, &e->ek.object, bm_buf_view(&e->ek.public_area)));
    bm_enrolment_note_foreign(&e->ek);
    return bm_ok();
}

BM_RESULT bm_enrolment_keys_check_kind(const bm_enrolment *e)
{
    const bm_tpm_kind kind = bm_enrolment_keys_kind(e);

    BM_CHECK(kind.parent == BM_TPM_OWNER || e->options->persist != BM_PERSIST_NEVER, BM_E_USAGE,
             "--persist never does not go with a key of the endorsement hierarchy, which has no file that programs could load");
    return kind.has_auth ? bm_tpm_kind_check_given(&kind, e->options->state) : bm_ok();
}

BM_RESULT bm_enrolment_keys_make(bm_enrolment *e)
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

#include "device/exchange/enrolment_keys.h"

#include "device/tpm/session.h"
#include "device/tpm/use.h"

/* The type of the key in device.key. */
static bm_key_type filed_type(const bm_enrolment *e)
{
    return bm_tpm_ik_type_of(bm_buf_view(&e->file_public));
}

bm_key_type bm_enrolment_keys_type_there(const bm_enrolment *e)
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

BM_RESULT bm_enrolment_keys_usable(const bm_enrolment *e, const bm_tpm_ik *ik, bool *usable)
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

    if (e->options->renew)
        return bm_ok();
    BM_CHECK(!e->options->has_ek || !e->state.has_ek || bm_bytes_equal(BM_BYTES_ARRAY(e->options->ek), BM_BYTES_ARRAY(e->state.ek)), BM_E_EK_MISMATCH,
             "the identity is bound to another EK than --ek-sha256 names: leave --ek-sha256 out, give another --state, or replace the identity on "
             "purpose with --renew");
    if (e->ik.key.type == BM_KEY_NONE)
        return bm_ok();
    return bm_enrolment_keys_usable(e, &e->ik, &usable);
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

bool bm_enrolment_keys_are_wanted(const bm_enrolment *e)
{
    const bm_tpm_kind kind = bm_enrolment_keys_kind(e);

    if (e->options->key != BM_KEY_NONE && e->options->key != bm_enrolment_keys_type_there(e))
        return false;
    return e->file_public.size == 0 || bm_tpm_kind_equal(&kind, &e->file_kind);
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

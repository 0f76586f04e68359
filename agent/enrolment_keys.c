#include "agent/enrolment_keys.h"

#include "agent/key_file.h"
#include "agent/tpm_session.h"

bm_key_type bm_enrolment_keys_type(const bm_enrolment *e)
{
    bm_key_type filed = bm_tpm_ik_type_of(bm_buf_view(&e->file_public));

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

/* Does the key at the handle belong to this directory: by its file, or by its certificate? */
static bool is_of_directory(const bm_enrolment *e)
{
    return bm_bytes_equal(bm_buf_view(&e->ik.public_area), bm_buf_view(&e->file_public)) ||
           (e->state.key.type != BM_KEY_NONE && bm_pubkey_equal(&e->state.key, &e->ik.key));
}

/* The key of device.key, when it is of the wanted type and this TPM can load it, or else a new one, whose file is written before it is persistent. */
static BM_RESULT load_or_create(bm_enrolment *e, bm_key_type type, bm_tpm_ik *made)
{
    BM_AUTO_BUF pem = BM_BUF_EMPTY;
    bool loaded = false;

    if (bm_tpm_ik_type_of(bm_buf_view(&e->file_public)) == type)
        BM_TRY(bm_tpm_ik_load(&e->tpm, bm_buf_view(&e->file_public), bm_buf_view(&e->file_private), made, &loaded));
    if (loaded)
        return bm_ok();
    BM_TRY(bm_tpm_ik_create(&e->tpm, type, made));
    BM_TRY(bm_key_file_put(&pem, bm_buf_view(&made->public_area), bm_buf_view(&made->private_area)));
    return bm_identity_save_key(&e->identity, bm_buf_view(&pem));
}

/* May the key at the handle be replaced by one of this type? Not without being told to: it may be the identity of another directory. */
static BM_RESULT may_replace(const bm_enrolment *e, bm_key_type there, bm_key_type type)
{
    if (there == BM_KEY_NONE || e->options->renew)
        return bm_ok();
    if (there != type)
        return bm_failf(BM_E_TPM_HANDLE_TAKEN,
                        "the handle 0x%08x holds an identity key of type %s: choose another --handle, or replace it with --renew",
                        e->handle, bm_pubkey_type_name(there));
    return bm_failf(BM_E_TPM_HANDLE_TAKEN,
                    "the handle 0x%08x holds an identity key that %s knows nothing of: choose its --state or another --handle, or replace "
                    "it with --renew",
                    e->handle, e->options->state);
}

/*
 * Sees to it that the identity key is persistent at the handle. A key of ours that is there is kept when it belongs to this directory; one
 * whose directory was lost is replaced with --renew, because no file for it can be made any more.
 */
static BM_RESULT settle_ik(bm_enrolment *e, bm_key_type type)
{
    BM_AUTO(bm_tpm_ik_fini) bm_tpm_ik made = {0};
    bm_key_type there = e->ik.key.type;

    if (there == type && is_of_directory(e))
        return bm_ok();
    BM_TRY(may_replace(e, there, type));
    BM_TRY(load_or_create(e, type, &made));
    if (there != BM_KEY_NONE)
        BM_TRY(bm_tpm_object_evict(&e->ik.object));
    BM_TRY(bm_tpm_ik_persist(&made, e->handle));
    bm_tpm_ik_fini(&e->ik);
    e->ik = made;
    made = (bm_tpm_ik){0};
    return bm_ok();
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

BM_RESULT bm_enrolment_keys_make(bm_enrolment *e)
{
    bm_key_type there = e->ik.key.type;
    bm_key_type type;

    bm_steps_begin(&e->steps, "recreating the endorsement key and creating the identity key");
    BM_TRY(bm_enrolment_keys_find_ek(e));
    type = bm_enrolment_keys_type(e);
    if (there != BM_KEY_NONE && there == type && e->options->renew && !is_of_directory(e))
        bm_steps_note("the identity key at 0x%08x does not belong to %s: it is replaced", e->handle, e->options->state);
    BM_TRY(settle_ik(e, type));
    bm_steps_end(&e->steps, "EK %s (%s%s), identity key %s at 0x%08x", e->ek.row->label, bm_pubkey_type_name(e->ek.key.type),
                 e->ek.handle != 0 ? ", persistent" : "", bm_pubkey_type_name(e->ik.key.type), e->handle);
    return bm_ok();
}

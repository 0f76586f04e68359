#include "device/exchange/renew_key.h"

#include "crypto/pkey.h"
#include "crypto/random.h"
#include "device/exchange/enrolment_keys.h"
#include "device/identity/key_file.h"
#include "device/identity/swap.h"
#include "device/tpm/use.h"

#define NEAR 512 /* how many handles around the identity's are looked at: more than a TPM has persistent objects */

/* A policy of registers is meant to end the identity when they change: that takes somebody's word, and no timer's. */
static BM_RESULT check_use(const bm_tpm_ik *ik)
{
    bool holds;

    BM_TRY(bm_tpm_use_holds(ik, &holds));
    return holds ? bm_ok() : bm_tpm_use_changed(ik);
}

BM_RESULT bm_renew_key_check_registers(bm_enrolment *e)
{
    const bm_tpm_ik filed = {.kind = e->file_kind};
    BM_AUTO_BUF policy = BM_BUF_EMPTY;
    bm_tpm_public parsed;

    if (e->file_kind.pcrs.mask == 0)
        return bm_ok();
    BM_TRY(bm_tpm_public_parse(bm_buf_view(&e->file_public), &parsed));
    BM_TRY(bm_tpm_pcrs_put_policy(&e->tpm, &e->file_kind.pcrs, parsed.name_alg, &policy));
    return bm_bytes_equal(bm_buf_view(&policy), parsed.policy) ? bm_ok() : bm_tpm_use_changed(&filed);
}

BM_RESULT bm_renew_key_keep(bm_enrolment *e, bool *kept)
{
    BM_AUTO(bm_tpm_ik_fini) bm_tpm_ik filed = {0};
    bool loaded = false;

    *kept = false;
    if (e->ik.key.type != BM_KEY_NONE) {
        *kept = bm_pubkey_equal(&e->ik.key, &e->state.key);
        return *kept ? check_use(&e->ik) : bm_ok();
    }
    if (e->file_public.size > 0)
        BM_TRY(bm_tpm_ik_load(&e->tpm, &e->file_kind, bm_buf_view(&e->file_public), bm_buf_view(&e->file_private), &filed, &loaded));
    if (!loaded || !bm_pubkey_equal(&filed.key, &e->state.key))
        return bm_ok();
    BM_TRY(check_use(&filed));
    BM_TRY(bm_enrolment_keys_put_down(e, &filed));
    e->ik = filed;
    filed = (bm_tpm_ik){0};
    *kept = true;
    return bm_ok();
}

/*
 * Does the key sign with the value that is known? It was made by another run, which may have been given
 * another one. BM_E_TPM_AUTH: no. BM_E_TPM...
 */
static BM_RESULT check_value(bm_tpm_ik *ik)
{
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    uint8_t message[BM_SHA256_SIZE];
    bm_hash_alg alg = bm_pkey_sig_hash(bm_pkey_default_sig(ik->key.type));
    bm_digest digest;

    if (!ik->kind.has_auth)
        return bm_ok();
    BM_TRY(bm_random(message, sizeof(message)));
    BM_TRY(bm_hash(alg, BM_BYTES_ARRAY(message), &digest));
    return bm_tpm_ik_sign(ik, alg, bm_hash_view(&digest), &signature);
}

/* Loads it from its areas; one that another value belongs to is not loaded. */
static BM_RESULT load_with_value(bm_enrolment *e, const bm_tpm_kind *kind, bm_bytes public_area,
                                 bm_bytes private_area, bm_tpm_ik *made, bool *loaded)
{
    bm_result result = bm_tpm_ik_load(&e->tpm, kind, public_area, private_area, made, loaded);

    if (result.code == BM_OK && *loaded)
        result = check_value(made);
    if (result.code != BM_E_TPM_AUTH || !kind->has_auth)
        return result;
    bm_tpm_ik_fini(made);
    *loaded = false;
    return bm_ok();
}

/*
 * The key that an earlier run made for the next identity, unless it is of another type, or of another TPM, or
 * has another value.
 */
static BM_RESULT load_made(bm_enrolment *e, bm_key_type type, const bm_identity *next, bm_tpm_ik *made, bool *loaded)
{
    const bm_tpm_kind kind = bm_enrolment_keys_kind(e);
    BM_AUTO_BUF public_area = BM_BUF_EMPTY;
    BM_AUTO_BUF private_area = BM_BUF_EMPTY;
    bm_tpm_kind filed = {.has_auth = false};
    bool holds = true;

    *loaded = false;
    BM_TRY(bm_key_file_read(next, &filed, &public_area, &private_area));
    if (bm_tpm_ik_type_of(bm_buf_view(&public_area)) != type || !bm_tpm_kind_equal(&kind, &filed))
        return bm_ok();
    BM_TRY(load_with_value(e, &kind, bm_buf_view(&public_area), bm_buf_view(&private_area), made, loaded));
    if (*loaded)
        BM_TRY(bm_tpm_use_holds(made, &holds));
    if (*loaded && (!holds || bm_pubkey_equal(&made->key, &e->state.key))) {
        bm_tpm_ik_fini(made);
        *loaded = false;
    }
    return bm_ok();
}

BM_RESULT bm_renew_key_make(bm_enrolment *e, bm_key_type type, bm_identity *next)
{
    const bm_tpm_kind kind = bm_enrolment_keys_kind(e);
    BM_AUTO(bm_tpm_ik_fini) bm_tpm_ik made = {0};
    BM_AUTO_BUF pem = BM_BUF_EMPTY;
    bool loaded;

    BM_TRY(load_made(e, type, next, &made, &loaded));
    if (!loaded) {
        BM_TRY(bm_tpm_ik_create(&e->tpm, type, &kind, &made));
        BM_TRY(bm_key_file_put(&pem, &kind, bm_buf_view(&made.public_area), bm_buf_view(&made.private_area)));
        BM_TRY(bm_identity_save_key(next, bm_buf_view(&pem)));
    }
    bm_tpm_ik_fini(&e->ik);
    e->ik = made;
    made = (bm_tpm_ik){0};
    return bm_ok();
}

BM_RESULT bm_renew_key_place(bm_enrolment *e, uint32_t *handle)
{
    bm_tpm_handles there;

    BM_TRY(bm_tpm_context_handles(&e->tpm, BM_TPM_IK_HANDLE_FIRST, BM_TPM_IK_HANDLE_LAST, &there));
    /* Other low bits alone: so it stays among the owner's handles, and does not come among those of EKs. */
    for (uint32_t i = 1; i < NEAR; i++)
        if (!bm_tpm_context_has(&there, e->handle ^ i)) {
            *handle = e->handle ^ i;
            return bm_ok();
        }
    return bm_failf(BM_E_TPM_HANDLE_TAKEN, "around 0x%08x every handle holds a key: remove one that nobody needs (tpm2_evictcontrol)", e->handle);
}

BM_RESULT bm_renew_key_prove(bm_enrolment *e)
{
    BM_AUTO(bm_ekc_freep) bm_ekc *certificate = NULL;
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    bm_sig_alg alg = bm_pkey_default_sig(e->ik.key.type);
    uint8_t message[BM_SHA256_SIZE];
    bm_digest digest;

    BM_TRY(bm_random(message, sizeof(message)));
    BM_TRY(bm_hash(bm_pkey_sig_hash(alg), BM_BYTES_ARRAY(message), &digest));
    BM_TRY(bm_tpm_ik_sign(&e->ik, bm_pkey_sig_hash(alg), bm_hash_view(&digest), &signature));
    BM_TRY(bm_result_as(bm_ekc_parse(bm_buf_view(&e->certificate.certificate), &certificate), BM_E_SERVER_REPLY));
    BM_TRY(bm_pkey_from_public(bm_ekc_key(certificate), &key));
    BM_CHECK(bm_pkey_verify(key, alg, BM_BYTES_ARRAY(message), bm_buf_view(&signature)).code == BM_OK, BM_E_TPM_RESPONSE,
             "the key does not sign what its new certificate verifies, so the identity stays as it was");
    return bm_ok();
}

/* Removes the key at the handle of these files, when it is theirs, and not the one that is in use. */
static BM_RESULT evict_key_of(bm_enrolment *e, const bm_identity *files)
{
    BM_AUTO(bm_tpm_ik_fini) bm_tpm_ik ik = {0};
    BM_AUTO_BUF public_area = BM_BUF_EMPTY;
    BM_AUTO_BUF private_area = BM_BUF_EMPTY;
    bm_tpm_kind kind = {.has_auth = false};
    bm_identity_state state;
    bm_result result;

    BM_TRY(bm_identity_look(files, &state));
    BM_TRY(bm_key_file_read(files, &kind, &public_area, &private_area));
    if (state.handle == 0 || (state.handle == e->handle && !e->in_file))
        return bm_ok();
    result = bm_tpm_ik_open(&e->tpm, state.handle, &ik);
    if (result.code == BM_E_TPM_HANDLE_TAKEN || (result.code == BM_OK && ik.key.type == BM_KEY_NONE))
        return bm_ok();
    BM_TRY(result);
    if (!bm_bytes_equal(bm_buf_view(&ik.public_area), bm_buf_view(&public_area)) && !bm_pubkey_equal(&ik.key, &state.key))
        return bm_ok();
    if (bm_pubkey_equal(&ik.key, &e->state.key))
        return bm_ok();
    BM_TRY(bm_tpm_object_evict(&ik.object));
    bm_steps_note("the key at 0x%08x, which no certificate in use is for, was removed from the TPM", state.handle);
    return bm_ok();
}

BM_RESULT bm_renew_key_drop(bm_enrolment *e)
{
    BM_AUTO(bm_identity_close) bm_identity old = BM_IDENTITY_CLOSED;
    BM_AUTO(bm_identity_close) bm_identity next = BM_IDENTITY_CLOSED;

    BM_TRY(bm_identity_swap_open_old(&e->identity, &old));
    if (old.fd >= 0) {
        BM_TRY(evict_key_of(e, &old));
        BM_TRY(bm_identity_swap_forget_old(&e->identity));
    }
    BM_TRY(bm_identity_swap_open_next(&e->identity, &next));
    if (next.fd < 0)
        return bm_ok();
    BM_TRY(evict_key_of(e, &next));
    return bm_identity_swap_forget_next(&e->identity);
}

BM_RESULT bm_renew_key_drop_left(bm_enrolment *e, bool wants_new)
{
    bm_result result = bm_renew_key_drop(e);

    if (result.code != BM_E_TPM_AUTH || wants_new)
        return result;
    bm_steps_note("the key that an earlier run left in the TPM is still there: %s",
                  result.detail != NULL ? result.detail : bm_code_advice(result.code));
    return bm_ok();
}

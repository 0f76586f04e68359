#include "device/exchange/enrolment.h"

#include "device/exchange/offer.h"
#include "device/identity/key_file.h"
#include "device/identity/swap.h"
#include "device/talk/secret.h"
#include "device/tpm/sweep.h"
#include "x509/csr.h"

#include <stdio.h>

void bm_enrolment_fini(bm_enrolment *e)
{
    bm_tpm_ik_fini(&e->ik);
    bm_tpm_ik_fini(&e->before);
    bm_tpm_ek_fini(&e->ek);
    bm_tpm_context_close(&e->tpm);
    bm_tpm_auth_fini(&e->auth);
    if (e->marked && !e->tpm.left)
        bm_identity_unmark(&e->identity);
    bm_exchange_free(e->exchange);
    bm_identity_close(&e->identity);
    bm_buf_fini(&e->key_auth);
    bm_buf_fini(&e->file_public);
    bm_buf_fini(&e->file_private);
    bm_request_fini(&e->request);
    bm_reply_challenge_fini(&e->challenge);
    bm_reply_certificate_fini(&e->certificate);
}

/* Flushes what a run before this one left in the TPM. A resource manager does that by itself. */
static void sweep_left(bm_enrolment *e)
{
    if (e->tpm.managed || !bm_identity_is_marked(&e->identity))
        return;
    e->marked = true;
    bm_tpm_sweep(&e->tpm);
}

/* Values that everybody can read protect nothing. */
static void warn_of_open_files(const bm_enrolment_options *options)
{
    for (unsigned i = 0; i < BM_TPM_HIERARCHIES; i++)
        if (options->auth[i] != NULL && bm_secret_is_open(options->auth[i]))
            bm_steps_note("others than its owner can read the authorisation value in %s: chmod 600 it", options->auth[i]);
    if (options->key_auth != NULL && bm_secret_is_open(options->key_auth))
        bm_steps_note("others than its owner can read the authorisation value in %s: chmod 600 it", options->key_auth);
}

/*
 * A key that is in use at the handle of key.uri stays there, whatever --handle says: a copy at another handle would outlive the key in use, and nobody would
 * remove it. (After 'renew --new-key' the handle is another one than the command that enrolled has.) --renew moves it.
 */
static BM_RESULT stay(bm_enrolment *e)
{
    const bm_enrolment_options *options = e->options;
    BM_AUTO(bm_tpm_ik_fini) bm_tpm_ik used = {0};
    bm_result result;

    if (options->renew || options->handle == 0 || e->state.handle == 0 || e->state.handle == e->handle ||
        e->state.key.type == BM_KEY_NONE || (options->key != BM_KEY_NONE && options->key != e->state.key.type) ||
        (options->has_parent && options->parent != e->file_kind.parent))
        return bm_ok();
    result = bm_tpm_ik_open(&e->tpm, e->state.handle, &used);
    if (result.code == BM_E_TPM_HANDLE_TAKEN)
        return bm_ok();
    BM_TRY(result);
    if (!bm_pubkey_equal(&used.key, &e->state.key))
        return bm_ok();
    bm_steps_note("the identity key of %s is at 0x%08x (key.uri), and stays there: --handle 0x%08x is not used", options->state, e->state.handle,
                  e->handle);
    e->handle = e->state.handle;
    return bm_ok();
}

/* The key at the handle, if it is to be looked at: where the key is in device.key alone, the handle is somebody else's. */
static BM_RESULT open_ik(bm_enrolment *e)
{
    const bm_enrolment_options *options = e->options;
    bm_tpm_hierarchy parent = options->has_parent ? options->parent : e->file_kind.parent;

    e->in_file = options->persist == BM_PERSIST_NEVER ||
                 (e->state.in_file && options->persist == BM_PERSIST_AUTO && parent == BM_TPM_OWNER);
    if (e->in_file)
        return bm_ok();
    BM_TRY(stay(e));
    BM_TRY(bm_tpm_ik_open(&e->tpm, e->handle, &e->ik));
    if (e->file_public.size > 0 && bm_bytes_equal(bm_buf_view(&e->ik.public_area), bm_buf_view(&e->file_public)))
        e->ik.kind = e->file_kind;
    else
        e->ik.kind.auth = bm_buf_view(&e->key_auth);
    return bm_ok();
}

/* Opens everything, before anything is changed or sent. */
BM_RESULT bm_enrolment_prepare(bm_enrolment *e)
{
    bool completed;

    BM_TRY(bm_tpm_auth_read(e->options->auth, &e->auth));
    if (e->options->key_auth != NULL)
        BM_TRY(bm_tpm_kind_read_auth(e->options->key_auth, &e->key_auth));
    warn_of_open_files(e->options);
    /* The exchange by files has no server. */
    if (e->options->server != NULL)
        BM_TRY(bm_exchange_new(e->options->server, e->options->ca, &e->exchange));
    BM_TRY(bm_identity_open(e->options->state, &e->identity));
    BM_TRY(bm_identity_swap_recover(&e->identity, &completed));
    BM_TRY(bm_identity_look(&e->identity, &e->state));
    e->handle = bm_enrolment_handle(e->options->handle, &e->state);
    return bm_enrolment_open(e);
}

uint32_t bm_enrolment_handle(uint32_t given, const bm_identity_state *state)
{
    if (given != 0)
        return given;
    return state->handle != 0 ? state->handle : BM_TPM_IK_HANDLE_DEFAULT;
}

uint32_t bm_enrolment_read_handle(uint32_t given, const char *path)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    bm_identity_state state = {.handle = 0};

    if (bm_identity_open_to_read(path, &identity).code != BM_OK || bm_identity_look(&identity, &state).code != BM_OK)
        state.handle = 0;
    return bm_enrolment_handle(given, &state);
}

BM_RESULT bm_enrolment_open(bm_enrolment *e)
{
    bm_tpm_public filed;

    BM_TRY(bm_key_file_read(&e->identity, &e->file_kind, &e->file_public, &e->file_private));
    e->file_kind.auth = bm_buf_view(&e->key_auth);
    BM_TRY(bm_tpm_context_open(e->options->tcti, &e->tpm));
    bm_tpm_auth_use(&e->tpm, &e->auth);
    if (bm_tpm_public_parse(bm_buf_view(&e->file_public), &filed).code == BM_OK)
        e->tpm.policy = filed.policy;
    sweep_left(e);
    return open_ik(e);
}

BM_RESULT bm_enrolment_mark(bm_enrolment *e)
{
    if (e->tpm.managed)
        return bm_ok();
    BM_TRY(bm_identity_mark(&e->identity));
    e->marked = true;
    return bm_ok();
}

void bm_enrolment_forget_key_auth(bm_enrolment *e)
{
    const bm_bytes none = bm_bytes_of(NULL, 0);

    bm_buf_fini(&e->key_auth);
    e->file_kind.auth = none;
    e->ik.kind.auth = none;
}

void bm_enrolment_place(const bm_enrolment *e, char place[BM_ENROLMENT_PLACE])
{
    if (e->staged)
        (void)snprintf(place, BM_ENROLMENT_PLACE, "%.120s/.next/device.key", e->options->state);
    else if (e->in_file)
        (void)snprintf(place, BM_ENROLMENT_PLACE, "%.140s/device.key", e->options->state);
    else
        (void)snprintf(place, BM_ENROLMENT_PLACE, "0x%08x", e->handle);
}

void bm_enrolment_note_foreign(const bm_tpm_ek *ek)
{
    if (ek->foreign)
        bm_steps_note("the EK template at NV index 0x%08x is not %s of the TCG's EK Credential Profile: the server refuses such an EK "
                      "unless its operator allows that template",
                      ek->row->template_index, ek->row->label);
}

/* What the operator of the server must do where the inventory decides. */
BM_RESULT bm_enrolment_note_inventory(const bm_enrolment *e)
{
    BM_AUTO_BUF line = BM_BUF_EMPTY;

    BM_TRY(bm_offer_put_add(&line, e->options->serial, &e->ek.key));
    bm_steps_note("for the operator of the server, to put this TPM into its inventory:");
    bm_steps_note("%.*s", (int)line.size, (const char *)line.data);
    return bm_ok();
}

BM_RESULT bm_enrolment_read_areas(bm_enrolment *e)
{
    BM_AUTO_BUF there = BM_BUF_EMPTY;

    bm_steps_begin(&e->steps, "reading the public areas and the EK certificate");
    BM_TRY(bm_tpm_object_read_public(&e->ik.object, &there));
    BM_CHECK(bm_bytes_equal(bm_buf_view(&there), bm_buf_view(&e->ik.public_area)), BM_E_TPM_RESPONSE,
             "the handle does not hold the key that was put there");
    if (e->ek.certificate.size > 0) {
        BM_TRY(bm_tpm_ek_read_chain(&e->tpm, &e->indices, &e->ek));
        bm_steps_end(&e->steps, "EK certificate of %zu bytes, %zu CA certificates on the chip", e->ek.certificate.size,
                     e->ek.chain_count);
        return bm_ok();
    }
    bm_steps_end(&e->steps, "no EK certificate on this chip: a profile that trusts the inventory is needed, and a row for this EK");
    if (!e->options->has_ek && !e->state.has_ek)
        bm_steps_note("no certificate says that this EK is the TPM's own: the server, and not this program, finds out whether somebody on the "
                      "TPM's bus passes off another. --ek-sha256 names the right one");
    return bm_enrolment_note_inventory(e);
}

BM_RESULT bm_enrolment_make_request(bm_enrolment *e)
{
    bm_request *request = &e->request;

    bm_steps_begin(&e->steps, "signing the request for a certificate in the TPM");
    BM_TRY(bm_csr_build(e->options->serial, &e->ik.key, bm_pkey_default_sig(e->ik.key.type), bm_tpm_ik_sign, &e->ik, &request->csr));
    BM_TRY(bm_buf_put(&request->ik_public, bm_buf_view(&e->ik.public_area)));
    BM_TRY(bm_buf_put(&request->ek_public, bm_buf_view(&e->ek.public_area)));
    bm_buf_move(&request->ek_certificate, &e->ek.certificate);
    for (size_t i = 0; i < e->ek.chain_count; i++)
        bm_buf_move(&request->ek_chain[i], &e->ek.chain[i]);
    request->ek_chain_count = e->ek.chain_count;
    (void)snprintf(request->profile, sizeof(request->profile), "%s", e->options->profile);
    bm_steps_end(&e->steps, "PKCS#10 of %zu bytes for %s", request->csr.size, e->options->serial);
    return bm_ok();
}

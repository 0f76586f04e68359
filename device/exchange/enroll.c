#include "device/exchange/enroll.h"

#include "base/text.h"
#include "device/exchange/enrolment_keys.h"
#include "device/exchange/enrolment_settle.h"
#include "device/exchange/offer.h"
#include "device/exchange/renewal.h"
#include "device/exchange/replacement.h"
#include "device/tpm/activate.h"
#include "device/tpm/session.h"
#include "program/clock.h"

#include <stdio.h>

static int64_t wall_clock(void)
{
    return (int64_t)time(NULL);
}

/* Takes the TPM's next EK after a refusal of the one before; `found` is false when there is no other to be offered. */
static BM_RESULT offer_next(bm_enrolment *e, bool *found)
{
    const bm_ek_template *refused = e->ek.row;
    bm_code code = bm_exchange_refusal(e->exchange);

    *found = false;
    if (bm_offer_is_about_inventory(code) && e->request.ek_certificate.size > 0)
        BM_TRY(bm_enrolment_note_inventory(e));
    if (!bm_offer_is_about_ek(code) || e->request.ek_certificate.size == 0)
        return bm_ok();
    if (e->bound) {
        bm_steps_note("the identity in %s is bound to EK %s%s: no other is offered", e->options->state, refused->label,
                      e->options->has_ek ? " by --ek-sha256" : "");
        return bm_ok();
    }
    /* What was salted to an EK that the server does not take may be open to others. */
    bm_tpm_session_end(&e->tpm);
    bm_tpm_ek_fini(&e->ek);
    BM_TRY(bm_tpm_ek_find_next(&e->tpm, &e->indices, refused, &e->ek));
    if (e->ek.row == NULL)
        return bm_ok();
    bm_steps_note("EK %s was refused (%s): offering EK %s", refused->label, bm_code_name(code), e->ek.row->label);
    bm_enrolment_note_foreign(&e->ek);
    BM_TRY(bm_tpm_session_salt(&e->tpm, &e->ek.object, bm_buf_view(&e->ek.public_area)));
    bm_buf_clear(&e->request.ek_public);
    BM_TRY(bm_buf_put(&e->request.ek_public, bm_buf_view(&e->ek.public_area)));
    bm_buf_move(&e->request.ek_certificate, &e->ek.certificate);
    *found = true;
    return bm_ok();
}

/* The first call, with one EK after the other until the server takes one. */
static BM_RESULT offer(bm_enrolment *e, bm_buf *body)
{
    bm_result result = bm_exchange_call(e->exchange, BM_CALL_CHALLENGE, &e->request, body);

    while (result.code == BM_E_SERVER_REFUSED) {
        BM_AUTO_BUF sentence = BM_BUF_EMPTY;
        bool found;

        /* The detail does not outlive the next one. */
        BM_TRY(bm_buf_put_str(&sentence, result.detail));
        BM_TRY(bm_buf_terminate(&sentence));
        BM_TRY(offer_next(e, &found));
        if (!found)
            return bm_failf(BM_E_SERVER_REFUSED, "%s", (const char *)sentence.data);
        result = bm_exchange_call(e->exchange, BM_CALL_CHALLENGE, &e->request, body);
    }
    return result;
}

static BM_RESULT ask_challenge(bm_enrolment *e)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    char expires[BM_TIME_TEXT_SIZE];

    bm_steps_begin(&e->steps, "asking the server for a challenge");
    BM_TRY(offer(e, &body));
    BM_TRY(bm_reply_challenge_parse(bm_buf_view(&body), &e->challenge));
    bm_buf_move(&e->request.challenge, &e->challenge.challenge);
    bm_text_time(e->challenge.expires, expires);
    bm_steps_end(&e->steps, "a credential for EK %s and this key, good until %s", e->ek.row->label, expires);
    return bm_ok();
}

BM_RESULT bm_enroll_open(bm_enrolment *e)
{
    bm_steps_begin(&e->steps, "opening the challenge in the TPM");
    BM_TRY(bm_tpm_activate(&e->ik, &e->ek, bm_buf_view(&e->challenge.credential_blob),
                           bm_buf_view(&e->challenge.encrypted_secret), &e->request.ticket));
    /*
     * The last command that needs a value was sent, but for the owner's, where a key is put down when its
     * certificate is there.
     */
    if (!e->persists_later) {
        bm_tpm_auth_fini(&e->auth);
        bm_tpm_auth_use(&e->tpm, &e->auth);
    } else {
        e->tpm.auth[BM_TPM_ENDORSEMENT].value = bm_bytes_of(NULL, 0);
        bm_buf_fini(&e->auth.value[BM_TPM_ENDORSEMENT]);
    }
    if (!e->proves_later)
        bm_enrolment_forget_key_auth(e);
    bm_steps_end(&e->steps, "the TPM holds both keys");
    return bm_ok();
}

/* The certificate must be for our key: anything else would be of no use, and is no answer to what was asked. */
static BM_RESULT check_certificate(const bm_enrolment *e, bm_ekc_info *info)
{
    BM_AUTO(bm_ekc_freep) bm_ekc *certificate = NULL;
    bm_result result = bm_ekc_parse(bm_buf_view(&e->certificate.certificate), &certificate);

    BM_TRY(bm_result_as(result, BM_E_SERVER_REPLY));
    BM_CHECK(bm_pubkey_equal(bm_ekc_key(certificate), &e->ik.key), BM_E_SERVER_REPLY, "the certificate is for another key");
    return bm_ekc_describe(certificate, info);
}

static BM_RESULT receive_certificate(bm_enrolment *e, bm_bytes body, bm_ekc_info *info)
{
    BM_TRY(bm_reply_certificate_parse(body, &e->certificate));
    return check_certificate(e, info);
}

BM_RESULT bm_enroll_obtain(bm_enrolment *e, bm_ekc_info *info)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    BM_TRY(bm_enrolment_read_areas(e));
    BM_TRY(bm_enrolment_make_request(e));
    BM_TRY(ask_challenge(e));
    BM_TRY(bm_enroll_open(e));
    bm_steps_begin(&e->steps, "sending the answer and receiving the certificate");
    BM_TRY(bm_exchange_call(e->exchange, BM_CALL_CERTIFICATE, &e->request, &body));
    return receive_certificate(e, bm_buf_view(&body), info);
}

/*
 * A directory whose certificate came by files, without a record, keeps the server that it had before, if it had one for this device. The record of another key
 * (its value, its server) comes when that key is in the TPM: where it has no place, the old one is renewed as before.
 */
static BM_RESULT save(bm_enrolment *e, const bm_renewal *record)
{
    if (e->staged)
        BM_TRY(bm_replacement_put_down(e));
    if (record != NULL)
        BM_TRY(bm_renewal_write(&e->identity, record));
    else
        BM_TRY(bm_renewal_drop_of_others(&e->identity, e->certificate.device));
    if (e->staged)
        BM_TRY(bm_replacement_use(e));
    else
        BM_TRY(bm_identity_save(&e->identity, e->in_file ? 0 : e->handle, &e->ek.key, &e->certificate));
    return bm_identity_note_renewed(&e->identity);
}

BM_RESULT bm_enroll_note(const bm_enrolment *e, const bm_ekc_info *info, bm_enroll_outcome *outcome)
{
    bm_enroll_outcome made = {.issued = true, .info = *info, .renew_after = e->certificate.renew_after, .key = e->ik.key.type,
                              .handle = e->handle, .in_file = e->in_file, .parent = e->ik.kind.parent, .has_ek = true};

    BM_TRY(bm_pubkey_spki_sha256(&e->ek.key, made.ek));
    (void)snprintf(made.device, sizeof(made.device), "%s", e->certificate.device);
    *outcome = made;
    return bm_ok();
}

static BM_RESULT finish(bm_enrolment *e, const bm_renewal *record, const bm_ekc_info *info, bm_enroll_outcome *outcome)
{
    char until[BM_TIME_TEXT_SIZE];
    int64_t start = bm_clock_ns();

    BM_TRY(save(e, record));
    e->disk = bm_clock_ns() - start;
    bm_text_time(info->not_after, until);
    bm_steps_end(&e->steps, "%s, until %s", e->certificate.device, until);
    return bm_enroll_note(e, info, outcome);
}

BM_RESULT bm_enroll_install(bm_enrolment *e, bm_bytes body, bm_enroll_outcome *outcome)
{
    bm_ekc_info info;

    BM_TRY(receive_certificate(e, body, &info));
    return finish(e, NULL, &info, outcome);
}

void bm_enroll_tell_total(const bm_enrolment *e, int64_t start)
{
    int64_t total = bm_clock_ns() - start;
    int64_t network = bm_exchange_spent(e->exchange);

    bm_steps_total("total %.1f ms: TPM %.1f ms (%u commands), network %.1f ms, agent %.1f ms (%.1f of it the disk)", (double)total / 1e6,
                   (double)e->tpm.spent / 1e6, e->tpm.commands, (double)network / 1e6, (double)(total - e->tpm.spent - network) / 1e6,
                   (double)e->disk / 1e6);
}

bool bm_enroll_is_done(const bm_enrolment *e)
{
    return !e->options->renew && bm_identity_is_current(&e->state, &e->ik.key, wall_clock()) && bm_enrolment_keys_are_wanted(e);
}

BM_RESULT bm_enroll_found(const bm_identity_state *state, bm_enroll_outcome *outcome)
{
    bm_enroll_outcome found = {.info = state->info, .renew_after = state->renew_after, .key = state->key.type, .has_ek = state->has_ek,
                               .handle = state->handle, .in_file = state->in_file};

    bm_identity_name(&found.info, found.device);
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(state->ek), found.ek, sizeof(found.ek)));
    *outcome = found;
    return bm_ok();
}

BM_RESULT bm_enroll_leave(const bm_enrolment *e, bm_enroll_outcome *outcome)
{
    BM_TRY(bm_enroll_found(&e->state, outcome));
    outcome->handle = e->handle;
    outcome->in_file = e->in_file;
    outcome->parent = e->ik.kind.parent;
    return bm_ok();
}

BM_RESULT bm_enroll(const bm_enrolment_options *options, bm_enroll_outcome *outcome)
{
    BM_AUTO(bm_enrolment_fini) bm_enrolment e = {.options = options, .identity = BM_IDENTITY_CLOSED};
    int64_t start = bm_clock_ns();
    BM_AUTO(bm_renewal_fini) bm_renewal record = {0};
    bm_ekc_info info;

    /* What cannot be recorded is said before a key is made and a certificate issued. */
    BM_TRY(bm_renewal_of(options, &record));
    BM_TRY(bm_enrolment_prepare(&e));
    BM_TRY(bm_enrolment_keys_check(&e));
    if (bm_enroll_is_done(&e))
        return bm_enroll_leave(&e, outcome);
    BM_TRY(bm_enrolment_settle_keys(&e));
    /* A key that was only put back, or that is in its file, needs no other certificate. */
    if (e.in_file == e.state.in_file && bm_enroll_is_done(&e))
        return bm_enroll_leave(&e, outcome);
    BM_TRY(bm_enroll_obtain(&e, &info));
    BM_TRY(finish(&e, &record, &info, outcome));
    bm_tpm_ik_fini(&e.ik);
    bm_tpm_ek_fini(&e.ek);
    bm_enroll_tell_total(&e, start);
    return bm_ok();
}

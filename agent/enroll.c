#include "agent/enroll.h"

#include "agent/exchange.h"
#include "agent/identity.h"
#include "agent/key_file.h"
#include "agent/offer.h"
#include "agent/secret.h"
#include "agent/steps.h"
#include "agent/tpm_activate.h"
#include "agent/tpm_auth.h"
#include "agent/tpm_session.h"
#include "agent/tpm_sweep.h"
#include "base/text.h"
#include "program/clock.h"
#include "x509/csr.h"

#include <inttypes.h>
#include <stdio.h>

/* One enrolment. Its TPM objects end before the connection to the TPM does. */
typedef struct {
    const bm_options *options;
    bm_identity identity;
    bm_identity_state state; /* of the directory, as it was found */
    bool marked;             /* the directory, for keys that are loaded */
    bm_exchange *exchange;
    bm_tpm_auth auth;
    bm_tpm_context tpm;
    bm_tpm_handles indices;
    bm_tpm_ek ek;
    bool bound; /* the directory's identity belongs to this EK, and no other is offered */
    bm_tpm_ik ik;
    bm_buf file_public; /* of device.key, as it was found */
    bm_buf file_private;
    bm_request request;
    bm_reply_challenge challenge;
    bm_reply_certificate certificate;
    bm_steps steps;
    int64_t disk; /* nanoseconds spent with the files of the result */
} enrolment;

static void enrolment_fini(enrolment *e)
{
    bm_tpm_ik_fini(&e->ik);
    bm_tpm_ek_fini(&e->ek);
    bm_tpm_context_close(&e->tpm);
    bm_tpm_auth_fini(&e->auth);
    if (e->marked && !e->tpm.left)
        bm_identity_unmark(&e->identity);
    bm_exchange_free(e->exchange);
    bm_identity_close(&e->identity);
    bm_buf_fini(&e->file_public);
    bm_buf_fini(&e->file_private);
    bm_request_fini(&e->request);
    bm_reply_challenge_fini(&e->challenge);
    bm_reply_certificate_fini(&e->certificate);
}

static int64_t wall_clock(void)
{
    return (int64_t)time(NULL);
}

/* device.key, if it is one of ours; a damaged one counts as none. */
static BM_RESULT read_key_file(enrolment *e)
{
    BM_AUTO_BUF pem = BM_BUF_EMPTY;
    bool found;

    BM_TRY(bm_identity_read(&e->identity, "device.key", &pem, &found));
    if (found && bm_key_file_parse(bm_buf_view(&pem), &e->file_public, &e->file_private).code != BM_OK) {
        bm_buf_clear(&e->file_public);
        bm_buf_clear(&e->file_private);
    }
    return bm_ok();
}

/* Flushes what a run before this one left in the TPM. A resource manager does that by itself. */
static void sweep_left(enrolment *e)
{
    if (e->tpm.managed || !bm_identity_is_marked(&e->identity))
        return;
    e->marked = true;
    bm_tpm_sweep(&e->tpm);
}

/* Values that everybody can read protect nothing. */
static void warn_of_open_files(const bm_options *options)
{
    for (unsigned i = 0; i < BM_TPM_HIERARCHIES; i++)
        if (options->auth[i] != NULL && bm_secret_is_open(options->auth[i]))
            bm_steps_note("others than its owner can read the authorisation value in %s: chmod 600 it", options->auth[i]);
}

/* Opens everything, before anything is changed or sent. */
static BM_RESULT prepare(enrolment *e)
{
    BM_TRY(bm_tpm_auth_read(e->options->auth, &e->auth));
    warn_of_open_files(e->options);
    BM_TRY(bm_exchange_new(e->options->server, e->options->ca, &e->exchange));
    BM_TRY(bm_identity_open(e->options->state, &e->identity));
    BM_TRY(bm_identity_look(&e->identity, &e->state));
    BM_TRY(read_key_file(e));
    BM_TRY(bm_tpm_context_open(e->options->tcti, &e->tpm));
    bm_tpm_auth_use(&e->tpm, &e->auth);
    sweep_left(e);
    return bm_tpm_ik_open(&e->tpm, e->options->handle, &e->ik);
}

/* The type that --key, the key at the handle, the one in device.key and the EK give, in this order. */
static bm_key_type wanted_key(const enrolment *e)
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
static bool is_of_directory(const enrolment *e)
{
    return bm_bytes_equal(bm_buf_view(&e->ik.public_area), bm_buf_view(&e->file_public)) ||
           (e->state.key.type != BM_KEY_NONE && bm_pubkey_equal(&e->state.key, &e->ik.key));
}

/* The key of device.key, when it is of the wanted type and this TPM can load it, or else a new one, whose file is written before it is persistent. */
static BM_RESULT load_or_create(enrolment *e, bm_key_type type, bm_tpm_ik *made)
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
static BM_RESULT may_replace(const enrolment *e, bm_key_type there, bm_key_type type)
{
    if (there == BM_KEY_NONE || e->options->renew)
        return bm_ok();
    if (there != type)
        return bm_failf(BM_E_TPM_HANDLE_TAKEN,
                        "the handle 0x%08x holds an identity key of type %s: choose another --handle, or replace it with --renew",
                        e->options->handle, bm_pubkey_type_name(there));
    return bm_failf(BM_E_TPM_HANDLE_TAKEN,
                    "the handle 0x%08x holds an identity key that %s knows nothing of: choose its --state or another --handle, or replace "
                    "it with --renew",
                    e->options->handle, e->options->state);
}

/*
 * Sees to it that the identity key is persistent at the handle. A key of ours that is there is kept when it belongs to this directory; one
 * whose directory was lost is replaced with --renew, because no file for it can be made any more.
 */
static BM_RESULT settle_ik(enrolment *e, bm_key_type type)
{
    BM_AUTO(bm_tpm_ik_fini) bm_tpm_ik made = {0};
    bm_key_type there = e->ik.key.type;

    if (there == type && is_of_directory(e))
        return bm_ok();
    BM_TRY(may_replace(e, there, type));
    BM_TRY(load_or_create(e, type, &made));
    if (there != BM_KEY_NONE)
        BM_TRY(bm_tpm_object_evict(&e->ik.object));
    BM_TRY(bm_tpm_ik_persist(&made, e->options->handle));
    bm_tpm_ik_fini(&e->ik);
    e->ik = made;
    made = (bm_tpm_ik){0};
    return bm_ok();
}

/*
 * The EK that was asked for, or of this directory's identity, or else the first of the table. A directory that has an identity but does not know whose is from
 * before they knew: it was the first.
 */
static BM_RESULT find_ek(enrolment *e)
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

static void note_foreign(const bm_tpm_ek *ek)
{
    if (ek->foreign)
        bm_steps_note("the EK template at NV index 0x%08x is not %s of the TCG's EK Credential Profile: the server refuses such an EK "
                      "unless its operator allows that template",
                      ek->row->template_index, ek->row->label);
}

static BM_RESULT make_keys(enrolment *e)
{
    bm_key_type there = e->ik.key.type;
    bm_key_type type;

    bm_steps_begin(&e->steps, "recreating the endorsement key and creating the identity key");
    if (!e->tpm.managed) {
        BM_TRY(bm_identity_mark(&e->identity));
        e->marked = true;
    }
    BM_TRY(bm_tpm_ek_indices(&e->tpm, &e->indices));
    BM_TRY(find_ek(e));
    BM_TRY(bm_tpm_session_salt(&e->tpm, &e->ek.object, bm_buf_view(&e->ek.public_area)));
    note_foreign(&e->ek);
    type = wanted_key(e);
    if (there != BM_KEY_NONE && there == type && e->options->renew && !is_of_directory(e))
        bm_steps_note("the identity key at 0x%08x does not belong to %s: it is replaced", e->options->handle, e->options->state);
    BM_TRY(settle_ik(e, type));
    bm_steps_end(&e->steps, "EK %s (%s%s), identity key %s at 0x%08x", e->ek.row->label, bm_pubkey_type_name(e->ek.key.type),
                 e->ek.handle != 0 ? ", persistent" : "", bm_pubkey_type_name(e->ik.key.type), e->options->handle);
    return bm_ok();
}

/* What the operator of the server must do where the inventory decides. */
static BM_RESULT note_inventory(const enrolment *e)
{
    BM_AUTO_BUF line = BM_BUF_EMPTY;

    BM_TRY(bm_offer_put_add(&line, e->options->serial, &e->ek.key));
    bm_steps_note("for the operator of the server, to put this TPM into its inventory:");
    bm_steps_note("%.*s", (int)line.size, (const char *)line.data);
    return bm_ok();
}

static BM_RESULT read_areas(enrolment *e)
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
    return note_inventory(e);
}

static BM_RESULT make_request(enrolment *e)
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

/* Takes the TPM's next EK after a refusal of the one before; `found` is false when there is no other to be offered. */
static BM_RESULT offer_next(enrolment *e, bool *found)
{
    const bm_ek_template *refused = e->ek.row;
    bm_code code = bm_exchange_refusal(e->exchange);

    *found = false;
    if (bm_offer_is_about_inventory(code) && e->request.ek_certificate.size > 0)
        BM_TRY(note_inventory(e));
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
    note_foreign(&e->ek);
    BM_TRY(bm_tpm_session_salt(&e->tpm, &e->ek.object, bm_buf_view(&e->ek.public_area)));
    bm_buf_clear(&e->request.ek_public);
    BM_TRY(bm_buf_put(&e->request.ek_public, bm_buf_view(&e->ek.public_area)));
    bm_buf_move(&e->request.ek_certificate, &e->ek.certificate);
    *found = true;
    return bm_ok();
}

/* The first call, with one EK after the other until the server takes one. */
static BM_RESULT offer(enrolment *e, bm_buf *body)
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

static BM_RESULT ask_challenge(enrolment *e)
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

static BM_RESULT open_challenge(enrolment *e)
{
    bm_steps_begin(&e->steps, "opening the challenge in the TPM");
    BM_TRY(bm_tpm_activate(&e->ik, &e->ek, bm_buf_view(&e->challenge.credential_blob),
                           bm_buf_view(&e->challenge.encrypted_secret), &e->request.ticket));
    /* The last command that needs a value was sent. */
    bm_tpm_auth_fini(&e->auth);
    bm_tpm_auth_use(&e->tpm, &e->auth);
    bm_steps_end(&e->steps, "the TPM holds both keys");
    return bm_ok();
}

/* The certificate must be for our key: anything else would be of no use, and is no answer to what was asked. */
static BM_RESULT check_certificate(const enrolment *e, bm_ekc_info *info)
{
    BM_AUTO(bm_ekc_freep) bm_ekc *certificate = NULL;
    bm_result result = bm_ekc_parse(bm_buf_view(&e->certificate.certificate), &certificate);

    BM_TRY(bm_result_as(result, BM_E_SERVER_REPLY));
    BM_CHECK(bm_pubkey_equal(bm_ekc_key(certificate), &e->ik.key), BM_E_SERVER_REPLY, "the certificate is for another key");
    return bm_ekc_describe(certificate, info);
}

static BM_RESULT get_certificate(enrolment *e)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    bm_ekc_info info;
    char until[BM_TIME_TEXT_SIZE];
    int64_t start;

    bm_steps_begin(&e->steps, "sending the answer and receiving the certificate");
    BM_TRY(bm_exchange_call(e->exchange, BM_CALL_CERTIFICATE, &e->request, &body));
    BM_TRY(bm_reply_certificate_parse(bm_buf_view(&body), &e->certificate));
    BM_TRY(check_certificate(e, &info));
    start = bm_clock_ns();
    BM_TRY(bm_identity_save(&e->identity, e->options->handle, &e->ek.key, &e->certificate));
    e->disk = bm_clock_ns() - start;
    bm_text_time(info.not_after, until);
    bm_steps_end(&e->steps, "%s, until %s", e->certificate.device, until);
    (void)printf("%s is enrolled: certificate %s/device.crt, valid until %s; key handle:0x%08x, or %s/device.key\n",
                 e->certificate.device, e->options->state, until, e->options->handle, e->options->state);
    return bm_ok();
}

static void print_total(const enrolment *e, int64_t start)
{
    int64_t total = bm_clock_ns() - start;
    int64_t network = bm_exchange_spent(e->exchange);

    (void)fprintf(stderr, "total %.1f ms: TPM %.1f ms (%u commands), network %.1f ms, agent %.1f ms (%.1f of it the disk)\n",
                  (double)total / 1e6, (double)e->tpm.spent / 1e6, e->tpm.commands, (double)network / 1e6,
                  (double)(total - e->tpm.spent - network) / 1e6, (double)e->disk / 1e6);
}

static bool has_nothing_to_do(const enrolment *e)
{
    char until[BM_TIME_TEXT_SIZE];
    char renew[BM_TIME_TEXT_SIZE];

    if (e->options->renew || !bm_identity_is_current(&e->state, &e->ik.key, wall_clock()) ||
        (e->options->key != BM_KEY_NONE && e->options->key != e->ik.key.type))
        return false;
    bm_text_time(e->state.info.not_after, until);
    bm_text_time(e->state.renew_after, renew);
    (void)printf("%s/device.crt (%s) is valid until %s and for the key at 0x%08x: nothing to do before %s, unless with --renew\n",
                 e->options->state, e->state.info.subject, until, e->options->handle, renew);
    return true;
}

BM_RESULT bm_enroll(const bm_options *options)
{
    BM_AUTO(enrolment_fini) enrolment e = {.options = options, .identity = BM_IDENTITY_CLOSED};
    int64_t start = bm_clock_ns();

    BM_TRY(prepare(&e));
    if (has_nothing_to_do(&e))
        return bm_ok();
    BM_TRY(make_keys(&e));
    BM_TRY(read_areas(&e));
    BM_TRY(make_request(&e));
    BM_TRY(ask_challenge(&e));
    BM_TRY(open_challenge(&e));
    BM_TRY(get_certificate(&e));
    bm_tpm_ik_fini(&e.ik);
    bm_tpm_ek_fini(&e.ek);
    print_total(&e, start);
    return bm_ok();
}

#include "ctl/batch_grant.h"

#include "crypto/random.h"
#include "ctl/files.h"
#include "keys/grant.h"
#include "keys/passphrase.h"
#include "protocol/certify.h"
#include "protocol/problem.h"
#include "protocol/verdict.h"
#include "store/state.h"
#include "store/store_verdict.h"

#include <errno.h>
#include <unistd.h>

#define FILE_MAX 65536
#define PATIENCE_MS 30000 /* for birthmarkd, or another birthmarkctl, that writes at the same time */

void bm_ctl_batch_grant_close(bm_ctl_batch_ca *ca)
{
    bm_store_free(ca->store);
    bm_keys_free(ca->keys);
    for (size_t i = 0; i < BM_CA_CHAIN_MAX; i++)
        bm_buf_fini(&ca->chain[i]);
    bm_ca_fini(&ca->ca);
    ca->store = NULL;
    ca->keys = NULL;
}

static BM_RESULT read_file(const char *state, const char *name, bm_buf *path, bm_buf *bytes)
{
    bm_buf_clear(path);
    BM_TRY(bm_ctl_files_path(path, state, name));
    return bm_ctl_files_read((const char *)path->data, FILE_MAX, bytes);
}

static BM_RESULT take_chain(bm_bytes pem, bm_ctl_batch_ca *ca)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bool found = true;

    while (ca->chain_count < BM_CA_CHAIN_MAX) {
        BM_TRY(bm_ca_next_pem(&pem, "CERTIFICATE", &der, &found));
        if (!found)
            break;
        bm_buf_move(&ca->chain[ca->chain_count++], &der);
    }
    BM_CHECK(ca->chain_count > 0, BM_E_MALFORMED, BM_STATE_CA " has no certificate");
    return bm_ca_parse(bm_buf_view(&ca->chain[0]), &ca->ca);
}

BM_RESULT bm_ctl_batch_grant_read(const char *state, bm_ctl_batch_ca *ca)
{
    BM_AUTO_BUF path = BM_BUF_EMPTY;
    BM_AUTO_BUF config = BM_BUF_EMPTY;
    BM_AUTO_BUF pem = BM_BUF_EMPTY;

    BM_TRY(bm_ctl_files_path(&path, state, BM_STATE_DATABASE));
    if (access((const char *)path.data, F_OK) != 0 && errno == ENOENT)
        return bm_failf(BM_E_STORE_NOT_FOUND, "there is no CA in %s: name its directory with --state, or make one with birthmarkctl init", state);
    BM_TRY(read_file(state, BM_STATE_CA, &path, &pem));
    BM_TRY(take_chain(bm_buf_view(&pem), ca));
    BM_TRY(read_file(state, BM_STATE_CONFIG, &path, &config));
    return bm_config_parse((const char *)path.data, bm_buf_view(&config), &ca->config);
}

static BM_RESULT open_keys(const char *state, const char *passphrase_file, bm_ctl_batch_ca *ca)
{
    BM_AUTO_BUF passphrase = BM_BUF_EMPTY;
    BM_AUTO_BUF path = BM_BUF_EMPTY;
    BM_AUTO_BUF ca_key = BM_BUF_EMPTY;
    BM_AUTO_BUF ticket_keys = BM_BUF_EMPTY;
    bm_result result = bm_passphrase_read(state, passphrase_file, &passphrase);
    bm_pubkey key;

    if (result.code == BM_E_STORE_NOT_FOUND)
        return bm_fail(BM_E_KEY_PASSPHRASE, "no passphrase: name its file with --passphrase-file, or set $" BM_PASSPHRASE_ENVIRONMENT);
    BM_TRY(result);
    BM_TRY(read_file(state, BM_STATE_CA_KEY, &path, &ca_key));
    BM_TRY(read_file(state, BM_STATE_TICKET_KEY, &path, &ticket_keys));
    BM_TRY(bm_keys_file_open(bm_buf_view(&passphrase), bm_buf_view(&ca_key), bm_buf_view(&ticket_keys), &ca->keys));
    BM_TRY(bm_keys_public(ca->keys, &key));
    BM_CHECK(bm_pubkey_equal(&key, &ca->ca.key), BM_E_KEY_INVALID, "the CA certificate is not of the CA key");
    return bm_ok();
}

BM_RESULT bm_ctl_batch_grant_open(const char *state, const char *passphrase_file, bm_ctl_batch_ca *ca)
{
    BM_AUTO_BUF path = BM_BUF_EMPTY;

    BM_TRY(open_keys(state, passphrase_file, ca));
    BM_TRY(bm_ctl_files_path(&path, state, BM_STATE_DATABASE));
    BM_TRY(bm_store_open((const char *)path.data, false, &ca->store));
    bm_store_set_patience(ca->store, PATIENCE_MS);
    return bm_ok();
}

void bm_ctl_batch_grant_fini(bm_ctl_batch_outcome *outcome)
{
    bm_buf_fini(&outcome->body);
    bm_buf_fini(&outcome->challenge);
    bm_buf_fini(&outcome->ticket);
    *outcome = (bm_ctl_batch_outcome){0};
}

BM_RESULT bm_ctl_batch_grant_refuse(bm_result refusal, bm_ctl_batch_outcome *outcome)
{
    outcome->code = refusal.code;
    /* What an accident is made of is for the operator alone; about a ticket nothing is said. */
    if (bm_code_status(refusal.code) >= 500 || refusal.code == BM_E_TICKET_INVALID)
        refusal.detail = NULL;
    return bm_problem_put(refusal, &outcome->body);
}

/* A verdict goes to the log, with the hashes of what was refused. */
static BM_RESULT record_refusal(bm_ctl_batch_ca *ca, const bm_ctl_batch_judged *judged, bm_code code, int64_t now)
{
    BM_AUTO_BUF evidence = BM_BUF_EMPTY;
    char ek[2 * BM_SHA256_SIZE + 1] = "";
    bm_store_log_entry entry = {.time = now, .kind = BM_LOG_REFUSAL, .subject = ek, .text = bm_code_name(code)};

    if (judged->parsed) {
        bm_text_hex(BM_BYTES_ARRAY(judged->ek_sha256), ek);
        BM_TRY(bm_ticket_put_message(&evidence, &judged->fields));
        entry.evidence = bm_buf_view(&evidence);
    }
    return bm_store_record_log(ca->store, &entry);
}

/* A ticket for the exchange by files ends no later than its profile allows, as it is now. */
static bm_grant_time time_of(const bm_profile *profile, int64_t now)
{
    return (bm_grant_time){.now = now, .lifetime = profile->offline_ticket_lifetime};
}

/* The ticket of getCertificate: ours, for these parameters, given for the exchange by files, and no older than the profile allows. */
static BM_RESULT check_ticket(bm_ctl_batch_ca *ca, const bm_ctl_batch_judged *judged, const bm_profile *profile, int64_t now,
                              bm_ticket_fields *fields)
{
    *fields = judged->fields;
    BM_TRY(bm_ticket_parse_offline_challenge(judged->challenge, fields));
    return bm_grant_check(ca->keys, fields, judged->ticket, time_of(profile, now));
}

/* Whose name it is, and whether it may still come. */
static BM_RESULT find_identity(bm_ctl_batch_ca *ca, const bm_ctl_batch_judged *judged, const bm_profile *profile, int64_t now,
                               char identity[BM_IDENTITY_MAX + 1])
{
    bm_subject subject = {0};
    bm_store_lookup found;

    BM_TRY(bm_store_look_up(ca->store, judged->ek_sha256, judged->claimed, &found));
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(judged->ek_sha256), subject.ek_sha256, sizeof(subject.ek_sha256)));
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(judged->claimed), (uint8_t *)subject.claimed, sizeof(subject.claimed)));
    return bm_store_verdict(&found, &subject, profile, now, identity);
}

static BM_RESULT give_ticket(bm_ctl_batch_ca *ca, const bm_ctl_batch_judged *judged, const bm_profile *profile, int64_t now,
                             bm_ctl_batch_outcome *outcome)
{
    bm_ticket_fields fields = judged->fields;
    uint8_t *ticket;

    fields.way = BM_TICKET_OFFLINE;
    fields.key_id = 0;
    fields.expires = now + profile->offline_ticket_lifetime;
    BM_TRY(bm_random(fields.nonce, sizeof(fields.nonce)));
    BM_TRY(bm_buf_extend(&outcome->ticket, BM_TICKET_SIZE, &ticket));
    BM_TRY(bm_grant_ticket(ca->keys, &fields, time_of(profile, now), ticket));
    outcome->expires = fields.expires;
    return bm_ticket_put_challenge(&outcome->challenge, &fields);
}

/* What is to be recorded of a certificate, and the certificate in it. */
typedef struct {
    bm_buf der;
    bm_store_certificate row;
} made_certificate;

static void fini_made(made_certificate *made)
{
    bm_buf_fini(&made->der);
}

static BM_RESULT make_certificate(bm_ctl_batch_ca *ca, const bm_ctl_batch_judged *judged, const bm_profile *profile, bm_ticket_fields *fields,
                                  int64_t now, made_certificate *made)
{
    BM_AUTO_BUF tbs = BM_BUF_EMPTY;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    bm_issue_fields issue = {0};
    bm_pubkey key;

    BM_TRY(bm_result_as(bm_pubkey_parse_spki(judged->ik_spki, &key), BM_E_KEY_REFUSED));
    BM_TRY(bm_certify_put_tbs(&(bm_certify_options){.ca = &ca->ca,
                                                    .profile = profile,
                                                    .identity = made->row.identity,
                                                    .ek_sha256 = judged->ek_sha256,
                                                    .key = &key,
                                                    .now = now},
                              &tbs, &issue));
    BM_TRY(bm_grant_sign(ca->keys, &ca->ca, fields, judged->ticket, bm_buf_view(&tbs),
                         time_of(profile, now), &signature));
    BM_TRY(bm_issue_assemble(&made->der, bm_buf_view(&tbs), bm_pkey_default_sig(ca->ca.key.type), bm_buf_view(&signature)));
    made->row.issued = now;
    made->row.not_before = issue.not_before;
    made->row.not_after = issue.not_after;
    made->row.der = bm_buf_view(&made->der);
    made->row.evidence = judged->evidence;
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(issue.serial), made->row.serial, sizeof(made->row.serial)));
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(judged->ek_sha256), made->row.ek_sha256, sizeof(made->row.ek_sha256)));
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(fields->ik_spki), made->row.ik_spki_sha256, sizeof(made->row.ik_spki_sha256)));
    return bm_bytes_copy_exact(BM_BYTES_ARRAY(profile->name), (uint8_t *)made->row.profile, sizeof(made->row.profile));
}

/* The certificate of this call: the one that it got before, or a new one, which is recorded. */
static BM_RESULT give_certificate(bm_ctl_batch_ca *ca, const bm_ctl_batch_judged *judged, const bm_profile *profile, const char *identity,
                                  bm_ticket_fields *fields, int64_t now, bm_ctl_batch_outcome *outcome)
{
    BM_AUTO(fini_made) made_certificate made = {0};
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_bytes name = bm_bytes_str(identity);
    bm_issued issued;
    bm_result found;

    BM_TRY(bm_ticket_request_id(fields, made.row.request_id));
    BM_TRY(bm_bytes_copy_exact(name, (uint8_t *)made.row.identity, name.size));
    found = bm_store_find_request(ca->store, made.row.request_id, &der);
    if (found.code == BM_E_STORE_NOT_FOUND) {
        BM_TRY(make_certificate(ca, judged, profile, fields, now, &made));
        BM_TRY(bm_store_record_issue(ca->store, &made.row, &der));
    } else if (found.code != BM_OK) {
        return found;
    }
    BM_TRY(bm_certify_put_reply(bm_buf_view(&der), ca->chain, ca->chain_count, identity, &outcome->body, &issued));
    if (now < issued.not_after)
        return bm_ok();
    /* What it got has expired since: the device must begin anew. */
    bm_buf_clear(&outcome->body);
    return bm_fail(BM_E_TICKET_INVALID, NULL);
}

static BM_RESULT grant(bm_ctl_batch_ca *ca, const bm_ctl_batch_judged *judged, int64_t now, bm_ctl_batch_outcome *outcome)
{
    const bm_profile *profile;
    bm_ticket_fields fields = {0};
    char identity[BM_IDENTITY_MAX + 1];

    if (!judged->parsed)
        return judged->result;
    profile = bm_config_profile(&ca->config, judged->profile);
    BM_CHECK(profile != NULL, BM_E_PROFILE_UNKNOWN, NULL);
    BM_CHECK(profile->offline_ticket_lifetime > 0, BM_E_OFFLINE_REFUSED, NULL);
    /* Whoever does not have the ticket learns nothing else. */
    if (judged->call == BM_CALL_CERTIFICATE)
        BM_TRY(check_ticket(ca, judged, profile, now, &fields));
    BM_TRY(judged->result);
    BM_TRY(find_identity(ca, judged, profile, now, identity));
    if (judged->call == BM_CALL_CHALLENGE)
        return give_ticket(ca, judged, profile, now, outcome);
    return give_certificate(ca, judged, profile, identity, &fields, now, outcome);
}

BM_RESULT bm_ctl_batch_grant_decide(bm_ctl_batch_ca *ca, const bm_ctl_batch_judged *judged, int64_t now, bm_ctl_batch_outcome *outcome)
{
    bm_result result = grant(ca, judged, now, outcome);

    if (result.code == BM_OK)
        return bm_ok();
    /* An accident of ours ends the transaction; one of the worker's, as of memory, is told to the device, which comes again. */
    if (bm_code_status(result.code) >= 500 && judged->result.code != result.code)
        return result;
    BM_TRY(bm_ctl_batch_grant_refuse(result, outcome));
    return bm_code_status(result.code) == 403 ? record_refusal(ca, judged, result.code, now) : bm_ok();
}

#include "guard.h"

#include "csr.h"
#include "protocol/reply.h"

#include <openssl/x509v3.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TICKET_SLACK 60 /* seconds: an older ticket of the victim is made new before a case */

extern char **environ;

void atk_guard_tpm(const atk_ca *vendor, const char *name, const char *identity, const char *template, const char *ek, const char *kind,
                   atk_tpm *tpm)
{
    atk_line line = {.file = name};

    (void)snprintf(tpm->name, sizeof(tpm->name), "%s", name);
    (void)snprintf(tpm->identity, sizeof(tpm->identity), "%s", identity);
    tpm->ek_template = atk_tpm_template(&line, template);
    atk_key_make(&line, ek == NULL ? atk_tpm_template_kind(tpm->ek_template) : ek, &tpm->ek);
    atk_key_make(&line, kind, &tpm->ik);
    atk_tpm_put_ek(&line, tpm);
    atk_tpm_put_ik(&line, tpm);
    atk_csr_make(&line, tpm, NULL, NULL);
    if (vendor != NULL)
        atk_ca_certify(&line, tpm, vendor, NULL, NULL);
}

void atk_guard_challenge(atk_server *server, atk_tpm *tpm, atk_reply *reply)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    bm_reply_challenge answer = {.expires = 0};

    atk_tpm_body(tpm, BM_CALL_CHALLENGE, &body);
    atk_server_post(server, "/v1/getChallenge", "application/json", bm_buf_view(&body), reply);
    if (reply->status != 200)
        return;
    if (bm_reply_challenge_parse(bm_buf_view(&reply->body), &answer).code != BM_OK) {
        (void)snprintf(reply->code, sizeof(reply->code), "not-the-protocol");
        return;
    }
    bm_buf_move(&tpm->field[ATK_CREDENTIAL_BLOB], &answer.credential_blob);
    bm_buf_move(&tpm->field[ATK_ENCRYPTED_SECRET], &answer.encrypted_secret);
    bm_buf_move(&tpm->field[ATK_CHALLENGE], &answer.challenge);
    tpm->expires = answer.expires;
    bm_reply_challenge_fini(&answer);
}

/* The same SubjectPublicKeyInfo, byte for byte. */
static bool is_same_key(X509_PUBKEY *a, X509_PUBKEY *b)
{
    unsigned char *a_der = NULL;
    unsigned char *b_der = NULL;
    int a_size = i2d_X509_PUBKEY(a, &a_der);
    int b_size = i2d_X509_PUBKEY(b, &b_der);
    bool same = a_size > 0 && b_size > 0 && bm_bytes_equal(bm_bytes_of(a_der, (size_t)a_size), bm_bytes_of(b_der, (size_t)b_size));

    OPENSSL_free(a_der);
    OPENSSL_free(b_der);
    return same;
}

/* A certificate of this protocol: no CA's, no other names, for the IK of the request and for the name that the answer says. */
static bool is_proper(const atk_tpm *tpm, const char *device)
{
    const unsigned char *at = tpm->issued.data;
    X509 *x509 = d2i_X509(NULL, &at, (long)tpm->issued.size);
    X509_PUBKEY *expected = X509_PUBKEY_new();
    char cn[ATK_NAME_MAX] = "";
    bool good = false;

    if (x509 != NULL && expected != NULL) {
        atk_key_put(&tpm->ik, expected);
        (void)X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, cn, sizeof(cn));
        good = X509_check_ca(x509) == 0 && X509_get_ext_by_NID(x509, NID_subject_alt_name, -1) < 0 && strcmp(cn, device) == 0 &&
               (X509_get_extended_key_usage(x509) & XKU_SSL_SERVER) == 0 && is_same_key(expected, X509_get_X509_PUBKEY(x509));
    }
    X509_PUBKEY_free(expected);
    X509_free(x509);
    return good;
}

/* The name that was asked for, or one that the server derived, where the profile says so. */
static bool is_own_name(const atk_tpm *tpm, const char *device)
{
    return strcmp(tpm->profile, "by-ek") == 0 ? strncmp(device, "ek-", 3) == 0 : strcmp(device, tpm->identity) == 0;
}

void atk_guard_certificate(atk_server *server, atk_tpm *tpm, atk_reply *reply)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    bm_reply_certificate answer = {.chain_count = 0};

    atk_tpm_body(tpm, BM_CALL_CERTIFICATE, &body);
    atk_server_post(server, "/v1/getCertificate", "application/json", bm_buf_view(&body), reply);
    if (reply->status != 200)
        return;
    if (bm_reply_certificate_parse(bm_buf_view(&reply->body), &answer).code != BM_OK) {
        (void)snprintf(reply->code, sizeof(reply->code), "not-the-protocol");
        return;
    }
    bm_buf_move(&tpm->issued, &answer.certificate);
    if (!is_proper(tpm, answer.device))
        (void)snprintf(reply->code, sizeof(reply->code), "certificate-not-proper");
    else if (!is_own_name(tpm, answer.device))
        (void)snprintf(reply->code, sizeof(reply->code), "certificate-of-another");
    bm_reply_certificate_fini(&answer);
}

bool atk_guard_operate(const atk_world *world, const char *what, const char *argument, bm_buf *out)
{
    const char *arguments[] = {world->operate, what, argument, NULL};
    posix_spawn_file_actions_t actions;
    char block[4096];
    int ends[2] = {-1, -1};
    ssize_t size;
    pid_t pid = -1;
    int status = 0;

    atk_true(pipe(ends) == 0 && posix_spawn_file_actions_init(&actions) == 0 &&
                 posix_spawn_file_actions_adddup2(&actions, ends[1], 1) == 0 && posix_spawn_file_actions_addclose(&actions, ends[0]) == 0 &&
                 posix_spawnp(&pid, world->operate, &actions, NULL, (char *const *)(uintptr_t)arguments, environ) == 0,
             world->operate);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    while ((size = read(ends[0], block, sizeof(block))) > 0)
        atk_need(bm_buf_put(out, bm_bytes_of(block, (size_t)size)), "what the operator says");
    (void)close(ends[0]);
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The victim's own exchange, from the beginning: it gets its name. */
static bool renew(atk_world *world, char *why, size_t size)
{
    atk_reply reply = {.status = 0};
    bool good;

    atk_guard_challenge(&world->server, &world->victim, &reply);
    if (strcmp(reply.code, "ok") == 0) {
        atk_true(atk_tpm_open(&world->victim, &world->victim), "the victim's TPM opens what was made for it");
        atk_guard_certificate(&world->server, &world->victim, &reply);
    }
    good = strcmp(reply.code, "ok") == 0;
    if (!good)
        (void)snprintf(why, size, "the victim's own renewal: %s", reply.code);
    atk_reply_fini(&reply);
    world->known = false;
    return good;
}

void atk_guard_begin(atk_world *world)
{
    char name[ATK_NAME_MAX];
    char why[256];

    (void)snprintf(name, sizeof(name), "victim-%s", world->tag);
    atk_guard_tpm(&world->discrete, "victim", name, "L-2", NULL, "ecc256", &world->victim);
    (void)snprintf(name, sizeof(name), "probe-%s", world->tag);
    atk_guard_tpm(&world->discrete, "probe", name, "L-2", NULL, "ecc256", &world->probe);
    if (!renew(world, why, sizeof(why)))
        atk_die("%s: the server at %s must take the corpus's vendor (README, \"What the server must have been given\")", why, world->server.url);
}

void atk_guard_end(atk_world *world)
{
    atk_tpm_fini(&world->victim);
    atk_tpm_fini(&world->probe);
    atk_ca_fini(&world->discrete);
    atk_ca_fini(&world->virtual_vendor);
    bm_buf_fini(&world->record);
}

void atk_guard_before(atk_world *world)
{
    char why[256];

    if (world->victim.expires < (int64_t)time(NULL) + TICKET_SLACK && !renew(world, why, sizeof(why)))
        atk_die("%s", why);
    if (world->known || world->operate == NULL)
        return;
    bm_buf_clear(&world->record);
    atk_true(atk_guard_operate(world, "record", NULL, &world->record), "the operator's record");
    world->known = true;
}

/* The same call again gives the same certificate: nobody took the name, and nothing new is recorded by asking. */
static bool victim_is_well(atk_world *world, atk_reply *reply, char *why, size_t size)
{
    BM_AUTO_BUF certificate = BM_BUF_EMPTY;
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    atk_need(bm_buf_put(&certificate, bm_buf_view(&world->victim.issued)), "a certificate");
    atk_guard_certificate(&world->server, &world->victim, reply);
    if (strcmp(reply->code, "ok") != 0 || !bm_bytes_equal(bm_buf_view(&certificate), bm_buf_view(&world->victim.issued))) {
        (void)snprintf(why, size, "the victim asks for its certificate again: %s, %s certificate", reply->code,
                       bm_bytes_equal(bm_buf_view(&certificate), bm_buf_view(&world->victim.issued)) ? "the same" : "another");
        return false;
    }
    atk_tpm_body(&world->victim, BM_CALL_CHALLENGE, &body);
    atk_server_post(&world->server, "/v1/getChallenge", "application/json", bm_buf_view(&body), reply);
    if (reply->status != 200)
        (void)snprintf(why, size, "the victim asks for a new challenge: %s", reply->code);
    return reply->status == 200;
}

static bool is_free(atk_world *world, const char *identity, atk_reply *reply, char *why, size_t size)
{
    atk_line line = {.file = "probe"};

    (void)snprintf(world->probe.identity, sizeof(world->probe.identity), "%s", identity);
    atk_csr_make(&line, &world->probe, NULL, NULL);
    atk_guard_challenge(&world->server, &world->probe, reply);
    if (reply->status != 200)
        (void)snprintf(why, size, "the identity %s was free, and is not any more: %s", identity, reply->code);
    return reply->status == 200;
}

static bool record_is_same(atk_world *world, char *why, size_t size)
{
    BM_AUTO_BUF now = BM_BUF_EMPTY;
    bool same;

    if (world->operate == NULL)
        return true;
    atk_true(atk_guard_operate(world, "record", NULL, &now), "the operator's record");
    same = bm_bytes_equal(bm_buf_view(&now), bm_buf_view(&world->record));
    if (!same)
        (void)snprintf(why, size, "the operator's record of devices, certificates and processes has changed");
    bm_buf_move(&world->record, &now);
    return same;
}

bool atk_guard_after(atk_world *world, const char *free_identity, char *why, size_t size)
{
    atk_reply reply = {.status = 0};
    bool good = victim_is_well(world, &reply, why, size) && is_free(world, free_identity, &reply, why, size) &&
                record_is_same(world, why, size);

    atk_reply_fini(&reply);
    return good;
}

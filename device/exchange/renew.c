#include "device/exchange/renew.h"

#include "base/text.h"
#include "crypto/random.h"
#include "device/exchange/enroll.h"
#include "device/exchange/enrolment_keys.h"
#include "device/exchange/renew_key.h"
#include "device/exchange/renew_wait.h"
#include "device/exchange/renewal.h"
#include "device/identity/key_look.h"
#include "device/identity/swap.h"
#include "device/talk/pause.h"
#include "program/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHY_MAX 300
#define SAID_MAX (2 * 86400) /* seconds: more than --wait can be */
#define MS INT64_C(1000000) /* in nanoseconds */

/* One run. */
typedef struct {
    const bm_renew_options *given;
    bm_enrolment_options wanted; /* with what the record says */
    bm_renewal record;
    bm_tpm_auth auth;
    bm_buf key_auth;      /* secret */
    bm_identity identity; /* open and locked, through all tries */
    bm_identity_state state;
    bm_enroll_outcome *outcome;
    unsigned tries;
    bool passing; /* the last try failed for what may be over soon */
    int64_t said; /* and the server asked for so many seconds; 0: it did not */
} renewal;

static void renewal_fini(renewal *r)
{
    bm_renewal_fini(&r->record);
    bm_tpm_auth_fini(&r->auth);
    bm_buf_fini(&r->key_auth);
    bm_identity_close(&r->identity);
}

static int64_t wall_clock(void)
{
    return (int64_t)time(NULL);
}

/* The record says which server is trusted, and which files are read: root takes that from nobody else. */
static BM_RESULT check_owner(const bm_identity *there)
{
    struct stat directory;

    if (geteuid() != 0 || fstat(there->fd, &directory) != 0 || (directory.st_uid == 0 && (directory.st_mode & S_IWOTH) == 0))
        return bm_ok();
    return bm_failf(BM_E_IO, "%s belongs to user %u, or anybody may write there: run 'birthmark renew' as that user, or give it to root (chown, chmod)",
                    there->path, (unsigned)directory.st_uid);
}

/* Opens the directory, brings to an end what an earlier run began, and reads what is there. It is not made. */
static BM_RESULT open_directory(renewal *r)
{
    BM_AUTO(bm_identity_close) bm_identity there = BM_IDENTITY_CLOSED;
    const char *path = r->given->state;
    bool completed;

    BM_TRY(bm_identity_open_to_read(path, &there));
    if (there.fd < 0)
        return bm_failf(BM_E_IO, "%s is not there: run 'birthmark enroll' first, or check --state", path);
    BM_TRY(check_owner(&there));
    BM_TRY(bm_identity_open(path, &r->identity));
    BM_TRY(bm_identity_swap_recover(&r->identity, &completed));
    if (completed)
        bm_steps_note("a renewal that was interrupted was brought to its end");
    BM_TRY(bm_identity_look(&r->identity, &r->state));
    if (r->state.key.type == BM_KEY_NONE)
        return bm_failf(BM_E_IO, "%s holds no certificate that could be renewed: run 'birthmark enroll', or check --state", path);
    /* A run that was killed may not have come to it. */
    return bm_identity_note_renewed(&r->identity);
}

static BM_RESULT read_record(renewal *r)
{
    BM_TRY(bm_renewal_load(&r->identity, &r->record));
    r->wanted = (bm_enrolment_options){
        .state = r->given->state, .tcti = r->given->tcti, .key_auth = r->given->key_auth, .server = r->given->server,
        .ca = r->given->ca, .profile = "", .key = r->given->key};
    for (unsigned i = 0; i < BM_TPM_HIERARCHIES; i++)
        r->wanted.auth[i] = r->given->auth[i];
    BM_TRY(bm_renewal_override(&r->record, &r->wanted));
    bm_renewal_use(&r->record, &r->wanted);
    /* A pipe is given and not recorded. */
    for (unsigned i = 0; i < BM_TPM_HIERARCHIES; i++)
        if (r->given->auth[i] != NULL)
            r->wanted.auth[i] = r->given->auth[i];
    if (r->given->key_auth != NULL)
        r->wanted.key_auth = r->given->key_auth;
    return bm_ok();
}

/*
 * The authorisation values. One that was recorded and cannot be read is done without, as long as it goes: the owner's is needed for a new key alone, and
 * may have been taken off the device since.
 */
static BM_RESULT read_auth(renewal *r)
{
    for (unsigned i = 0; i < BM_TPM_HIERARCHIES; i++) {
        const char *source[BM_TPM_HIERARCHIES] = {NULL};
        bm_result result;

        source[i] = r->wanted.auth[i];
        result = bm_tpm_auth_read(source, &r->auth);
        if (result.code == BM_OK)
            continue;
        if (r->given->auth[i] != NULL || (result.code != BM_E_IO && result.code != BM_E_USAGE))
            return result;
        bm_steps_note("%s. It is done without it", result.detail);
        bm_buf_clear(&r->auth.value[i]);
    }
    return bm_ok();
}

static bool is_due(const renewal *r)
{
    int64_t now = wall_clock();

    return r->given->now || !r->state.complete || now >= r->state.renew_after || now > r->state.info.not_after;
}

/* An enrolment in this directory, whose lock stays with the run. */
static BM_RESULT begin(renewal *r, bm_enrolment *e)
{
    e->options = &r->wanted;
    e->proves_later = true;
    e->state = r->state;
    e->handle = bm_enrolment_handle(0, &r->state);
    for (unsigned i = 0; i < BM_TPM_HIERARCHIES; i++)
        BM_TRY(bm_buf_put(&e->auth.value[i], bm_buf_view(&r->auth.value[i])));
    BM_TRY(bm_buf_put(&e->key_auth, bm_buf_view(&r->key_auth)));
    e->identity = (bm_identity){.path = r->identity.path, .fd = fcntl(r->identity.fd, F_DUPFD_CLOEXEC, 0), .lock = -1};
    if (e->identity.fd < 0)
        return bm_failf(BM_E_IO, "%s cannot be opened once more (%s): check --state", r->identity.path, strerror(errno));
    return bm_ok();
}

/* Nothing is due, but an earlier run left a key in the TPM that no identity needs any more. */
static BM_RESULT clean(renewal *r)
{
    BM_AUTO(bm_enrolment_fini) bm_enrolment e = {.identity = BM_IDENTITY_CLOSED};

    BM_TRY(begin(r, &e));
    BM_TRY(bm_enrolment_open(&e));
    /* The owner's value is proven in a session that is salted to the EK, as in an enrolment. */
    BM_TRY(e.auth.value[BM_TPM_OWNER].size > 0 ? bm_enrolment_keys_find_ek(&e) : bm_enrolment_mark(&e));
    return bm_renew_key_drop(&e);
}

/* Is the server there? The TPM is not touched, nor kept from others, before it is. What answers but has no /healthz may be a proxy that passes the calls alone. */
static BM_RESULT reach(const renewal *r, bm_enrolment *e)
{
    bm_result result;

    BM_TRY(bm_exchange_new(r->wanted.server, r->wanted.ca, &e->exchange));
    if (r->record.ca.size > 0)
        BM_TRY(bm_exchange_trust(e->exchange, bm_buf_view(&r->record.ca)));
    result = bm_exchange_look(e->exchange);
    return result.code == BM_E_SERVER_REPLY ? bm_ok() : result;
}

/* The key for the next certificate: the one that is there, unless another is wanted, or it is gone. */
static BM_RESULT settle_key(const renewal *r, bm_enrolment *e, bm_identity *next)
{
    bm_key_type type = r->given->key != BM_KEY_NONE ? r->given->key : r->state.key.type;
    bool wants_new = r->given->new_key || type != r->state.key.type;
    bool kept = false;

    bm_steps_begin(&e->steps, "recreating the endorsement key and preparing the identity key");
    BM_TRY(bm_enrolment_keys_find_ek(e));
    BM_TRY(bm_enrolment_keys_check_kind(e));
    if (!wants_new || !r->given->now)
        BM_TRY(bm_renew_key_check_registers(e));
    BM_TRY(bm_renew_key_drop_left(e, wants_new));
    if (!wants_new) {
        BM_TRY(bm_renew_key_keep(e, &kept));
        if (!kept)
            bm_steps_note("the key of the identity in %s is not in this TPM any more: a new one is made", r->given->state);
    }
    if (!kept) {
        BM_TRY(bm_identity_swap_stage(&e->identity, next));
        BM_TRY(bm_renew_key_make(e, type, next));
    }
    e->persists_later = !kept;
    bm_steps_end(&e->steps, "EK %s (%s), %s identity key %s", e->ek.row->label, bm_pubkey_type_name(e->ek.key.type), kept ? "the same" : "a new",
                 bm_pubkey_type_name(e->ik.key.type));
    return bm_ok();
}

/* Whoever verifies it has the right time; this device needs it to verify others. */
static BM_RESULT check_dates(const bm_ekc_info *info)
{
    int64_t now = wall_clock();
    char from[BM_TIME_TEXT_SIZE];
    char until[BM_TIME_TEXT_SIZE];
    char here[BM_TIME_TEXT_SIZE];

    if (info->not_before <= now && now <= info->not_after)
        return bm_ok();
    bm_text_time(info->not_before, from);
    bm_text_time(info->not_after, until);
    bm_text_time(now, here);
    return bm_failf(BM_E_SERVER_REPLY, "the new certificate is valid from %s to %s, and this device's clock says %s: set the clock. The identity stays as it was",
                    from, until, here);
}

/*
 * A new key. Until the commit, the old certificate, key file, handle and key are as they were: the new identity is complete in `next` before its key is persistent,
 * so that a run after this one knows whose key lies at the second handle; and the key is persistent, and has signed, before the files change. The old key stays
 * where it is: programs that have the old certificate loaded go on with it until they look again. The next run removes it.
 */
static BM_RESULT install_new(renewal *r, bm_enrolment *e, bm_identity *next)
{
    uint32_t before = e->state.in_file ? 0 : e->handle;
    bool full = false;

    if (!e->in_file)
        BM_TRY(bm_renew_key_place(e, &e->handle));
    BM_TRY(bm_identity_save(next, e->in_file ? 0 : e->handle, &e->ek.key, &e->certificate));
    if (!e->in_file)
        BM_TRY(bm_tpm_ik_persist(&e->ik, e->handle, &full));
    /* It does not go into its file instead: programs that take the key by a handle would lose it by a timer's doing. */
    BM_CHECK(!full, BM_E_TPM,
             "the TPM's NV memory is full: there is no room for a second key beside the one that is in use. Remove a persistent key that is not needed "
             "(tpm2_evictcontrol), or renew with the same key; the identity stays as it was");
    BM_TRY(bm_renew_key_prove(e));
    BM_TRY(bm_renewal_write(&e->identity, &r->record));
    BM_TRY(bm_identity_swap_commit(&e->identity));
    if (before != 0)
        bm_steps_note("the key before this one stays at 0x%08x for programs that still use it; the next run of 'birthmark renew' removes it", before);
    return bm_ok();
}

static BM_RESULT install_same(renewal *r, bm_enrolment *e)
{
    BM_TRY(bm_renew_key_prove(e));
    BM_TRY(bm_renewal_write(&e->identity, &r->record));
    return bm_identity_save(&e->identity, e->in_file ? 0 : e->handle, &e->ek.key, &e->certificate);
}

static BM_RESULT install(renewal *r, bm_enrolment *e, bm_identity *next, const bm_ekc_info *info)
{
    char until[BM_TIME_TEXT_SIZE];
    bool new_key = next->fd >= 0;
    int64_t start = bm_clock_ns() - e->tpm.spent;

    BM_TRY(check_dates(info));
    BM_TRY(new_key ? install_new(r, e, next) : install_same(r, e));
    BM_TRY(bm_identity_note_renewed(&e->identity));
    e->disk = bm_clock_ns() - e->tpm.spent - start;
    bm_text_time(info->not_after, until);
    bm_steps_end(&e->steps, "%s, until %s", e->certificate.device, until);
    BM_TRY(bm_enroll_note(e, info, r->outcome));
    r->outcome->new_key = new_key;
    return bm_ok();
}

static BM_RESULT carry_out(renewal *r, bm_enrolment *e)
{
    BM_AUTO(bm_identity_close) bm_identity next = BM_IDENTITY_CLOSED;
    int64_t start = bm_clock_ns();
    bm_ekc_info info;

    BM_TRY(begin(r, e));
    BM_TRY(reach(r, e));
    BM_TRY(bm_enrolment_open(e));
    BM_TRY(settle_key(r, e, &next));
    BM_TRY(bm_enroll_obtain(e, &info));
    BM_TRY(install(r, e, &next, &info));
    bm_tpm_ik_fini(&e->ik);
    bm_tpm_ek_fini(&e->ek);
    bm_enroll_tell_total(e, start);
    return bm_ok();
}

/* Is this failure one of the server's, which may be over soon? */
static bool is_passing(const bm_enrolment *e, bm_result result)
{
    int status = e->exchange != NULL ? bm_code_status(bm_exchange_refusal(e->exchange)) : 0;

    return result.code == BM_E_NETWORK || (result.code == BM_E_SERVER_REFUSED && (status == 429 || status == 503));
}

/* One try. The reason of a failure that may be over soon is kept in `why`. The TPM is closed when it returns, so that others can use it in the meantime. */
static BM_RESULT try_once(renewal *r, char why[WHY_MAX])
{
    BM_AUTO(bm_enrolment_fini) bm_enrolment e = {.identity = BM_IDENTITY_CLOSED};
    bm_result result = carry_out(r, &e);

    r->tries++;
    r->passing = is_passing(&e, result);
    r->said = e.exchange != NULL ? bm_exchange_said(e.exchange) : 0;
    if (r->said > SAID_MAX)
        r->said = SAID_MAX;
    if (r->passing)
        (void)snprintf(why, WHY_MAX, "%s", result.detail != NULL ? result.detail : bm_code_advice(result.code));
    return result;
}

static bm_result give_up(const renewal *r, int64_t gone_ms, const char *why)
{
    bool ended = wall_clock() > r->state.info.not_after;
    char until[BM_TIME_TEXT_SIZE];

    bm_text_time(r->state.info.not_after, until);
    return bm_failf(BM_E_NETWORK, "the server did not renew the certificate in %u %s within %" PRId64 " s; the one that is there stays, and %s %s: %s", r->tries,
                    r->tries == 1 ? "try" : "tries", (gone_ms + 500) / 1000, ended ? "ended at" : "is good until", until, why);
}

static BM_RESULT renew(renewal *r)
{
    int64_t start = bm_clock_ns();
    char why[WHY_MAX] = "";

    for (;;) {
        bm_result result = try_once(r, why);
        int64_t gone = (bm_clock_ns() - start) / MS;
        uint32_t chance;
        int64_t wait;

        if (!r->passing)
            return result;
        BM_TRY(bm_random((uint8_t *)&chance, sizeof(chance)));
        if (!bm_renew_wait_next(r->tries, gone, r->given->wait * 1000, r->said * 1000, chance, &wait))
            return give_up(r, gone, why);
        bm_steps_note("try %u failed: %s (the next one comes in %.1f s; the certificate that is there stays in use)", r->tries, why, (double)wait / 1000);
        BM_TRY(bm_pause(wait));
    }
}

/* The identity that the directory has. */
static BM_RESULT leave(const renewal *r)
{
    BM_AUTO(bm_key_look_fini) bm_key_look look = {.has_file = false};

    BM_TRY(bm_key_look_read(r->given->state, &look));
    BM_TRY(bm_enroll_found(&r->state, r->outcome));
    r->outcome->handle = bm_enrolment_handle(0, &r->state);
    r->outcome->parent = look.kind.parent;
    return bm_ok();
}

BM_RESULT bm_renew(const bm_renew_options *options, bm_enroll_outcome *outcome)
{
    BM_AUTO(renewal_fini) renewal r = {.given = options, .outcome = outcome, .identity = BM_IDENTITY_CLOSED};
    bool due;

    BM_TRY(open_directory(&r));
    BM_TRY(read_record(&r));
    due = is_due(&r);
    if (!due && !bm_identity_swap_has_left(&r.identity))
        return leave(&r);
    BM_TRY(read_auth(&r));
    if (due && r.wanted.key_auth != NULL)
        BM_TRY(bm_tpm_kind_read_auth(r.wanted.key_auth, &r.key_auth));
    if (due)
        return renew(&r);
    BM_TRY(clean(&r));
    return leave(&r);
}

#include "ctl/batch_run.h"

#include "program/interrupt.h"
#include "protocol/reply.h"
#include "x509/revoked.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>

#define GROUP 64       /* requests that are decided in a transaction, where there are so many */
#define WINDOW 24      /* that a worker has at once */
#define WAIT_MS 1000
#define NAMED_MAX 100  /* lines about files */

void bm_ctl_batch_run_fini(bm_ctl_batch_run *run)
{
    for (unsigned i = 0; i < run->worker_count; i++)
        bm_ctl_batch_worker_stop(&run->workers[i]);
    for (size_t i = 0; i < BM_CTL_BATCH_SLOTS; i++) {
        bm_buf_fini(&run->slots[i].bytes);
        bm_buf_fini(&run->slots[i].message);
        bm_ctl_batch_grant_fini(&run->slots[i].outcome);
    }
    bm_buf_fini(&run->message);
    bm_ctl_batch_files_close(&run->files);
    bm_ctl_batch_grant_close(&run->ca);
    bm_ctl_batch_output_fini(&run->output);
}

static void set_state(bm_ctl_batch_run *run, bm_ctl_batch_slot *slot, bm_ctl_batch_slot_state state)
{
    run->in[slot->state]--;
    run->in[state]++;
    slot->state = state;
}

/* A line about a file, but not about each of a million. */
static void name_file(bm_ctl_batch_run *run, const char *name, const char *what, const char *why)
{
    char shown[BM_CTL_BATCH_NAME_SIZE];

    if (run->named++ >= NAMED_MAX)
        return;
    bm_ctl_progress_end(&run->progress);
    bm_ctl_batch_files_show(name, shown);
    (void)fprintf(stderr, "birthmarkctl: %s: %s%s%s\n", shown, what, why[0] == 0 ? "" : ": ", why);
    if (run->named == NAMED_MAX)
        (void)fprintf(stderr, "birthmarkctl: more files are counted, and not named\n");
}

static BM_RESULT bury(bm_ctl_batch_run *run, bm_ctl_batch_worker *worker);
static BM_RESULT hear(bm_ctl_batch_run *run, bm_ctl_batch_worker *worker);

/* Tells all workers what is in run->message; the dead are buried. */
static BM_RESULT tell(bm_ctl_batch_run *run)
{
    for (unsigned i = 0; i < run->worker_count; i++)
        if (run->workers[i].fd >= 0 && bm_ctl_batch_worker_send(&run->workers[i], bm_buf_view(&run->message)).code != BM_OK)
            BM_TRY(bury(run, &run->workers[i]));
    return bm_ok();
}

static BM_RESULT tell_anchor(void *context, const bm_store_anchor *anchor)
{
    bm_ctl_batch_run *run = context;

    BM_TRY(bm_ctl_batch_message_begin(&run->message, BM_BATCH_ANCHOR, 0));
    BM_TRY(bm_buf_put_u8(&run->message, (uint8_t)anchor->class));
    BM_TRY(bm_buf_put(&run->message, anchor->der));
    return tell(run);
}

static BM_RESULT merge_revoked(void *context, bm_bytes ids)
{
    return bm_revoked_merge(context, ids);
}

static BM_RESULT tell_revoked(bm_ctl_batch_run *run)
{
    BM_AUTO_BUF ids = BM_BUF_EMPTY;
    size_t most = (size_t)BM_CTL_BATCH_REVOKED_MAX * BM_REVOKED_ID_SIZE;

    BM_TRY(bm_store_revoked_list(run->ca.store, merge_revoked, &ids));
    BM_CHECK(bm_revoked_check(bm_buf_view(&ids)).code == BM_OK, BM_E_STORE, "the database is damaged: the revoked certificates are not in their order");
    for (size_t at = 0; at < ids.size; at += most) {
        BM_TRY(bm_ctl_batch_message_begin(&run->message, BM_BATCH_REVOKED, 0));
        BM_TRY(bm_buf_put(&run->message, bm_bytes_slice(bm_buf_view(&ids), at, ids.size - at < most ? ids.size - at : most)));
        BM_TRY(tell(run));
    }
    return bm_ok();
}

static BM_RESULT tell_all(bm_ctl_batch_run *run)
{
    BM_TRY(bm_store_anchors_epoch(run->ca.store, &run->epoch));
    BM_TRY(bm_ctl_batch_message_begin(&run->message, BM_BATCH_ANCHORS, 0));
    BM_TRY(bm_buf_put_u64(&run->message, run->epoch));
    BM_TRY(tell(run));
    BM_TRY(bm_store_anchor_list(run->ca.store, tell_anchor, run));
    BM_TRY(tell_revoked(run));
    BM_TRY(bm_ctl_batch_message_begin(&run->message, BM_BATCH_ANCHORS_END, 0));
    return tell(run);
}

BM_RESULT bm_ctl_batch_run_tell_anchors(bm_ctl_batch_run *run)
{
    bm_result result;

    BM_TRY(bm_store_begin_reading(run->ca.store));
    result = tell_all(run);
    bm_store_rollback(run->ca.store);
    return result;
}

/* The answer of a request is written, and its place is free. */
static BM_RESULT finish(bm_ctl_batch_run *run, bm_ctl_batch_slot *slot)
{
    bm_code code = slot->outcome.code;

    BM_TRY(bm_ctl_batch_output_put(&run->output, slot->request, bm_code_status(code), bm_buf_view(&slot->outcome.body)));
    if (code != BM_OK) {
        run->refused[code]++;
        name_file(run, slot->name, "refused", bm_code_name(code));
    } else if (slot->judged.call == BM_CALL_CHALLENGE) {
        run->challenges++;
    } else {
        run->certificates++;
    }
    bm_ctl_batch_grant_fini(&slot->outcome);
    bm_buf_clear(&slot->message);
    set_state(run, slot, BM_BATCH_SLOT_FREE);
    bm_ctl_progress_tell(&run->progress, ++run->done);
    return bm_ok();
}

static BM_RESULT refuse(bm_ctl_batch_run *run, bm_ctl_batch_slot *slot, bm_result refusal)
{
    bm_ctl_batch_grant_fini(&slot->outcome);
    BM_TRY(bm_ctl_batch_grant_refuse(refusal, &slot->outcome));
    return finish(run, slot);
}

/* Reads the next file that can be read into a free place; the others are named, and lost to nobody: they get no answer. */
static BM_RESULT take_file(bm_ctl_batch_run *run, bm_ctl_batch_slot *slot)
{
    bool found = true;

    while (slot->state == BM_BATCH_SLOT_FREE) {
        bm_result read;

        BM_CHECK(!bm_interrupt_pending(), BM_E_INTERRUPTED, NULL);
        BM_TRY(bm_ctl_batch_files_next(&run->files, slot->name, &found));
        run->no_more = !found;
        if (run->no_more)
            return bm_ok();
        read = bm_ctl_batch_files_read(&run->files, slot->name, &slot->bytes);
        if (read.code == BM_E_IO || read.code == BM_E_BODY_TOO_LARGE) {
            run->unread++;
            run->done++;
            name_file(run, slot->name, "no request, and not answered", read.detail != NULL ? read.detail : "");
            continue;
        }
        BM_TRY(read);
        BM_TRY(bm_hash_sha256(bm_buf_view(&slot->bytes), slot->request));
        set_state(run, slot, BM_BATCH_SLOT_JUDGE);
    }
    return bm_ok();
}

static BM_RESULT fill(bm_ctl_batch_run *run)
{
    for (size_t i = 0; i < BM_CTL_BATCH_SLOTS && !run->no_more && run->in[BM_BATCH_SLOT_FREE] > 0; i++)
        BM_TRY(take_file(run, &run->slots[i]));
    return bm_ok();
}

static BM_RESULT put_question(bm_ctl_batch_run *run, size_t index)
{
    const bm_ctl_batch_slot *slot = &run->slots[index];
    bm_buf *message = &run->message;

    if (slot->state == BM_BATCH_SLOT_JUDGE) {
        BM_TRY(bm_ctl_batch_message_begin(message, BM_BATCH_JUDGE, (uint32_t)index));
        BM_TRY(bm_buf_put_u64(message, (uint64_t)time(NULL)));
        return bm_buf_put(message, bm_buf_view(&slot->bytes));
    }
    BM_TRY(bm_ctl_batch_message_begin(message, BM_BATCH_CREDENTIAL, (uint32_t)index));
    return bm_ctl_batch_message_put_credential(message, &(bm_ctl_batch_credential){.ek_public = slot->judged.ek_public,
                                                                                  .ik_name = slot->judged.ik_name,
                                                                                  .ticket = bm_buf_view(&slot->outcome.ticket)});
}

/* The worker with the least to do; NULL when all have enough. */
static bm_ctl_batch_worker *idlest(bm_ctl_batch_run *run)
{
    bm_ctl_batch_worker *best = NULL;

    for (unsigned i = 0; i < run->worker_count; i++)
        if (run->workers[i].fd >= 0 && run->workers[i].busy < WINDOW && (best == NULL || run->workers[i].busy < best->busy))
            best = &run->workers[i];
    return best;
}

/*
 * A worker has died, or speaks nonsense. It takes its requests in their order, so the oldest that it had is what ended it: that one is
 * refused, the others go to other workers. (No worker is started in its place: it would be a copy of a process that has the keys.)
 */
static BM_RESULT bury(bm_ctl_batch_run *run, bm_ctl_batch_worker *worker)
{
    unsigned number = (unsigned)(worker - run->workers);
    bm_ctl_batch_slot *oldest = NULL;
    unsigned left = 0;

    bm_ctl_batch_worker_stop(worker);
    for (size_t i = 0; i < BM_CTL_BATCH_SLOTS; i++) {
        bm_ctl_batch_slot *slot = &run->slots[i];

        if ((slot->state != BM_BATCH_SLOT_JUDGING && slot->state != BM_BATCH_SLOT_WRAPPING) || slot->worker != number)
            continue;
        if (oldest == NULL || slot->order < oldest->order)
            oldest = slot;
        set_state(run, slot, slot->state == BM_BATCH_SLOT_JUDGING ? BM_BATCH_SLOT_JUDGE : BM_BATCH_SLOT_WRAP);
    }
    worker->busy = 0;
    if (oldest != NULL) {
        name_file(run, oldest->name, "it ended the process that read it; take it out of the directory, and report it", "");
        BM_TRY(refuse(run, oldest, bm_fail(BM_E_INTERNAL, NULL)));
    }
    for (unsigned i = 0; i < run->worker_count; i++)
        left += run->workers[i].fd >= 0;
    BM_CHECK(left > 0, BM_E_INTERNAL, "every process that reads requests has died: take the files that were named out of the directory, and run it again");
    return bm_ok();
}

/* Sends what is in this state to workers that have room. */
static BM_RESULT dispatch(bm_ctl_batch_run *run, bm_ctl_batch_slot_state from, bm_ctl_batch_slot_state to)
{
    for (size_t i = 0; i < BM_CTL_BATCH_SLOTS && run->in[from] > 0; i++) {
        bm_ctl_batch_slot *slot = &run->slots[i];
        bm_ctl_batch_worker *worker = idlest(run);
        bm_result asked;
        bool sent;

        if (worker == NULL)
            return bm_ok();
        if (slot->state != from)
            continue;
        BM_TRY(put_question(run, i));
        asked = bm_ctl_batch_worker_ask(worker, bm_buf_view(&run->message), &sent);
        /* What it answered before it died is heard first, or the wrong request would be blamed. */
        if (asked.code != BM_OK)
            return worker->busy > 0 ? hear(run, worker) : bury(run, worker);
        if (!sent)
            return bm_ok();
        slot->worker = (unsigned)(worker - run->workers);
        slot->order = run->order++;
        set_state(run, slot, to);
    }
    return bm_ok();
}

/* Decides upon all that is ready in the open transaction; `stale`: the anchors have changed, and nothing was decided. */
static BM_RESULT decide_ready(bm_ctl_batch_run *run)
{
    int64_t now = (int64_t)time(NULL);
    uint64_t epoch;

    BM_TRY(bm_store_anchors_epoch(run->ca.store, &epoch));
    run->stale = epoch != run->epoch;
    for (size_t i = 0; i < BM_CTL_BATCH_SLOTS && !run->stale; i++)
        if (run->slots[i].state == BM_BATCH_SLOT_READY)
            BM_TRY(bm_ctl_batch_grant_decide(&run->ca, &run->slots[i].judged, now, &run->slots[i].outcome));
    return run->stale ? bm_ok() : bm_store_commit(run->ca.store);
}

/* What is on disk now is answered, or gets its ticket wrapped. */
static BM_RESULT go_on(bm_ctl_batch_run *run)
{
    for (size_t i = 0; i < BM_CTL_BATCH_SLOTS; i++) {
        bm_ctl_batch_slot *slot = &run->slots[i];

        if (slot->state != BM_BATCH_SLOT_READY)
            continue;
        if (slot->outcome.code == BM_OK && slot->outcome.ticket.size > 0)
            set_state(run, slot, BM_BATCH_SLOT_WRAP);
        else
            BM_TRY(finish(run, slot));
    }
    return bm_ok();
}

static BM_RESULT decide(bm_ctl_batch_run *run)
{
    bm_result result;

    BM_TRY(bm_store_begin(run->ca.store));
    result = decide_ready(run);
    if (result.code != BM_OK || run->stale)
        bm_store_rollback(run->ca.store);
    BM_TRY(result);
    return run->stale ? bm_ok() : go_on(run);
}

/* The workers have answered everything: they get the anchors as they are now, and what was not decided is judged again. */
static BM_RESULT refresh(bm_ctl_batch_run *run)
{
    BM_TRY(bm_ctl_batch_run_tell_anchors(run));
    for (size_t i = 0; i < BM_CTL_BATCH_SLOTS; i++)
        if (run->slots[i].state == BM_BATCH_SLOT_READY)
            set_state(run, &run->slots[i], BM_BATCH_SLOT_JUDGE);
    run->stale = false;
    return bm_ok();
}

static BM_RESULT take_judged(bm_ctl_batch_run *run, bm_ctl_batch_slot *slot, bm_cursor *body)
{
    BM_TRY(bm_ctl_batch_message_take_judged(body, &slot->judged));
    BM_CHECK(slot->judged.epoch == run->epoch, BM_E_MALFORMED, "judged with other anchors");
    /* The views stay what they are: the memory moves as a whole. */
    bm_buf_move(&slot->message, &run->message);
    set_state(run, slot, BM_BATCH_SLOT_READY);
    return bm_ok();
}

static BM_RESULT take_credential(bm_ctl_batch_run *run, bm_ctl_batch_slot *slot, bm_cursor *body)
{
    BM_AUTO(bm_reply_challenge_fini) bm_reply_challenge reply = {.expires = slot->outcome.expires};
    bm_bytes blob;
    bm_bytes secret;
    bm_result made;

    BM_TRY(bm_ctl_batch_message_take_result(body, &made));
    if (made.code != BM_OK)
        return refuse(run, slot, made);
    /* Nothing that is signed is a worker's own words. */
    BM_TRY(bm_cursor_sized16(body, BM_CTL_BATCH_BLOB_MAX, &blob));
    BM_TRY(bm_cursor_sized16(body, BM_CTL_BATCH_BLOB_MAX, &secret));
    BM_TRY(bm_cursor_end(body));
    BM_TRY(bm_buf_put(&reply.credential_blob, blob));
    BM_TRY(bm_buf_put(&reply.encrypted_secret, secret));
    BM_TRY(bm_buf_put(&reply.challenge, bm_buf_view(&slot->outcome.challenge)));
    BM_TRY(bm_reply_challenge_put(&reply, &slot->outcome.body));
    return finish(run, slot);
}

/* A message of a worker, in run->message. BM_E_MALFORMED: it is none that this worker owes. */
static BM_RESULT take_message(bm_ctl_batch_run *run, const bm_ctl_batch_worker *worker)
{
    bm_ctl_batch_type type;
    bm_ctl_batch_slot *slot;
    bm_cursor body;
    uint32_t id;

    BM_TRY(bm_ctl_batch_message_open(bm_buf_view(&run->message), &type, &id, &body));
    BM_CHECK(id < BM_CTL_BATCH_SLOTS, BM_E_MALFORMED, NULL);
    slot = &run->slots[id];
    BM_CHECK(slot->worker == (unsigned)(worker - run->workers), BM_E_MALFORMED, NULL);
    if (type == BM_BATCH_JUDGED && slot->state == BM_BATCH_SLOT_JUDGING)
        return take_judged(run, slot, &body);
    if (type == BM_BATCH_CREDENTIAL_MADE && slot->state == BM_BATCH_SLOT_WRAPPING)
        return take_credential(run, slot, &body);
    return bm_fail(BM_E_MALFORMED, NULL);
}

static BM_RESULT hear(bm_ctl_batch_run *run, bm_ctl_batch_worker *worker)
{
    bool got = true;

    while (got && worker->busy > 0) {
        bm_result result = bm_ctl_batch_worker_receive(worker, &run->message, &got);

        if (result.code == BM_E_INTERNAL)
            return bury(run, worker);
        BM_TRY(result);
        result = got ? take_message(run, worker) : bm_ok();
        if (result.code == BM_E_MALFORMED)
            return bury(run, worker);
        BM_TRY(result);
    }
    return bm_ok();
}

/* Waits until a worker has something to say. */
static BM_RESULT listen_to_all(bm_ctl_batch_run *run)
{
    struct pollfd waiting[BM_CTL_BATCH_WORKERS_MAX];

    for (unsigned i = 0; i < run->worker_count; i++)
        waiting[i] = (struct pollfd){.fd = run->workers[i].busy > 0 ? run->workers[i].fd : -1, .events = POLLIN};
    if (poll(waiting, run->worker_count, WAIT_MS) <= 0)
        return bm_ok();
    for (unsigned i = 0; i < run->worker_count; i++)
        if (waiting[i].revents != 0)
            BM_TRY(hear(run, &run->workers[i]));
    return bm_ok();
}

/* Is it time for a transaction: there is a group, or nothing else comes before it? */
static bool must_decide(const bm_ctl_batch_run *run)
{
    unsigned ready = run->in[BM_BATCH_SLOT_READY];

    return !run->stale && ready > 0 && (ready >= GROUP || run->in[BM_BATCH_SLOT_JUDGE] + run->in[BM_BATCH_SLOT_JUDGING] == 0);
}

static bool is_idle(const bm_ctl_batch_run *run)
{
    return run->in[BM_BATCH_SLOT_JUDGING] + run->in[BM_BATCH_SLOT_WRAPPING] == 0;
}

BM_RESULT bm_ctl_batch_run_all(bm_ctl_batch_run *run)
{
    run->in[BM_BATCH_SLOT_FREE] = BM_CTL_BATCH_SLOTS;
    for (;;) {
        BM_CHECK(!bm_interrupt_pending(), BM_E_INTERRUPTED,
                 "stopped by a signal; what was decided so far is recorded: run it again, and every request gets its answer");
        BM_TRY(fill(run));
        if (run->no_more && run->in[BM_BATCH_SLOT_FREE] == BM_CTL_BATCH_SLOTS)
            return bm_ok();
        if (run->stale && is_idle(run))
            BM_TRY(refresh(run));
        if (must_decide(run)) {
            BM_TRY(decide(run));
            continue;
        }
        BM_TRY(dispatch(run, BM_BATCH_SLOT_WRAP, BM_BATCH_SLOT_WRAPPING));
        if (!run->stale)
            BM_TRY(dispatch(run, BM_BATCH_SLOT_JUDGE, BM_BATCH_SLOT_JUDGING));
        if (!is_idle(run))
            BM_TRY(listen_to_all(run));
    }
}

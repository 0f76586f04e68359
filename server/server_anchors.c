#include "server/server_anchors.h"

#include <stdlib.h>
#include <sys/queue.h>

#define RESTARTS_MAX 8
#define ANCHORS_MAX 65536 /* that a ledger can make a server load */

typedef struct waiter {
    STAILQ_ENTRY(waiter) link;
    bm_server_anchors_done done;
    void *context;
} waiter;

STAILQ_HEAD(waiter_list, waiter);

struct bm_server_anchors {
    bm_server_peer *ledger;
    const bm_log *log;
    bm_anchors *set;
    uint64_t loads;
    uint64_t epoch;
    bm_anchors *fresh; /* the set that is being loaded; NULL when none is */
    uint64_t fresh_epoch;
    uint32_t wanted; /* the index that was asked for */
    bm_buf fresh_revoked; /* what came of the revoked certificates so far */
    unsigned restarts;
    struct waiter_list waiters;
};

static void on_anchor(void *context, bm_result result, bm_message *reply);
static void on_revoked(void *context, bm_result result, bm_message *reply);

BM_RESULT bm_server_anchors_new(bm_server_peer *ledger, const bm_log *log, bm_server_anchors **anchors)
{
    bm_server_anchors *made = calloc(1, sizeof(*made));
    bm_result result;

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    made->ledger = ledger;
    made->log = log;
    STAILQ_INIT(&made->waiters);
    result = bm_anchors_new(&made->set);
    if (result.code != BM_OK) {
        free(made);
        return result;
    }
    *anchors = made;
    return bm_ok();
}

void bm_server_anchors_free(bm_server_anchors *anchors)
{
    waiter *waiting;

    if (anchors == NULL)
        return;
    while ((waiting = STAILQ_FIRST(&anchors->waiters)) != NULL) {
        STAILQ_REMOVE_HEAD(&anchors->waiters, link);
        free(waiting);
    }
    bm_buf_fini(&anchors->fresh_revoked);
    bm_anchors_free(anchors->fresh);
    bm_anchors_free(anchors->set);
    free(anchors);
}

bm_anchors *bm_server_anchors_set(const bm_server_anchors *anchors)
{
    return anchors->set;
}

uint64_t bm_server_anchors_loads(const bm_server_anchors *anchors)
{
    return anchors->loads;
}

bool bm_server_anchors_current(const bm_server_anchors *anchors, uint64_t epoch)
{
    return anchors->loads > 0 && anchors->epoch == epoch;
}

/* Asks for an anchor, or for revoked certificates, from this index on. */
static BM_RESULT ask(bm_server_anchors *anchors, bm_msg_type type, uint32_t index)
{
    bool revoked = type == BM_MSG_REVOKED;
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    anchors->wanted = index;
    BM_TRY(bm_buf_put_u32(&body, index));
    return bm_server_peer_ask(anchors->ledger, &(bm_server_peer_request){.type = type,
                                                                         .reply = revoked ? BM_MSG_REVOKED_REPLY : BM_MSG_ANCHORS_REPLY,
                                                                         .body = bm_buf_view(&body),
                                                                         .tries = BM_SERVER_PEER_TRIES,
                                                                         .done = revoked ? on_revoked : on_anchor,
                                                                         .context = anchors});
}

/* Tells everyone who waits now; whoever joins in these calls waits for the next load. */
static void finish(bm_server_anchors *anchors, bm_result result)
{
    struct waiter_list waiters = STAILQ_HEAD_INITIALIZER(waiters);
    waiter *waiting;

    if (result.code == BM_OK) {
        bm_anchors_free(anchors->set);
        anchors->set = anchors->fresh;
        anchors->epoch = anchors->fresh_epoch;
        anchors->loads++;
        bm_log_line(anchors->log, "anchors epoch=%llu count=%zu revoked=%zu", (unsigned long long)anchors->epoch,
                    bm_anchors_count(anchors->set), bm_anchors_revoked_count(anchors->set));
    } else {
        bm_anchors_free(anchors->fresh);
        bm_log_failure(anchors->log, "the anchors cannot be loaded:", result);
    }
    anchors->fresh = NULL;
    STAILQ_CONCAT(&waiters, &anchors->waiters);
    while ((waiting = STAILQ_FIRST(&waiters)) != NULL) {
        STAILQ_REMOVE_HEAD(&waiters, link);
        waiting->done(waiting->context, result);
        free(waiting);
    }
}

static BM_RESULT restart(bm_server_anchors *anchors)
{
    BM_CHECK(anchors->restarts++ < RESTARTS_MAX, BM_E_UNAVAILABLE, "the anchors change too fast");
    bm_anchors_free(anchors->fresh);
    anchors->fresh = NULL;
    bm_buf_fini(&anchors->fresh_revoked);
    BM_TRY(bm_anchors_new(&anchors->fresh));
    return ask(anchors, BM_MSG_ANCHORS, 0);
}

/* Adds an anchor, and asks for the next; behind the last come the revoked certificates. */
static BM_RESULT take_anchor(bm_server_anchors *anchors, bm_message *reply)
{
    bm_message_anchor anchor;
    bm_result added;

    BM_TRY(bm_message_take_anchor(reply, &anchor));
    BM_CHECK(anchor.index == anchors->wanted && anchor.total <= ANCHORS_MAX, BM_E_MALFORMED, "an anchor that was not asked for, or too many");
    if (anchor.index == 0)
        anchors->fresh_epoch = anchor.epoch;
    if (anchor.epoch != anchors->fresh_epoch)
        return restart(anchors);
    if (anchor.index >= anchor.total)
        return ask(anchors, BM_MSG_REVOKED, 0);
    added = bm_anchors_add(anchors->fresh, anchor.der, anchor.class);
    if (added.code == BM_E_NO_MEMORY)
        return added;
    /* One that is no good is as one that is not there. */
    if (added.code != BM_OK)
        bm_log_failure(anchors->log, "an anchor is left out:", added);
    if (anchor.index + 1 < anchor.total)
        return ask(anchors, BM_MSG_ANCHORS, anchor.index + 1);
    return ask(anchors, BM_MSG_REVOKED, 0);
}

static void on_anchor(void *context, bm_result result, bm_message *reply)
{
    bm_server_anchors *anchors = context;

    if (result.code == BM_OK)
        result = take_anchor(anchors, reply);
    if (result.code != BM_OK)
        finish(anchors, result);
}

/* Keeps a piece of the revoked certificates; `done` says whether it was the last. */
static BM_RESULT take_revoked(bm_server_anchors *anchors, bm_message *reply, bool *done)
{
    bm_message_revoked piece;
    size_t before = anchors->fresh_revoked.size / BM_REVOKED_ID_SIZE;

    BM_TRY(bm_message_take_revoked(reply, &piece));
    if (piece.epoch != anchors->fresh_epoch)
        return restart(anchors);
    BM_CHECK(piece.index == before, BM_E_MALFORMED, "a piece of the revoked certificates that was not asked for");
    if (before == 0)
        BM_TRY(bm_buf_reserve(&anchors->fresh_revoked, (size_t)piece.total * BM_REVOKED_ID_SIZE));
    BM_TRY(bm_buf_put(&anchors->fresh_revoked, piece.ids));
    before += piece.ids.size / BM_REVOKED_ID_SIZE;
    if (before < piece.total)
        return ask(anchors, BM_MSG_REVOKED, (uint32_t)before);
    *done = true;
    return bm_anchors_revoke(anchors->fresh, &anchors->fresh_revoked);
}

static void on_revoked(void *context, bm_result result, bm_message *reply)
{
    bm_server_anchors *anchors = context;
    bool done = false;

    if (result.code == BM_OK)
        result = take_revoked(anchors, reply, &done);
    if (result.code != BM_OK || done)
        finish(anchors, result);
}

BM_RESULT bm_server_anchors_load(bm_server_anchors *anchors, bm_server_anchors_done done, void *context)
{
    waiter *waiting = calloc(1, sizeof(*waiting));

    BM_CHECK(waiting != NULL, BM_E_NO_MEMORY, NULL);
    if (anchors->fresh == NULL) {
        bm_result result;

        anchors->restarts = 0;
        result = restart(anchors);
        if (result.code != BM_OK) {
            bm_anchors_free(anchors->fresh);
            anchors->fresh = NULL;
            free(waiting);
            return result;
        }
    }
    waiting->done = done;
    waiting->context = context;
    STAILQ_INSERT_TAIL(&anchors->waiters, waiting, link);
    return bm_ok();
}

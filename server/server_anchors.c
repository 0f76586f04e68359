#include "server/server_anchors.h"

#include <stdlib.h>
#include <sys/queue.h>

#define RESTARTS_MAX 8

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
    bool loaded;
    uint64_t epoch;
    bm_anchors *fresh; /* the set that is being loaded; NULL when none is */
    uint64_t fresh_epoch;
    unsigned restarts;
    struct waiter_list waiters;
};

static void on_anchor(void *context, bm_result result, bm_message *reply);

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
    bm_anchors_free(anchors->fresh);
    bm_anchors_free(anchors->set);
    free(anchors);
}

bm_anchors *bm_server_anchors_set(const bm_server_anchors *anchors)
{
    return anchors->set;
}

bool bm_server_anchors_current(const bm_server_anchors *anchors, uint64_t epoch)
{
    return anchors->loaded && anchors->epoch == epoch;
}

static BM_RESULT ask(bm_server_anchors *anchors, uint32_t index)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    BM_TRY(bm_buf_put_u32(&body, index));
    return bm_server_peer_ask(anchors->ledger, &(bm_server_peer_request){.type = BM_MSG_ANCHORS,
                                                                         .reply = BM_MSG_ANCHORS_REPLY,
                                                                         .body = bm_buf_view(&body),
                                                                         .tries = BM_SERVER_PEER_TRIES,
                                                                         .done = on_anchor,
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
        anchors->loaded = true;
        bm_log_line(anchors->log, "anchors epoch=%llu count=%zu", (unsigned long long)anchors->epoch, bm_anchors_count(anchors->set));
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
    BM_TRY(bm_anchors_new(&anchors->fresh));
    return ask(anchors, 0);
}

/* Adds an anchor; `more` says whether there is another to ask for. */
static BM_RESULT take_anchor(bm_server_anchors *anchors, bm_message *reply, bool *more)
{
    bm_message_anchor anchor;
    bm_result added;

    BM_TRY(bm_message_take_anchor(reply, &anchor));
    *more = true;
    if (anchor.index == 0)
        anchors->fresh_epoch = anchor.epoch;
    if (anchor.epoch != anchors->fresh_epoch)
        return restart(anchors);
    if (anchor.index >= anchor.total) {
        *more = false;
        return bm_ok();
    }
    added = bm_anchors_add(anchors->fresh, anchor.der, anchor.class);
    if (added.code == BM_E_NO_MEMORY)
        return added;
    /* One that is no good is as one that is not there. */
    if (added.code != BM_OK)
        bm_log_failure(anchors->log, "an anchor is left out:", added);
    if (anchor.index + 1 < anchor.total)
        return ask(anchors, anchor.index + 1);
    *more = false;
    return bm_ok();
}

static void on_anchor(void *context, bm_result result, bm_message *reply)
{
    bm_server_anchors *anchors = context;
    bool more = false;

    if (result.code == BM_OK)
        result = take_anchor(anchors, reply, &more);
    if (result.code != BM_OK || !more)
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

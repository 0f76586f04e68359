#include "server/server_work.h"

#include <event2/event.h>
#include <stdlib.h>

#define TURN_MAX 16 /* items in a turn of the loop: some milliseconds; one after the other, they find their code in the caches */

struct bm_server_work {
    TAILQ_HEAD(work_items, bm_server_work_item) items;
    size_t length;
    struct event *turn;
};

/* In the next turn. Where there is no memory for a timer, in this one: it must not be never. */
static void await_turn(bm_server_work *work)
{
    const struct timeval next = {0};

    if (event_add(work->turn, &next) != 0)
        event_active(work->turn, EV_TIMEOUT, 1);
}

static void on_turn(evutil_socket_t fd, short events, void *context)
{
    bm_server_work *work = context;

    (void)fd;
    (void)events;
    for (unsigned i = 0; i < TURN_MAX; i++) {
        bm_server_work_item *item = TAILQ_FIRST(&work->items);

        if (item == NULL)
            return;
        bm_server_work_remove(work, item);
        item->run(item->context);
    }
    if (!TAILQ_EMPTY(&work->items))
        await_turn(work);
}

BM_RESULT bm_server_work_new(struct event_base *base, bm_server_work **work)
{
    bm_server_work *made = calloc(1, sizeof(*made));

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    TAILQ_INIT(&made->items);
    made->turn = evtimer_new(base, on_turn, made);
    if (made->turn == NULL) {
        free(made);
        return bm_fail(BM_E_NO_MEMORY, NULL);
    }
    *work = made;
    return bm_ok();
}

void bm_server_work_free(bm_server_work *work)
{
    if (work == NULL)
        return;
    event_free(work->turn);
    free(work);
}

void bm_server_work_add(bm_server_work *work, bm_server_work_item *item, void (*run)(void *context), void *context)
{
    bool first = TAILQ_EMPTY(&work->items);

    item->run = run;
    item->context = context;
    item->queued = true;
    TAILQ_INSERT_TAIL(&work->items, item, link);
    work->length++;
    /* After what else this turn of the loop has to do. */
    if (first)
        event_active(work->turn, EV_TIMEOUT, 1);
}

void bm_server_work_remove(bm_server_work *work, bm_server_work_item *item)
{
    if (!item->queued)
        return;
    TAILQ_REMOVE(&work->items, item, link);
    work->length--;
    item->queued = false;
}

size_t bm_server_work_length(const bm_server_work *work)
{
    return work->length;
}

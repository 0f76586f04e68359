/*
 * Work that takes long (public-key operations), a little in each turn of the event loop, in the order in which it came: what is quick, as a new
 * connection or the health, waits for a turn and not for everything that is queued.
 */
#ifndef BM_SERVER_SERVER_WORK_H
#define BM_SERVER_SERVER_WORK_H

#include "base/result.h"

#include <stddef.h>
#include <sys/queue.h>

struct event_base;
typedef struct bm_server_work bm_server_work;

/* What is queued; part of what its owner is about. Zero is one that is not queued. */
typedef struct bm_server_work_item {
    TAILQ_ENTRY(bm_server_work_item) link;
    bool queued;
    void (*run)(void *context);
    void *context;
} bm_server_work_item;

/* BM_E_NO_MEMORY. */
BM_RESULT bm_server_work_new(struct event_base *base, bm_server_work **work);

/* Frees; what is queued is never run. NULL is fine. */
void bm_server_work_free(bm_server_work *work);

/* Queues an item: `run` is called with its context from the loop, once, when it is its turn. */
void bm_server_work_add(bm_server_work *work, bm_server_work_item *item, void (*run)(void *context), void *context);

/* How many are queued. */
size_t bm_server_work_length(const bm_server_work *work);

/* Takes an item out of the queue, if it is there. */
void bm_server_work_remove(bm_server_work *work, bm_server_work_item *item);

#endif

#include "device/talk/watch.h"

#include "device/talk/sink.h"
#include "program/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#define LOOK_NS 100000000
#define SECOND_NS 1000000000

struct bm_watch {
    const bm_sink *sink;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows; held while the sink is told */
    pthread_cond_t wake;
    bool stop;
    bool busy;
    int64_t since; /* when the command began */
    int64_t told;  /* seconds of it */
};

static void tell(const bm_watch *watch, bm_sink_kind kind, int64_t taken)
{
    const bm_sink_event event = {.kind = kind, .ms = taken / 1000000, .text = ""};

    watch->sink->tell(watch->sink->context, &event);
}

/* With the lock. */
static void look(bm_watch *watch)
{
    int64_t taken = bm_clock_ns() - watch->since;

    if (!watch->busy || taken / SECOND_NS <= watch->told)
        return;
    watch->told = taken / SECOND_NS;
    tell(watch, BM_SINK_WAITS, taken);
}

static void *keep_watch(void *context)
{
    bm_watch *watch = context;

    (void)pthread_mutex_lock(&watch->lock);
    while (!watch->stop) {
        struct timespec until;

        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_NS;
        if (until.tv_nsec >= SECOND_NS) {
            until.tv_nsec -= SECOND_NS;
            until.tv_sec++;
        }
        (void)pthread_cond_timedwait(&watch->wake, &watch->lock, &until);
        look(watch);
    }
    (void)pthread_mutex_unlock(&watch->lock);
    return NULL;
}

/* A thread inherits the mask: no handler of the program runs in it. */
static bool start(bm_watch *watch)
{
    sigset_t all;
    sigset_t before;
    bool started;

    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return false;
    started = pthread_create(&watch->thread, NULL, keep_watch, watch) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* Its waits end by the clock that nobody sets. */
static bool make_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    bool made = pthread_condattr_init(&attributes) == 0;

    if (!made)
        return false;
    made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 && pthread_cond_init(condition, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    return made;
}

bm_watch *bm_watch_new(void)
{
    const bm_sink *sink = bm_sink_current();
    bm_watch *watch = sink != NULL && sink->tell != NULL ? calloc(1, sizeof(*watch)) : NULL;

    if (watch == NULL)
        return NULL;
    watch->sink = sink;
    (void)pthread_mutex_init(&watch->lock, NULL);
    if (!make_condition(&watch->wake)) {
        (void)pthread_mutex_destroy(&watch->lock);
        free(watch);
        return NULL;
    }
    if (!start(watch)) {
        (void)pthread_cond_destroy(&watch->wake);
        (void)pthread_mutex_destroy(&watch->lock);
        free(watch);
        return NULL;
    }
    return watch;
}

void bm_watch_free(bm_watch *watch)
{
    if (watch == NULL)
        return;
    (void)pthread_mutex_lock(&watch->lock);
    watch->stop = true;
    watch->busy = false;
    (void)pthread_cond_signal(&watch->wake);
    (void)pthread_mutex_unlock(&watch->lock);
    (void)pthread_join(watch->thread, NULL);
    (void)pthread_cond_destroy(&watch->wake);
    (void)pthread_mutex_destroy(&watch->lock);
    free(watch);
}

void bm_watch_begin(bm_watch *watch)
{
    if (watch == NULL)
        return;
    (void)pthread_mutex_lock(&watch->lock);
    if (!watch->busy) {
        watch->busy = true;
        watch->since = bm_clock_ns();
        watch->told = 0;
    }
    (void)pthread_mutex_unlock(&watch->lock);
}

void bm_watch_end(bm_watch *watch)
{
    if (watch == NULL)
        return;
    (void)pthread_mutex_lock(&watch->lock);
    if (watch->busy && watch->told > 0)
        tell(watch, BM_SINK_RESUMED, bm_clock_ns() - watch->since);
    watch->busy = false;
    (void)pthread_mutex_unlock(&watch->lock);
}

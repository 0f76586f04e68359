#include "device/tunnel/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct bm_tunnel_worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int done_fd;
    bool running;
    bool stop;
    bm_tunnel_job *first; /* to be done, in their order */
    bm_tunnel_job *last;
    bm_tunnel_job *done;
};

/* The next job; NULL: it is over. With the lock. */
static bm_tunnel_job *next_job(bm_tunnel_worker *worker)
{
    bm_tunnel_job *job;

    while (worker->first == NULL && !worker->stop)
        (void)pthread_cond_wait(&worker->wake, &worker->lock);
    if (worker->stop)
        return NULL;
    job = worker->first;
    worker->first = job->next;
    if (worker->first == NULL)
        worker->last = NULL;
    return job;
}

static void *work(void *context)
{
    bm_tunnel_worker *worker = context;
    const uint64_t one = 1;
    bm_tunnel_job *job;

    (void)pthread_mutex_lock(&worker->lock);
    while ((job = next_job(worker)) != NULL) {
        (void)pthread_mutex_unlock(&worker->lock);
        job->step = bm_tunnel_session_shake(job->session, true);
        (void)pthread_mutex_lock(&worker->lock);
        job->next = worker->done;
        worker->done = job;
        if (write(worker->done_fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
            break;
    }
    (void)pthread_mutex_unlock(&worker->lock);
    return NULL;
}

BM_RESULT bm_tunnel_worker_new(bm_tunnel_worker **worker)
{
    bm_tunnel_worker *made = calloc(1, sizeof(*made));
    sigset_t all;
    sigset_t before;

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    (void)pthread_mutex_init(&made->lock, NULL);
    (void)pthread_cond_init(&made->wake, NULL);
    made->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    made->running = made->done_fd >= 0 && pthread_create(&made->thread, NULL, work, made) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!made->running) {
        bm_tunnel_worker_free(made);
        return bm_fail(BM_E_INTERNAL, "no thread can be started");
    }
    *worker = made;
    return bm_ok();
}

void bm_tunnel_worker_free(bm_tunnel_worker *worker)
{
    if (worker == NULL)
        return;
    (void)pthread_mutex_lock(&worker->lock);
    worker->stop = true;
    (void)pthread_cond_signal(&worker->wake);
    (void)pthread_mutex_unlock(&worker->lock);
    if (worker->running)
        (void)pthread_join(worker->thread, NULL);
    if (worker->done_fd >= 0)
        (void)close(worker->done_fd);
    (void)pthread_cond_destroy(&worker->wake);
    (void)pthread_mutex_destroy(&worker->lock);
    free(worker);
}

int bm_tunnel_worker_fd(const bm_tunnel_worker *worker)
{
    return worker->done_fd;
}

void bm_tunnel_worker_give(bm_tunnel_worker *worker, bm_tunnel_job *job)
{
    job->next = NULL;
    (void)pthread_mutex_lock(&worker->lock);
    if (worker->last != NULL)
        worker->last->next = job;
    else
        worker->first = job;
    worker->last = job;
    (void)pthread_cond_signal(&worker->wake);
    (void)pthread_mutex_unlock(&worker->lock);
}

bm_tunnel_job *bm_tunnel_worker_take(bm_tunnel_worker *worker)
{
    uint64_t count;
    bm_tunnel_job *done;

    (void)!read(worker->done_fd, &count, sizeof(count));
    (void)pthread_mutex_lock(&worker->lock);
    done = worker->done;
    worker->done = NULL;
    (void)pthread_mutex_unlock(&worker->lock);
    return done;
}

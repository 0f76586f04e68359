#include "api/pipe.h"

#include <stddef.h>

static bool is_pending(void)
{
    sigset_t set;

    return sigpending(&set) == 0 && sigismember(&set, SIGPIPE) == 1;
}

void bm_pipe_hold(bm_pipe *before)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    before->pending = is_pending();
    (void)pthread_sigmask(SIG_BLOCK, &set, &before->mask);
}

void bm_pipe_release(const bm_pipe *before)
{
    const struct timespec now = {.tv_sec = 0};
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGPIPE);
    if (!before->pending && is_pending())
        (void)sigtimedwait(&set, NULL, &now);
    (void)pthread_sigmask(SIG_SETMASK, &before->mask, NULL);
}

#include "program/interrupt.h"

#include <signal.h>

static const int held[] = {SIGINT, SIGTERM, SIGHUP};

BM_RESULT bm_interrupt_hold(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++)
        (void)sigaddset(&set, held[i]);
    BM_CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0, BM_E_INTERNAL, "the signals cannot be held back");
    BM_CHECK(sigaction(SIGPIPE, &ignore, NULL) == 0, BM_E_INTERNAL, "SIGPIPE cannot be ignored");
    return bm_ok();
}

bool bm_interrupt_pending(void)
{
    sigset_t set;

    if (sigpending(&set) != 0)
        return false;
    for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++)
        if (sigismember(&set, held[i]) == 1)
            return true;
    return false;
}

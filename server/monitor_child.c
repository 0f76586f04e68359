#include "server/monitor_child.h"

#include "server/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

BM_RESULT bm_monitor_child_raise(int *fd)
{
    int high = fcntl(*fd, F_DUPFD_CLOEXEC, BM_MONITOR_FD_FIRST);

    if (high < 0)
        return bm_failf(BM_E_IO, "too many descriptors: %s; see ulimit -n", strerror(errno));
    (void)close(*fd);
    *fd = high;
    return bm_ok();
}

void bm_monitor_child_name(const bm_monitor_child *child, char name[24])
{
    if (child->index < 0)
        (void)snprintf(name, 24, "%s", bm_process_name(child->process));
    else
        (void)snprintf(name, 24, "%s[%d]", bm_process_name(child->process), child->index);
}

/* In the new process: nothing of the monitor's comes with it but what is named here. It ends with the monitor. */
static _Noreturn void become(const bm_monitor_child *child, const bm_monitor_gift *gift, int handover, int ready, pid_t monitor)
{
    char program[] = "birthmarkd", option[] = "-x", index[16];
    char name[24];
    char *arguments[] = {program, option, name, child->index < 0 ? NULL : index, NULL};
    char *environment[] = {NULL};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;
    bool good;

    (void)snprintf(index, sizeof(index), "%d", child->index);
    (void)snprintf(name, sizeof(name), "%s", bm_process_name(child->process));
    (void)sigemptyset(&none);
    good = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == monitor && setsid() >= 0;
    /*
     * Before it is let through: a service manager may send it to all processes at once, whatever they have
     * come to (bm_process_term_fd).
     */
    good = good && sigaction(SIGHUP, &ignore, NULL) == 0 && sigprocmask(SIG_SETMASK, &none, NULL) == 0;
    good = good && null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0;
    good = good && dup2(handover, BM_FD_HANDOVER) >= 0 && dup2(ready, BM_FD_READY) >= 0;
    for (size_t i = 0; i < gift->fd_count && good; i++)
        good = dup2(gift->fds[i], BM_FD_FIRST + (int)i) >= 0;
    if (good)
        (void)execve("/proc/self/exe", arguments, environment);
    _exit(BM_EXIT_CANNOT_BEGIN);
}

static BM_RESULT fork_child(bm_monitor_child *child, const bm_monitor_gift *gift, int handover, int ready)
{
    pid_t monitor = getpid();
    pid_t pid = fork();

    if (pid < 0)
        return bm_failf(BM_E_IO, "fork: %s", strerror(errno));
    if (pid == 0)
        become(child, gift, handover, ready, monitor);
    child->pid = pid;
    return bm_ok();
}

/* The two ends of a pipe, both high. */
static BM_RESULT ready_pipe(int ends[2])
{
    bm_result result;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return bm_failf(BM_E_IO, "pipe: %s", strerror(errno));
    result = bm_monitor_child_raise(&ends[0]);
    if (result.code == BM_OK)
        result = bm_monitor_child_raise(&ends[1]);
    if (result.code != BM_OK) {
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
    return result;
}

static BM_RESULT start_with(bm_monitor_child *child, const bm_monitor_gift *gift, int handover)
{
    int ends[2];
    bm_result result;

    BM_TRY(ready_pipe(ends));
    result = fork_child(child, gift, handover, ends[1]);
    (void)close(ends[1]);
    if (result.code != BM_OK) {
        (void)close(ends[0]);
        return result;
    }
    child->ready_fd = ends[0];
    child->was_ready = false;
    child->start_at = 0;
    return bm_ok();
}

BM_RESULT bm_monitor_child_start(bm_monitor_child *child, const bm_monitor_gift *gift)
{
    bm_result result;
    int handover;

    BM_TRY(bm_handover_put(gift->pieces, gift->piece_count, &handover));
    result = bm_monitor_child_raise(&handover);
    if (result.code == BM_OK)
        result = start_with(child, gift, handover);
    (void)close(handover);
    return result;
}

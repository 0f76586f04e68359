/* The monitor's loop: signals, processes that have begun, processes that are to be started again. */
#include "server/monitor.h"

#include "server/channel.h"
#include "server/log.h"
#include "server/monitor_child.h"
#include "server/monitor_gifts.h"
#include "server/monitor_user.h"
#include "server/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BACKOFF_MS 25
#define BACKOFF_STEPS 16
#define BACKOFF_MAX_MS 5000
#define POLL_PAUSE_MS 200
#define STEADY_MS 10000 /* a process that lived so long has worked */
#define SERVERS_STOP_MS 6000
#define OTHERS_STOP_MS 2000

/* The children: the keeper and the ledger, and then the servers. */
#define KEEPER 0
#define LEDGER 1
#define FIRST_SERVER 2
#define CHILDREN_MAX (FIRST_SERVER + BM_PROCESS_SERVERS_MAX)

typedef enum {
    MONITOR_STARTING, /* not all have begun for the first time: what dies now would die again */
    MONITOR_RUNNING,
    MONITOR_STOPPING_SERVERS, /* they finish what is in flight */
    MONITOR_STOPPING_OTHERS
} monitor_phase;

typedef struct {
    bm_log log;
    const bm_monitor_options *options;
    bm_monitor_gifts gifts;
    bm_monitor_child children[CHILDREN_MAX];
    size_t child_count;
    monitor_phase phase;
    int64_t stop_by; /* when what still runs is killed */
    int signal_fd;
    bool poll_failed; /* it was said */
    int exit_code;
} monitor_self;

static bool is_running(const monitor_self *monitor, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (monitor->children[i].pid != 0)
            return true;
    return false;
}

static void signal_all(const monitor_self *monitor, size_t from, size_t to, int signal)
{
    for (size_t i = from; i < to; i++)
        if (monitor->children[i].pid != 0)
            (void)kill(monitor->children[i].pid, signal);
}

/* The servers first; the ledger and the keeper when these have nothing to ask any more. */
static void stop(monitor_self *monitor, int exit_code)
{
    if (monitor->phase >= MONITOR_STOPPING_SERVERS)
        return;
    monitor->exit_code = exit_code;
    monitor->phase = MONITOR_STOPPING_SERVERS;
    monitor->stop_by = bm_process_now_ms() + SERVERS_STOP_MS;
    for (size_t i = 0; i < monitor->child_count; i++)
        monitor->children[i].start_at = 0;
    bm_monitor_gifts_stop_listening(&monitor->gifts);
    signal_all(monitor, FIRST_SERVER, monitor->child_count, SIGTERM);
}

/* The next step of stopping, when it is time for it; true at its end. */
static bool step_stop(monitor_self *monitor)
{
    if (monitor->phase < MONITOR_STOPPING_SERVERS)
        return false;
    if (bm_process_now_ms() >= monitor->stop_by)
        signal_all(monitor, monitor->phase == MONITOR_STOPPING_SERVERS ? FIRST_SERVER : 0, monitor->child_count, SIGKILL);
    if (monitor->phase == MONITOR_STOPPING_SERVERS && !is_running(monitor, FIRST_SERVER, monitor->child_count)) {
        monitor->phase = MONITOR_STOPPING_OTHERS;
        monitor->stop_by = bm_process_now_ms() + OTHERS_STOP_MS;
        signal_all(monitor, 0, FIRST_SERVER, SIGTERM);
    }
    return !is_running(monitor, 0, monitor->child_count);
}

/*
 * When to start it again: at once, and later and later when it keeps failing. It is never given up: what it fails of (a full disk, a limit, a
 * request that kills it) may go away, and until then a try every few seconds costs next to nothing.
 */
static void plan_restart(monitor_self *monitor, bm_monitor_child *child, bool worked)
{
    int64_t wait = 0;
    char name[24];

    child->failures = worked ? 0 : child->failures + 1;
    if (child->failures > 1)
        wait = (int64_t)BACKOFF_MS << (child->failures < BACKOFF_STEPS ? child->failures : BACKOFF_STEPS);
    if (wait > BACKOFF_MAX_MS)
        wait = BACKOFF_MAX_MS;
    if (wait == BACKOFF_MAX_MS) {
        bm_monitor_child_name(child, name);
        bm_log_line(&monitor->log, "%s failed %u times in a row; the lines above say why; the next try is in %d seconds", name,
                    child->failures, BACKOFF_MAX_MS / 1000);
    }
    child->start_at = bm_process_now_ms() + wait + 1;
}

/*
 * Did it work until something that is no fault of its own ended it? One that lived for a while did; and one that had begun and was killed from
 * outside, by a person or by the kernel for want of memory (it cannot send itself SIGKILL: its sandbox kills by SIGSYS).
 */
static bool has_worked(const bm_monitor_child *child, int status)
{
    return child->was_ready && ((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) || bm_process_now_ms() - child->started >= STEADY_MS);
}

static void describe_end(int status, char text[32])
{
    if (WIFSIGNALED(status))
        (void)snprintf(text, 32, "signal=%d", WTERMSIG(status));
    else
        (void)snprintf(text, 32, "code=%d", WEXITSTATUS(status));
}

static void on_end(monitor_self *monitor, bm_monitor_child *child, int status)
{
    char name[24], end[32];

    bm_monitor_child_name(child, name);
    describe_end(status, end);
    child->pid = 0;
    if (child->ready_fd >= 0)
        (void)close(child->ready_fd);
    child->ready_fd = -1;
    if (monitor->phase >= MONITOR_STOPPING_SERVERS)
        return;
    bm_log_line(&monitor->log, "%s died %s%s", name, end, WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? " (by its sandbox)" : "");
    if (monitor->phase == MONITOR_STARTING) {
        bm_log_line(&monitor->log, "gave up: %s cannot begin; the lines above say why", name);
        stop(monitor, BM_EXIT_CANNOT_BEGIN);
        return;
    }
    plan_restart(monitor, child, has_worked(child, status));
}

static void reap(monitor_self *monitor)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < monitor->child_count; i++)
            if (monitor->children[i].pid == pid)
                on_end(monitor, &monitor->children[i], status);
}

static void on_signals(monitor_self *monitor)
{
    struct signalfd_siginfo info;

    while (read(monitor->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            continue;
        if (info.ssi_signo == SIGHUP) {
            bm_log_line(&monitor->log, "SIGHUP does nothing: to apply a changed configuration, restart the service "
                                       "(systemctl restart birthmarkd)");
            continue;
        }
        if (monitor->phase >= MONITOR_STOPPING_SERVERS)
            monitor->stop_by = 0; /* asked twice: at once */
        else
            bm_log_line(&monitor->log, "stopping");
        stop(monitor, 0);
    }
    reap(monitor);
}

static BM_RESULT start_child(monitor_self *monitor, bm_monitor_child *child)
{
    char name[24];

    child->started = bm_process_now_ms();
    BM_TRY(bm_monitor_gifts_start(&monitor->gifts, child));
    bm_monitor_child_name(child, name);
    bm_log_line(&monitor->log, "%s started pid=%d", name, (int)child->pid);
    return bm_ok();
}

/* Starts what is due. A start that does not succeed is a failure of the process. */
static void start_due(monitor_self *monitor)
{
    for (size_t i = 0; i < monitor->child_count; i++) {
        bm_monitor_child *child = &monitor->children[i];
        bm_result result;

        if (child->start_at == 0 || child->start_at > bm_process_now_ms())
            continue;
        child->start_at = 0;
        result = start_child(monitor, child);
        if (result.code != BM_OK) {
            bm_log_failure(&monitor->log, "cannot start:", result);
            plan_restart(monitor, child, false);
        }
    }
}

/* Everyone has begun: say where we listen, once. */
static BM_RESULT announce(monitor_self *monitor)
{
    BM_AUTO_BUF line = BM_BUF_EMPTY;

    for (size_t i = 0; i < monitor->child_count; i++)
        if (!monitor->children[i].was_ready)
            return bm_ok();
    monitor->phase = MONITOR_RUNNING;
    BM_TRY(bm_buf_putf(&line, "listening on %s://%s\n", monitor->options->plain ? "http" : "https", monitor->gifts.listening));
    return bm_channel_write_all(STDOUT_FILENO, bm_buf_view(&line));
}

static BM_RESULT on_ready(monitor_self *monitor, bm_monitor_child *child)
{
    char byte;
    ssize_t size = read(child->ready_fd, &byte, 1);

    /* When it died instead, SIGCHLD says so. */
    child->was_ready = size == 1;
    (void)close(child->ready_fd);
    child->ready_fd = -1;
    return monitor->phase == MONITOR_STARTING ? announce(monitor) : bm_ok();
}

/* How long nothing needs to be done, in milliseconds; -1: for ever. */
static int idle_time(const monitor_self *monitor)
{
    int64_t now = bm_process_now_ms();
    int64_t until = monitor->phase >= MONITOR_STOPPING_SERVERS ? monitor->stop_by : INT64_MAX;

    for (size_t i = 0; i < monitor->child_count; i++)
        if (monitor->children[i].start_at != 0 && monitor->children[i].start_at < until)
            until = monitor->children[i].start_at;
    if (until == INT64_MAX)
        return -1;
    return until > now ? (int)(until - now) + 1 : 10;
}

/* Without memory, or with a limit of descriptors below those that are asked for, poll fails: no reason to end what runs. Looks again soon. */
static void await_without_poll(monitor_self *monitor)
{
    const struct timespec pause = {.tv_nsec = POLL_PAUSE_MS * 1000000L};

    if (!monitor->poll_failed)
        bm_log_line(&monitor->log, "poll: %s; is the limit of open files (ulimit -n) too low? trying on", strerror(errno));
    monitor->poll_failed = true;
    (void)nanosleep(&pause, NULL);
}

static BM_RESULT wait_once(monitor_self *monitor)
{
    struct pollfd polled[CHILDREN_MAX + 1];

    for (size_t i = 0; i < monitor->child_count; i++)
        polled[i] = (struct pollfd){.fd = monitor->children[i].ready_fd, .events = POLLIN};
    polled[monitor->child_count] = (struct pollfd){.fd = monitor->signal_fd, .events = POLLIN};
    if (poll(polled, monitor->child_count + 1, idle_time(monitor)) < 0 && errno != EINTR)
        await_without_poll(monitor);
    for (size_t i = 0; i < monitor->child_count; i++)
        if (polled[i].fd >= 0 && polled[i].revents != 0)
            BM_TRY(on_ready(monitor, &monitor->children[i]));
    on_signals(monitor);
    return bm_ok();
}

static BM_RESULT loop(monitor_self *monitor)
{
    for (size_t i = 0; i < monitor->child_count; i++)
        BM_TRY(start_child(monitor, &monitor->children[i]));
    while (!step_stop(monitor)) {
        start_due(monitor);
        BM_TRY(wait_once(monitor));
    }
    return bm_ok();
}

/* Signals come through a descriptor; no core files, and nobody reads our memory; as many descriptors as there may be. */
static BM_RESULT protect(monitor_self *monitor)
{
    const struct rlimit no_core = {0, 0};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct rlimit files;
    sigset_t signals;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGCHLD);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    if (sigaction(SIGPIPE, &ignore, NULL) != 0 || sigprocmask(SIG_BLOCK, &signals, NULL) != 0 || setrlimit(RLIMIT_CORE, &no_core) != 0 ||
        prctl(PR_SET_DUMPABLE, 0) != 0)
        return bm_failf(BM_E_IO, "the monitor cannot be protected: %s", strerror(errno));
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    monitor->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (monitor->signal_fd < 0)
        return bm_failf(BM_E_IO, "signalfd: %s", strerror(errno));
    return bm_monitor_child_raise(&monitor->signal_fd);
}

static size_t count_servers(const bm_monitor_options *options, const bm_config *config)
{
    cpu_set_t cores;
    size_t count = options->servers != 0 ? options->servers : config->servers;

    if (count == 0)
        count = sched_getaffinity(0, sizeof(cores), &cores) == 0 ? (size_t)CPU_COUNT(&cores) : 1;
    return count < BM_PROCESS_SERVERS_MAX ? count : BM_PROCESS_SERVERS_MAX;
}

static void make_children(monitor_self *monitor)
{
    monitor->child_count = FIRST_SERVER + monitor->gifts.server_count;
    for (size_t i = 0; i < monitor->child_count; i++) {
        bm_monitor_child *child = &monitor->children[i];

        *child = (bm_monitor_child){.process = BM_PROCESS_SERVER, .index = (int)i - FIRST_SERVER, .ready_fd = -1};
        if (i < FIRST_SERVER) {
            child->process = i == KEEPER ? BM_PROCESS_KEEPER : BM_PROCESS_LEDGER;
            child->index = -1;
        }
    }
}

/* Before anything is read or listened to; memory is locked by then. The change of user makes the process dumpable again. */
static BM_RESULT become_user(monitor_self *monitor)
{
    bm_process_raise_locked();
    if (monitor->options->user != NULL)
        BM_TRY(bm_monitor_user_become(monitor->options->user));
    else if (geteuid() == 0)
        bm_log_line(&monitor->log, "runs as root, and need not: give it a user of its own (--user, or User= of the unit)");
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        return bm_failf(BM_E_IO, "prctl: %s", strerror(errno));
    bm_process_lock_memory(BM_PROCESS_LOCK_ALWAYS, &monitor->log);
    return bm_ok();
}

static BM_RESULT run(monitor_self *monitor)
{
    const bm_monitor_options *options = monitor->options;
    bm_monitor_gifts *gifts = &monitor->gifts;
    bm_result result;

    BM_TRY(protect(monitor));
    BM_TRY(become_user(monitor));
    BM_TRY(bm_monitor_state_read(options->state, options->passphrase_file, options->plain, &gifts->state));
    gifts->server_count = count_servers(options, &gifts->state.config);
    result = bm_monitor_gifts_open(gifts, options->listen);
    if (result.code == BM_E_IO)
        return bm_failf(BM_E_IO, "--listen %s: %s", options->listen, result.detail);
    BM_TRY(result);
    BM_TRY(bm_sandbox_enter_monitor());
    make_children(monitor);
    return loop(monitor);
}

int bm_monitor_main(const bm_monitor_options *options)
{
    monitor_self monitor = {.options = options, .signal_fd = -1};
    bm_result result;

    bm_log_init(&monitor.log, "monitor", -1);
    result = run(&monitor);
    if (result.code != BM_OK) {
        bm_log_failure(&monitor.log, "gave up:", result);
        monitor.exit_code = result.code == BM_E_USAGE ? BM_EXIT_USAGE : BM_EXIT_CANNOT_BEGIN;
        signal_all(&monitor, 0, monitor.child_count, SIGKILL);
    }
    bm_monitor_gifts_fini(&monitor.gifts);
    if (monitor.signal_fd >= 0)
        (void)close(monitor.signal_fd);
    return monitor.exit_code;
}

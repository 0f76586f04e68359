#include "server/process.h"

#include "server/channel.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PROBE_SIZE ((size_t)40 << 20) /* scrypt's 32 MiB for a passphrase that somebody chose, and some */

static const char *const names[BM_PROCESS_COUNT] = {
    [BM_PROCESS_SERVER] = "server",
    [BM_PROCESS_LEDGER] = "ledger",
    [BM_PROCESS_KEEPER] = "keeper",
};

const char *bm_process_name(bm_process process)
{
    return names[process];
}

BM_RESULT bm_process_by_name(const char *name, bm_process *process)
{
    for (unsigned i = 0; i < BM_PROCESS_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            *process = (bm_process)i;
            return bm_ok();
        }
    }
    return bm_fail(BM_E_USAGE, "there is no such process");
}

/* Root's rights, where root runs this: they read and trace what its user alone may not. The right to lock memory is kept: it gives nothing else. */
static int drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct all[_LINUX_CAPABILITY_U32S_3] = {{0}};
    struct __user_cap_data_struct kept[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (syscall(SYS_capget, &head, all) != 0)
        return -1;
    kept[0].permitted = kept[0].effective = all[0].permitted & (UINT32_C(1) << CAP_IPC_LOCK);
    return (int)syscall(SYS_capset, &head, kept);
}

/*
 * What wakes up waits for its turn and does not push out who works: what has come by then is done in one go, with caches that are warm, and the
 * ledger's commits are larger. 8 to 14 % of the CPU a device. Who started us with another policy knows why.
 */
static void work_in_batches(void)
{
    const struct sched_param normal = {0};

    if (sched_getscheduler(0) == SCHED_OTHER)
        (void)sched_setscheduler(0, SCHED_BATCH, &normal);
}

BM_RESULT bm_process_begin(int end)
{
    const struct rlimit none = {0, 0};

    /* Executed through /proc/self/exe, it would be called "exe" in the lists of processes. */
    (void)prctl(PR_SET_NAME, "birthmarkd");
    work_in_batches();
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        drop_capabilities() != 0)
        return bm_failf(BM_E_IO, "this process cannot be protected: %s", strerror(errno));
    if (close_range((unsigned)end, ~0U, 0) != 0)
        return bm_failf(BM_E_IO, "close_range: %s", strerror(errno));
    return bm_ok();
}

void bm_process_raise_locked(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_MEMLOCK, &limit);
    if (limit.rlim_max < BM_PROCESS_LOCKED_MAX) {
        limit = (struct rlimit){BM_PROCESS_LOCKED_MAX, BM_PROCESS_LOCKED_MAX};
        (void)setrlimit(RLIMIT_MEMLOCK, &limit);
    }
}

/* Whatever is locked from the beginning counts against the limit: is there room for the most that is needed at once? */
static bool has_room(void)
{
    void *probe = mmap(NULL, PROBE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (probe == MAP_FAILED)
        return false;
    (void)munmap(probe, PROBE_SIZE);
    return true;
}

void bm_process_lock_memory(bm_process_lock which, const bm_log *log)
{
    int flags = MCL_CURRENT | MCL_ONFAULT | (which == BM_PROCESS_LOCK_ALWAYS ? MCL_FUTURE : 0);

    if (mlockall(flags) == 0) {
        if (which != BM_PROCESS_LOCK_ALWAYS || has_room())
            return;
        (void)munlockall();
    }
    bm_log_line(log, "locked=no its keys may be swapped to disk: let it lock %zu MiB of memory (LimitMEMLOCK=64M, or ulimit -l 65536)",
                BM_PROCESS_LOCKED_MAX >> 20);
}

BM_RESULT bm_process_ready(void)
{
    BM_TRY(bm_channel_write_all(BM_FD_READY, bm_bytes_str("R")));
    (void)close(BM_FD_READY);
    return bm_ok();
}

BM_RESULT bm_process_term_fd(int *fd)
{
    /* SIGXFSZ: a file that may not grow (RLIMIT_FSIZE) is a full disk, and no reason to die. */
    static const int ignored[] = {SIGINT, SIGHUP, SIGPIPE, SIGXFSZ};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t term;

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        if (sigaction(ignored[i], &ignore, NULL) != 0)
            return bm_failf(BM_E_IO, "sigaction: %s", strerror(errno));
    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    if (sigprocmask(SIG_SETMASK, &term, NULL) != 0)
        return bm_failf(BM_E_IO, "sigprocmask: %s", strerror(errno));
    *fd = signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK);
    if (*fd < 0)
        return bm_failf(BM_E_IO, "signalfd: %s", strerror(errno));
    return bm_ok();
}

int64_t bm_process_now_ms(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

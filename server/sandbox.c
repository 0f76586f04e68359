#include "server/sandbox.h"

#include "program/filter.h"
#include "program/sanitized.h"
#include "protocol/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Messages, memory, time, randomness, the answer of a signal handler, and the end. Not sendmsg and recvmsg, by which processes hand each other
 * open files; sendto is below. sysinfo is for qsort: glibc asks it how much memory there is when
 * more than 1024 bytes are to be sorted, as the attributes of a long RDN in a certificate that a client sent.
 */
static const int common[] = {
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(close), SCMP_SYS(recvfrom),
    SCMP_SYS(munmap), SCMP_SYS(brk), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(sysinfo), SCMP_SYS(exit), SCMP_SYS(exit_group), BM_FILTER_END,
};

/* The server: the connections that come to its listening socket, and libevent's loop. */
static const int server[] = {
    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(accept4), SCMP_SYS(rt_sigaction), BM_FILTER_END,
};

/* The keeper: its socket pairs. */
static const int keeper[] = {SCMP_SYS(poll), SCMP_SYS(ppoll), BM_FILTER_END};

/* The ledger: its socket pairs, and what SQLite does with the files that it has open. */
static const int ledger[] = {
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(lseek), SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(fsync),
    SCMP_SYS(fdatasync), SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(stat),
    SCMP_SYS(lstat), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
    SCMP_SYS(getcwd), SCMP_SYS(geteuid), SCMP_SYS(getuid), SCMP_SYS(fchmod), SCMP_SYS(fchown), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep), SCMP_SYS(statx), BM_FILTER_END,
};

/* What SQLite also tries: to remove its write-ahead log when it closes. It goes on without. */
static const int not_for_ledger[] = {SCMP_SYS(unlink), SCMP_SYS(unlinkat), BM_FILTER_END};

/*
 * What the monitor has no business with once its sockets are there. It starts the others, so it must be able to do what they do when they begin;
 * what is here they never do either.
 */
static const int not_for_monitor[] = {
    SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev), SCMP_SYS(process_madvise), SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp), SCMP_SYS(mount), SCMP_SYS(umount2),
    SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(fsopen), SCMP_SYS(fspick), SCMP_SYS(open_tree),
    SCMP_SYS(move_mount), SCMP_SYS(mount_setattr), SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid), SCMP_SYS(setregid),
    SCMP_SYS(setresuid), SCMP_SYS(setresgid), SCMP_SYS(setfsuid), SCMP_SYS(setfsgid), SCMP_SYS(setgroups), SCMP_SYS(personality),
    SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(io_setup), SCMP_SYS(bpf), SCMP_SYS(userfaultfd),
    SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(perf_event_open), SCMP_SYS(shmget), SCMP_SYS(shmat),
    SCMP_SYS(msgget), SCMP_SYS(semget), SCMP_SYS(inotify_init1), SCMP_SYS(fanotify_init), SCMP_SYS(open_by_handle_at), SCMP_SYS(execveat),
    SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot), SCMP_SYS(syslog), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(acct), SCMP_SYS(quotactl), SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime), SCMP_SYS(adjtimex), SCMP_SYS(sethostname), SCMP_SYS(setdomainname), SCMP_SYS(iopl),
    SCMP_SYS(ioperm), SCMP_SYS(pkey_mprotect), SCMP_SYS(tgkill), SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(rt_tgsigqueueinfo),
    SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), BM_FILTER_END,
};

#if BM_SANITIZED
/* What the sanitizers' run time does: its reports, and the end of the process. */
static const int sanitized[] = {
    SCMP_SYS(sigaltstack), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(readlink), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(prctl), SCMP_SYS(getrlimit), SCMP_SYS(prlimit64), SCMP_SYS(pipe),
    SCMP_SYS(pipe2), SCMP_SYS(rt_sigaction), SCMP_SYS(getuid), SCMP_SYS(geteuid), BM_FILTER_END,
};
#endif

static const int *const lists[BM_PROCESS_COUNT] = {
    [BM_PROCESS_SERVER] = server,
    [BM_PROCESS_LEDGER] = ledger,
    [BM_PROCESS_KEEPER] = keeper,
};

static int allow(scmp_filter_ctx filter, const int *calls)
{
    return bm_filter_add(filter, SCMP_ACT_ALLOW, calls);
}

/*
 * Flags and locks of descriptors. Not their owner (F_SETOWN, F_SETSIG): the kernel would send it any signal, to whichever process of this user it
 * is, and that ends the monitor as well as kill would. Nor what reading and writing do (F_SETFL): the listening socket and the log are also the
 * monitor's, and those of the process that is started after this one, which would wait in them.
 */
static int allow_fcntl(scmp_filter_ctx filter)
{
    static const unsigned commands[] = {F_GETFD, F_SETFD, F_GETFL, F_GETLK, F_SETLK, F_SETLKW};
    int rc = 0;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && rc == 0; i++) {
        const struct scmp_arg_cmp is_command = {.arg = 1, .op = SCMP_CMP_EQ, .datum_a = commands[i]};

        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, is_command);
    }
    return rc;
}

/* send, and not sendto: with an address and MSG_FASTOPEN it connects a TCP socket as connect would. */
static int allow_send(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp plain[] = {{.arg = 3, .op = SCMP_CMP_MASKED_EQ, .datum_a = MSG_FASTOPEN, .datum_b = 0},
                                         {.arg = 4, .op = SCMP_CMP_EQ, .datum_a = 0}};

    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 2, plain);
}

/*
 * A connection ends its sending: the other ways of shutdown make of the listening socket one that listens no more, also for the process that is
 * started after this one, and that could be connected.
 */
static int allow_server(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp ends_sending = {.arg = 1, .op = SCMP_CMP_EQ, .datum_a = SHUT_WR};

    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(shutdown), 1, ends_sending);
}

/*
 * The ledger has its files open when it enters. SQLite tries to open the directory when it syncs a write-ahead log for the first time, and goes
 * on when it is told that it may not (ledger_main.c has synced it): an error, where the others are ended.
 */
static int refuse_ledger(scmp_filter_ctx filter)
{
    static const unsigned modes[] = {O_WRONLY, O_RDWR, O_ACCMODE, O_RDONLY};
    /* The sanitizers' run time reads files for its reports (allow_sanitized). */
    size_t count = sizeof(modes) / sizeof(modes[0]) - BM_SANITIZED;
    int rc = bm_filter_add(filter, SCMP_ACT_ERRNO(EACCES), not_for_ledger);

    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct scmp_arg_cmp at = {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = O_ACCMODE, .datum_b = modes[i]};
        const struct scmp_arg_cmp plain = {.arg = 1, .op = SCMP_CMP_MASKED_EQ, .datum_a = O_ACCMODE, .datum_b = modes[i]};

        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 1, at);
        if (rc == 0)
            rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(open), 1, plain);
    }
    return rc;
}

#if BM_SANITIZED
/* They read the program's own file for their reports; nothing may be opened to be written. */
static int allow_sanitized(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp reads = {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = O_ACCMODE, .datum_b = O_RDONLY};
    const struct scmp_arg_cmp reads_too = {.arg = 1, .op = SCMP_CMP_MASKED_EQ, .datum_a = O_ACCMODE, .datum_b = O_RDONLY};
    int rc = allow(filter, sanitized);

    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, reads);
    return rc != 0 ? rc : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, reads_too);
}
#endif

static int fill(scmp_filter_ctx filter, bm_process process)
{
    /* Also for the calls of another architecture, where the library would end the thread alone. */
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

    if (rc == 0)
        rc = allow(filter, common);
    if (rc == 0)
        rc = bm_filter_allow_memory(filter);
    if (rc == 0)
        rc = allow_send(filter);
    if (rc == 0)
        rc = allow(filter, lists[process]);
    if (rc == 0 && process != BM_PROCESS_KEEPER)
        rc = allow_fcntl(filter);
    if (rc == 0 && process == BM_PROCESS_SERVER)
        rc = allow_server(filter);
    if (rc == 0 && process == BM_PROCESS_LEDGER)
        rc = refuse_ledger(filter);
#if BM_SANITIZED
    if (rc == 0)
        rc = allow_sanitized(filter);
#endif
    return rc;
}

/*
 * A second fence behind the filter, where the kernel has it (5.13, when it is enabled): no file is reached by its name, whatever call does it.
 * Rights of later versions than the first are named where the kernel knows them.
 */
static BM_RESULT restrict_files(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct landlock_ruleset_attr ruleset = {.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
    long rc;
    int fd;

    if (version <= 0 || BM_SANITIZED)
        return bm_ok();
    if (version >= 2)
        ruleset.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        ruleset.handled_access_fs |= 1ULL << 14; /* LANDLOCK_ACCESS_FS_TRUNCATE; not yet in the headers of Debian 12 */
    fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
    if (fd < 0)
        return bm_failf(BM_E_IO, "landlock: %s", strerror(errno));
    rc = syscall(SYS_landlock_restrict_self, fd, 0);
    (void)close(fd);
    if (rc != 0)
        return bm_failf(BM_E_IO, "landlock: %s", strerror(errno));
    return bm_ok();
}

BM_RESULT bm_sandbox_enter(bm_process process)
{
    scmp_filter_ctx filter;
    int rc;

    if (process == BM_PROCESS_SERVER)
        BM_TRY(bm_verdict_warm_up());
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return bm_failf(BM_E_IO, "prctl: %s", strerror(errno));
    BM_TRY(restrict_files());
    filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    BM_CHECK(filter != NULL, BM_E_NO_MEMORY, NULL);
    rc = bm_filter_load(filter, fill(filter, process));
    if (rc != 0)
        return bm_failf(BM_E_IO, "seccomp: %s", strerror(-rc));
    return bm_ok();
}

/* An error, and not the end: with the monitor everything ends. */
static int forbid(scmp_filter_ctx filter)
{
    /* The kernel looks at the lower half of a command alone. */
    const struct scmp_arg_cmp types = {.arg = 1, .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT32_MAX, .datum_b = TIOCSTI};
    const struct scmp_arg_cmp to_an_address = {.arg = 4, .op = SCMP_CMP_NE, .datum_a = 0};
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

    if (rc == 0)
        rc = bm_filter_add(filter, SCMP_ACT_ERRNO(EPERM), not_for_monitor);
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(sendto), 1, to_an_address);
    return rc != 0 ? rc : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1, types);
}

BM_RESULT bm_sandbox_enter_monitor(void)
{
    scmp_filter_ctx filter;
    int rc;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return bm_failf(BM_E_IO, "prctl: %s", strerror(errno));
    filter = seccomp_init(SCMP_ACT_ALLOW);
    BM_CHECK(filter != NULL, BM_E_NO_MEMORY, NULL);
    rc = bm_filter_load(filter, forbid(filter));
    if (rc != 0)
        return bm_failf(BM_E_IO, "seccomp: %s", strerror(-rc));
    return bm_ok();
}

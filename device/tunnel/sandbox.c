#include "device/tunnel/sandbox.h"

#include "program/filter.h"
#include "program/sanitized.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

/*
 * Connections, memory, time, the loop, the helpers' replies, the signals' handlers, and the end. Not sendmsg and recvmsg, by which processes hand each other
 * open files. sysinfo is for qsort (glibc asks how much memory there is), kill is not there at all.
 */
static const int allowed[] = {
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(close), SCMP_SYS(recvfrom), SCMP_SYS(connect), SCMP_SYS(accept4), SCMP_SYS(shutdown),
    SCMP_SYS(getsockname), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(munmap), SCMP_SYS(brk),
    SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
    SCMP_SYS(time), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
    SCMP_SYS(sysinfo), SCMP_SYS(wait4), SCMP_SYS(rseq), SCMP_SYS(set_robust_list), SCMP_SYS(exit), SCMP_SYS(exit_group), BM_FILTER_END,
};

/* What no helper has business with; it connects and asks, but does not listen, and signals nobody. */
static const int forbidden[] = {
    SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(pidfd_getfd),
    SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(kill), SCMP_SYS(tkill), SCMP_SYS(tgkill), SCMP_SYS(rt_sigqueueinfo),
    SCMP_SYS(rt_tgsigqueueinfo), SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(kcmp), SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(fsopen),
    SCMP_SYS(open_tree), SCMP_SYS(move_mount), SCMP_SYS(mount_setattr), SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid), SCMP_SYS(setregid),
    SCMP_SYS(setresuid), SCMP_SYS(setresgid), SCMP_SYS(setgroups), SCMP_SYS(personality), SCMP_SYS(io_uring_setup), SCMP_SYS(bpf), SCMP_SYS(userfaultfd),
    SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(perf_event_open), SCMP_SYS(open_by_handle_at), SCMP_SYS(init_module),
    SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(swapon),
    SCMP_SYS(acct), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime), SCMP_SYS(sethostname), SCMP_SYS(iopl), SCMP_SYS(ioperm), BM_FILTER_END,
};

#if BM_SANITIZED
/* What the sanitizers' run time does: its reports, and the end of the process. */
static const int sanitized[] = {
    SCMP_SYS(sigaltstack), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(readlink), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
    SCMP_SYS(stat), SCMP_SYS(prctl), SCMP_SYS(getrlimit), SCMP_SYS(prlimit64), SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(getuid),
    SCMP_SYS(geteuid), SCMP_SYS(openat), SCMP_SYS(open), BM_FILTER_END,
};
#endif

/* Streams of IP alone: no unix sockets, behind which the rest of the device is. */
static int allow_sockets(scmp_filter_ctx filter)
{
    static const int domains[] = {AF_INET, AF_INET6};
    static const int options[][2] = {{SOL_SOCKET, SO_ERROR}, {SOL_SOCKET, SO_KEEPALIVE}, {SOL_SOCKET, SO_LINGER}, {IPPROTO_TCP, TCP_NODELAY},
                                     {IPPROTO_TCP, TCP_KEEPIDLE}, {IPPROTO_TCP, TCP_KEEPINTVL}, {IPPROTO_TCP, TCP_KEEPCNT}};
    int rc = 0;

    for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]) && rc == 0; i++) {
        const struct scmp_arg_cmp stream[] = {{.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (unsigned)domains[i]},
                                              {.arg = 1, .op = SCMP_CMP_EQ, .datum_a = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC}};

        rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, stream);
    }
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && rc == 0; i++) {
        const struct scmp_arg_cmp option[] = {{.arg = 1, .op = SCMP_CMP_EQ, .datum_a = (unsigned)options[i][0]},
                                              {.arg = 2, .op = SCMP_CMP_EQ, .datum_a = (unsigned)options[i][1]}};

        rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, options[i][1] == SO_ERROR && options[i][0] == SOL_SOCKET ? SCMP_SYS(getsockopt) : SCMP_SYS(setsockopt), 2, option);
    }
    return rc;
}

/*
 * send, and not sendto an address; and how much of it has not gone yet. Descriptors' flags may be looked at; not their
 * owner, to whom the kernel would send signals.
 */
static int allow_the_rest(scmp_filter_ctx filter)
{
    static const unsigned commands[] = {F_GETFD, F_SETFD, F_GETFL};
    const struct scmp_arg_cmp no_address = {.arg = 4, .op = SCMP_CMP_EQ, .datum_a = 0};
    const struct scmp_arg_cmp unsent = {.arg = 1, .op = SCMP_CMP_EQ, .datum_a = SIOCOUTQ};
    int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1, no_address);

    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, unsent);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && rc == 0; i++) {
        const struct scmp_arg_cmp is_command = {.arg = 1, .op = SCMP_CMP_EQ, .datum_a = commands[i]};

        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, is_command);
    }
#if BM_SANITIZED
    if (rc == 0)
        rc = bm_filter_add(filter, SCMP_ACT_ALLOW, sanitized);
#endif
    return rc;
}

static int fill(scmp_filter_ctx filter)
{
    /* For all threads; and also for the calls of another architecture, where the library would end the thread alone. */
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

    if (rc == 0)
        rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (rc == 0)
        rc = bm_filter_add(filter, SCMP_ACT_ALLOW, allowed);
    if (rc == 0)
        rc = bm_filter_allow_memory(filter);
    if (rc == 0)
        rc = allow_sockets(filter);
    return rc != 0 ? rc : allow_the_rest(filter);
}

/*
 * One heap for all threads: when glibc makes that of another thread smaller for the first time, it opens a file
 * (/proc/sys/vm/overcommit_memory), and for that the loop would be ended. The sanitizers have a heap of their own.
 */
static bool share_heap(void)
{
    return mallopt(M_ARENA_MAX, 1) == 1 || BM_SANITIZED;
}

BM_RESULT bm_tunnel_sandbox_begin(void)
{
    const struct rlimit none = {0};

    BM_CHECK(share_heap(), BM_E_INTERNAL, "the sandbox cannot be prepared (mallopt)");
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return bm_failf(BM_E_INTERNAL, "the sandbox cannot be prepared (%s)", strerror(errno));
    return bm_ok();
}

static BM_RESULT load(scmp_filter_ctx filter, int rc)
{
    rc = bm_filter_load(filter, rc);
    if (rc != 0)
        return bm_failf(BM_E_INTERNAL, "the sandbox cannot be entered (seccomp: %s)", strerror(-rc));
    return bm_ok();
}

BM_RESULT bm_tunnel_sandbox_enter_helper(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int rc;

    BM_CHECK(filter != NULL, BM_E_NO_MEMORY, NULL);
    rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    return load(filter, rc != 0 ? rc : bm_filter_add(filter, SCMP_ACT_ERRNO(EPERM), forbidden));
}

BM_RESULT bm_tunnel_sandbox_enter(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);

    BM_CHECK(filter != NULL, BM_E_NO_MEMORY, NULL);
    return load(filter, fill(filter));
}

#include "ctl/batch_sandbox.h"

#include "program/filter.h"
#include "program/sanitized.h"
#include "protocol/verdict.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* The socket to birthmarkctl, memory, time, chance, and the end. sysinfo is for qsort (glibc asks how much memory there is). */
static const int allowed[] = {
    SCMP_SYS(munmap), SCMP_SYS(brk), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigprocmask), SCMP_SYS(sysinfo), SCMP_SYS(exit), SCMP_SYS(exit_group), BM_FILTER_END,
};

#if BM_SANITIZED
/* What the sanitizers' run time does: its reports, and the end of the process. */
static const int sanitized[] = {
    SCMP_SYS(write), SCMP_SYS(sigaltstack), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(readlink), SCMP_SYS(lseek),
    SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(prctl), SCMP_SYS(getrlimit), SCMP_SYS(prlimit64), SCMP_SYS(pipe),
    SCMP_SYS(pipe2), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(read), SCMP_SYS(close),
    SCMP_SYS(rt_sigaction), BM_FILTER_END,
};
#endif

static int fill(scmp_filter_ctx filter)
{
    /* The parent's socket alone: standard error may be one, too. send, and not sendto an address. */
    const struct scmp_arg_cmp ours = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = BM_CTL_BATCH_SANDBOX_FD};
    const struct scmp_arg_cmp no_address = {.arg = 4, .op = SCMP_CMP_EQ, .datum_a = 0};
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

    if (rc == 0)
        rc = bm_filter_add(filter, SCMP_ACT_ALLOW, allowed);
    if (rc == 0)
        rc = bm_filter_allow_memory(filter);
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(recvfrom), 1, ours);
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 2, ours, no_address);
#if BM_SANITIZED
    if (rc == 0)
        rc = bm_filter_add(filter, SCMP_ACT_ALLOW, sanitized);
#endif
    return rc;
}

BM_RESULT bm_ctl_batch_sandbox_hide(void)
{
    const struct rlimit none = {0};

    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return bm_failf(BM_E_INTERNAL, "core files cannot be forbidden (%s)", strerror(errno));
    return bm_ok();
}

BM_RESULT bm_ctl_batch_sandbox_enter(void)
{
    scmp_filter_ctx filter;
    int rc;

    BM_TRY(bm_verdict_warm_up());
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return bm_failf(BM_E_INTERNAL, "the sandbox cannot be prepared (%s)", strerror(errno));
    filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    BM_CHECK(filter != NULL, BM_E_NO_MEMORY, NULL);
    rc = bm_filter_load(filter, fill(filter));
    if (rc != 0)
        return bm_failf(BM_E_INTERNAL, "the sandbox cannot be entered (seccomp: %s)", strerror(-rc));
    return bm_ok();
}

/*
 * Kills a process at the moment before one of the system calls by which it changes what outlives it: files, and what it sends. A process is run under
 * ptrace; its changes are counted as they come. Included by a unit test and by the program kill-at.
 */
#ifndef BM_LAB_KILL_AT_H
#define BM_LAB_KILL_AT_H

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ptrace.h of the C library and linux/ptrace.h do not go together: this is PTRACE_GET_SYSCALL_INFO. */
#define KILL_AT_GET_SYSCALL_INFO 0x420E
#define KILL_AT_ENTRY 1

struct kill_at_info {
    uint8_t op;
    uint8_t pad[3];
    uint32_t arch;
    uint64_t instruction_pointer;
    uint64_t stack_pointer;
    uint64_t nr;
    uint64_t args[6];
};

/* Is it a call that changes something? What goes to stdout and stderr does not count. */
static inline bool kill_at_changes(const struct kill_at_info *info)
{
    switch (info->nr) {
    case SYS_write:
    case SYS_writev:
    case SYS_sendto:
    case SYS_sendmsg:
        return info->args[0] > 2;
    case SYS_openat:
        return (info->args[2] & O_CREAT) != 0;
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_linkat:
    case SYS_symlinkat:
    case SYS_unlinkat:
    case SYS_mkdirat:
    case SYS_fchmod:
    case SYS_fsync:
        return true;
    default:
        return false;
    }
}

/*
 * Follows a child that has stopped itself (PTRACE_TRACEME and SIGSTOP, or exec) to its end, and kills it before its change number `at` (1 is the first;
 * 0: never). Returns its wait status; `changes` is how many there were, the one that was not made among them.
 */
static inline int kill_at_follow(pid_t pid, unsigned at, unsigned *changes)
{
    int status = 0;
    int deliver = 0;

    *changes = 0;
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
        return status;
    (void)ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(uintptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
    for (;;) {
        struct kill_at_info info = {0};

        if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(uintptr_t)(unsigned)deliver) != 0 || waitpid(pid, &status, 0) != pid)
            return status;
        if (!WIFSTOPPED(status))
            return status;
        deliver = WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);
        if (deliver == SIGTRAP)
            deliver = 0;
        if (WSTOPSIG(status) != (SIGTRAP | 0x80) ||
            ptrace((enum __ptrace_request)KILL_AT_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info) <= 0 || info.op != KILL_AT_ENTRY ||
            !kill_at_changes(&info))
            continue;
        if (++*changes == at) {
            (void)kill(pid, SIGKILL);
            (void)waitpid(pid, &status, 0);
            return status;
        }
    }
}

#endif

/* Ways out by system calls. The arguments are such that nothing is harmed where a call succeeds after all. */
#include "escape.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void say(long rc, char said[ESCAPE_TEXT_SIZE])
{
    if (rc >= 0)
        (void)snprintf(said, ESCAPE_TEXT_SIZE, "did-it %ld", rc);
    else
        (void)snprintf(said, ESCAPE_TEXT_SIZE, "errno=%d %s", errno, strerror(errno));
}

/* A way that is one system call. */
#define WAY(name, ...)                                                                                                                     \
    static void name(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])                                                               \
    {                                                                                                                                      \
        (void)scene;                                                                                                                       \
        say(syscall(__VA_ARGS__), said);                                                                                                   \
    }

static const struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = 0x0100007F, .sin_port = 0x0100};
static char *const no_words[] = {NULL};

WAY(way_open_read, SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY)
WAY(way_open_write, SYS_openat, AT_FDCWD, "/tmp", O_RDWR | O_TMPFILE, 0600)
WAY(way_open_key, SYS_openat, AT_FDCWD, scene->key, O_RDONLY)
WAY(way_open_memory, SYS_openat, AT_FDCWD, scene->victim, O_RDONLY)
WAY(way_openat2, SYS_openat2, AT_FDCWD, "/etc/passwd", scene->page, 24)
WAY(way_open_by_handle, SYS_open_by_handle_at, AT_FDCWD, scene->page, O_RDONLY)
WAY(way_readdir, SYS_getdents64, scene->file, scene->page, ESCAPE_PAGE_SIZE)
WAY(way_mkdir, SYS_mkdirat, AT_FDCWD, "/tmp/birthmarkd-escape", 0700)
WAY(way_unlink, SYS_unlink, "/nonexistent/a")
WAY(way_unlinkat, SYS_unlinkat, AT_FDCWD, "/nonexistent/a", 0)
WAY(way_open, SYS_open, scene->key, O_RDONLY)
WAY(way_rename, SYS_renameat2, AT_FDCWD, "/nonexistent/a", AT_FDCWD, "/nonexistent/b", 0)
WAY(way_link, SYS_linkat, AT_FDCWD, "/nonexistent/a", AT_FDCWD, "/nonexistent/b", 0)
WAY(way_symlink, SYS_symlinkat, "a", AT_FDCWD, "/nonexistent/b")
WAY(way_chmod, SYS_fchmodat, AT_FDCWD, "/nonexistent/a", 0777)
WAY(way_chown, SYS_fchownat, AT_FDCWD, "/nonexistent/a", 0, 0, 0)
WAY(way_memfd, SYS_memfd_create, "escape", 0)
WAY(way_execve, SYS_execve, "/bin/true", no_words, no_words)
WAY(way_execveat, SYS_execveat, scene->file, "", no_words, no_words, AT_EMPTY_PATH)
WAY(way_mmap_exec, SYS_mmap, NULL, ESCAPE_PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
WAY(way_mprotect_exec, SYS_mprotect, scene->page, ESCAPE_PAGE_SIZE, PROT_READ | PROT_EXEC)
WAY(way_pkey_mprotect, SYS_pkey_mprotect, scene->page, ESCAPE_PAGE_SIZE, PROT_READ | PROT_EXEC, -1)
WAY(way_socket_inet, SYS_socket, AF_INET, SOCK_STREAM, 0)
WAY(way_socket_unix, SYS_socket, AF_UNIX, SOCK_STREAM, 0)
WAY(way_socket_netlink, SYS_socket, AF_NETLINK, SOCK_RAW, 0)
WAY(way_connect, SYS_connect, scene->tcp, &loopback, sizeof(loopback))
WAY(way_connect_by_sending, SYS_sendto, scene->tcp, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL | MSG_DONTWAIT, &loopback, sizeof(loopback))
WAY(way_send_at_once, SYS_sendto, scene->tcp, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0)
WAY(way_stop_listening, SYS_shutdown, BM_FD_LISTEN, SHUT_RD)
WAY(way_stop_all, SYS_shutdown, BM_FD_LISTEN, SHUT_RDWR)
WAY(way_make_listening_wait, SYS_fcntl, BM_FD_LISTEN, F_SETFL, 0)
WAY(way_bind, SYS_bind, scene->tcp, &loopback, sizeof(loopback))
WAY(way_listen, SYS_listen, scene->tcp, 1)
WAY(way_accept, SYS_accept4, BM_FD_LISTEN, NULL, NULL, SOCK_NONBLOCK)
WAY(way_setsockopt, SYS_setsockopt, scene->tcp, SOL_SOCKET, SO_REUSEADDR, "\1\0\0", 4)
WAY(way_ptrace_attach, SYS_ptrace, PTRACE_SEIZE, scene->monitor, NULL, NULL)
WAY(way_ptrace_me, SYS_ptrace, PTRACE_TRACEME, 0, NULL, NULL)
WAY(way_pidfd_open, SYS_pidfd_open, scene->monitor, 0)
WAY(way_pidfd_getfd, SYS_pidfd_getfd, scene->file, 0, 0)
WAY(way_kcmp, SYS_kcmp, scene->monitor, scene->monitor, 0, 0, 0)
WAY(way_kill, SYS_kill, scene->monitor, 0)
WAY(way_tgkill, SYS_tgkill, scene->monitor, scene->monitor, 0)
WAY(way_sigqueue, SYS_rt_sigqueueinfo, scene->monitor, 0, scene->page)
WAY(way_kill_by_descriptor, SYS_fcntl, scene->pair[0], F_SETOWN, scene->monitor)
WAY(way_choose_signal, SYS_fcntl, scene->pair[0], F_SETSIG, SIGKILL)
WAY(way_mount, SYS_mount, "none", "/nonexistent", "tmpfs", 0, NULL)
WAY(way_umount, SYS_umount2, "/nonexistent", 0)
WAY(way_pivot_root, SYS_pivot_root, "/nonexistent", "/nonexistent")
WAY(way_chroot, SYS_chroot, "/nonexistent")
WAY(way_unshare, SYS_unshare, CLONE_NEWUSER)
WAY(way_setns, SYS_setns, scene->file, 0)
WAY(way_setuid, SYS_setuid, 0)
WAY(way_setgid, SYS_setgid, 0)
WAY(way_setresuid, SYS_setresuid, 0, 0, 0)
WAY(way_setgroups, SYS_setgroups, 0, NULL)
WAY(way_capset, SYS_capset, scene->page, scene->page)
WAY(way_dumpable, SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0)
WAY(way_rlimit, SYS_prlimit64, scene->monitor, RLIMIT_CORE, NULL, NULL)
WAY(way_personality, SYS_personality, 0xFFFFFFFFUL)
WAY(way_io_uring, SYS_io_uring_setup, 4, scene->page)
WAY(way_io_setup, SYS_io_setup, 1, scene->page)
WAY(way_bpf, SYS_bpf, 0, scene->page, 0)
WAY(way_userfaultfd, SYS_userfaultfd, 0)
WAY(way_keyctl, SYS_keyctl, 0, -4, 0, 0, 0)
WAY(way_add_key, SYS_add_key, "user", "escape", "x", 1, -4)
WAY(way_request_key, SYS_request_key, "user", "escape", NULL, -4)
WAY(way_perf, SYS_perf_event_open, scene->page, 0, -1, -1, 0)
WAY(way_seccomp, SYS_seccomp, 2, 0, scene->page)
WAY(way_shm, SYS_shmget, 0, ESCAPE_PAGE_SIZE, 0600)
WAY(way_message_queue, SYS_msgget, 0, 0600)
WAY(way_inotify, SYS_inotify_init1, 0)
WAY(way_module, SYS_init_module, NULL, 0, "")
WAY(way_kexec, SYS_kexec_load, 0, 0, NULL, 0xFFFFFFFFUL)
WAY(way_reboot, SYS_reboot, 0, 0, 0, NULL)
WAY(way_syslog, SYS_syslog, 3, scene->page, 1)
WAY(way_clock_settime, SYS_clock_settime, 0, NULL)
WAY(way_type_into_terminal, SYS_ioctl, 2, TIOCSTI, "x")
WAY(way_type_by_high_bits, SYS_ioctl, 2, TIOCSTI | 1UL << 32, "x")
WAY(way_poll, SYS_ppoll, NULL, 0, &(const struct timespec){0}, NULL, 0)
WAY(way_epoll, SYS_epoll_ctl, scene->epoll, 1, scene->pair[0], scene->page)
WAY(way_fsync, SYS_fsync, scene->file)
WAY(way_truncate, SYS_ftruncate, scene->file, 0)

/* A child would be a second process of this kind: it ends at once. */
static void way_clone(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    long rc = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

    (void)scene;
    if (rc == 0)
        _exit(0);
    say(rc, said);
}

WAY(way_clone3, SYS_clone3, scene->page, 0)

static void way_read_memory(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    char byte;
    struct iovec here = {&byte, 1};
    struct iovec there = {scene->page, 1};

    say(syscall(SYS_process_vm_readv, scene->monitor, &here, 1, &there, 1, 0), said);
}

static void way_write_memory(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    char byte = 0;
    struct iovec here = {&byte, 1};
    struct iovec there = {scene->page, 1};

    say(syscall(SYS_process_vm_writev, scene->monitor, &here, 1, &there, 1, 0), said);
}

/* Hands an open file over: a process that is taken can give what it has to no other. */
static void way_pass_descriptor(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    char byte = 0;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

    control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.head), &scene->file, sizeof(int));
    say(syscall(SYS_sendmsg, scene->pair[0], &message, MSG_DONTWAIT), said);
}

static void way_take_descriptor(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    struct msghdr message = {0};

    say(syscall(SYS_recvmsg, scene->pair[1], &message, MSG_DONTWAIT), said);
}

#ifdef __x86_64__
/* getpid by the 32-bit door, where other numbers mean other calls; and by the numbers of x32. */
static void way_other_door(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    long rc;

    (void)scene;
    __asm__ volatile("int $0x80" : "=a"(rc) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
    say(rc, said);
}

WAY(way_x32, SYS_getpid | 0x40000000)
WAY(way_fork, SYS_fork)
WAY(way_ioperm, SYS_ioperm, 0, 1, 1)
#endif

#define NOWHERE {[BM_PROCESS_SERVER] = KILLED, [BM_PROCESS_LEDGER] = KILLED, [BM_PROCESS_KEEPER] = KILLED}
/* Nor in the monitor, which is not ended for it. */
#define NOBODY {[BM_PROCESS_SERVER] = KILLED, [BM_PROCESS_LEDGER] = KILLED, [BM_PROCESS_KEEPER] = KILLED, [ESCAPE_MONITOR] = REFUSED}
/* What SQLite tries in the ledger: an error, after which it goes on. */
#define LEDGER_REFUSED {[BM_PROCESS_SERVER] = KILLED, [BM_PROCESS_LEDGER] = REFUSED, [BM_PROCESS_KEEPER] = KILLED}
#define LEDGER_ALONE {[BM_PROCESS_SERVER] = KILLED, [BM_PROCESS_KEEPER] = KILLED}
#define SERVER_ALONE {[BM_PROCESS_LEDGER] = KILLED, [BM_PROCESS_KEEPER] = KILLED}
#define NOT_THE_SERVER SERVER_ALONE

const escape_way escape_ways[] = {
    {"open-to-read", way_open_read, LEDGER_REFUSED, true, "errno=13"},
    {"open-to-write", way_open_write, LEDGER_REFUSED, false, "errno=13"},
    {"open-a-key", way_open_key, LEDGER_REFUSED, true, "errno=13"},
    {"open-anothers-memory", way_open_memory, LEDGER_REFUSED, true, "errno=13"},
    {"openat2", way_openat2, NOWHERE, false, NULL},
    {"open-by-handle", way_open_by_handle, NOBODY, false, NULL},
    {"list-a-directory", way_readdir, NOWHERE, false, NULL},
    {"make-a-directory", way_mkdir, NOWHERE, false, NULL},
    {"remove", way_unlink, LEDGER_REFUSED, false, "errno=13"},
    {"remove-by-directory", way_unlinkat, LEDGER_REFUSED, false, "errno=13"},
    {"open-the-old-way", way_open, LEDGER_REFUSED, true, "errno=13"},
    {"rename", way_rename, NOWHERE, false, NULL},
    {"link", way_link, NOWHERE, false, NULL},
    {"symlink", way_symlink, NOWHERE, false, NULL},
    {"chmod", way_chmod, NOWHERE, false, NULL},
    {"chown", way_chown, NOWHERE, false, NULL},
    {"memfd", way_memfd, NOWHERE, false, NULL},
    {"sync-a-file", way_fsync, LEDGER_ALONE, false, NULL},
    {"truncate-a-file", way_truncate, LEDGER_ALONE, false, NULL},
    {"execute", way_execve, NOWHERE, false, NULL},
    {"execute-a-descriptor", way_execveat, NOBODY, false, NULL},
    {"map-executable", way_mmap_exec, NOWHERE, false, NULL},
    {"make-executable", way_mprotect_exec, NOWHERE, false, NULL},
    {"make-executable-with-a-key", way_pkey_mprotect, NOBODY, false, NULL},
    {"socket", way_socket_inet, NOBODY, false, NULL},
    {"unix-socket", way_socket_unix, NOBODY, false, NULL},
    {"netlink-socket", way_socket_netlink, NOBODY, false, NULL},
    {"connect", way_connect, NOBODY, false, NULL},
    {"connect-by-sending", way_connect_by_sending, NOBODY, false, NULL},
    {"send-at-once", way_send_at_once, NOWHERE, false, NULL},
    {"stop-listening", way_stop_listening, NOWHERE, false, NULL},
    {"stop-listening-and-sending", way_stop_all, NOWHERE, false, NULL},
    {"make-listening-wait", way_make_listening_wait, NOWHERE, false, NULL},
    {"bind", way_bind, NOBODY, false, NULL},
    {"listen", way_listen, NOBODY, false, NULL},
    {"accept", way_accept, NOT_THE_SERVER, false, NULL},
    {"socket-option", way_setsockopt, NOWHERE, false, NULL},
    {"poll", way_poll, {[BM_PROCESS_SERVER] = KILLED}, false, NULL},
    {"epoll", way_epoll, NOT_THE_SERVER, false, NULL},
    {"ptrace", way_ptrace_attach, NOBODY, false, NULL},
    {"be-traced", way_ptrace_me, NOBODY, false, NULL},
    {"read-anothers-memory", way_read_memory, NOBODY, false, NULL},
    {"write-anothers-memory", way_write_memory, NOBODY, false, NULL},
    {"pidfd", way_pidfd_open, NOWHERE, false, NULL},
    {"anothers-descriptor", way_pidfd_getfd, NOBODY, false, NULL},
    {"compare-processes", way_kcmp, NOBODY, false, NULL},
    {"pass-a-descriptor", way_pass_descriptor, NOBODY, false, NULL},
    {"take-a-descriptor", way_take_descriptor, NOBODY, false, NULL},
    {"clone", way_clone, NOWHERE, false, NULL},
    {"clone3", way_clone3, NOWHERE, false, NULL},
    {"kill", way_kill, NOWHERE, false, NULL},
    {"tgkill", way_tgkill, NOBODY, false, NULL},
    {"queue-a-signal", way_sigqueue, NOBODY, false, NULL},
    {"signal-by-descriptor", way_kill_by_descriptor, NOWHERE, false, NULL},
    {"choose-that-signal", way_choose_signal, NOWHERE, false, NULL},
    {"mount", way_mount, NOBODY, false, NULL},
    {"umount", way_umount, NOBODY, false, NULL},
    {"pivot-root", way_pivot_root, NOBODY, false, NULL},
    {"chroot", way_chroot, NOBODY, false, NULL},
    {"unshare", way_unshare, NOBODY, false, NULL},
    {"setns", way_setns, NOBODY, false, NULL},
    {"setuid", way_setuid, NOBODY, false, NULL},
    {"setgid", way_setgid, NOBODY, false, NULL},
    {"setresuid", way_setresuid, NOBODY, false, NULL},
    {"setgroups", way_setgroups, NOBODY, false, NULL},
    {"capset", way_capset, NOWHERE, false, NULL},
    {"be-dumpable", way_dumpable, NOWHERE, true, NULL},
    {"limits", way_rlimit, NOWHERE, true, NULL},
    {"personality", way_personality, NOBODY, false, NULL},
    {"io-uring", way_io_uring, NOBODY, false, NULL},
    {"aio", way_io_setup, NOBODY, false, NULL},
    {"bpf", way_bpf, NOBODY, false, NULL},
    {"userfaultfd", way_userfaultfd, NOBODY, false, NULL},
    {"keyctl", way_keyctl, NOBODY, false, NULL},
    {"add-key", way_add_key, NOBODY, false, NULL},
    {"request-key", way_request_key, NOBODY, false, NULL},
    {"perf", way_perf, NOBODY, false, NULL},
    {"seccomp", way_seccomp, NOWHERE, false, NULL},
    {"shared-memory", way_shm, NOBODY, false, NULL},
    {"message-queue", way_message_queue, NOBODY, false, NULL},
    {"inotify", way_inotify, NOBODY, false, NULL},
    {"load-a-module", way_module, NOBODY, false, NULL},
    {"kexec", way_kexec, NOBODY, false, NULL},
    {"reboot", way_reboot, NOBODY, false, NULL},
    {"kernel-log", way_syslog, NOBODY, false, NULL},
    {"set-the-clock", way_clock_settime, NOBODY, false, NULL},
    {"type-into-the-terminal", way_type_into_terminal, NOBODY, false, NULL},
    {"type-with-high-bits", way_type_by_high_bits, NOBODY, false, NULL},
#ifdef __x86_64__
    {"fork", way_fork, NOWHERE, false, NULL},
    {"32-bit-call", way_other_door, NOWHERE, false, NULL},
    {"x32-call", way_x32, NOWHERE, false, NULL},
    {"ports", way_ioperm, NOBODY, false, NULL},
#endif
    {0},
};

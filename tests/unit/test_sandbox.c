/* Each process tries to get out of its sandbox: in a child of its own, because the kernel ends it for that. */
#include "unit.h"

#include "program/sanitized.h"
#include "server/channel.h"
#include "server/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* How a child ended, when the kernel let it. */
enum { DID_IT = 42, GOT_ERROR = 43, NO_SANDBOX = 44 };

/* What a child has before it enters. */
typedef struct {
    char directory[64];
    char outside[96];
    int listener;  /* a bound TCP socket that listens */
    int tcp;       /* a TCP socket, not connected */
    int ends[2];   /* a socket pair */
    int file;      /* an open file */
    int epoll;
    void *page;    /* readable and writable */
} fixture;

static int listening_socket(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)(void *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static int begin(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    char path[128];

    assert_non_null(f);
    (void)snprintf(f->directory, sizeof(f->directory), "/tmp/bmsandbox.XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    (void)snprintf(f->outside, sizeof(f->outside), "%s.outside", f->directory);
    (void)snprintf(path, sizeof(path), "%s/file", f->directory);
    f->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    f->listener = listening_socket();
    f->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    f->epoll = epoll_create1(EPOLL_CLOEXEC);
    f->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ok(bm_channel_pair(f->ends));
    assert_true(f->file >= 0 && f->tcp >= 0 && f->epoll >= 0 && f->page != MAP_FAILED);
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    const int fds[] = {f->file, f->listener, f->tcp, f->epoll, f->ends[0], f->ends[1]};
    char path[128];

    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        (void)close(fds[i]);
    (void)munmap(f->page, 4096);
    (void)snprintf(path, sizeof(path), "%s/file", f->directory);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/new", f->directory);
    (void)unlink(path);
    (void)unlink(f->outside);
    assert_int_equal(rmdir(f->directory), 0);
    free(f);
    return 0;
}

/* -- ways out; each returns what its call returned -- */

static long try_exec(fixture *f)
{
    char program[] = "/bin/true";
    char *arguments[] = {program, NULL};

    (void)f;
    return execve(program, arguments, arguments + 1);
}

static long try_create_outside(fixture *f)
{
    return open(f->outside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static long try_read_outside(fixture *f)
{
    (void)f;
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static long try_create_inside(fixture *f)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/new", f->directory);
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static long try_socket(fixture *f)
{
    (void)f;
    return socket(AF_INET, SOCK_STREAM, 0);
}

static long try_unix_socket(fixture *f)
{
    (void)f;
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long try_connect(fixture *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return connect(f->tcp, (struct sockaddr *)(void *)&address, sizeof(address));
}

static long try_bind(fixture *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return bind(f->tcp, (struct sockaddr *)(void *)&address, sizeof(address));
}

static long try_listen(fixture *f)
{
    return listen(f->tcp, 1);
}

static long try_ptrace(fixture *f)
{
    (void)f;
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static long try_read_memory(fixture *f)
{
    char byte;
    struct iovec here = {&byte, 1};
    struct iovec there = {f->page, 1};

    return process_vm_readv(getppid(), &here, 1, &there, 1, 0);
}

static long try_fork(fixture *f)
{
    (void)f;
    return fork();
}

static long try_clone(fixture *f)
{
    (void)f;
    return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static long try_kill(fixture *f)
{
    (void)f;
    return syscall(SYS_kill, 1, 0);
}

static long try_executable_memory(fixture *f)
{
    (void)f;
    return (long)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long try_make_executable(fixture *f)
{
    return syscall(SYS_mprotect, f->page, 4096, PROT_READ | PROT_EXEC);
}

static long try_setuid(fixture *f)
{
    (void)f;
    return syscall(SYS_setuid, 0);
}

static long try_io_uring(fixture *f)
{
    return syscall(SYS_io_uring_setup, 4, f->page);
}

static long try_mount(fixture *f)
{
    return syscall(SYS_mount, "none", f->directory, "tmpfs", 0, NULL);
}

static long try_accept(fixture *f)
{
    long rc = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    return rc < 0 && errno == EAGAIN ? 0 : rc;
}

static long try_epoll(fixture *f)
{
    struct epoll_event event = {.events = EPOLLIN};

    if (epoll_ctl(f->epoll, EPOLL_CTL_ADD, f->listener, &event) != 0)
        return -1;
    return epoll_wait(f->epoll, &event, 1, 0);
}

static long try_talk(fixture *f)
{
    struct pollfd polled = {.fd = f->ends[1], .events = POLLIN};
    char byte = 'x';

    if (send(f->ends[0], &byte, 1, MSG_NOSIGNAL) != 1 || poll(&polled, 1, 0) != 1)
        return -1;
    return recv(f->ends[1], &byte, 1, 0);
}

static long try_sync(fixture *f)
{
    if (pwrite(f->file, "x", 1, 0) != 1)
        return -1;
    return fdatasync(f->file);
}

static long try_unlink(fixture *f)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/file", f->directory);
    return unlink(path);
}

static int compare_bytes(const void *one, const void *other)
{
    return *(const unsigned char *)one - *(const unsigned char *)other;
}

/* More than glibc sorts on its stack: it asks the kernel how much memory there is. OpenSSL sorts the attributes of an RDN with it. */
static long try_sort(fixture *f)
{
    unsigned char *bytes = f->page;

    for (size_t i = 0; i < 4096; i++)
        bytes[i] = (unsigned char)(255 - i / 16);
    qsort(bytes, 4096, 1, compare_bytes);
    return bytes[0] == 0 && bytes[4095] == 255 ? 0 : -1;
}

/* Does it in a child that has entered the sandbox; says how the child ended. */
static int outcome(fixture *f, bm_process process, long (*way)(fixture *))
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        if (bm_sandbox_enter(process).code != BM_OK)
            _exit(NO_SANDBOX);
        _exit(way(f) >= 0 ? DID_IT : GOT_ERROR);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void killed(fixture *f, bm_process process, const char *name, long (*way)(fixture *))
{
    int how = outcome(f, process, way);

    if (how != -SIGSYS)
        fail_msg("%s: %s ended with %d", bm_process_name(process), name, how);
}

#define KILLED(f, process, way) killed(f, process, #way, way)

/* What no process may do. */
static void no_way_out(fixture *f, bm_process process)
{
    KILLED(f, process, try_exec);
    KILLED(f, process, try_socket);
    KILLED(f, process, try_unix_socket);
    KILLED(f, process, try_connect);
    KILLED(f, process, try_bind);
    KILLED(f, process, try_listen);
    KILLED(f, process, try_ptrace);
    KILLED(f, process, try_read_memory);
    KILLED(f, process, try_fork);
    KILLED(f, process, try_clone);
    KILLED(f, process, try_kill);
    KILLED(f, process, try_executable_memory);
    KILLED(f, process, try_make_executable);
    KILLED(f, process, try_setuid);
    KILLED(f, process, try_io_uring);
    KILLED(f, process, try_mount);
}

static void the_server_opens_and_executes_nothing(void **state)
{
    fixture *f = *state;

    no_way_out(f, BM_PROCESS_SERVER);
    KILLED(f, BM_PROCESS_SERVER, try_create_outside);
    KILLED(f, BM_PROCESS_SERVER, try_create_inside);
    KILLED(f, BM_PROCESS_SERVER, try_sync);
    KILLED(f, BM_PROCESS_SERVER, try_unlink);
#if !BM_SANITIZED
    KILLED(f, BM_PROCESS_SERVER, try_read_outside);
#endif
}

static void the_server_takes_connections(void **state)
{
    fixture *f = *state;

    assert_int_equal(outcome(f, BM_PROCESS_SERVER, try_accept), DID_IT);
    assert_int_equal(outcome(f, BM_PROCESS_SERVER, try_epoll), DID_IT);
}

/* What a client sends decides how long a list is that is sorted: a server that dies of that could be killed by everyone. */
static void every_process_sorts_long_lists(void **state)
{
    assert_int_equal(outcome(*state, BM_PROCESS_SERVER, try_sort), DID_IT);
    assert_int_equal(outcome(*state, BM_PROCESS_LEDGER, try_sort), DID_IT);
    assert_int_equal(outcome(*state, BM_PROCESS_KEEPER, try_sort), DID_IT);
}

static void the_keeper_has_no_network_and_no_files(void **state)
{
    fixture *f = *state;

    no_way_out(f, BM_PROCESS_KEEPER);
    KILLED(f, BM_PROCESS_KEEPER, try_create_outside);
    KILLED(f, BM_PROCESS_KEEPER, try_create_inside);
    KILLED(f, BM_PROCESS_KEEPER, try_sync);
    KILLED(f, BM_PROCESS_KEEPER, try_unlink);
    KILLED(f, BM_PROCESS_KEEPER, try_accept);
    KILLED(f, BM_PROCESS_KEEPER, try_epoll);
#if !BM_SANITIZED
    KILLED(f, BM_PROCESS_KEEPER, try_read_outside);
#endif
}

static void the_keeper_talks_to_its_sockets(void **state)
{
    assert_int_equal(outcome(*state, BM_PROCESS_KEEPER, try_talk), DID_IT);
}

static void the_ledger_has_no_network(void **state)
{
    fixture *f = *state;

    no_way_out(f, BM_PROCESS_LEDGER);
    KILLED(f, BM_PROCESS_LEDGER, try_accept);
    KILLED(f, BM_PROCESS_LEDGER, try_epoll);
}

static void the_ledger_works_on_the_files_that_it_has_and_opens_and_removes_none(void **state)
{
    fixture *f = *state;

    assert_int_equal(outcome(f, BM_PROCESS_LEDGER, try_talk), DID_IT);
    assert_int_equal(outcome(f, BM_PROCESS_LEDGER, try_sync), DID_IT);
    assert_int_equal(outcome(f, BM_PROCESS_LEDGER, try_create_inside), GOT_ERROR);
    assert_int_equal(outcome(f, BM_PROCESS_LEDGER, try_create_outside), GOT_ERROR);
    assert_int_equal(outcome(f, BM_PROCESS_LEDGER, try_unlink), GOT_ERROR);
#if !BM_SANITIZED
    assert_int_equal(outcome(f, BM_PROCESS_LEDGER, try_read_outside), GOT_ERROR);
#endif
}

/* With the sandbox, and without it: the tries above are real. */
static void the_same_calls_work_outside(void **state)
{
    fixture *f = *state;
    int fd = (int)try_socket(f);

    assert_true(fd >= 0);
    (void)close(fd);
    fd = (int)try_create_outside(f);
    assert_true(fd >= 0);
    (void)close(fd);
    fd = (int)try_read_outside(f);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_true(try_make_executable(f) == 0);
    assert_int_equal(try_bind(f), 0);
    assert_int_equal(try_listen(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_server_opens_and_executes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(the_server_takes_connections, begin, end),
        cmocka_unit_test_setup_teardown(every_process_sorts_long_lists, begin, end),
        cmocka_unit_test_setup_teardown(the_keeper_has_no_network_and_no_files, begin, end),
        cmocka_unit_test_setup_teardown(the_keeper_talks_to_its_sockets, begin, end),
        cmocka_unit_test_setup_teardown(the_ledger_has_no_network, begin, end),
        cmocka_unit_test_setup_teardown(the_ledger_works_on_the_files_that_it_has_and_opens_and_removes_none, begin, end),
        cmocka_unit_test_setup_teardown(the_same_calls_work_outside, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

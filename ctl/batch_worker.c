#include "ctl/batch_worker.h"

#include "ctl/batch_judge.h"
#include "ctl/batch_message.h"
#include "ctl/batch_sandbox.h"
#include "keys/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKER_FD BM_CTL_BATCH_SANDBOX_FD
#define BUFFER_SIZE (4 * 1024 * 1024) /* of a socket, as far as the kernel lets */

/* This process is a copy of birthmarkctl: what that was given is not the worker's business. */
static BM_RESULT shed(int fd)
{
    char *passphrase = getenv(BM_PASSPHRASE_ENVIRONMENT);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (passphrase != NULL)
        bm_wipe(passphrase, strlen(passphrase));
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 || (fd != WORKER_FD && dup2(fd, WORKER_FD) < 0) ||
        close_range(WORKER_FD + 1, ~0U, 0) != 0)
        return bm_fail(BM_E_INTERNAL, "a worker cannot shut its files");
    return bm_ok();
}

/* The next message; `got` is false when birthmarkctl is gone. */
static BM_RESULT next(uint8_t *room, bm_bytes *message, bool *got)
{
    ssize_t size;

    do {
        size = recv(WORKER_FD, room, BM_CTL_BATCH_MESSAGE_MAX, 0);
    } while (size < 0 && errno == EINTR);
    BM_CHECK(size >= 0, BM_E_INTERNAL, "a worker cannot hear");
    *got = size > 0;
    *message = bm_bytes_of(room, (size_t)size);
    return bm_ok();
}

static BM_RESULT work(const bm_config *config, int fd)
{
    BM_AUTO(bm_ctl_batch_judge_freep) bm_ctl_batch_judge *judge = NULL;
    BM_AUTO_BUF room = BM_BUF_EMPTY;
    BM_AUTO_BUF reply = BM_BUF_EMPTY;
    uint8_t *start;
    bool got = true;

    BM_TRY(shed(fd));
    BM_TRY(bm_ctl_batch_sandbox_hide());
    BM_TRY(bm_ctl_batch_judge_new(config, &judge));
    BM_TRY(bm_buf_extend(&room, BM_CTL_BATCH_MESSAGE_MAX, &start));
    BM_TRY(bm_ctl_batch_sandbox_enter());
    for (;;) {
        bm_bytes message;

        BM_TRY(next(start, &message, &got));
        if (!got)
            return bm_ok();
        BM_TRY(bm_ctl_batch_judge_answer(judge, message, &reply));
        if (reply.size > 0 && send(WORKER_FD, reply.data, reply.size, MSG_NOSIGNAL) < 0)
            return bm_fail(BM_E_INTERNAL, "a worker cannot speak");
    }
}

static void enlarge(int fd)
{
    int size = BUFFER_SIZE;

    /* More in flight is faster; less works too. */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

BM_RESULT bm_ctl_batch_worker_start(const bm_config *config, bm_ctl_batch_worker *worker)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return bm_failf(BM_E_INTERNAL, "no socket for a worker (%s)", strerror(errno));
    enlarge(pair[0]);
    enlarge(pair[1]);
    worker->busy = 0;
    worker->fd = pair[0];
    worker->pid = fork();
    if (worker->pid == 0)
        _exit(work(config, pair[1]).code == BM_OK ? 0 : 1);
    (void)close(pair[1]);
    if (worker->pid < 0) {
        bm_ctl_batch_worker_stop(worker);
        return bm_failf(BM_E_INTERNAL, "a worker cannot be started (%s)", strerror(errno));
    }
    return bm_ok();
}

void bm_ctl_batch_worker_stop(bm_ctl_batch_worker *worker)
{
    if (worker->fd >= 0)
        (void)close(worker->fd);
    worker->fd = -1;
    if (worker->pid > 0) {
        (void)kill(worker->pid, SIGKILL);
        (void)waitpid(worker->pid, NULL, 0);
    }
    worker->pid = 0;
}

static BM_RESULT gone(void)
{
    return bm_fail(BM_E_INTERNAL, "a worker has died");
}

BM_RESULT bm_ctl_batch_worker_send(bm_ctl_batch_worker *worker, bm_bytes message)
{
    ssize_t sent;

    do {
        sent = send(worker->fd, message.data, message.size, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? gone() : bm_ok();
}

BM_RESULT bm_ctl_batch_worker_ask(bm_ctl_batch_worker *worker, bm_bytes message, bool *sent)
{
    ssize_t done = send(worker->fd, message.data, message.size, MSG_NOSIGNAL | MSG_DONTWAIT);

    *sent = done >= 0;
    if (done < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
        return gone();
    worker->busy += *sent;
    return bm_ok();
}

BM_RESULT bm_ctl_batch_worker_receive(bm_ctl_batch_worker *worker, bm_buf *message, bool *got)
{
    uint8_t *start;
    ssize_t size;

    bm_buf_clear(message);
    BM_TRY(bm_buf_extend(message, BM_CTL_BATCH_MESSAGE_MAX, &start));
    /* ECONNRESET, once: it ended with something unread; what it had sent before is still there. */
    do {
        size = recv(worker->fd, start, BM_CTL_BATCH_MESSAGE_MAX, MSG_DONTWAIT);
    } while (size < 0 && errno == ECONNRESET);
    message->size = size > 0 ? (size_t)size : 0;
    *got = size > 0;
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR))
        return gone();
    if (*got && worker->busy > 0)
        worker->busy--;
    return bm_ok();
}

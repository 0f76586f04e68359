#include "server/channel.h"

#include "server/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Enough for some hundred messages of the usual size in each direction; the kernel may cap it. */
#define BUFFER_SIZE (1024 * 1024)

BM_RESULT bm_channel_pair(int ends[2])
{
    int size = BUFFER_SIZE;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
        return bm_failf(BM_E_IO, "socketpair: %s", strerror(errno));
    for (int i = 0; i < 2; i++)
        if (setsockopt(ends[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0)
            (void)setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    return bm_ok();
}

BM_RESULT bm_channel_send(int fd, bm_bytes datagram)
{
    ssize_t sent;

    do
        sent = send(fd, datagram.data, datagram.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return bm_ok();
    if (errno == EAGAIN || errno == ENOBUFS)
        return bm_fail(BM_E_OVERLOADED, "the other process does not read");
    return bm_failf(BM_E_IO, "send: %s", strerror(errno));
}

BM_RESULT bm_channel_receive(int fd, bm_buf *datagram, bool *got)
{
    uint8_t *start;
    ssize_t size;

    bm_buf_clear(datagram);
    BM_TRY(bm_buf_extend(datagram, BM_MESSAGE_MAX, &start));
    datagram->size = 0;
    do
        size = recv(fd, start, BM_MESSAGE_MAX, MSG_DONTWAIT | MSG_TRUNC);
    while (size < 0 && errno == EINTR);
    if (size < 0 && errno != EAGAIN)
        return bm_failf(BM_E_IO, "recv: %s", strerror(errno));
    *got = size >= 0;
    if (size > 0 && size <= BM_MESSAGE_MAX)
        datagram->size = (size_t)size;
    return bm_ok();
}

BM_RESULT bm_channel_write_all(int fd, bm_bytes bytes)
{
    for (size_t done = 0; done < bytes.size;) {
        ssize_t size = write(fd, bytes.data + done, bytes.size - done);

        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            return bm_failf(BM_E_IO, "write: %s", strerror(errno));
        done += (size_t)size;
    }
    return bm_ok();
}

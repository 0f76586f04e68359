#include "server/monitor_listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Where to listen, as the kernel takes it. */
typedef struct {
    struct sockaddr_storage address;
    socklen_t size;
} socket_place;

/* Splits at the last colon; brackets around the host are dropped. */
static BM_RESULT split(const char *text, char host[256], const char **port)
{
    const char *colon = strrchr(text, ':');
    size_t size;

    BM_CHECK(colon != NULL && colon[1] != '\0', BM_E_USAGE, "--listen wants ADDR:PORT");
    *port = colon + 1;
    size = (size_t)(colon - text);
    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    BM_CHECK(size < 256, BM_E_USAGE, "--listen wants ADDR:PORT");
    (void)snprintf(host, 256, "%.*s", (int)size, text);
    return bm_ok();
}

static BM_RESULT resolve(const char *text, socket_place *place)
{
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    struct sockaddr_storage *address = &place->address;
    char host[256];
    const char *port;
    int rc;

    BM_TRY(split(text, host, &port));
    rc = getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &found);
    if (rc != 0)
        return bm_failf(BM_E_USAGE, "--listen %s: %s", text, gai_strerror(rc));
    place->size = found->ai_addrlen;
    bm_result result = bm_bytes_copy_exact(bm_bytes_of(found->ai_addr, found->ai_addrlen), (uint8_t *)address, found->ai_addrlen);
    freeaddrinfo(found);
    return result;
}

static BM_RESULT set(int fd, int level, int option)
{
    const int on = 1;

    if (setsockopt(fd, level, option, &on, sizeof(on)) != 0)
        return bm_failf(BM_E_IO, "setsockopt: %s", strerror(errno));
    return bm_ok();
}

/* Binds; `shared` with those that listen there already. */
static BM_RESULT bind_socket(int fd, const socket_place *place, bool shared)
{
    BM_TRY(set(fd, SOL_SOCKET, SO_REUSEADDR));
    if (shared)
        BM_TRY(set(fd, SOL_SOCKET, SO_REUSEPORT));
    BM_TRY(set(fd, IPPROTO_TCP, TCP_NODELAY));
    if (bind(fd, (const struct sockaddr *)(const void *)&place->address, place->size) != 0)
        return bm_failf(BM_E_IO, "this address cannot be listened at: %s", strerror(errno));
    return bm_ok();
}

static BM_RESULT open_socket(const socket_place *place, bool shared, int *fd)
{
    int made = socket(place->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bm_result result;

    if (made < 0)
        return bm_failf(BM_E_IO, "socket: %s", strerror(errno));
    result = bind_socket(made, place, shared);
    if (result.code != BM_OK) {
        (void)close(made);
        return result;
    }
    *fd = made;
    return bm_ok();
}

/* A port that is named must be ours alone: SO_REUSEPORT would let a second birthmarkd take every other connection of the first. */
static BM_RESULT check_free(const socket_place *place)
{
    int fd;

    BM_TRY(open_socket(place, false, &fd));
    (void)close(fd);
    return bm_ok();
}

static BM_RESULT describe(const socket_place *place, char text[BM_LISTEN_TEXT_SIZE])
{
    const struct sockaddr *address = (const struct sockaddr *)(const void *)&place->address;
    char host[48], port[8];

    if (getnameinfo(address, place->size, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return bm_fail(BM_E_IO, "the address has no text");
    (void)snprintf(text, BM_LISTEN_TEXT_SIZE, address->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    return bm_ok();
}

BM_RESULT bm_monitor_listen(const char *address, int *sockets, size_t count, char text[BM_LISTEN_TEXT_SIZE])
{
    socket_place place = {0};

    BM_TRY(resolve(address, &place));
    BM_TRY(check_free(&place));
    for (size_t i = 0; i < count; i++) {
        BM_TRY(open_socket(&place, true, &sockets[i]));
        if (listen(sockets[i], SOMAXCONN) != 0)
            return bm_failf(BM_E_IO, "listen: %s", strerror(errno));
        /* The first has the port that the kernel chose; the others join it there. */
        place.size = sizeof(place.address);
        if (getsockname(sockets[i], (struct sockaddr *)(void *)&place.address, &place.size) != 0)
            return bm_failf(BM_E_IO, "getsockname: %s", strerror(errno));
    }
    return describe(&place, text);
}

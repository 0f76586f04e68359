#include "device/tunnel/listen.h"

#include "base/text.h"
#include "program/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 512
#define INHERITED_FD 3 /* the first that the service manager hands over */

static bm_result cannot(const char *what, const char *advice)
{
    return bm_failf(BM_E_IO, "%s: no socket can be made there (%s): %s", what, strerror(errno), advice);
}

/* Is what lies at the path a socket at which nobody listens? */
static BM_RESULT clear_path(const struct sockaddr_un *at)
{
    struct stat file;
    BM_AUTO(bm_descriptor_close) int fd = -1;

    if (lstat(at->sun_path, &file) != 0)
        return bm_ok();
    if (!S_ISSOCK(file.st_mode))
        return bm_failf(BM_E_IO, "%s is there already and is no socket: give --listen another path", at->sun_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0 || errno != ECONNREFUSED))
        return bm_failf(BM_E_IO, "somebody listens at %s already, or it cannot be looked at: end the other tunnel, or give --listen another path", at->sun_path);
    if (unlink(at->sun_path) != 0)
        return cannot(at->sun_path, "check the directory's permissions");
    return bm_ok();
}

static BM_RESULT listen_unix(const bm_tunnel_place *place, mode_t mode, int *fd)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    BM_AUTO(bm_descriptor_close) int made = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t before;
    int rc;

    BM_TRY(bm_bytes_copy_exact(bm_bytes_str(place->path), (uint8_t *)at.sun_path, strlen(place->path)));
    BM_TRY(clear_path(&at));
    before = umask((mode_t)~mode & 0777);
    rc = made < 0 ? -1 : bind(made, (const struct sockaddr *)&at, sizeof(at));
    (void)umask(before);
    if (rc != 0 || listen(made, BACKLOG) != 0)
        return cannot(place->path, "check that its directory is there, and the permissions");
    *fd = bm_descriptor_release(&made);
    return bm_ok();
}

static BM_RESULT listen_ip(const bm_tunnel_place *place, int *fd)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(place->port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(place->port), .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    bool is_v4 = bm_address_is_v4(&place->address);
    BM_AUTO(bm_descriptor_close) int made = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    int rc = -1;

    if (made >= 0) {
        (void)setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        rc = is_v4 ? bind(made, (const struct sockaddr *)&four, sizeof(four)) : bind(made, (const struct sockaddr *)&six, sizeof(six));
    }
    if (rc != 0 || listen(made, BACKLOG) != 0)
        return cannot(is_v4 ? "127.0.0.1" : "::1", "give --listen another port");
    *fd = bm_descriptor_release(&made);
    return bm_ok();
}

BM_RESULT bm_tunnel_listen_at(const bm_tunnel_place *place, mode_t mode, int *fd)
{
    return place->path[0] != 0 ? listen_unix(place, mode, fd) : listen_ip(place, fd);
}

/* Any kind of address. */
typedef union {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    struct sockaddr_un un;
} socket_address;

static bool is_local(const socket_address *at)
{
    if (at->any.sa_family == AF_INET)
        return at->four.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
    if (at->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&at->six.sin6_addr);
    return at->any.sa_family == AF_UNIX;
}

/* The number of an environment variable of the service manager; 0 when there is none. */
static uint64_t number_of(const char *name)
{
    const char *text = getenv(name);
    uint64_t value = 0;

    if (text == NULL || bm_text_parse_u64(bm_bytes_str(text), INT32_MAX, &value).code != BM_OK)
        return 0;
    return value;
}

BM_RESULT bm_tunnel_listen_inherited(int *fd)
{
    socket_address at = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t size = sizeof(at);
    int listens = 0;
    socklen_t listens_size = sizeof(listens);

    *fd = -1;
    if (number_of("LISTEN_PID") != (uint64_t)getpid() || number_of("LISTEN_FDS") == 0)
        return bm_ok();
    BM_CHECK(number_of("LISTEN_FDS") == 1, BM_E_IO, "the service manager hands over several sockets: the tunnel takes one (a .socket unit with one line Listen...)");
    BM_CHECK(getsockopt(INHERITED_FD, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) == 0 && listens == 1, BM_E_IO,
             "what the service manager hands over is no listening socket: a .socket unit has one line ListenStream=");
    if (getsockname(INHERITED_FD, &at.any, &size) != 0 || !is_local(&at) || fcntl(INHERITED_FD, F_SETFL, O_NONBLOCK) != 0 ||
        fcntl(INHERITED_FD, F_SETFD, FD_CLOEXEC) != 0)
        return bm_fail(BM_E_IO, "the service manager's socket is reached from elsewhere, and whoever reaches it is this device to the server: "
                                "ListenStream= takes a path, 127.0.0.1:PORT or [::1]:PORT");
    *fd = INHERITED_FD;
    return bm_ok();
}

BM_RESULT bm_tunnel_listen_put_place(bm_buf *out, int fd)
{
    socket_address at = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t size = sizeof(at);

    if (getsockname(fd, &at.any, &size) != 0)
        return bm_fail(BM_E_IO, "the socket is gone");
    if (at.any.sa_family == AF_INET)
        return bm_buf_putf(out, "127.0.0.1:%u", ntohs(at.four.sin_port));
    if (at.any.sa_family == AF_INET6)
        return bm_buf_putf(out, "[::1]:%u", ntohs(at.six.sin6_port));
    return bm_buf_putf(out, "unix:%.*s", (int)sizeof(at.un.sun_path), at.un.sun_path);
}

void bm_tunnel_listen_remove(const bm_tunnel_place *place)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    BM_AUTO(bm_descriptor_close) int probe = -1;
    struct stat file;

    if (place->path[0] == 0 || bm_bytes_copy_exact(bm_bytes_str(place->path), (uint8_t *)at.sun_path, strlen(place->path)).code != BM_OK)
        return;
    if (lstat(place->path, &file) != 0 || !S_ISSOCK(file.st_mode))
        return;
    /* Ours is closed already: where somebody answers, it is another tunnel's. */
    probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe >= 0 && connect(probe, (const struct sockaddr *)&at, sizeof(at)) != 0 && errno == ECONNREFUSED)
        (void)unlink(place->path);
}

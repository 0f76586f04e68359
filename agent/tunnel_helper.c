#include "agent/tunnel_helper.h"

#include "agent/identity.h"
#include "agent/tunnel_listen.h"
#include "agent/tunnel_sandbox.h"
#include "agent/tunnel_signer.h"
#include "base/text.h"
#include "program/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CA_MAX (2u << 20)
#define GREEDY_MS 20

/* What the helper works with. */
typedef struct {
    const bm_tunnel_duty *duty;
    bm_tunnel_signer signer;
    int fd;
} helper_self;

/* The certificate's file as it is named now: another inode after each renewal. */
static BM_RESULT take_stamp(const bm_identity *identity, uint8_t stamp[BM_TUNNEL_STAMP_SIZE])
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    struct stat file;

    if (identity->fd < 0 || fstatat(identity->fd, "device.crt", &file, 0) != 0)
        return bm_failf(BM_E_IO, "%s has no device.crt (%s): run 'birthmark enroll', or check --state", identity->path, strerror(errno));
    BM_TRY(bm_buf_put_u64(&bytes, (uint64_t)file.st_ino));
    BM_TRY(bm_buf_put_u64(&bytes, (uint64_t)file.st_mtim.tv_sec));
    BM_TRY(bm_buf_put_u64(&bytes, (uint64_t)file.st_mtim.tv_nsec));
    BM_TRY(bm_buf_put_u64(&bytes, (uint64_t)file.st_size));
    return bm_bytes_copy_exact(bm_buf_view(&bytes), stamp, BM_TUNNEL_STAMP_SIZE);
}

static BM_RESULT read_needed(const bm_identity *identity, const char *name, bm_buf *out)
{
    bool found;

    BM_TRY(bm_identity_read(identity, name, out, &found));
    if (!found)
        return bm_failf(BM_E_IO, "%s has no %s: run 'birthmark enroll', or check --state", identity->path, name);
    return bm_ok();
}

/* The persistent handle, or 0: the key is in device.key. */
static BM_RESULT read_handle(const bm_identity *identity, uint32_t *handle)
{
    BM_AUTO_BUF uri = BM_BUF_EMPTY;
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    bm_bytes text;
    bm_cursor cursor;

    BM_TRY(read_needed(identity, "key.uri", &uri));
    text = bm_buf_view(&uri);
    *handle = 0;
    if (text.size > 5 && bm_bytes_equal(bm_bytes_slice(text, 0, 5), bm_bytes_str("file:")))
        return bm_ok();
    if (text.size < 17 || !bm_bytes_equal(bm_bytes_slice(text, 0, 9), bm_bytes_str("handle:0x")) ||
        bm_text_from_hex(bm_bytes_slice(text, 9, 8), &bytes).code != BM_OK)
        return bm_failf(BM_E_IO, "%s/key.uri names no key: run 'birthmark enroll'", identity->path);
    cursor = bm_cursor_of(bm_buf_view(&bytes));
    return bm_cursor_u32(&cursor, handle);
}

static BM_RESULT read_ca(const char *path, bm_buf *out)
{
    BM_AUTO(bm_descriptor_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;

    while (fd >= 0 && got > 0) {
        uint8_t chunk[4096];

        got = read(fd, chunk, sizeof(chunk));
        if (got > 0)
            BM_TRY(bm_buf_put(out, bm_bytes_of(chunk, (size_t)got)));
        BM_CHECK(out->size <= CA_MAX, BM_E_IO, "the file of --ca is too large: give the certificates that verify the server alone");
    }
    if (fd < 0 || got < 0)
        return bm_failf(BM_E_IO, "%s cannot be read (%s): check --ca", path, strerror(errno));
    return bm_ok();
}

static BM_RESULT load_once(const bm_tunnel_duty *duty, bm_tunnel_files *files, bool *still)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    uint8_t after[BM_TUNNEL_STAMP_SIZE];

    BM_TRY(bm_identity_open_to_read(duty->state, &identity));
    identity.path = duty->state;
    BM_TRY(take_stamp(&identity, files->stamp));
    BM_TRY(read_needed(&identity, "device.crt", &files->certificate));
    BM_TRY(read_needed(&identity, "chain.crt", &files->chain));
    BM_TRY(read_handle(&identity, &files->handle));
    BM_TRY(take_stamp(&identity, after));
    *still = bm_bytes_equal(BM_BYTES_ARRAY(after), BM_BYTES_ARRAY(files->stamp));
    return read_ca(duty->ca, &files->ca);
}

static BM_RESULT load(const bm_tunnel_duty *duty, bm_buf *reply)
{
    bool still = false;

    /* A renewal may be replacing the files one by one just now. */
    for (int i = 0; i < 10; i++) {
        BM_AUTO(bm_tunnel_message_files_fini) bm_tunnel_files files = {.handle = 0};

        BM_TRY(load_once(duty, &files, &still));
        if (still)
            return bm_tunnel_message_put_files(reply, &files);
    }
    return bm_failf(BM_E_IO, "%s changes all the time: see which program writes there", duty->state);
}

static BM_RESULT stamp(const bm_tunnel_duty *duty, bm_buf *reply)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    uint8_t now[BM_TUNNEL_STAMP_SIZE];

    BM_TRY(bm_identity_open_to_read(duty->state, &identity));
    identity.path = duty->state;
    BM_TRY(take_stamp(&identity, now));
    return bm_tunnel_message_put_bytes(reply, BM_BYTES_ARRAY(now));
}

static void take_address(const struct addrinfo *info, bm_tunnel_addresses *found)
{
    bm_result result = bm_fail(BM_E_MALFORMED, NULL);

    if (found->count == BM_TUNNEL_ADDRESSES_MAX)
        return;
    if (info->ai_family == AF_INET) {
        const struct sockaddr_in *four = (const void *)info->ai_addr;

        result = bm_address_of(bm_bytes_of(&four->sin_addr, sizeof(four->sin_addr)), &found->address[found->count]);
    } else if (info->ai_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const void *)info->ai_addr;

        result = bm_address_of(bm_bytes_of(&six->sin6_addr, sizeof(six->sin6_addr)), &found->address[found->count]);
    }
    if (result.code == BM_OK)
        found->count++;
}

static BM_RESULT resolve(const bm_tunnel_duty *duty, bm_buf *reply)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    bm_tunnel_addresses found = {.count = 0};
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(duty->server.host, NULL, &hints, &list);

    /* AI_ADDRCONFIG leaves the loopback out where there is no other network: then any address is better than none. */
    if (rc != 0) {
        const struct addrinfo any = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

        rc = getaddrinfo(duty->server.host, NULL, &any, &list);
    }
    if (rc != 0)
        return bm_failf(BM_E_NETWORK, "the address of %s cannot be found (%s): check --to and this device's DNS", duty->server.host, gai_strerror(rc));
    for (const struct addrinfo *info = list; info != NULL; info = info->ai_next)
        take_address(info, &found);
    freeaddrinfo(list);
    if (found.count == 0)
        return bm_failf(BM_E_NETWORK, "%s has no IP address: check --to", duty->server.host);
    return bm_tunnel_message_put_addresses(reply, &found);
}

static BM_RESULT answer(helper_self *self, bm_bytes ask, bm_buf *reply)
{
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    bm_tunnel_wish wish = {.handle = 0};
    bm_tunnel_ask type;

    BM_TRY(bm_tunnel_message_parse_ask(ask, &type, &wish));
    switch (type) {
    case BM_TUNNEL_ASK_LOAD:
        return load(self->duty, reply);
    case BM_TUNNEL_ASK_STAMP:
        return stamp(self->duty, reply);
    case BM_TUNNEL_ASK_RESOLVE:
        return resolve(self->duty, reply);
    case BM_TUNNEL_ASK_SIGN:
        BM_TRY(bm_tunnel_signer_sign(&self->signer, &wish, &signature));
        return bm_tunnel_message_put_bytes(reply, bm_buf_view(&signature));
    }
    return bm_fail(BM_E_INTERNAL, "a request that nobody takes");
}

/* Waits for a request; a TPM that serves one program at a time is let go of in between. */
static void await(helper_self *self)
{
    struct pollfd fd = {.fd = self->fd, .events = POLLIN};

    if (bm_tunnel_signer_is_greedy(&self->signer) && poll(&fd, 1, GREEDY_MS) == 0)
        bm_tunnel_signer_close(&self->signer);
}

static BM_RESULT serve(helper_self *self)
{
    for (;;) {
        BM_AUTO_BUF ask = BM_BUF_EMPTY;
        BM_AUTO_BUF reply = BM_BUF_EMPTY;
        bool ended;
        bm_result result;

        await(self);
        BM_TRY(bm_tunnel_message_receive(self->fd, &ask, &ended));
        if (ended)
            return bm_ok();
        result = answer(self, bm_buf_view(&ask), &reply);
        if (result.code != BM_OK) {
            bm_buf_clear(&reply);
            BM_TRY(bm_tunnel_message_put_failure(&reply, result));
        }
        BM_TRY(bm_tunnel_message_send(self->fd, bm_buf_view(&reply)));
    }
}

/* Ctrl-C and the service manager reach the helpers, too: they end when the tunnel does, which may still need them. */
static void ignore_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t none;

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        (void)sigaction(ignored[i], &ignore, NULL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void be_helper(const bm_tunnel_duty *duty, int fd)
{
    helper_self self = {
        .duty = duty, .signer = {.tcti = duty->tcti, .state = duty->state, .auth = duty->auth, .key_auth = duty->key_auth}, .fd = fd};
    bm_result result;

    ignore_signals();
    result = bm_tunnel_sandbox_enter_helper();
    if (result.code == BM_OK)
        result = serve(&self);
    bm_tunnel_signer_close(&self.signer);
    if (duty->leftover != NULL)
        bm_tunnel_listen_remove(duty->leftover);
    _exit(result.code == BM_OK ? 0 : 1);
}

BM_RESULT bm_tunnel_helper_start(const bm_tunnel_duty *duty, bm_tunnel_helper *helper)
{
    int pair[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return bm_failf(BM_E_INTERNAL, "no socket pair (%s)", strerror(errno));
    pid = fork();
    if (pid == 0) {
        (void)close(pair[0]);
        be_helper(duty, pair[1]);
    }
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return bm_failf(BM_E_INTERNAL, "no helper can be started (%s)", strerror(errno));
    }
    *helper = (bm_tunnel_helper){.fd = pair[0], .pid = pid};
    return bm_ok();
}

void bm_tunnel_helper_stop(bm_tunnel_helper *helper)
{
    if (helper->fd < 0)
        return;
    (void)close(helper->fd);
    helper->fd = -1;
    while (waitpid(helper->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

BM_RESULT bm_tunnel_helper_ask(const bm_tunnel_helper *helper, bm_bytes ask, bm_buf *reply)
{
    bool ended;

    BM_TRY(bm_tunnel_message_send(helper->fd, ask));
    BM_TRY(bm_tunnel_message_receive(helper->fd, reply, &ended));
    BM_CHECK(!ended, BM_E_INTERNAL, "a helper of the tunnel has ended");
    return bm_ok();
}

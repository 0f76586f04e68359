#include "device/tunnel/helper.h"

#include "device/talk/sink.h"
#include "device/tls/files.h"
#include "device/tls/signer.h"
#include "device/tunnel/listen.h"
#include "device/tunnel/ours.h"
#include "device/tunnel/sandbox.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define GREEDY_MS 20

/* What the helper works with. */
typedef struct {
    const bm_tunnel_duty *duty;
    bm_tls_signer signer;
    bm_tunnel_ours ours;
    int fd;
    bool dismissed; /* the tunnel ends as it should */
} helper_self;

static BM_RESULT load(const bm_tunnel_duty *duty, bm_buf *reply)
{
    BM_AUTO(bm_tls_files_fini) bm_tls_files own = {.handle = 0};
    BM_AUTO(bm_tunnel_message_files_fini) bm_tunnel_files files = {.handle = 0};

    BM_TRY(bm_tls_files_load(duty->state, &own));
    BM_TRY(bm_tls_files_read_ca(duty->ca, &files.ca));
    bm_buf_move(&files.certificate, &own.certificate);
    bm_buf_move(&files.chain, &own.chain);
    files.handle = own.handle;
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(own.stamp), files.stamp, sizeof(files.stamp)));
    return bm_tunnel_message_put_files(reply, &files);
}

static BM_RESULT stamp(const bm_tunnel_duty *duty, bm_buf *reply)
{
    uint8_t now[BM_TLS_STAMP_SIZE];

    BM_TRY(bm_tls_files_stamp(duty->state, now));
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
    bm_tls_wish wish = {.handle = 0};
    bm_tunnel_ask type;

    BM_TRY(bm_tunnel_message_parse_ask(ask, &type, &wish));
    BM_CHECK((type == BM_TUNNEL_ASK_SIGN) == self->duty->signs || type == BM_TUNNEL_ASK_END, BM_E_MALFORMED, "a request for the other helper");
    switch (type) {
    case BM_TUNNEL_ASK_LOAD:
        return load(self->duty, reply);
    case BM_TUNNEL_ASK_STAMP:
        return stamp(self->duty, reply);
    case BM_TUNNEL_ASK_RESOLVE:
        return resolve(self->duty, reply);
    case BM_TUNNEL_ASK_SIGN:
        BM_TRY(bm_tunnel_ours_check(&self->ours, self->duty->state, &wish));
        BM_TRY(bm_tls_signer_sign(&self->signer, &wish, &signature));
        return bm_tunnel_message_put_bytes(reply, bm_buf_view(&signature));
    case BM_TUNNEL_ASK_END:
        self->dismissed = true;
        return bm_ok();
    }
    return bm_fail(BM_E_INTERNAL, "a request that nobody takes");
}

/* Waits for a request; a TPM that serves one program at a time is let go of in between. */
static void await(helper_self *self)
{
    struct pollfd fd = {.fd = self->fd, .events = POLLIN};

    if (bm_tls_signer_is_greedy(&self->signer) && poll(&fd, 1, GREEDY_MS) == 0)
        bm_tls_signer_close(&self->signer);
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
        if (self->dismissed)
            return bm_ok();
        if (result.code != BM_OK) {
            bm_buf_clear(&reply);
            BM_TRY(bm_tunnel_message_put_failure(&reply, result));
        }
        /* When nobody takes it any more, what is received next says why. */
        bm_result_ignore(bm_tunnel_message_send(self->fd, bm_buf_view(&reply)));
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

    /* What tells of slow commands has a thread, which the sandbox does not allow. */
    (void)bm_sink_use(NULL);
    ignore_signals();
    /* Now, before a renewal: connections with this key may still be made then. */
    if (duty->signs)
        bm_result_ignore(bm_tunnel_ours_look(&self.ours, duty->state));
    result = bm_tunnel_sandbox_enter_helper();
    if (result.code == BM_OK)
        result = serve(&self);
    bm_tls_signer_close(&self.signer);
    if (duty->leftover != NULL)
        bm_tunnel_listen_remove(duty->leftover);
    if (!duty->signs && !self.dismissed)
        (void)fprintf(stderr, "birthmark tunnel: the process that talks to the network was ended, by its sandbox or from outside (the kernel's log has "
                              "which): all connections are gone; start the tunnel again, and report it if it was the sandbox\n");
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
    BM_AUTO_BUF end = BM_BUF_EMPTY;

    if (helper->fd < 0)
        return;
    if (bm_tunnel_message_put_ask(&end, BM_TUNNEL_ASK_END).code == BM_OK)
        bm_result_ignore(bm_tunnel_message_send(helper->fd, bm_buf_view(&end)));
    (void)close(helper->fd);
    helper->fd = -1;
    while (!helper->ended && waitpid(helper->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

bool bm_tunnel_helper_has_ended(bm_tunnel_helper *helper)
{
    helper->ended = helper->ended || waitpid(helper->pid, NULL, WNOHANG) == helper->pid;
    return helper->ended;
}

BM_RESULT bm_tunnel_helper_ask(const bm_tunnel_helper *helper, bm_bytes ask, bm_buf *reply)
{
    bool ended;

    BM_TRY(bm_tunnel_message_send(helper->fd, ask));
    BM_TRY(bm_tunnel_message_receive(helper->fd, reply, &ended));
    BM_CHECK(!ended, BM_E_INTERNAL, "a helper of the tunnel has ended");
    return bm_ok();
}

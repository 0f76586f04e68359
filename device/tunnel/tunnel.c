#include "device/tunnel/tunnel.h"

#include "device/talk/exit.h"
#include "device/tpm/kind.h"
#include "device/tunnel/link.h"
#include "device/tunnel/listen.h"
#include "device/tunnel/sandbox.h"
#include "program/clock.h"
#include "program/sanitized.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define GRACE_SECONDS 30      /* for what flows, after SIGTERM */
#define STAMP_TICKS 5         /* between two looks at the certificate */
#define FRESH_SECONDS 30      /* addresses are used without asking again */
#define DESCRIPTORS_KEPT 64   /* for what is no connection */
#define TEXT_SIZE (BM_TUNNEL_HOST_MAX + 16)

enum { E_ACCEPT, E_DONE, E_REPLY, E_TERM, E_INT, E_HUP, E_TICK, E_COUNT };

typedef struct {
    const bm_tunnel_options *options;
    bm_tunnel_duty signs; /* what the two helpers are for */
    bm_tunnel_duty reads;
    bm_tunnel_helper signer;
    bm_tunnel_helper clerk;
    bm_tunnel_links links;
    char to[TEXT_SIZE];
    int listener;
    size_t links_max;
    struct event *events[E_COUNT];
    bm_tunnel_ask asked; /* of the clerk; 0: nothing */
    bool want_load;
    bool want_stamp;
    bool want_addresses;
    uint8_t tried[BM_TUNNEL_STAMP_SIZE]; /* the certificate that was loaded, or could not be */
    bool missing;                        /* there is none to be seen */
    int64_t resolved;                    /* when the addresses came; nanoseconds */
    int64_t stop_at;                     /* 0: not stopping */
    unsigned ticks;
} tunnel;

static void log_failure(tunnel *self, bm_result result, const char *then)
{
    BM_AUTO_BUF sentence = BM_BUF_EMPTY;

    if (bm_exit_put_sentence(&sentence, result).code == BM_OK)
        bm_tunnel_log_line(&self->links.log, "%.*s%s", (int)sentence.size, (const char *)sentence.data, then);
}

/* The clerk does one thing at a time. */
static void ask_next(tunnel *self)
{
    BM_AUTO_BUF ask = BM_BUF_EMPTY;
    bool *wanted = self->want_load ? &self->want_load : self->want_addresses ? &self->want_addresses : &self->want_stamp;
    bm_tunnel_ask what = self->want_load ? BM_TUNNEL_ASK_LOAD : self->want_addresses ? BM_TUNNEL_ASK_RESOLVE : BM_TUNNEL_ASK_STAMP;

    if (self->asked != 0 || !*wanted)
        return;
    *wanted = false;
    if (bm_tunnel_message_put_ask(&ask, what).code == BM_OK && bm_tunnel_message_send(self->clerk.fd, bm_buf_view(&ask)).code == BM_OK)
        self->asked = what;
}

static void want_addresses(void *context)
{
    tunnel *self = context;

    if (self->options->to.is_address || self->want_addresses || self->asked == BM_TUNNEL_ASK_RESOLVE ||
        (self->links.addresses.count > 0 && bm_clock_ns() - self->resolved < SECOND))
        return;
    self->want_addresses = true;
    ask_next(self);
}

static BM_RESULT use_files(tunnel *self, bm_bytes reply)
{
    BM_AUTO(bm_tunnel_message_files_fini) bm_tunnel_files files = {.handle = 0};
    const bm_tunnel_options *options = self->options;
    bm_tunnel_tls *made;

    BM_TRY(bm_tunnel_message_parse_files(reply, &files));
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(files.stamp), self->tried, sizeof(self->tried)));
    BM_TRY(bm_tunnel_tls_new(&files, options->name != NULL ? options->name : options->to.host, &self->signer, self->links.tls, &made));
    bm_tunnel_tls_unref(self->links.tls);
    self->links.tls = made;
    return bm_ok();
}

static void take_files(tunnel *self, bm_bytes reply)
{
    bm_result result = use_files(self, reply);

    if (result.code == BM_OK)
        bm_tunnel_log_line(&self->links.log, "new connections use the certificate that is in %s now", self->options->state);
    else
        log_failure(self, result, " (what was loaded before stays in use)");
}

static void take_stamp(tunnel *self, bm_bytes reply)
{
    BM_AUTO_BUF stamp = BM_BUF_EMPTY;
    bm_result result = bm_tunnel_message_parse_bytes(reply, &stamp);

    if (result.code != BM_OK && !self->missing)
        log_failure(self, result, " (what was loaded before stays in use)");
    self->missing = result.code != BM_OK;
    if (result.code == BM_OK && !bm_bytes_equal(bm_buf_view(&stamp), BM_BYTES_ARRAY(self->tried)))
        self->want_load = true;
}

static void take_addresses(tunnel *self, bm_bytes reply)
{
    bm_tunnel_addresses found;
    bm_result result = bm_tunnel_message_parse_addresses(reply, &found);

    if (result.code == BM_OK) {
        self->links.addresses = found;
        self->resolved = bm_clock_ns();
        bm_tunnel_links_begin(&self->links);
    } else if (self->links.addresses.count == 0) {
        BM_AUTO_BUF sentence = BM_BUF_EMPTY;

        if (bm_exit_put_sentence(&sentence, result).code == BM_OK && bm_buf_terminate(&sentence).code == BM_OK)
            bm_tunnel_links_fail_waiting(&self->links, (const char *)sentence.data);
    }
}

static void helper_has_ended(const tunnel *self)
{
    (void)fputs("birthmark tunnel: a helper of the tunnel has ended: the tunnel ends, too\n", stderr);
    (void)event_base_loopbreak(self->links.base);
}

static void on_reply(evutil_socket_t fd, short events, void *context)
{
    tunnel *self = context;
    BM_AUTO_BUF reply = BM_BUF_EMPTY;
    bool ended = true;
    bm_tunnel_ask asked = self->asked;

    (void)events;
    if (bm_tunnel_message_receive(fd, &reply, &ended).code != BM_OK || ended) {
        helper_has_ended(self);
        return;
    }
    self->asked = 0;
    if (asked == BM_TUNNEL_ASK_LOAD)
        take_files(self, bm_buf_view(&reply));
    else if (asked == BM_TUNNEL_ASK_STAMP)
        take_stamp(self, bm_buf_view(&reply));
    else if (asked == BM_TUNNEL_ASK_RESOLVE)
        take_addresses(self, bm_buf_view(&reply));
    ask_next(self);
}

static void on_accept(evutil_socket_t fd, short events, void *context)
{
    tunnel *self = context;

    (void)events;
    if (self->links.count > 0 && bm_clock_ns() - self->resolved > FRESH_SECONDS * SECOND)
        want_addresses(self);
    while (self->links.count < self->links_max) {
        int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (accepted < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
            return;
        if (accepted < 0)
            break;
        if (bm_tunnel_link_new(&self->links, accepted).code != BM_OK)
            (void)close(accepted);
    }
    /* The others wait in the kernel until a link has ended, or for a second. */
    (void)event_del(self->events[E_ACCEPT]);
}

static void on_ended(void *context)
{
    tunnel *self = context;

    if (self->stop_at != 0 && self->links.count == 0)
        (void)event_base_loopbreak(self->links.base);
    else if (self->stop_at == 0 && self->events[E_ACCEPT] != NULL)
        (void)event_add(self->events[E_ACCEPT], NULL);
}

static void on_done(evutil_socket_t fd, short events, void *context)
{
    tunnel *self = context;

    (void)fd;
    (void)events;
    bm_tunnel_links_take(&self->links);
}

static void on_hup(evutil_socket_t fd, short events, void *context)
{
    tunnel *self = context;

    (void)fd;
    (void)events;
    self->want_load = true;
    ask_next(self);
}

static void on_tick(evutil_socket_t fd, short events, void *context)
{
    tunnel *self = context;

    (void)fd;
    (void)events;
    bm_tunnel_links_sweep(&self->links);
    if (bm_tunnel_helper_has_ended(&self->signer) || bm_tunnel_helper_has_ended(&self->clerk))
        helper_has_ended(self);
    if (self->stop_at == 0 && self->events[E_ACCEPT] != NULL)
        (void)event_add(self->events[E_ACCEPT], NULL);
    if (self->stop_at != 0 && bm_clock_ns() >= self->stop_at) {
        bm_tunnel_log_line(&self->links.log, "%zu connections had not ended after %d seconds: they are cut off", self->links.count, GRACE_SECONDS);
        (void)event_base_loopbreak(self->links.base);
    }
    if (++self->ticks % STAMP_TICKS == 0) {
        self->want_stamp = true;
        ask_next(self);
    }
}

static void on_stop(evutil_socket_t fd, short events, void *context)
{
    tunnel *self = context;

    (void)fd;
    (void)events;
    if (self->stop_at != 0 || self->links.count == 0) {
        (void)event_base_loopbreak(self->links.base);
        self->stop_at = 1;
        return;
    }
    self->stop_at = bm_clock_ns() + GRACE_SECONDS * SECOND;
    event_free(self->events[E_ACCEPT]);
    self->events[E_ACCEPT] = NULL;
    (void)close(self->listener);
    self->listener = -1;
    bm_tunnel_log_line(&self->links.log, "no more connections are taken; %zu may end in their time, at most %d seconds", self->links.count, GRACE_SECONDS);
}

static BM_RESULT make_events(tunnel *self)
{
    struct event_base *base = self->links.base;
    const struct timeval second = {.tv_sec = 1};

    self->events[E_ACCEPT] = event_new(base, self->listener, EV_READ | EV_PERSIST, on_accept, self);
    self->events[E_DONE] = event_new(base, bm_tunnel_worker_fd(self->links.worker), EV_READ | EV_PERSIST, on_done, self);
    self->events[E_REPLY] = event_new(base, self->clerk.fd, EV_READ | EV_PERSIST, on_reply, self);
    self->events[E_TERM] = evsignal_new(base, SIGTERM, on_stop, self);
    self->events[E_INT] = evsignal_new(base, SIGINT, on_stop, self);
    self->events[E_HUP] = evsignal_new(base, SIGHUP, on_hup, self);
    self->events[E_TICK] = event_new(base, -1, EV_PERSIST, on_tick, self);
    for (size_t i = 0; i < E_COUNT; i++)
        BM_CHECK(self->events[i] != NULL && event_add(self->events[i], i == E_TICK ? &second : NULL) == 0, BM_E_NO_MEMORY, NULL);
    return bm_ok();
}

/* As many connections as the system lets one process have. */
static void raise_limit(tunnel *self)
{
    struct rlimit limit = {.rlim_cur = 1024, .rlim_max = 1024};

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    self->links_max = limit.rlim_cur > 2 * DESCRIPTORS_KEPT ? (limit.rlim_cur - DESCRIPTORS_KEPT) / 2 : DESCRIPTORS_KEPT;
}

/* The helper that signs takes the authorisation values with it; here they are wiped before anything else is done. */
static BM_RESULT start_signer(tunnel *self)
{
    BM_AUTO(bm_tpm_auth_fini) bm_tpm_auth auth = {0};
    BM_AUTO_BUF key_auth = BM_BUF_EMPTY;
    bm_result result;

    BM_TRY(bm_tpm_auth_read(self->options->auth, &auth));
    if (self->options->key_auth != NULL)
        BM_TRY(bm_tpm_kind_read_auth(self->options->key_auth, &key_auth));
    self->signs.auth = &auth;
    self->signs.key_auth = bm_buf_view(&key_auth);
    result = bm_tunnel_helper_start(&self->signs, &self->signer);
    self->signs.auth = NULL;
    self->signs.key_auth = bm_bytes_of(NULL, 0);
    return result;
}

static BM_RESULT start_helpers(tunnel *self)
{
    const bm_tunnel_options *options = self->options;

    self->signs = (bm_tunnel_duty){.state = options->state, .ca = options->ca != NULL ? options->ca : BM_TUNNEL_CA_DEFAULT, .tcti = options->tcti, .server = options->to};
    self->reads = self->signs;
    self->signs.signs = true;
    self->reads.leftover = options->listens ? &options->place : NULL;
    BM_TRY(start_signer(self));
    return bm_tunnel_helper_start(&self->reads, &self->clerk);
}

static BM_RESULT load_first(tunnel *self)
{
    BM_AUTO_BUF ask = BM_BUF_EMPTY;
    BM_AUTO_BUF reply = BM_BUF_EMPTY;

    BM_TRY(bm_tunnel_message_put_ask(&ask, BM_TUNNEL_ASK_LOAD));
    BM_TRY(bm_tunnel_helper_ask(&self->clerk, bm_buf_view(&ask), &reply));
    return use_files(self, bm_buf_view(&reply));
}

static BM_RESULT start_listening(tunnel *self)
{
    const bm_tunnel_options *options = self->options;

    BM_CHECK(self->listener >= 0 || options->listens, BM_E_USAGE, "--listen is missing: give the place, say unix:/run/birthmark/tunnel.sock");
    if (self->listener < 0)
        BM_TRY(bm_tunnel_listen_at(&options->place, options->mode, &self->listener));
    return bm_ok();
}

/* Whoever has read this may send connections and signals. */
static BM_RESULT announce(tunnel *self)
{
    BM_AUTO_BUF place = BM_BUF_EMPTY;

    BM_TRY(bm_tunnel_listen_put_place(&place, self->listener));
    bm_tunnel_log_line(&self->links.log, "listening on %.*s, to %s", (int)place.size, (const char *)place.data, self->to);
    return bm_ok();
}

static BM_RESULT prepare(tunnel *self)
{
    const bm_tunnel_server *server = &self->options->to;
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    (void)snprintf(self->to, sizeof(self->to), strchr(server->host, ':') != NULL ? "[%s]:%u" : "%s:%u", server->host, server->port);
    if (server->is_address)
        self->links.addresses = (bm_tunnel_addresses){.address = {server->address}, .count = 1};
    (void)sigaction(SIGPIPE, &ignore, NULL);
    /* The loop handles it. Before and afterwards there is nothing to load anew, and it must not end the tunnel. */
    (void)sigaction(SIGHUP, &ignore, NULL);
    raise_limit(self);
    BM_TRY(bm_tunnel_sandbox_begin());
    /* First: where there is none after all, its number is another descriptor's later. */
    BM_TRY(bm_tunnel_listen_inherited(&self->listener));
    BM_TRY(start_helpers(self));
    BM_TRY(load_first(self));
    self->links.base = event_base_new();
    BM_CHECK(self->links.base != NULL, BM_E_NO_MEMORY, NULL);
    BM_TRY(bm_tunnel_worker_new(&self->links.worker));
    BM_TRY(start_listening(self));
    BM_TRY(make_events(self));
    /* The C library reads its file once, when a certificate's dates are first looked at. */
    tzset();
    BM_TRY(bm_tunnel_sandbox_enter());
    return announce(self);
}

static void finish(tunnel *self)
{
    /* The worker may be waiting for a signature that nobody wants any more. */
    if (self->signer.fd >= 0)
        (void)shutdown(self->signer.fd, SHUT_RDWR);
    bm_tunnel_worker_free(self->links.worker);
    bm_tunnel_links_free(&self->links);
    bm_tunnel_tls_unref(self->links.tls);
    for (size_t i = 0; i < E_COUNT; i++)
        if (self->events[i] != NULL)
            event_free(self->events[i]);
    if (self->links.base != NULL)
        event_base_free(self->links.base);
    if (self->listener >= 0)
        (void)close(self->listener);
    /* In this order: the second has a copy of our end of the first. */
    bm_tunnel_helper_stop(&self->clerk);
    bm_tunnel_helper_stop(&self->signer);
}

BM_RESULT bm_tunnel(const bm_tunnel_options *options)
{
    tunnel self = {.options = options, .signer = {.fd = -1}, .clerk = {.fd = -1}, .listener = -1};
    bm_result result;

    self.links.to = self.to;
    self.links.port = options->to.port;
    self.links.idle_seconds = options->idle;
    self.links.want_addresses = want_addresses;
    self.links.ended = on_ended;
    self.links.context = &self;
    result = prepare(&self);
    if (result.code == BM_OK && event_base_dispatch(self.links.base) < 0)
        result = bm_fail(BM_E_INTERNAL, "the event loop failed");
    if (result.code == BM_OK && self.stop_at == 0)
        result = bm_fail(BM_E_INTERNAL, "a part of the tunnel has ended");
    finish(&self);
#if BM_SANITIZED
    /* The search for leaks at the end would start another process, which the sandbox does not let it do. */
    if (result.code == BM_OK)
        _exit(BM_EXIT_OK);
#endif
    return result;
}

/* A server's process: it takes what it needs out of the handover, shuts itself in, and runs the event loop. */
#include "server/channel.h"
#include "server/handover.h"
#include "server/process.h"
#include "server/sandbox.h"
#include "server/server_anchors.h"
#include "server/server_http.h"
#include "server/server_limit.h"
#include "server/server_peer.h"
#include "server/server_tls.h"

#include "x509/ca.h"

#include <event2/event.h>
#include <string.h>
#include <sys/resource.h>

#define STOP_MAX_SECONDS 5
#define DESCRIPTORS_KEPT 32 /* for what is no connection */

/* The pieces of a server's handover, in their order. */
enum { PIECE_CONFIG_NAME, PIECE_CONFIG, PIECE_CA, PIECE_TLS_CERTIFICATES, PIECE_TLS_KEY, PIECE_COUNT };

static BM_RESULT take_ca(bm_server *server, bm_bytes pem)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bool found = true;

    BM_TRY(bm_buf_put(&server->ca_pem, pem));
    while (server->chain_count < BM_CA_CHAIN_MAX) {
        BM_TRY(bm_ca_next_pem(&pem, "CERTIFICATE", &der, &found));
        if (!found)
            break;
        bm_buf_move(&server->chain[server->chain_count++], &der);
    }
    BM_CHECK(server->chain_count > 0, BM_E_KEY_INVALID, "ca.crt has no certificate");
    BM_TRY(bm_ca_parse(bm_buf_view(&server->chain[0]), &server->ca));
    server->alg = bm_pkey_default_sig(server->ca.key.type);
    return bm_ok();
}

static BM_RESULT take_handover(bm_server *server)
{
    BM_AUTO_BUF all = BM_BUF_EMPTY;
    BM_AUTO_BUF name = BM_BUF_EMPTY;
    bm_bytes pieces[PIECE_COUNT];

    BM_TRY(bm_handover_take(BM_FD_HANDOVER, &all));
    BM_TRY(bm_handover_split(bm_buf_view(&all), pieces, PIECE_COUNT));
    BM_TRY(bm_buf_put(&name, pieces[PIECE_CONFIG_NAME]));
    BM_TRY(bm_buf_terminate(&name));
    BM_TRY(bm_config_parse((const char *)name.data, pieces[PIECE_CONFIG], &server->config));
    BM_TRY(take_ca(server, pieces[PIECE_CA]));
    /* Without a key there is no TLS: the monitor was told --plain. */
    if (pieces[PIECE_TLS_KEY].size > 0)
        BM_TRY(bm_server_tls_new(pieces[PIECE_TLS_CERTIFICATES], pieces[PIECE_CA], pieces[PIECE_TLS_KEY], &server->tls));
    return bm_ok();
}

static void on_term(evutil_socket_t fd, short events, void *context)
{
    const struct timeval limit = {.tv_sec = STOP_MAX_SECONDS};
    bm_server *server = context;

    (void)fd;
    (void)events;
    bm_log_line(&server->log, "stopping");
    (void)event_base_loopexit(server->base, &limit);
    bm_server_http_stop(server->http);
}

/* The anchors of the beginning are there. */
static void on_first_anchors(void *context, bm_result result)
{
    *(bm_result *)context = result;
}

static BM_RESULT load_anchors(bm_server *server)
{
    bm_result loaded = {.code = BM_CODE_COUNT};

    BM_TRY(bm_server_anchors_load(server->anchors, on_first_anchors, &loaded));
    while (loaded.code == BM_CODE_COUNT)
        BM_CHECK(event_base_loop(server->base, EVLOOP_ONCE) == 0, BM_E_INTERNAL, "the event loop failed");
    return loaded;
}

/* No more connections than there are descriptors for. */
static void limit_connections(bm_server *server)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || server->config.max_connections + DESCRIPTORS_KEPT <= files.rlim_cur)
        return;
    server->config.max_connections = files.rlim_cur > 2 * DESCRIPTORS_KEPT ? (unsigned)files.rlim_cur - DESCRIPTORS_KEPT : DESCRIPTORS_KEPT;
    bm_log_line(&server->log, "max_connections=%u: the limit of open files is %llu; raise it (LimitNOFILE, ulimit -n) to hold as many as configured",
                server->config.max_connections, (unsigned long long)files.rlim_cur);
}

static BM_RESULT make_limit(bm_server *server)
{
    const bm_config *config = &server->config;

    return bm_server_limit_new(&(bm_server_limits){.address_rate = config->address_rate,
                                                   .address_burst = config->address_burst,
                                                   .total_rate = config->total_rate,
                                                   .total_burst = config->total_burst},
                               &server->limit);
}

/* The event loop: changes of what is waited for are told to the kernel together, and only those that last. */
static BM_RESULT make_base(bm_server *server)
{
    struct event_config *config = event_config_new();

    BM_CHECK(config != NULL, BM_E_NO_MEMORY, NULL);
    if (event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0)
        server->base = event_base_new_with_config(config);
    event_config_free(config);
    BM_CHECK(server->base != NULL, BM_E_NO_MEMORY, NULL);
    return bm_ok();
}

static BM_RESULT begin(bm_server *server)
{
    BM_TRY(bm_process_begin(BM_FD_LEDGER + 1));
    BM_TRY(take_handover(server));
    /* With the TLS key; what connections need later is no secret of ours, and may be more than can be locked. */
    bm_process_lock_memory(BM_PROCESS_LOCK_NOW, &server->log);
    limit_connections(server);
    BM_TRY(make_limit(server));
    BM_TRY(make_base(server));
    BM_TRY(bm_server_peer_new(server->base, BM_FD_KEEPER, "keeper", &server->log, &server->keeper));
    BM_TRY(bm_server_peer_new(server->base, BM_FD_LEDGER, "ledger", &server->log, &server->ledger));
    BM_TRY(bm_server_anchors_new(server->ledger, &server->log, &server->anchors));
    return load_anchors(server);
}

static BM_RESULT run(bm_server *server)
{
    struct event *term;
    int fd, rc;

    BM_TRY(begin(server));
    BM_TRY(bm_process_term_fd(&fd));
    term = event_new(server->base, fd, EV_READ, on_term, server);
    BM_CHECK(term != NULL && event_add(term, NULL) == 0, BM_E_NO_MEMORY, NULL);
    BM_TRY(bm_sandbox_enter(BM_PROCESS_SERVER));
    BM_TRY(bm_server_http_new(server, BM_FD_LISTEN, &server->http));
    BM_TRY(bm_process_ready());
    rc = event_base_dispatch(server->base);
    event_free(term);
    BM_CHECK(rc >= 0, BM_E_INTERNAL, "the event loop failed");
    return bm_ok();
}

static void free_server(bm_server *server)
{
    bm_server_http_free(server->http);
    bm_server_limit_free(server->limit);
    bm_server_anchors_free(server->anchors);
    bm_server_peer_free(server->keeper);
    bm_server_peer_free(server->ledger);
    if (server->base != NULL)
        event_base_free(server->base);
    bm_server_tls_free(server->tls);
    for (size_t i = 0; i < server->chain_count; i++)
        bm_buf_fini(&server->chain[i]);
    bm_buf_fini(&server->ca_pem);
    bm_ca_fini(&server->ca);
}

int bm_server_main(int index)
{
    bm_server server = {0};
    bm_result result;

    bm_log_init(&server.log, "server", index);
    result = run(&server);
    if (result.code != BM_OK)
        bm_log_failure(&server.log, "cannot begin:", result);
    free_server(&server);
    return result.code == BM_OK ? 0 : BM_EXIT_CANNOT_BEGIN;
}

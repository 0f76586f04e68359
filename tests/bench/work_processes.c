/* Server, ledger and keeper, set up as their processes are, but for what concerns processes: the handover, the sandbox, the event loop's end. */
#include "work.h"

#include "server/channel.h"
#include "server/server_anchors.h"
#include "server/server_http.h"
#include "server/server_limit.h"
#include "server/server_peer.h"
#include "server/server_tls.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DAY 86400
#define TEN_YEARS INT64_C(315360000)

static int64_t now(void)
{
    return (int64_t)time(NULL);
}

/* The ledger over a new database that has this anchor. */
static void begin_ledger(work_processes *w, X509 *vendor)
{
    bm_store_anchor anchor = {.class = BM_CLASS_DISCRETE, .added = now(), .subject = "CN=Vendor"};
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    static bm_log log;
    bm_store *store = NULL;
    const char *where = getenv("TMPDIR");
    char path[96];

    WORK_MUST((size_t)snprintf(w->directory, sizeof(w->directory), "%s/bmwork.XXXXXX", where != NULL ? where : "/tmp") <
              sizeof(w->directory));
    WORK_MUST(mkdtemp(w->directory) != NULL);
    (void)snprintf(path, sizeof(path), "%s/birthmark.db", w->directory);
    make_der(vendor, &der);
    WORK_OK(bm_hash_sha256(bm_buf_view(&der), anchor.sha256));
    anchor.der = bm_buf_view(&der);
    WORK_OK(bm_store_open(path, true, &store));
    WORK_OK(bm_store_begin(store));
    WORK_OK(bm_store_anchor_add(store, &anchor));
    WORK_OK(bm_store_commit(store));
    bm_log_init(&log, "ledger", -1);
    WORK_OK(bm_ledger_requests_new(store, &w->to_ledger[1], 1, &log, &w->ledger));
}

/* The keeper, with new keys, and the CA's certificate. */
static void begin_keeper(work_processes *w, bm_pkey *key, bm_buf *certificate)
{
    bm_ca_options options = {.common_name = "Work CA", .not_before = now() - DAY, .not_after = now() + TEN_YEARS, .serial = {1}};
    const bm_bytes passphrase = bm_bytes_str("work");
    BM_AUTO_BUF ca_key = BM_BUF_EMPTY;
    BM_AUTO_BUF ticket_keys = BM_BUF_EMPTY;

    WORK_OK(bm_ca_self_signed(key, &options, certificate));
    WORK_OK(bm_keys_file_seal_ca(passphrase, BM_CIPHER_RANDOM, key, &ca_key));
    WORK_OK(bm_keys_file_new_ticket(passphrase, BM_CIPHER_RANDOM, &ticket_keys));
    WORK_OK(bm_keeper_requests_init(&w->keeper, &(bm_keeper_options){.passphrase = passphrase,
                                                                     .ca_key = bm_buf_view(&ca_key),
                                                                     .ticket_keys = bm_buf_view(&ticket_keys),
                                                                     .ca = bm_buf_view(certificate),
                                                                     .ticket_lifetime = 3600}));
}

static void put_pem(bm_buf *pem, X509 *certificate)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    make_der(certificate, &der);
    WORK_OK(bm_ca_put_pem(pem, "CERTIFICATE", bm_buf_view(&der)));
}

/* A TLS certificate with one issuer in its chain, as the floor has it (floor_tls.c). */
static void begin_tls(bm_server *server)
{
    static const char *const options[] = {"subjectAltName", "DNS:localhost", NULL};
    EVP_PKEY *root_key = make_key(BM_KEY_ECC256), *issuer_key = make_key(BM_KEY_ECC256), *key = make_key(BM_KEY_ECC256);
    X509 *root = make_x509(&(make_options){.key = root_key, .name = "Root", .options = make_ca_extensions});
    X509 *issuer = make_x509(&(make_options){
        .key = issuer_key, .name = "Issuer", .issuer = root, .signer = root_key, .options = make_ca_extensions});
    X509 *leaf = make_x509(
        &(make_options){.key = key, .name = "localhost", .issuer = issuer, .signer = issuer_key, .options = options});
    BM_AUTO(bm_pkey_freep) bm_pkey *wrapped = make_wrap(key);
    BM_AUTO_BUF certificates = BM_BUF_EMPTY;
    BM_AUTO_BUF private_key = BM_BUF_EMPTY;

    put_pem(&certificates, leaf);
    put_pem(&certificates, issuer);
    WORK_OK(bm_pkey_put_private(&private_key, wrapped));
    WORK_OK(bm_server_tls_new(bm_buf_view(&certificates), bm_bytes_str(""), bm_buf_view(&private_key), &server->tls));
    X509_free(root);
    X509_free(issuer);
    X509_free(leaf);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(issuer_key);
    EVP_PKEY_free(key);
}

/* A listening socket on a port of the kernel's choice. */
static int listen_somewhere(struct sockaddr_in *address)
{
    socklen_t size = sizeof(*address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    WORK_MUST(fd >= 0 && bind(fd, (struct sockaddr *)(void *)address, size) == 0 && listen(fd, 2 * WORK_AT_ONCE) == 0);
    WORK_MUST(getsockname(fd, (struct sockaddr *)(void *)address, &size) == 0);
    return fd;
}

static void on_anchors(void *context, bm_result result)
{
    WORK_OK(result);
    *(bool *)context = true;
}

static void load_anchors(work_processes *w)
{
    bool loaded = false;

    WORK_OK(bm_server_anchors_load(w->server.anchors, on_anchors, &loaded));
    while (!loaded) {
        work_server_turn(w);
        work_ledger_turn(w);
    }
}

/*
 * The clock of deadlines stands still (the linker puts this in its place): under valgrind everything is slow, and requests to keeper and
 * ledger would be repeated.
 */
int64_t __wrap_bm_process_now_ms(void);
int64_t __wrap_bm_process_now_ms(void)
{
    return 1;
}

/* The configuration that init writes, without limits. */
static void begin_server(work_processes *w, bm_bytes certificate)
{
    bm_server *server = &w->server;

    bm_log_init(&server->log, "server", 0);
    WORK_OK(bm_config_parse("work.conf", bm_bytes_str(bm_config_default_text()), &server->config));
    server->config.request_timeout = server->config.idle_timeout = 3600;
    WORK_OK(bm_server_limit_new(&(bm_server_limits){.address_burst = 1, .total_burst = 1}, &server->limit));
    WORK_OK(bm_ca_parse(certificate, &server->ca));
    server->alg = bm_pkey_default_sig(server->ca.key.type);
    WORK_OK(bm_buf_put(&server->chain[0], certificate));
    server->chain_count = 1;
    WORK_OK(bm_ca_put_pem(&server->ca_pem, "CERTIFICATE", certificate));
    server->base = event_base_new();
    WORK_MUST(server->base != NULL);
    WORK_OK(bm_server_peer_new(server->base, w->to_keeper[0], "keeper", &server->log, &server->keeper));
    WORK_OK(bm_server_peer_new(server->base, w->to_ledger[0], "ledger", &server->log, &server->ledger));
    WORK_OK(bm_server_anchors_new(server->ledger, &server->log, &server->anchors));
    begin_tls(server);
    load_anchors(w);
    WORK_OK(bm_server_http_new(server, listen_somewhere(&w->address), &server->http));
}

void work_processes_init(work_processes *w, const make_vendor *vendor)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    BM_AUTO_BUF certificate = BM_BUF_EMPTY;

    *w = (work_processes){.ledger = NULL};
    WORK_OK(bm_channel_pair(w->to_ledger));
    WORK_OK(bm_channel_pair(w->to_keeper));
    WORK_OK(bm_pkey_generate(BM_KEY_ECC256, &key));
    begin_ledger(w, vendor->certificate);
    begin_keeper(w, key, &certificate);
    begin_server(w, bm_buf_view(&certificate));
}

static void end_ledger(work_processes *w)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[128];

    bm_ledger_requests_free(w->ledger);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/birthmark.db%s", w->directory, suffixes[i]);
        (void)unlink(path);
    }
    (void)rmdir(w->directory);
}

void work_processes_fini(work_processes *w)
{
    bm_server *server = &w->server;

    bm_server_http_free(server->http);
    bm_server_limit_free(server->limit);
    bm_server_anchors_free(server->anchors);
    bm_server_peer_free(server->keeper);
    bm_server_peer_free(server->ledger);
    bm_server_tls_free(server->tls);
    event_base_free(server->base);
    bm_buf_fini(&server->chain[0]);
    bm_buf_fini(&server->ca_pem);
    bm_ca_fini(&server->ca);
    end_ledger(w);
    bm_keeper_requests_fini(&w->keeper);
    bm_buf_fini(&w->asked);
    bm_buf_fini(&w->answered);
    for (size_t i = 0; i < 2; i++) {
        (void)close(w->to_ledger[i]);
        (void)close(w->to_keeper[i]);
    }
}

__attribute__((noinline)) void work_server_turn(work_processes *w)
{
    WORK_MUST(event_base_loop(w->server.base, EVLOOP_NONBLOCK) >= 0);
}

__attribute__((noinline)) void work_ledger_turn(work_processes *w)
{
    WORK_OK(bm_ledger_requests_round(w->ledger, now()));
}

/* As in the loop of server/keeper_main.c. */
__attribute__((noinline)) void work_keeper_turn(work_processes *w)
{
    bool got = true;

    while (got) {
        WORK_OK(bm_channel_receive(w->to_keeper[1], &w->asked, &got));
        if (!got)
            return;
        WORK_OK(bm_keeper_requests_answer(&w->keeper, bm_buf_view(&w->asked), now(), &w->answered));
        WORK_OK(bm_channel_send(w->to_keeper[1], bm_buf_view(&w->answered)));
    }
}

/*
 * birthmark-guest: birthmark itself, of the same objects, with a guest in each process of the tunnel, as in escape.h: after the process has shut its
 * sandbox, the guest waits there for an order, tries one way out, and says how that ended. Beside that, for what a test cannot have otherwise:
 * $BIRTHMARK_HASTE makes the tunnel's time run so many times faster, and $BIRTHMARK_ADDRESSES are the addresses of every name.
 */
#include "tests/escape/escape.h"

#include "base/text.h"
#include "device/tunnel/helper.h"
#include "device/tunnel/link.h"
#include "device/tunnel/sandbox.h"
#include "program/sanitized.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define KEY_ENVIRONMENT "BIRTHMARK_ESCAPE_KEY" /* another key of the TPM: HANDLE SHA256-OF-ITS-SPKI */
#define HASTE_ENVIRONMENT "BIRTHMARK_HASTE"
#define ADDRESSES_ENVIRONMENT "BIRTHMARK_ADDRESSES"

/* The linker puts these before the functions of birthmark (-Wl,--wrap). */
int birthmark_main(int argc, char **argv);
bm_result __real_bm_tunnel_sandbox_enter(void);
bm_result __wrap_bm_tunnel_sandbox_enter(void);
bm_result __real_bm_tunnel_sandbox_enter_helper(void);
bm_result __wrap_bm_tunnel_sandbox_enter_helper(void);
bm_result __real_bm_tunnel_helper_start(const bm_tunnel_duty *duty, bm_tunnel_helper *helper);
bm_result __wrap_bm_tunnel_helper_start(const bm_tunnel_duty *duty, bm_tunnel_helper *helper);
bm_result __real_bm_tunnel_link_new(bm_tunnel_links *links, int fd);
bm_result __wrap_bm_tunnel_link_new(bm_tunnel_links *links, int fd);
bm_tunnel_step __real_bm_tunnel_session_shake(bm_tunnel_session *session, bool may_sign);
bm_tunnel_step __wrap_bm_tunnel_session_shake(bm_tunnel_session *session, bool may_sign);
bm_result __real_bm_tunnel_message_parse_ask(bm_bytes body, bm_tunnel_ask *ask, bm_tls_wish *wish);
bm_result __wrap_bm_tunnel_message_parse_ask(bm_bytes body, bm_tunnel_ask *ask, bm_tls_wish *wish);
bm_result __real_bm_tunnel_message_put_wish(bm_buf *out, const bm_tls_wish *wish);
bm_result __wrap_bm_tunnel_message_put_wish(bm_buf *out, const bm_tls_wish *wish);
bm_result __real_bm_tunnel_message_send(int fd, bm_bytes body);
bm_result __wrap_bm_tunnel_message_send(int fd, bm_bytes body);
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __real_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **list);
int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **list);

typedef enum { LOOP, WORKER, SIGNER, CLERK, PART_COUNT } tunnel_part;

static struct {
    escape_scene scene;
    tunnel_part part;
    char *page; /* of the orders; NULL: there is no guest */
    bool confined;
    bool lies; /* the next reply is not what was asked for */
    int signer;
    int clerk;
    bm_tls_wish wish; /* the last that the tunnel itself had; its handle is 0 before */
    long haste;
} guest;

static const char *const part_names[] = {[LOOP] = "loop", [WORKER] = "worker", [SIGNER] = "signer", [CLERK] = "clerk"};

/* What the loop may do, since it is what it is for; where the way has nothing to be tried with; or what is not about the tunnel. */
static const char *const not_in_loop[] = {"connect", "send-at-once", "stop-listening", "stop-listening-and-sending", "accept", "epoll", NULL};

/* What the helpers are refused; all else is theirs to do: they open files, connect, and talk to the TPM. */
static const char *const refused_to_helpers[] = {
    "execute", "execute-a-descriptor", "listen", "accept", "ptrace", "be-traced", "read-anothers-memory", "write-anothers-memory", "anothers-descriptor", "compare-processes",
    "kill", "tgkill", "queue-a-signal", "mount", "umount", "pivot-root", "chroot", "unshare", "setns", "setuid", "setgid", "setresuid", "setgroups", "personality",
    "io-uring", "bpf", "userfaultfd", "keyctl", "add-key", "request-key", "perf", "open-by-handle", "load-a-module", "kexec", "reboot", "set-the-clock", "ports", NULL};

static bool is_one_of(const char *const *names, const char *name)
{
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

static void say_result(bm_result result, char said[ESCAPE_TEXT_SIZE])
{
    (void)snprintf(said, ESCAPE_TEXT_SIZE, "%s %s", result.code == BM_OK ? "did-it" : bm_code_name(result.code), result.detail != NULL ? result.detail : "");
}

static BM_RESULT ask_raw(int fd, bm_bytes ask)
{
    const bm_tunnel_helper helper = {.fd = fd};
    BM_AUTO_BUF reply = BM_BUF_EMPTY;
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;

    BM_TRY(bm_tunnel_helper_ask(&helper, ask, &reply));
    return bm_tunnel_message_parse_bytes(bm_buf_view(&reply), &bytes);
}

static BM_RESULT ask_to_sign(int fd, const bm_tls_wish *wish)
{
    BM_AUTO_BUF ask = BM_BUF_EMPTY;

    BM_TRY(__real_bm_tunnel_message_put_wish(&ask, wish));
    return ask_raw(fd, bm_buf_view(&ask));
}

/* The wish that the tunnel had last, for any digest: what it may do. */
static void ask_sign_own(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    (void)scene;
    say_result(guest.wish.handle != 0 ? ask_to_sign(guest.signer, &guest.wish) : bm_fail(BM_E_INTERNAL, "nothing was signed yet"), said);
}

static void ask_sign_by_anothers_key(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    const char *text = getenv(KEY_ENVIRONMENT);
    bm_tls_wish wish = guest.wish;
    BM_AUTO_BUF key = BM_BUF_EMPTY;

    (void)scene;
    wish.scheme = BM_TLS_ECDSA;
    wish.hash = BM_HASH_SHA256;
    wish.digest.size = BM_SHA256_SIZE;
    if (text == NULL || bm_text_from_hex(bm_bytes_of(text + 11, 2 * BM_SHA256_SIZE), &key).code != BM_OK)
        return;
    wish.handle = (uint32_t)strtoul(text, NULL, 16);
    say_result(bm_bytes_copy_exact(bm_buf_view(&key), wish.key, sizeof(wish.key)), said);
    say_result(ask_to_sign(guest.signer, &wish), said);
}

static void ask_sign_at_another_handle(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    bm_tls_wish wish = guest.wish;

    (void)scene;
    wish.handle++;
    say_result(ask_to_sign(guest.signer, &wish), said);
}

static void ask_sign_another_way(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    bm_tls_wish wish = guest.wish;

    (void)scene;
    wish.scheme = BM_TLS_PSS;
    say_result(ask_to_sign(guest.signer, &wish), said);
}

static void ask_clerk_to_sign(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    (void)scene;
    say_result(ask_to_sign(guest.clerk, &guest.wish), said);
}

static void ask_signer_for_files(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    bm_result result = bm_ok();

    (void)scene;
    for (unsigned what = BM_TUNNEL_ASK_LOAD; what < BM_TUNNEL_ASK_SIGN; what++) {
        const uint8_t ask = (uint8_t)what;

        result = ask_raw(guest.signer, bm_bytes_of(&ask, 1));
        if (result.code != BM_E_MALFORMED)
            break;
    }
    say_result(result, said);
}

static void ask_nonsense(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    static const uint8_t nonsense[5000];
    bm_result result = bm_ok();

    (void)scene;
    for (size_t size = 1; size < sizeof(nonsense); size *= 3) {
        result = ask_raw(guest.signer, bm_bytes_of(nonsense, size));
        if (result.code == BM_E_MALFORMED)
            result = ask_raw(guest.clerk, bm_bytes_of(nonsense, size));
        if (result.code != BM_E_MALFORMED)
            break;
    }
    say_result(result, said);
}

static void reply_nonsense(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE])
{
    (void)scene;
    guest.lies = true;
    (void)snprintf(said, ESCAPE_TEXT_SIZE, "nothing");
}

/* Ways of the tunnel's own: who tries, and what is said. */
static const struct {
    const char *name;
    void (*go)(const escape_scene *scene, char said[ESCAPE_TEXT_SIZE]);
    tunnel_part part;
    const char *says;
} asks[] = {
    {"have-a-digest-signed", ask_sign_own, LOOP, "did-it"},
    {"sign-by-anothers-key", ask_sign_by_anothers_key, LOOP, "tpm-handle-taken"},
    {"sign-at-another-handle", ask_sign_at_another_handle, LOOP, "tpm-handle-taken"},
    {"sign-another-way", ask_sign_another_way, LOOP, "internal"},
    {"have-the-clerk-sign", ask_clerk_to_sign, LOOP, "malformed"},
    {"ask-the-signer-for-files", ask_signer_for_files, LOOP, "malformed"},
    {"ask-nonsense", ask_nonsense, LOOP, "malformed"},
    {"reply-nonsense", reply_nonsense, SIGNER, "nothing"},
    {"reply-nonsense", reply_nonsense, CLERK, "nothing"},
};

static const char *end_of(const escape_way *way, tunnel_part part)
{
    bool doors = strcmp(way->name, "32-bit-call") == 0 || strcmp(way->name, "x32-call") == 0;

#if BM_SANITIZED
    /* Their run time opens files for its reports. */
    if (way->loose || strcmp(way->name, "open-to-write") == 0)
        return NULL;
#endif
    if (part == SIGNER || part == CLERK)
        return doors ? "killed" : is_one_of(refused_to_helpers, way->name) ? "errno=1 " : NULL;
    /* The worker is a thread of the loop's process: a few are enough to show that it is in the same filter. */
    if (part == WORKER && strcmp(way->name, "execute") != 0 && strcmp(way->name, "open-to-write") != 0)
        return NULL;
    return way->ends[BM_PROCESS_SERVER] == KILLED && !is_one_of(not_in_loop, way->name) ? "killed" : NULL;
}

/* A line each: PART WAY END. */
static void list(void)
{
    for (const escape_way *way = escape_ways; way->name != NULL; way++)
        for (unsigned part = LOOP; part < PART_COUNT; part++)
            if (end_of(way, (tunnel_part)part) != NULL)
                printf("%s %s %s\n", part_names[part], way->name, end_of(way, (tunnel_part)part));
    for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++)
        printf("%s %s %s\n", part_names[asks[i].part], asks[i].name, asks[i].says);
}

static void go(const char *name, char said[ESCAPE_TEXT_SIZE])
{
    for (const escape_way *way = escape_ways; way->name != NULL; way++)
        if (strcmp(way->name, name) == 0)
            way->go(&guest.scene, said);
    for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++)
        if (strcmp(asks[i].name, name) == 0 && asks[i].part == guest.part)
            asks[i].go(&guest.scene, said);
}

static void obey(tunnel_part part)
{
    size_t size = strlen(part_names[part]);
    char said[ESCAPE_TEXT_SIZE] = "there is no such way";
    char ordered = 'O';

    if (!guest.confined || __atomic_load_n(guest.page, __ATOMIC_ACQUIRE) != 'O' || strncmp(guest.page + 1, part_names[part], size) != 0 ||
        guest.page[1 + size] != ' ' || !__atomic_compare_exchange_n(guest.page, &ordered, 'T', false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return;
    go(guest.page + 2 + size, said);
    memcpy(guest.page + 1, said, sizeof(said));
    __atomic_store_n(guest.page, 'D', __ATOMIC_RELEASE);
}

/* What an attacker would bring along, or find; before the sandbox is shut. */
static void move_in(void)
{
    const char *path = getenv(ESCAPE_ENVIRONMENT);
    escape_scene *scene = &guest.scene;
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    void *page;

    if (path == NULL)
        return;
    scene->monitor = getppid();
    (void)snprintf(scene->key, sizeof(scene->key), "/etc/shadow");
    (void)snprintf(scene->victim, sizeof(scene->victim), "/proc/%d/mem", (int)scene->monitor);
    scene->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    scene->file = memfd_create("escape", MFD_CLOEXEC);
    scene->epoll = epoll_create1(EPOLL_CLOEXEC);
    scene->page = mmap(NULL, ESCAPE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page = fd < 0 ? MAP_FAILED : mmap(NULL, ESCAPE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED || scene->page == MAP_FAILED || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, scene->pair) != 0)
        abort();
    (void)close(fd);
    guest.page = page;
}

bm_result __wrap_bm_tunnel_sandbox_enter(void)
{
    bm_result result;

    move_in();
    result = __real_bm_tunnel_sandbox_enter();
    guest.confined = result.code == BM_OK && guest.page != NULL;
    return result;
}

bm_result __wrap_bm_tunnel_sandbox_enter_helper(void)
{
    bm_result result;

    move_in();
    result = __real_bm_tunnel_sandbox_enter_helper();
    guest.confined = result.code == BM_OK && guest.page != NULL;
    return result;
}

/* The process that is forked in between knows by this which one it is. */
bm_result __wrap_bm_tunnel_helper_start(const bm_tunnel_duty *duty, bm_tunnel_helper *helper)
{
    bm_result result;

    guest.part = duty->signs ? SIGNER : CLERK;
    result = __real_bm_tunnel_helper_start(duty, helper);
    guest.part = LOOP;
    *(duty->signs ? &guest.signer : &guest.clerk) = helper->fd;
    return result;
}

/* The loop comes by here with each connection, the worker with each signature, and the helpers with each request. */
bm_result __wrap_bm_tunnel_link_new(bm_tunnel_links *links, int fd)
{
    obey(LOOP);
    return __real_bm_tunnel_link_new(links, fd);
}

bm_tunnel_step __wrap_bm_tunnel_session_shake(bm_tunnel_session *session, bool may_sign)
{
    if (may_sign)
        obey(WORKER);
    return __real_bm_tunnel_session_shake(session, may_sign);
}

bm_result __wrap_bm_tunnel_message_parse_ask(bm_bytes body, bm_tunnel_ask *ask, bm_tls_wish *wish)
{
    obey(guest.part);
    return __real_bm_tunnel_message_parse_ask(body, ask, wish);
}

bm_result __wrap_bm_tunnel_message_put_wish(bm_buf *out, const bm_tls_wish *wish)
{
    guest.wish = *wish;
    return __real_bm_tunnel_message_put_wish(out, wish);
}

bm_result __wrap_bm_tunnel_message_send(int fd, bm_bytes body)
{
    static const uint8_t nonsense[100] = {1, 255, 255, 255};
    bool lies = guest.lies;

    guest.lies = false;
    return __real_bm_tunnel_message_send(fd, lies ? BM_BYTES_ARRAY(nonsense) : body);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    int rc = __real_clock_gettime(clock, now);

    if (rc == 0 && clock == CLOCK_MONOTONIC && guest.haste > 1) {
        int64_t fast = ((int64_t)now->tv_sec * 1000 + now->tv_nsec / 1000000) * guest.haste;

        *now = (struct timespec){.tv_sec = fast / 1000, .tv_nsec = fast % 1000 * 1000000};
    }
    return rc;
}

/* Each address by itself, and in one list. */
int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
    const char *all = getenv(ADDRESSES_ENVIRONMENT);
    char text[256];
    char *left = text;
    const char *one;
    struct addrinfo **end = list;

    if (all == NULL)
        return __real_getaddrinfo(name, service, hints, list);
    *list = NULL;
    (void)snprintf(text, sizeof(text), "%s", all);
    while ((one = strsep(&left, " ")) != NULL) {
        int rc = __real_getaddrinfo(one, service, &(struct addrinfo){.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, end);

        if (rc != 0)
            return rc;
        while (*end != NULL)
            end = &(*end)->ai_next;
    }
    return 0;
}

/* `birthmark-guest --ways` prints the table; otherwise it is birthmark. */
int main(int argc, char **argv)
{
    const char *haste = getenv(HASTE_ENVIRONMENT);

    guest.haste = haste != NULL ? strtol(haste, NULL, 10) : 1;
    if (argc == 2 && strcmp(argv[1], "--ways") == 0) {
        list();
        return 0;
    }
    return birthmark_main(argc, argv);
}

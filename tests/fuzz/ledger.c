/*
 * bm_ledger_requests_round (server/ledger_requests.h) over a real database: what a server that somebody else runs can send, one datagram
 * after the other. And bm_store_log_verify (store/store.h): whatever was asked, the log stays whole.
 */
#include "world.h"

#include "server/channel.h"
#include "server/ledger_requests.h"
#include "server/message.h"
#include "store/store.h"

#include <sys/stat.h>
#include <unistd.h>

#define DATAGRAMS_MAX 16
#define TURNS_MAX 256

/* A database, for some inputs: then the next, so that none grows. */
typedef struct {
    char dir[64];
    char path[96];
    int ends[2];
    bm_log log;
    bm_store *reader;
    bm_ledger *ledger;
    unsigned turns;
} place;

static place here;

static void add_device(void)
{
    static const uint8_t ek[BM_SHA256_SIZE] = {1};
    bool changed;

    FUZZ_OK(bm_store_begin(here.reader));
    FUZZ_OK(bm_store_device_add(here.reader, ek, "SN-1", MAKE_NOW, &changed));
    FUZZ_OK(bm_store_commit(here.reader));
}

static void add_anchor(void)
{
    bm_store_anchor anchor = {.class = BM_CLASS_DISCRETE, .added = MAKE_NOW, .subject = "CN=Fuzz root"};
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    make_der(world_root(), &der);
    FUZZ_OK(bm_hash_sha256(bm_buf_view(&der), anchor.sha256));
    anchor.der = bm_buf_view(&der);
    FUZZ_OK(bm_store_begin(here.reader));
    FUZZ_OK(bm_store_anchor_add(here.reader, &anchor));
    FUZZ_OK(bm_store_commit(here.reader));
}

static void close_place(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char name[128];

    if (here.ledger == NULL)
        return;
    bm_ledger_requests_free(here.ledger);
    bm_store_free(here.reader);
    (void)close(here.ends[0]);
    (void)close(here.ends[1]);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", here.path, suffixes[i]);
        (void)unlink(name);
    }
    (void)rmdir(here.dir);
    here = (place){.ledger = NULL};
}

static void open_place(void)
{
    bm_store *store = NULL;

    fuzz_directory(here.dir, sizeof(here.dir));
    (void)snprintf(here.path, sizeof(here.path), "%s/birthmark.db", here.dir);
    bm_log_init(&here.log, "ledger", -1);
    FUZZ_OK(bm_store_open(here.path, true, &store));
    FUZZ_OK(bm_store_open(here.path, false, &here.reader));
    FUZZ_OK(bm_channel_pair(here.ends));
    FUZZ_OK(bm_ledger_requests_new(store, &here.ends[1], 1, &here.log, &here.ledger));
    add_device();
    add_anchor();
    /* As ledger_main.c does: what SQLite opens late is open. */
    FUZZ_OK(bm_store_begin(store));
    FUZZ_OK(bm_store_check_end(store));
    bm_store_rollback(store);
}

void fuzz_prepare(void)
{
    open_place();
}

/* Takes the answers: each is a message, for a request that was made. */
static void take_answers(void)
{
    BM_AUTO_BUF datagram = BM_BUF_EMPTY;
    bm_message message;
    bool got = true;

    for (;;) {
        FUZZ_OK(bm_channel_receive(here.ends[0], &datagram, &got));
        if (!got)
            return;
        FUZZ_OK(bm_message_open(bm_buf_view(&datagram), &message));
        FUZZ_MUST(message.type >= BM_MSG_LOOK_UP_REPLY);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool once;
    bm_bytes rest = bm_bytes_of(data, size);
    uint64_t count;

    if (!once)
        FUZZ_MUST(atexit(close_place) == 0);
    once = true;
    if (here.ledger == NULL)
        open_place();
    for (size_t i = 0; i < DATAGRAMS_MAX && rest.size > 0; i++) {
        bm_bytes datagram = fuzz_piece(&rest);

        if (datagram.size > 0)
            FUZZ_OK(bm_channel_send(here.ends[0], datagram));
    }
    FUZZ_OK(bm_ledger_requests_round(here.ledger, MAKE_NOW + here.turns));
    take_answers();
    if (++here.turns == TURNS_MAX) {
        FUZZ_OK(bm_store_log_verify(here.reader, &count));
        close_place();
    }
    return 0;
}

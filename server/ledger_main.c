/* The ledger's process: it opens the database, shuts itself in, and answers. */
#include "server/handover.h"
#include "server/ledger_requests.h"
#include "server/log.h"
#include "server/process.h"
#include "server/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WAITING_MS 1 /* between two attempts to write; the store itself waits in each */

static BM_RESULT loop(bm_ledger *ledger, size_t servers, int term)
{
    struct pollfd polled[BM_PROCESS_SERVERS_MAX + 1];

    for (size_t i = 0; i < servers; i++)
        polled[i] = (struct pollfd){.fd = BM_FD_FIRST + (int)i, .events = POLLIN};
    polled[servers] = (struct pollfd){.fd = term, .events = POLLIN};
    while (polled[servers].revents == 0) {
        if (poll(polled, servers + 1, bm_ledger_requests_waiting(ledger) ? WAITING_MS : -1) < 0)
            return bm_failf(BM_E_IO, "poll: %s", strerror(errno));
        for (size_t i = 0; i < servers; i++)
            BM_CHECK((polled[i].revents & ~POLLIN) == 0, BM_E_IO, "a server's socket is gone");
        BM_TRY(bm_ledger_requests_round(ledger, (int64_t)time(NULL)));
    }
    return bm_ok();
}

/*
 * Touches everything that SQLite opens late (the write-ahead log, its index) before the sandbox is shut, and looks whether what was committed
 * last is there. While another process writes, that cannot be seen, and is left to the next start.
 */
static BM_RESULT warm_up(bm_store *store)
{
    uint64_t epoch;
    bm_result result;

    tzset();
    BM_TRY(bm_store_anchors_epoch(store, &epoch));
    result = bm_store_begin(store);
    if (result.code == BM_E_STORE_BUSY)
        return bm_ok();
    BM_TRY(result);
    result = bm_store_check_end(store);
    bm_store_rollback(store);
    return result;
}

static BM_RESULT open_ledger(const char *path, uint32_t servers, const bm_log *log, bm_ledger **ledger)
{
    BM_AUTO(bm_store_freep) bm_store *store = NULL;
    int sockets[BM_PROCESS_SERVERS_MAX];

    for (uint32_t i = 0; i < servers; i++)
        sockets[i] = BM_FD_FIRST + (int)i;
    BM_TRY(bm_store_open(path, false, &store));
    bm_store_set_patience(store, BM_LEDGER_ATTEMPT_MS);
    BM_TRY(warm_up(store));
    BM_TRY(bm_ledger_requests_new(store, sockets, servers, log, ledger));
    store = NULL;
    return bm_ok();
}

/*
 * The write-ahead log may be a new file: its name is on disk before the first commit relies on it. SQLite would do that itself, but can open
 * nothing any more then.
 */
static BM_RESULT sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);

    if (rc != 0)
        rc = errno;
    if (fd >= 0)
        (void)close(fd);
    if (rc != 0)
        return bm_failf(BM_E_IO, "%s: %s", path, strerror(rc));
    return bm_ok();
}

static BM_RESULT begin(const bm_log *log, bm_ledger **ledger, uint32_t *servers, int *term)
{
    BM_AUTO_BUF all = BM_BUF_EMPTY;
    BM_AUTO_BUF directory = BM_BUF_EMPTY;
    BM_AUTO_BUF path = BM_BUF_EMPTY;
    bm_bytes pieces[3];

    BM_TRY(bm_handover_take(BM_FD_HANDOVER, &all));
    BM_TRY(bm_handover_split(bm_buf_view(&all), pieces, 3));
    BM_TRY(bm_handover_number(pieces[0], servers));
    BM_CHECK(*servers > 0 && *servers <= BM_PROCESS_SERVERS_MAX, BM_E_MALFORMED, "the number of servers is wrong");
    BM_TRY(bm_buf_put(&directory, pieces[1]));
    BM_TRY(bm_buf_terminate(&directory));
    BM_TRY(bm_buf_put(&path, pieces[2]));
    BM_TRY(bm_buf_terminate(&path));
    BM_TRY(bm_process_begin(BM_FD_FIRST + (int)*servers));
    BM_TRY(bm_process_term_fd(term));
    (void)umask(S_IRWXG | S_IRWXO);
    BM_TRY(open_ledger((const char *)path.data, *servers, log, ledger));
    BM_TRY(sync_directory((const char *)directory.data));
    BM_TRY(bm_sandbox_enter(BM_PROCESS_LEDGER));
    return bm_process_ready();
}

int bm_ledger_main(void)
{
    BM_AUTO(bm_ledger_requests_freep) bm_ledger *ledger = NULL;
    uint32_t servers = 0;
    int term = -1;
    bm_result result;
    bm_log log;

    bm_log_init(&log, "ledger", -1);
    result = begin(&log, &ledger, &servers, &term);
    if (result.code != BM_OK) {
        bm_log_failure(&log, "cannot begin:", result);
        return BM_EXIT_CANNOT_BEGIN;
    }
    result = loop(ledger, servers, term);
    if (result.code != BM_OK) {
        bm_log_failure(&log, "stopped:", result);
        return 1;
    }
    return 0;
}

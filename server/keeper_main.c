/* The keeper's process: it takes the keys out of the handover, shuts itself in, and answers. */
#include "server/channel.h"
#include "server/handover.h"
#include "server/keeper_requests.h"
#include "server/log.h"
#include "server/message.h"
#include "server/process.h"
#include "server/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

/* One datagram of one server; the others have their turn before its next. */
static void serve(bm_keeper *keeper, const bm_log *log, int fd, bm_buf *datagram, bm_buf *reply)
{
    bool got = false;
    bm_result result = bm_channel_receive(fd, datagram, &got);

    if (result.code == BM_OK && !got)
        return;
    if (result.code == BM_OK)
        result = bm_keeper_requests_answer(keeper, bm_buf_view(datagram), (int64_t)time(NULL), reply);
    if (result.code == BM_OK)
        result = bm_channel_send(fd, bm_buf_view(reply));
    if (result.code != BM_OK)
        bm_log_failure(log, "a request was dropped:", result);
}

static BM_RESULT loop(bm_keeper *keeper, const bm_log *log, size_t servers, int term)
{
    struct pollfd polled[BM_PROCESS_SERVERS_MAX + 1];
    BM_AUTO_BUF datagram = BM_BUF_EMPTY;
    BM_AUTO_BUF reply = BM_BUF_EMPTY;

    for (size_t i = 0; i < servers; i++)
        polled[i] = (struct pollfd){.fd = BM_FD_FIRST + (int)i, .events = POLLIN};
    polled[servers] = (struct pollfd){.fd = term, .events = POLLIN};
    while (polled[servers].revents == 0) {
        if (poll(polled, servers + 1, -1) < 0)
            return bm_failf(BM_E_IO, "poll: %s", strerror(errno));
        for (size_t i = 0; i < servers; i++) {
            BM_CHECK((polled[i].revents & ~POLLIN) == 0, BM_E_IO, "a server's socket is gone");
            if (polled[i].revents != 0)
                serve(keeper, log, polled[i].fd, &datagram, &reply);
        }
    }
    return bm_ok();
}

/* Uses every key once, so that OpenSSL loads whatever it loads before the sandbox is shut. */
static BM_RESULT warm_up(bm_keeper *keeper)
{
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    uint8_t mac[BM_SHA256_SIZE];
    bm_pkey *key = NULL;
    bm_result result;

    BM_TRY(bm_keys_ticket_mac(keeper->keys, bm_keys_ticket_key_id(keeper->keys), bm_bytes_str("warm-up"), mac));
    bm_wipe(mac, sizeof(mac));
    BM_TRY(bm_keys_sign(keeper->keys, bm_bytes_str("warm-up"), &signature));
    BM_TRY(bm_pkey_from_public(&keeper->ca.key, &key));
    result = bm_pkey_verify(key, keeper->alg, bm_bytes_str("warm-up"), bm_buf_view(&signature));
    bm_pkey_free(key);
    tzset();
    return result;
}

static BM_RESULT begin(bm_keeper *keeper, const bm_log *log, uint32_t *servers, int *term)
{
    BM_AUTO_BUF all = BM_BUF_EMPTY;
    bm_bytes pieces[6];
    uint32_t ticket_lifetime;

    /* Before there is anything to protect. */
    BM_TRY(bm_process_begin(BM_FD_END));
    bm_process_lock_memory(BM_PROCESS_LOCK_ALWAYS, log);
    BM_TRY(bm_handover_take(BM_FD_HANDOVER, &all));
    BM_TRY(bm_handover_split(bm_buf_view(&all), pieces, 6));
    BM_TRY(bm_handover_number(pieces[0], servers));
    BM_CHECK(*servers > 0 && *servers <= BM_PROCESS_SERVERS_MAX, BM_E_MALFORMED, "the number of servers is wrong");
    BM_TRY(bm_handover_number(pieces[1], &ticket_lifetime));
    BM_TRY(bm_process_begin(BM_FD_FIRST + (int)*servers));
    BM_TRY(bm_process_term_fd(term));
    BM_TRY(bm_keeper_requests_init(keeper, &(bm_keeper_options){.passphrase = pieces[2],
                                                               .ca_key = pieces[3],
                                                               .ticket_keys = pieces[4],
                                                               .ca = pieces[5],
                                                               .ticket_lifetime = ticket_lifetime}));
    BM_TRY(warm_up(keeper));
    BM_TRY(bm_sandbox_enter(BM_PROCESS_KEEPER));
    return bm_process_ready();
}

int bm_keeper_main(void)
{
    bm_keeper keeper = {0};
    uint32_t servers = 0;
    bm_result result;
    int term = -1;
    bm_log log;
    int code = 0;

    bm_log_init(&log, "keeper", -1);
    result = begin(&keeper, &log, &servers, &term);
    if (result.code != BM_OK) {
        bm_log_failure(&log, "cannot begin:", result);
        code = BM_EXIT_CANNOT_BEGIN;
    } else {
        result = loop(&keeper, &log, servers, term);
        if (result.code != BM_OK) {
            bm_log_failure(&log, "stopped:", result);
            code = 1;
        }
    }
    bm_keeper_requests_fini(&keeper);
    return code;
}

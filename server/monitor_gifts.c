#include "server/monitor_gifts.h"

#include "server/channel.h"
#include "server/handover.h"

#include <unistd.h>

/* A pair of sockets, both high. */
static BM_RESULT open_pair(int *one, int *other)
{
    int ends[2];

    BM_TRY(bm_channel_pair(ends));
    BM_TRY(bm_monitor_child_raise(&ends[0]));
    BM_TRY(bm_monitor_child_raise(&ends[1]));
    *one = ends[0];
    *other = ends[1];
    return bm_ok();
}

BM_RESULT bm_monitor_gifts_open(bm_monitor_gifts *gifts, const char *listen)
{
    BM_TRY(bm_monitor_listen(listen, gifts->listeners, gifts->server_count, gifts->listening));
    for (size_t i = 0; i < gifts->server_count; i++) {
        BM_TRY(bm_monitor_child_raise(&gifts->listeners[i]));
        BM_TRY(open_pair(&gifts->server_keeper[i], &gifts->keeper[i]));
        BM_TRY(open_pair(&gifts->server_ledger[i], &gifts->ledger[i]));
    }
    return bm_ok();
}

/* A path without its NUL. */
static bm_bytes path_of(const bm_buf *path)
{
    return bm_bytes_str((const char *)path->data);
}

static BM_RESULT start_server(const bm_monitor_gifts *gifts, bm_monitor_child *child)
{
    const bm_monitor_state *state = &gifts->state;
    const bm_bytes pieces[] = {path_of(&state->config_path), bm_buf_view(&state->config_text), bm_buf_view(&state->ca_pem),
                               bm_buf_view(&state->tls_pem), bm_buf_view(&state->tls_key)};
    const int fds[] = {gifts->listeners[child->index], gifts->server_keeper[child->index], gifts->server_ledger[child->index]};

    return bm_monitor_child_start(child, &(bm_monitor_gift){.pieces = pieces, .piece_count = 5, .fds = fds, .fd_count = 3});
}

static BM_RESULT start_keeper(const bm_monitor_gifts *gifts, bm_monitor_child *child)
{
    const bm_monitor_state *state = &gifts->state;
    BM_AUTO_BUF count = BM_BUF_EMPTY;
    BM_AUTO_BUF ticket_lifetime = BM_BUF_EMPTY;

    BM_TRY(bm_handover_put_number(&count, (uint32_t)gifts->server_count));
    BM_TRY(bm_handover_put_number(&ticket_lifetime, (uint32_t)bm_config_ticket_lifetime(&state->config)));
    const bm_bytes pieces[] = {bm_buf_view(&count),             bm_buf_view(&ticket_lifetime),
                               bm_buf_view(&state->passphrase), bm_buf_view(&state->ca_key),
                               bm_buf_view(&state->ticket_key), bm_buf_view(&state->ca_der)};

    return bm_monitor_child_start(
        child, &(bm_monitor_gift){.pieces = pieces, .piece_count = 6, .fds = gifts->keeper, .fd_count = gifts->server_count});
}

static BM_RESULT start_ledger(const bm_monitor_gifts *gifts, bm_monitor_child *child)
{
    const bm_monitor_state *state = &gifts->state;
    BM_AUTO_BUF count = BM_BUF_EMPTY;

    BM_TRY(bm_handover_put_number(&count, (uint32_t)gifts->server_count));
    const bm_bytes pieces[] = {bm_buf_view(&count), path_of(&state->database_folder), path_of(&state->database)};

    return bm_monitor_child_start(
        child, &(bm_monitor_gift){.pieces = pieces, .piece_count = 3, .fds = gifts->ledger, .fd_count = gifts->server_count});
}

BM_RESULT bm_monitor_gifts_start(const bm_monitor_gifts *gifts, bm_monitor_child *child)
{
    switch (child->process) {
    case BM_PROCESS_SERVER:
        return start_server(gifts, child);
    case BM_PROCESS_KEEPER:
        return start_keeper(gifts, child);
    case BM_PROCESS_LEDGER:
        return start_ledger(gifts, child);
    case BM_PROCESS_COUNT:
        break;
    }
    return bm_fail(BM_E_INTERNAL, "there is no such process");
}

void bm_monitor_gifts_stop_listening(bm_monitor_gifts *gifts)
{
    for (size_t i = 0; i < gifts->server_count; i++) {
        if (gifts->listeners[i] > 0)
            (void)close(gifts->listeners[i]);
        gifts->listeners[i] = -1;
    }
}

void bm_monitor_gifts_fini(bm_monitor_gifts *gifts)
{
    bm_monitor_state_fini(&gifts->state);
}

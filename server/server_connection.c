#include "server/server_connection.h"

#include <event2/event.h>
#include <stdlib.h>

#define LINGER_SECONDS 2
#define BEHIND 512 /* requests that are queued: some tenths of a second */

static bm_server_place list_of(bm_server_phase phase)
{
    if (phase == BM_PHASE_IDLE)
        return BM_PLACE_IDLE;
    return phase == BM_PHASE_QUEUED || phase == BM_PHASE_BUSY ? BM_PLACE_BUSY : BM_PLACE_WAITING;
}

static void unlist(bm_server_connection *connection)
{
    if (connection->listed)
        TAILQ_REMOVE(&connection->http->lists[list_of(connection->phase)], connection, link);
    connection->listed = false;
}

bm_server_connection *bm_server_connection_oldest(bm_server_http *http)
{
    bm_server_connection *idle = TAILQ_FIRST(&http->lists[BM_PLACE_IDLE]);

    return idle != NULL ? idle : TAILQ_FIRST(&http->lists[BM_PLACE_WAITING]);
}

/*
 * Are there so many requests that a new connection would but wait, with its deadline running, for a handshake that is for nothing when it is over?
 * Until half of them are done. A burst of thousands waits in the kernel's queue, where no deadline runs, and is served in its order.
 */
static bool is_behind(bm_server_http *http)
{
    size_t queued = bm_server_work_length(http->work);

    http->behind = queued >= (http->behind ? BEHIND / 2 : BEHIND);
    return http->behind;
}

/* What comes while every place is at work, or too much is queued, waits in the kernel's queue. */
static void hold_or_accept(bm_server_http *http)
{
    bool is_full = http->count >= http->server->config.max_connections && bm_server_connection_oldest(http) == NULL;

    bm_server_accept_hold(http->accept, is_behind(http) || is_full);
}

/* How long a phase may take, in seconds; 0: its end is not the client's to choose. */
static unsigned deadline_of(const bm_config *config, bm_server_phase phase)
{
    switch (phase) {
    case BM_PHASE_HEAD:
    case BM_PHASE_BODY:
    case BM_PHASE_REPLY:
        return config->request_timeout;
    case BM_PHASE_IDLE:
        return config->idle_timeout;
    case BM_PHASE_LINGER:
        return LINGER_SECONDS;
    case BM_PHASE_QUEUED:
    case BM_PHASE_BUSY:
        break;
    }
    return 0;
}

void bm_server_connection_enter(bm_server_connection *connection, bm_server_phase phase)
{
    bm_server_http *http = connection->http;
    const struct timeval deadline = {.tv_sec = deadline_of(&http->server->config, phase)};

    unlist(connection);
    connection->phase = phase;
    TAILQ_INSERT_TAIL(&http->lists[list_of(phase)], connection, link);
    connection->listed = true;
    (void)event_del(connection->timer);
    /* Where there is no memory for a deadline, it is now. */
    if (deadline.tv_sec > 0 && event_add(connection->timer, &deadline) != 0)
        event_active(connection->timer, EV_TIMEOUT, 1);
    hold_or_accept(http);
}

static void free_stream(bm_server_connection *connection)
{
    bm_server_stream_free(connection->stream);
    connection->stream = NULL;
}

void bm_server_connection_end(bm_server_connection *connection)
{
    bm_server_http *http = connection->http;

    free_stream(connection);
    bm_server_work_remove(http->work, &connection->work);
    if (connection->timer != NULL)
        event_free(connection->timer);
    unlist(connection);
    free(connection);
    http->count--;
    if (http->stopping && http->count == 0)
        (void)event_base_loopexit(http->server->base, NULL);
    else if (!http->stopping)
        hold_or_accept(http);
}

void bm_server_connection_drop(bm_server_connection *connection)
{
    if (connection->phase == BM_PHASE_BUSY)
        free_stream(connection);
    else
        bm_server_connection_end(connection);
}

void bm_server_connection_end_soon(bm_server_connection *connection)
{
    bm_server_connection_enter(connection, BM_PHASE_LINGER);
    event_active(connection->timer, EV_TIMEOUT, 1);
}

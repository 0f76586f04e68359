#include "server/server_stream.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

BM_RESULT bm_server_stream_send(struct bufferevent *stream, bm_bytes bytes)
{
    BM_CHECK(bufferevent_write(stream, bytes.data, bytes.size) == 0, BM_E_NO_MEMORY, NULL);
    /* libevent 2.1 does not look whether it could hang its own callback to the output: without it, nothing would be sent. */
    (void)bufferevent_enable(stream, EV_WRITE);
    return bm_ok();
}

void bm_server_stream_drain(struct bufferevent *stream)
{
    struct evbuffer *input = bufferevent_get_input(stream);

    (void)evbuffer_drain(input, evbuffer_get_length(input));
}

/* Not by bufferevent_setwatermark: that of libevent 2.1 does not look whether it got memory, and ends the process. */
void bm_server_stream_bound(struct bufferevent *stream, size_t max)
{
    bool reads = stream != NULL && (bufferevent_get_enabled(stream) & EV_READ) != 0;
    bool may = stream != NULL && evbuffer_get_length(bufferevent_get_input(stream)) < max;

    if (reads && !may)
        (void)bufferevent_disable(stream, EV_READ);
    else if (may && !reads)
        (void)bufferevent_enable(stream, EV_READ);
}

bool bm_server_stream_has_odd_end(struct bufferevent *stream)
{
    struct evbuffer *input = bufferevent_get_input(stream);

    return evbuffer_search(input, "\n\n", 2, NULL).pos >= 0 || evbuffer_search(input, "\n\r\n", 3, NULL).pos >= 0;
}

#include "server/server_stream.h"

#include "server/server_tls.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 16384 /* a record of TLS */
#define DISCARD_READS 16

struct bm_server_stream {
    int fd;
    bm_server_tls_session *session; /* NULL: plain */
    bool shaking;                   /* hands: the session is not yet there */
    bool broken;                    /* nothing can be read or written any more */
    bool reading;
    bool deaf; /* nothing more is sent, and what comes is thrown away */
    bool owes; /* TLS cannot read on before it has written something of its own */
    size_t input_max;
    bm_buf input;
    size_t taken; /* of the input */
    bm_buf output;
    size_t written; /* of the output */
    struct event *readable;
    struct event *writable;
    bm_server_stream_events events;
};

/* What a read or a write of either kind ended with. */
static bm_server_tls_end plain_end(ssize_t size)
{
    if (size > 0)
        return BM_TLS_DONE;
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return BM_TLS_WANTS_READ;
    return BM_TLS_OVER;
}

static bm_server_tls_end read_some(bm_server_stream *stream, uint8_t *to, size_t size, size_t *got)
{
    ssize_t received;

    if (stream->session != NULL)
        return bm_server_tls_read(stream->session, to, size, got);
    received = recv(stream->fd, to, size, 0);
    *got = received > 0 ? (size_t)received : 0;
    return plain_end(received);
}

static bm_server_tls_end write_some(bm_server_stream *stream, bm_bytes bytes, size_t *put)
{
    ssize_t sent;
    bm_server_tls_end end;

    if (stream->session != NULL)
        return bm_server_tls_write(stream->session, bytes, put);
    sent = send(stream->fd, bytes.data, bytes.size, MSG_NOSIGNAL);
    *put = sent > 0 ? (size_t)sent : 0;
    end = plain_end(sent);
    return end == BM_TLS_WANTS_READ ? BM_TLS_WANTS_WRITE : end;
}

/* The loop will see that it is over, and say so. */
static void break_off(bm_server_stream *stream)
{
    stream->broken = true;
    event_active(stream->readable, EV_READ, 1);
}

static void want_write(bm_server_stream *stream)
{
    if (event_add(stream->writable, NULL) != 0)
        break_off(stream);
}

static bool is_all_written(const bm_server_stream *stream)
{
    return stream->written == stream->output.size;
}

/* Writes as much as the kernel takes. */
static void flush(bm_server_stream *stream)
{
    while (!stream->broken && !is_all_written(stream)) {
        size_t put = 0;
        bm_bytes rest = bm_bytes_slice(bm_buf_view(&stream->output), stream->written, stream->output.size - stream->written);
        bm_server_tls_end end = write_some(stream, rest, &put);

        stream->written += put;
        if (end == BM_TLS_WANTS_WRITE)
            want_write(stream);
        else if (end == BM_TLS_OVER)
            break_off(stream);
        if (end != BM_TLS_DONE)
            return;
    }
    if (is_all_written(stream)) {
        bm_buf_fini(&stream->output);
        stream->written = 0;
    }
}

static size_t room(const bm_server_stream *stream)
{
    size_t held = stream->input.size - stream->taken;

    return held < stream->input_max ? stream->input_max - held : 0;
}

static void set_reading(bm_server_stream *stream, bool reading)
{
    if (stream->reading == reading)
        return;
    if (!reading)
        (void)event_del(stream->readable);
    else if (event_add(stream->readable, NULL) != 0)
        stream->broken = true;
    stream->reading = reading;
    /* What TLS has read already makes no socket readable. */
    if (reading)
        event_active(stream->readable, EV_READ, 1);
}

/* Reads once, as much as there is room for. On the stack first: an idle connection has no memory for input. */
static bm_server_tls_end fill_once(bm_server_stream *stream, size_t *got)
{
    uint8_t bytes[READ_SIZE];
    bm_server_tls_end end = read_some(stream, bytes, room(stream) < READ_SIZE ? room(stream) : READ_SIZE, got);

    if (*got > 0 && bm_buf_put(&stream->input, bm_bytes_of(bytes, *got)).code != BM_OK)
        end = BM_TLS_OVER;
    bm_wipe(bytes, *got);
    return end;
}

/* Reads what there is; false: it is over. What came before the end is told first, and the end in a turn of its own. */
static bool fill(bm_server_stream *stream, bool *came)
{
    *came = false;
    while (!stream->broken) {
        size_t got = 0;
        bm_server_tls_end end;

        if (room(stream) == 0) {
            set_reading(stream, false);
            return true;
        }
        end = fill_once(stream, &got);
        *came |= got > 0;
        if (end == BM_TLS_OVER && *came)
            break_off(stream);
        if (end == BM_TLS_OVER)
            return *came;
        stream->owes = end == BM_TLS_WANTS_WRITE;
        if (stream->owes)
            want_write(stream);
        if (end != BM_TLS_DONE || !bm_server_tls_has_more(stream->session))
            return true;
    }
    return false;
}

/* Goes on with the handshake; true: it is done. */
static bool shake(bm_server_stream *stream)
{
    bm_server_tls_end end = bm_server_tls_shake(stream->session);

    stream->shaking = end != BM_TLS_DONE;
    if (end == BM_TLS_WANTS_WRITE)
        want_write(stream);
    else if (end == BM_TLS_OVER)
        stream->broken = true;
    return !stream->shaking;
}

/* Throws away what the client still sends, below TLS, which has said goodbye; false: it is over. The others have their turn between. */
static bool discard(bm_server_stream *stream)
{
    uint8_t bytes[READ_SIZE];

    for (unsigned i = 0; i < DISCARD_READS; i++) {
        bm_server_tls_end end = plain_end(recv(stream->fd, bytes, sizeof(bytes), 0));

        if (end != BM_TLS_DONE)
            return end == BM_TLS_WANTS_READ;
    }
    return true;
}

static void on_readable(evutil_socket_t fd, short events, void *context)
{
    bm_server_stream *stream = context;
    bool came = false;

    (void)fd;
    (void)events;
    if (stream->deaf) {
        if (!discard(stream)) {
            set_reading(stream, false);
            stream->events.ended(stream->events.context);
        }
        return;
    }
    if (!stream->broken && stream->shaking && !shake(stream) && !stream->broken)
        return;
    if (stream->broken || !fill(stream, &came)) {
        set_reading(stream, false);
        stream->events.ended(stream->events.context);
    } else if (came) {
        stream->events.came(stream->events.context);
    }
}

static void on_writable(evutil_socket_t fd, short events, void *context)
{
    bm_server_stream *stream = context;

    if (stream->broken)
        return;
    if (stream->shaking || stream->owes) {
        on_readable(fd, events, context);
        return;
    }
    flush(stream);
    if (is_all_written(stream) && !stream->broken)
        stream->events.sent(stream->events.context);
}

BM_RESULT bm_server_stream_new(struct event_base *base, bm_server_tls *tls, int fd, size_t input_max, const bm_server_stream_events *events,
                               bm_server_stream **stream)
{
    bm_server_stream *made = calloc(1, sizeof(*made));
    bm_result result = bm_ok();

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    *made = (bm_server_stream){.fd = fd, .input_max = input_max, .shaking = tls != NULL, .reading = true, .events = *events};
    made->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, made);
    made->writable = event_new(base, fd, EV_WRITE, on_writable, made);
    if (made->readable == NULL || made->writable == NULL || event_add(made->readable, NULL) != 0)
        result = bm_fail(BM_E_NO_MEMORY, NULL);
    if (result.code == BM_OK && tls != NULL)
        result = bm_server_tls_session_new(tls, fd, &made->session);
    if (result.code != BM_OK) {
        made->fd = -1;
        bm_server_stream_free(made);
        return result;
    }
    *stream = made;
    return bm_ok();
}

void bm_server_stream_free(bm_server_stream *stream)
{
    if (stream == NULL)
        return;
    if (stream->readable != NULL)
        event_free(stream->readable);
    if (stream->writable != NULL)
        event_free(stream->writable);
    bm_server_tls_session_free(stream->session);
    if (stream->fd >= 0)
        (void)close(stream->fd);
    bm_buf_fini(&stream->input);
    bm_buf_fini(&stream->output);
    free(stream);
}

bm_bytes bm_server_stream_input(const bm_server_stream *stream)
{
    return bm_bytes_slice(bm_buf_view(&stream->input), stream->taken, stream->input.size - stream->taken);
}

void bm_server_stream_take(bm_server_stream *stream, size_t size)
{
    size_t held = stream->input.size - stream->taken;

    stream->taken += size < held ? size : held;
    if (stream->taken == stream->input.size) {
        bm_buf_fini(&stream->input);
        stream->taken = 0;
    }
    if (!stream->broken && !stream->deaf && room(stream) > 0)
        set_reading(stream, true);
}

BM_RESULT bm_server_stream_send(bm_server_stream *stream, bm_bytes bytes, bool *sent)
{
    BM_TRY(bm_buf_put(&stream->output, bytes));
    flush(stream);
    *sent = is_all_written(stream) && !stream->broken;
    return bm_ok();
}

void bm_server_stream_call_sent(bm_server_stream *stream)
{
    event_active(stream->writable, EV_WRITE, 1);
}

void bm_server_stream_say_goodbye(bm_server_stream *stream)
{
    if (stream->session != NULL && !stream->shaking && !stream->broken)
        bm_server_tls_say_goodbye(stream->session);
}

void bm_server_stream_end_sending(bm_server_stream *stream)
{
    (void)shutdown(stream->fd, SHUT_WR);
    stream->deaf = true;
    bm_server_stream_take(stream, SIZE_MAX);
    set_reading(stream, true);
}

/*
 * The bytes of one connection, in the server's event loop: over TLS, or plain. What the client sends gathers in an input of bounded size, what is
 * to be sent leaves as the client takes it.
 *
 * Not libevent's bufferevents: where memory runs out, those over OpenSSL end the process, or lose the connection's descriptor; and they wait
 * for the next turn of the loop where nothing has to be waited for.
 */
#ifndef BM_SERVER_SERVER_STREAM_H
#define BM_SERVER_SERVER_STREAM_H

#include "base/bytes.h"

struct event_base;
typedef struct bm_server_tls bm_server_tls;
typedef struct bm_server_stream bm_server_stream;

/* What happens to a stream. Called from the loop, never from within one of the functions below; each may free the stream. */
typedef struct {
    void (*came)(void *context);  /* there is more input */
    void (*sent)(void *context);  /* all that was to be sent is with the kernel */
    void (*ended)(void *context); /* the client is gone, or what it sends cannot be understood; nothing comes after it */
    void *context;
} bm_server_stream_events;

/*
 * A stream over an accepted socket that does not block, which it closes when it is freed: TLS, or plain when `tls` is NULL. It reads no more while
 * `input_max` bytes are not taken. The process must ignore SIGPIPE. BM_E_NO_MEMORY; the socket is then still open, and the caller's.
 */
BM_RESULT bm_server_stream_new(struct event_base *base, bm_server_tls *tls, int fd, size_t input_max, const bm_server_stream_events *events,
                               bm_server_stream **stream);

/* Closes the socket and frees; NULL is fine. */
void bm_server_stream_free(bm_server_stream *stream);

/* What came and was not taken; valid until something is taken, or until the next turn of the loop. */
bm_bytes bm_server_stream_input(const bm_server_stream *stream);

/* Takes so many bytes, at most all, from the beginning of the input. */
void bm_server_stream_take(bm_server_stream *stream, size_t size);

/*
 * Sends the bytes, all or nothing. `sent`: all is with the kernel already, and no event will say so. BM_E_NO_MEMORY. A client that is gone
 * is none: that is an event.
 */
BM_RESULT bm_server_stream_send(bm_server_stream *stream, bm_bytes bytes, bool *sent);

/* Has `sent` called in the next turn of the loop. */
void bm_server_stream_call_sent(bm_server_stream *stream);

/* Says that nothing more will be sent: close_notify with TLS, the socket's end without. The client's own farewell is not waited for. */
void bm_server_stream_say_goodbye(bm_server_stream *stream);

/*
 * Ends the sending direction of the socket, and throws away what the client still sends, until it ends too: what it does not get to say must not
 * make the kernel reset the connection before it has read what we said.
 */
void bm_server_stream_end_sending(bm_server_stream *stream);

#endif

/* What libevent's streams need besides what libevent does: bounds, and answers for want of memory. */
#ifndef BM_SERVER_SERVER_STREAM_H
#define BM_SERVER_SERVER_STREAM_H

#include "base/bytes.h"

struct bufferevent;

/* Sends the bytes, all or nothing; BM_E_NO_MEMORY. */
BM_RESULT bm_server_stream_send(struct bufferevent *stream, bm_bytes bytes);

/* Throws away what was read, so that there is room to read more. */
void bm_server_stream_drain(struct bufferevent *stream);

/* To be called whenever something was read or taken: reads no more while `max` bytes are there, and goes on when there is room. */
void bm_server_stream_bound(struct bufferevent *stream, size_t max);

/* Is there an empty line, where a line before it ended with a bare LF? Such a head will never end as it should. */
bool bm_server_stream_has_odd_end(struct bufferevent *stream);

#endif

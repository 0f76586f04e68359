/*
 * The head of an HTTP/1.1 request (RFC 9112), strictly: what a proxy in front could read in another way is refused, so that no request hides
 * inside another.
 */
#ifndef BM_SERVER_SERVER_HEAD_H
#define BM_SERVER_SERVER_HEAD_H

#include "base/bytes.h"

#define BM_SERVER_HEAD_MAX 8192 /* bytes of a head */
#define BM_SERVER_HEAD_FIELDS_MAX 64
#define BM_SERVER_HEAD_FORWARDED_MAX 4

typedef enum { BM_METHOD_GET, BM_METHOD_POST, BM_METHOD_OTHER } bm_server_method;

/* What we want to know of a head. `path` and `forwarded` are views. */
typedef struct {
    bm_server_method method;
    bm_bytes path; /* the request target, which begins with '/' */
    size_t content_length;
    bool keep_alive;
    bool is_json;          /* Content-Type: application/json */
    bool expects_continue; /* Expect: 100-continue */
    bm_bytes forwarded[BM_SERVER_HEAD_FORWARDED_MAX]; /* X-Forwarded-For, as they stand there; of the first ones */
    size_t forwarded_count;                           /* how many there are, which may be more */
} bm_server_head;

/*
 * Parses a head up to and with its empty line. BM_E_REQUEST_MALFORMED: a bare CR or LF, a NUL, white space before a colon or a folded
 * line (5.1, 5.2), no or two Hosts (RFC 9112, 3.2), two Content-Lengths or one that is no number (6.3), any Transfer-Encoding (we take none), a
 * POST without Content-Length, too many fields, another version than HTTP/1.0 or 1.1. BM_E_BODY_TOO_LARGE: a Content-Length over `body_max`.
 */
BM_RESULT bm_server_head_parse(bm_bytes head, size_t body_max, bm_server_head *parsed);

/* Is there an empty line, where a line before it ended with a bare LF? A head that begins so will never end as it should. */
bool bm_server_head_has_odd_end(bm_bytes input);

#endif

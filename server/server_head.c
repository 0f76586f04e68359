#include "server/server_head.h"

#include "base/text.h"

#include <string.h>

#define MALFORMED(detail) bm_fail(BM_E_REQUEST_MALFORMED, detail)

/* What was seen so far, to find what stands there twice. */
typedef struct {
    bm_server_head head;
    unsigned minor; /* of HTTP/1.x */
    bool has_host;
    bool has_length;
    bool has_type;
    bool says_close;
    bool says_keep_alive;
    uint64_t length;
} head_reading;

/* RFC 9110, 5.6.2 */
static bool is_token(bm_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = bytes.data[i];

        if (c <= 0x20 || c >= 0x7F || strchr("\"(),/:;<=>?@[\\]{}", c) != NULL)
            return false;
    }
    return bytes.size > 0;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* The same, but for the case of ASCII letters? */
static bool is_word(bm_bytes bytes, const char *word)
{
    bm_bytes other = bm_bytes_str(word);

    if (bytes.size != other.size)
        return false;
    for (size_t i = 0; i < bytes.size; i++)
        if (lower(bytes.data[i]) != other.data[i])
            return false;
    return true;
}

/* Without spaces and tabs at both ends. */
static bm_bytes trim(bm_bytes bytes)
{
    while (bytes.size > 0 && (bytes.data[0] == ' ' || bytes.data[0] == '\t'))
        bytes = bm_bytes_slice(bytes, 1, bytes.size - 1);
    while (bytes.size > 0 && (bytes.data[bytes.size - 1] == ' ' || bytes.data[bytes.size - 1] == '\t'))
        bytes.size--;
    return bytes;
}

static void note_forwarded(bm_bytes value, bm_server_head *head)
{
    if (head->forwarded_count < BM_SERVER_HEAD_FORWARDED_MAX)
        head->forwarded[head->forwarded_count] = value;
    head->forwarded_count++;
}

/* Cuts off what stands before the first `separator`, which is dropped: true. When there is none, `piece` is all of it: false. */
static bool cut(bm_bytes *rest, uint8_t separator, bm_bytes *piece)
{
    const bm_bytes all = *rest;
    size_t end = 0;

    while (end < all.size && all.data[end] != separator)
        end++;
    *piece = bm_bytes_slice(all, 0, end);
    *rest = end < all.size ? bm_bytes_slice(all, end + 1, all.size - end - 1) : (bm_bytes){0};
    return end < all.size;
}

/* Cuts the next line off; its CRLF is dropped. A CR or LF anywhere else is refused, as is a control character but the tab. */
static BM_RESULT next_line(bm_cursor *cursor, bm_bytes *line)
{
    const bm_bytes all = cursor->rest;
    bm_bytes end;
    size_t size = 0;

    while (size < all.size && (all.data[size] >= 0x20 || all.data[size] == '\t') && all.data[size] != 0x7F)
        size++;
    BM_TRY(bm_cursor_take(cursor, size, line));
    if (bm_cursor_take(cursor, 2, &end).code != BM_OK || !bm_bytes_equal(end, bm_bytes_str("\r\n")))
        return MALFORMED("the head has a line that does not end with CR LF");
    return bm_ok();
}

static BM_RESULT parse_request_line(bm_bytes line, head_reading *reading)
{
    bm_bytes method = {0}, target = {0}, version = {0};

    if (!cut(&line, ' ', &method) || !cut(&line, ' ', &target) || cut(&line, ' ', &version))
        return MALFORMED("the request line is not METHOD TARGET VERSION");
    if (!is_token(method) || target.size == 0 || target.data[0] != '/')
        return MALFORMED("the request line is not METHOD /PATH VERSION");
    if (bm_bytes_equal(version, bm_bytes_str("HTTP/1.1")))
        reading->minor = 1;
    else if (!bm_bytes_equal(version, bm_bytes_str("HTTP/1.0")))
        return MALFORMED("the server speaks HTTP/1.1");
    reading->head.path = target;
    reading->head.method = BM_METHOD_OTHER;
    if (bm_bytes_equal(method, bm_bytes_str("GET")))
        reading->head.method = BM_METHOD_GET;
    else if (bm_bytes_equal(method, bm_bytes_str("POST")))
        reading->head.method = BM_METHOD_POST;
    return bm_ok();
}

static BM_RESULT parse_length(bm_bytes value, head_reading *reading)
{
    if (reading->has_length || bm_text_parse_u64(value, UINT32_MAX, &reading->length).code != BM_OK)
        return MALFORMED("Content-Length stands there twice, or is no number");
    reading->has_length = true;
    return bm_ok();
}

static BM_RESULT parse_type(bm_bytes value, head_reading *reading)
{
    bm_bytes type = {0};

    if (reading->has_type)
        return MALFORMED("Content-Type stands there twice");
    reading->has_type = true;
    (void)cut(&value, ';', &type);
    reading->head.is_json = is_word(trim(type), "application/json");
    return bm_ok();
}

static void parse_connection(bm_bytes value, head_reading *reading)
{
    bm_bytes word = {0};

    bool more;

    do {
        more = cut(&value, ',', &word);
        reading->says_close |= is_word(trim(word), "close");
        reading->says_keep_alive |= is_word(trim(word), "keep-alive");
    } while (more);
}

static BM_RESULT parse_field(bm_bytes line, head_reading *reading)
{
    bm_bytes name = {0};
    bm_bytes value;

    if (!cut(&line, ':', &name) || !is_token(name))
        return MALFORMED("the head has a line that is no field");
    value = trim(line);
    if (is_word(name, "transfer-encoding"))
        return MALFORMED("the server takes no Transfer-Encoding; send Content-Length");
    if (is_word(name, "content-length"))
        return parse_length(value, reading);
    if (is_word(name, "content-type"))
        return parse_type(value, reading);
    if (is_word(name, "host")) {
        if (reading->has_host)
            return MALFORMED("Host stands there twice");
        reading->has_host = true;
    } else if (is_word(name, "connection")) {
        parse_connection(value, reading);
    } else if (is_word(name, "x-forwarded-for")) {
        note_forwarded(value, &reading->head);
    } else if (is_word(name, "expect")) {
        reading->head.expects_continue = is_word(value, "100-continue");
    }
    return bm_ok();
}

/* What only the whole head can tell. */
static BM_RESULT conclude(size_t body_max, head_reading *reading)
{
    if (reading->minor == 1 && !reading->has_host)
        return MALFORMED("the head has no Host");
    if (reading->head.method == BM_METHOD_POST && !reading->has_length)
        return MALFORMED("the head has no Content-Length");
    BM_CHECK(reading->length <= body_max, BM_E_BODY_TOO_LARGE, NULL);
    reading->head.content_length = (size_t)reading->length;
    reading->head.keep_alive = !reading->says_close && (reading->minor == 1 || reading->says_keep_alive);
    return bm_ok();
}

BM_RESULT bm_server_head_parse(bm_bytes head, size_t body_max, bm_server_head *parsed)
{
    bm_cursor cursor = bm_cursor_of(head);
    head_reading reading = {0};
    bm_bytes line;

    BM_TRY(next_line(&cursor, &line));
    BM_TRY(parse_request_line(line, &reading));
    for (unsigned fields = 0;; fields++) {
        BM_TRY(next_line(&cursor, &line));
        if (line.size == 0)
            break;
        if (fields == BM_SERVER_HEAD_FIELDS_MAX)
            return MALFORMED("the head has too many fields");
        BM_TRY(parse_field(line, &reading));
    }
    if (bm_cursor_end(&cursor).code != BM_OK)
        return MALFORMED("the head does not end with its empty line");
    BM_TRY(conclude(body_max, &reading));
    *parsed = reading.head;
    return bm_ok();
}

bool bm_server_head_has_odd_end(bm_bytes input)
{
    size_t at;

    return bm_bytes_find(input, bm_bytes_str("\n\n"), &at) || bm_bytes_find(input, bm_bytes_str("\n\r\n"), &at);
}

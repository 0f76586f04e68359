#include "swarm/http.h"

#include "base/text.h"

#include <string.h>
#include <strings.h>

#define DAY 86400

/* What the fields of a head say. */
typedef struct {
    bool has_length;
    uint64_t length;
    uint64_t retry_after;
    bool close;
} head_fields;

BM_RESULT bm_swarm_http_put_head(bm_buf *out, const char *host, const char *path, size_t body_size)
{
    return bm_buf_putf(out, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", path, host,
                       body_size);
}

/* Cuts the next line, which ends with CRLF. */
static bool next_line(bm_bytes *rest, bm_bytes *line)
{
    size_t size;

    if (!bm_bytes_find(*rest, bm_bytes_str("\r\n"), &size))
        return false;
    *line = bm_bytes_slice(*rest, 0, size);
    *rest = bm_bytes_slice(*rest, size + 2, rest->size - size - 2);
    return true;
}

/* "HTTP/1.1 200 OK"; the phrase may be empty. */
static BM_RESULT parse_status(bm_bytes line, unsigned *status)
{
    uint64_t value;

    BM_CHECK(bm_bytes_equal(bm_bytes_slice(line, 0, 9), bm_bytes_str("HTTP/1.1 ")), BM_E_SERVER_REPLY, "what answers does not speak HTTP/1.1");
    BM_CHECK(bm_text_parse_u64(bm_bytes_slice(line, 9, 3), 599, &value).code == BM_OK && value >= 200 &&
                 (line.size == 12 || line.data[12] == ' '),
             BM_E_SERVER_REPLY, "an HTTP status that is none");
    *status = (unsigned)value;
    return bm_ok();
}

/* RFC 9110, 5.6.2 */
static bool is_token(bm_bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c > 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL)))
            return false;
    }
    return name.size > 0;
}

static bool is_value(bm_bytes value)
{
    for (size_t i = 0; i < value.size; i++)
        if ((value.data[i] < 0x20 && value.data[i] != '\t') || value.data[i] == 0x7F)
            return false;
    return true;
}

static bm_bytes trim(bm_bytes text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = bm_bytes_slice(text, 1, text.size - 1);
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

static bool is_word(bm_bytes text, const char *word)
{
    return text.size == strlen(word) && strncasecmp((const char *)text.data, word, text.size) == 0;
}

static BM_RESULT take_field(bm_bytes name, bm_bytes value, head_fields *fields)
{
    BM_CHECK(!is_word(name, "transfer-encoding"), BM_E_SERVER_REPLY,
             "the answer has a Transfer-Encoding, as a proxy may add it: point --server at birthmarkd itself");
    if (is_word(name, "content-length")) {
        BM_CHECK(!fields->has_length, BM_E_SERVER_REPLY, "an answer with two lengths");
        BM_CHECK(bm_text_parse_u64(value, BM_SWARM_HTTP_BODY_MAX, &fields->length).code == BM_OK, BM_E_SERVER_REPLY,
                 "an answer with a length that is none, or longer than any of the protocol");
        fields->has_length = true;
    } else if (is_word(name, "retry-after")) {
        /* A date instead of seconds is allowed, and no business of birthmarkd's: a moment then. */
        if (bm_text_parse_u64(value, DAY, &fields->retry_after).code != BM_OK)
            fields->retry_after = 1;
    } else if (is_word(name, "connection")) {
        fields->close = fields->close || is_word(value, "close");
    }
    return bm_ok();
}

static BM_RESULT parse_fields(bm_bytes rest, head_fields *fields)
{
    bm_bytes line;

    while (next_line(&rest, &line)) {
        const uint8_t *colon = line.size == 0 ? NULL : memchr(line.data, ':', line.size);
        size_t size = colon == NULL ? 0 : (size_t)(colon - line.data);
        bm_bytes name = bm_bytes_slice(line, 0, size);
        bm_bytes value = colon == NULL ? line : trim(bm_bytes_slice(line, size + 1, line.size - size - 1));

        BM_CHECK(is_token(name) && is_value(value), BM_E_SERVER_REPLY, "an answer with a header line that is none");
        BM_TRY(take_field(name, value, fields));
    }
    BM_CHECK(fields->has_length, BM_E_SERVER_REPLY, "an answer without a Content-Length");
    return bm_ok();
}

BM_RESULT bm_swarm_http_parse(bm_bytes received, bm_swarm_http_reply *reply, bool *complete)
{
    head_fields fields = {0};
    bm_swarm_http_reply found = {0};
    bm_bytes head, line;
    size_t size, behind;

    *complete = false;
    if (!bm_bytes_find(received, bm_bytes_str("\r\n\r\n"), &size)) {
        BM_CHECK(received.size <= BM_SWARM_HTTP_HEAD_MAX, BM_E_SERVER_REPLY, "the head of the answer is longer than any of the protocol");
        return bm_ok();
    }
    size += 4;
    BM_CHECK(size <= BM_SWARM_HTTP_HEAD_MAX, BM_E_SERVER_REPLY, "the head of the answer is longer than any of the protocol");
    head = bm_bytes_slice(received, 0, size - 2);
    BM_CHECK(next_line(&head, &line), BM_E_SERVER_REPLY, "an answer without a first line");
    BM_TRY(parse_status(line, &found.status));
    BM_TRY(parse_fields(head, &fields));
    behind = received.size - size;
    if (behind < fields.length)
        return bm_ok();
    BM_CHECK(behind == fields.length, BM_E_SERVER_REPLY, "the answer is longer than it says");
    found.close = fields.close;
    found.retry_after = (unsigned)fields.retry_after;
    found.body = bm_bytes_slice(received, size, behind);
    *reply = found;
    *complete = true;
    return bm_ok();
}

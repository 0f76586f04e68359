#include "unit.h"

#include "server/server_head.h"

#include <string.h>

#define HOST "Host: ca.example\r\n"

static bm_result parse(const char *text, bm_server_head *head)
{
    return bm_server_head_parse(bm_bytes_str(text), 1000, head);
}

static void a_post_is_understood(void **state)
{
    bm_server_head head;

    (void)state;
    assert_ok(parse("POST /v1/getChallenge HTTP/1.1\r\nHOST: ca.example\r\ncontent-type: Application/JSON; charset=utf-8\r\n"
                    "Content-Length:12 \r\nX-Empty:\r\nExpect: 100-continue\r\n\r\n",
                    &head));
    assert_int_equal(head.method, BM_METHOD_POST);
    assert_bytes(head.path, bm_bytes_str("/v1/getChallenge"));
    assert_int_equal(head.content_length, 12);
    assert_true(head.is_json && head.keep_alive && head.expects_continue);
}

static void the_connection_lives_as_the_version_and_the_field_say(void **state)
{
    static const struct {
        const char *text;
        bool keep_alive;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", true},
        {"GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: TE, Close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
        {"GET / HTTP/1.1\r\n" HOST "Connection: keep-alive, close\r\n\r\n", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bm_server_head head;

        assert_ok(parse(rows[i].text, &head));
        assert_int_equal(head.keep_alive, rows[i].keep_alive);
    }
}

static void another_method_and_another_type_are_told_apart(void **state)
{
    bm_server_head head;

    (void)state;
    assert_ok(parse("DELETE /v1/ca HTTP/1.1\r\n" HOST "\r\n", &head));
    assert_int_equal(head.method, BM_METHOD_OTHER);
    assert_ok(parse("post /v1/ca HTTP/1.1\r\n" HOST "\r\n", &head));
    assert_int_equal(head.method, BM_METHOD_OTHER);
    assert_ok(parse("POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\nContent-Type: application/jsonp\r\n\r\n", &head));
    assert_false(head.is_json);
    assert_ok(parse("POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", &head));
    assert_false(head.is_json);
}

/* RFC 9112 and the attacks that live on reading it in two ways. */
static void what_could_be_read_in_two_ways_is_refused(void **state)
{
    static const char *const bad[] = {
        "GET / HTTP/1.1\n" HOST "\r\n",                                                  /* a bare LF */
        "GET / HTTP/1.1\r\n" HOST "X: a\nY: b\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "X: a\rY: b\r\n\r\n",                                  /* a bare CR */
        "GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length : 3\r\n\r\n",                          /* white space before the colon */
        "GET / HTTP/1.1\r\n" HOST " Content-Length: 3\r\n\r\n",                          /* a folded line */
        "GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n",      /* twice */
        "GET / HTTP/1.1\r\n" HOST "Content-Length: 3\r\ncontent-length: 4\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTRANSFER-encoding: x\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "\r\n",                                               /* no length */
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Type: a/b\r\nContent-Type: application/json\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",                                                        /* no host, two hosts */
        "GET / HTTP/1.1\r\n" HOST HOST "\r\n",
        "GET / HTTP/1.1\r\n" HOST "no field\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "X\xC3\xA9: x\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bm_server_head head;

        if (parse(bad[i], &head).code != BM_E_REQUEST_MALFORMED)
            fail_msg("row %zu was not refused", i);
    }
}

static void a_request_line_that_is_none_is_refused(void **state)
{
    static const char *const bad[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / HTTP/1.1 \r\n" HOST "\r\n",
        "GET  / HTTP/1.1\r\n" HOST "\r\n",
        "GET /a b HTTP/1.1\r\n" HOST "\r\n",
        " GET / HTTP/1.1\r\n" HOST "\r\n",
        "GET http://ca.example/ HTTP/1.1\r\n" HOST "\r\n",
        "GET * HTTP/1.1\r\n" HOST "\r\n",
        "GET / HTTP/2.0\r\n" HOST "\r\n",
        "GET / HTTP/1.2\r\n" HOST "\r\n",
        "GET / http/1.1\r\n" HOST "\r\n",
        "GE(T / HTTP/1.1\r\n" HOST "\r\n",
        "PRI * HTTP/2.0\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bm_server_head head;

        if (parse(bad[i], &head).code != BM_E_REQUEST_MALFORMED)
            fail_msg("row %zu was not refused", i);
    }
}

static void a_nul_in_the_head_is_refused(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n";
    bm_server_head head;

    (void)state;
    assert_code(bm_server_head_parse(bm_bytes_of(text, sizeof(text) - 1), 1000, &head), BM_E_REQUEST_MALFORMED);
}

static void a_body_over_the_limit_is_refused_by_its_own_code(void **state)
{
    bm_server_head head;

    (void)state;
    assert_ok(parse("POST / HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n", &head));
    assert_code(parse("POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n", &head), BM_E_BODY_TOO_LARGE);
}

static void too_many_fields_are_refused(void **state)
{
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        BM_AUTO_BUF text = BM_BUF_EMPTY;
        bm_server_head head;

        assert_ok(bm_buf_put_str(&text, "GET / HTTP/1.1\r\n" HOST));
        for (int i = 0; i < BM_SERVER_HEAD_FIELDS_MAX - 1 + extra; i++)
            assert_ok(bm_buf_put_str(&text, "A: b\r\n"));
        assert_ok(bm_buf_put_str(&text, "\r\n"));
        assert_code(bm_server_head_parse(bm_buf_view(&text), 1000, &head), extra == 0 ? BM_OK : BM_E_REQUEST_MALFORMED);
    }
}

static void a_truncated_head_is_refused(void **state)
{
    static const char text[] = "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n";
    bm_server_head head;

    (void)state;
    for (size_t size = 0; size < sizeof(text) - 1; size++)
        assert_code(bm_server_head_parse(bm_bytes_of(text, size), 1000, &head), BM_E_REQUEST_MALFORMED);
    assert_code(parse("GET / HTTP/1.1\r\n" HOST "\r\nmore", &head), BM_E_REQUEST_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_post_is_understood),
        cmocka_unit_test(the_connection_lives_as_the_version_and_the_field_say),
        cmocka_unit_test(another_method_and_another_type_are_told_apart),
        cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
        cmocka_unit_test(a_request_line_that_is_none_is_refused),
        cmocka_unit_test(a_nul_in_the_head_is_refused),
        cmocka_unit_test(a_body_over_the_limit_is_refused_by_its_own_code),
        cmocka_unit_test(too_many_fields_are_refused),
        cmocka_unit_test(a_truncated_head_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

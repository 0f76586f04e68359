#include "unit.h"

#include "swarm/http.h"

#include <stdlib.h>
#include <string.h>

/* Parses a copy of exactly its size, so that a sanitizer sees a read beyond it. */
static bm_result parse(bm_bytes bytes, bm_swarm_http_reply *reply, bool *complete)
{
    static uint8_t *copy;
    bm_result result;

    free(copy);
    copy = malloc(bytes.size + 1);
    assert_non_null(copy);
    if (bytes.size > 0)
        memcpy(copy + 1, bytes.data, bytes.size);
    result = bm_swarm_http_parse(bm_bytes_of(copy + 1, bytes.size), reply, complete);
    return result;
}

static const char good[] = "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/problem+json\r\ncontent-LENGTH: \t5 \r\n"
                           "Retry-After: 17\r\nConnection: Close\r\n\r\nhello";

static void a_reply_is_read(void **state)
{
    bm_swarm_http_reply reply;
    bool complete;

    (void)state;
    assert_ok(parse(bm_bytes_str(good), &reply, &complete));
    assert_true(complete);
    assert_int_equal(reply.status, 429);
    assert_int_equal(reply.retry_after, 17);
    assert_true(reply.close);
    assert_bytes(reply.body, bm_bytes_str("hello"));
    assert_ok(parse(bm_bytes_str("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), &reply, &complete));
    assert_true(complete);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.body.size, 0);
    assert_false(reply.close);
}

static void a_reply_that_is_not_all_there_is_waited_for(void **state)
{
    bm_swarm_http_reply reply;
    bool complete;

    (void)state;
    for (size_t size = 0; size < sizeof(good) - 1; size++) {
        assert_ok(parse(bm_bytes_of(good, size), &reply, &complete));
        assert_false(complete);
    }
}

static void a_retry_after_that_is_a_date_is_a_moment(void **state)
{
    bm_swarm_http_reply reply;
    bool complete;

    (void)state;
    assert_ok(parse(bm_bytes_str("HTTP/1.1 503 x\r\nRetry-After: Sat, 28 Nov 2026 08:00:00 GMT\r\nContent-Length: 0\r\n\r\n"), &reply, &complete));
    assert_int_equal(reply.retry_after, 1);
    assert_ok(parse(bm_bytes_str("HTTP/1.1 503 x\r\nRetry-After: 99999999999999999999\r\nContent-Length: 0\r\n\r\n"), &reply, &complete));
    assert_int_equal(reply.retry_after, 1);
}

static void what_is_no_reply_of_the_protocol_is_refused(void **state)
{
    static const char *const bad[] = {
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/2 200\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 600 x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 20 x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 2000 x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 +20 x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1  200 x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: identity\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: 0\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\001\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA\xC3: b\r\nContent-Length: 0\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bm_swarm_http_reply reply = {.status = 1};
        bool complete;
        bm_result result = parse(bm_bytes_str(bad[i]), &reply, &complete);

        if (result.code != BM_E_SERVER_REPLY)
            fail_msg("taken: %s", bad[i]);
        assert_non_null(result.detail);
        assert_int_equal(reply.status, 1);
    }
}

static void a_nul_in_the_head_is_refused(void **state)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n";
    static const char name[] = "HTTP/1.1 200 OK\r\nA\0: b\r\nContent-Length: 0\r\n\r\n";
    bm_swarm_http_reply reply;
    bool complete;

    (void)state;
    assert_code(parse(bm_bytes_of(head, sizeof(head) - 1), &reply, &complete), BM_E_SERVER_REPLY);
    assert_code(parse(bm_bytes_of(name, sizeof(name) - 1), &reply, &complete), BM_E_SERVER_REPLY);
}

static void a_head_without_an_end_is_refused(void **state)
{
    BM_AUTO_BUF head = BM_BUF_EMPTY;
    bm_swarm_http_reply reply;
    bool complete;

    (void)state;
    assert_ok(bm_buf_put_str(&head, "HTTP/1.1 200 OK\r\nA: "));
    while (head.size < BM_SWARM_HTTP_HEAD_MAX)
        assert_ok(bm_buf_put_u8(&head, 'x'));
    assert_ok(parse(bm_buf_view(&head), &reply, &complete));
    assert_ok(bm_buf_put_u8(&head, 'x'));
    assert_code(parse(bm_buf_view(&head), &reply, &complete), BM_E_SERVER_REPLY);
    assert_ok(bm_buf_put_str(&head, "\r\nContent-Length: 0\r\n\r\n"));
    assert_code(parse(bm_buf_view(&head), &reply, &complete), BM_E_SERVER_REPLY);
}

static void a_request_has_what_the_server_wants(void **state)
{
    BM_AUTO_BUF head = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_swarm_http_put_head(&head, "[::1]:8443", "/v1/getChallenge", 17));
    assert_bytes(bm_buf_view(&head), bm_bytes_str("POST /v1/getChallenge HTTP/1.1\r\nHost: [::1]:8443\r\nContent-Type: application/json\r\n"
                                                  "Content-Length: 17\r\n\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_is_read),
        cmocka_unit_test(a_reply_that_is_not_all_there_is_waited_for),
        cmocka_unit_test(a_retry_after_that_is_a_date_is_a_moment),
        cmocka_unit_test(what_is_no_reply_of_the_protocol_is_refused),
        cmocka_unit_test(a_nul_in_the_head_is_refused),
        cmocka_unit_test(a_head_without_an_end_is_refused),
        cmocka_unit_test(a_request_has_what_the_server_wants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

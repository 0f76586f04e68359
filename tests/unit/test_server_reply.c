/* The replies of the server as bytes. */
#include "unit.h"

#include "protocol/problem.h"
#include "server/server_reply.h"

#include <string.h>

static void the_reply_for_when_there_is_no_memory_says_what_any_other_would(void **state)
{
    BM_AUTO_BUF head = BM_BUF_EMPTY;
    bm_bytes whole = bm_server_reply_out_of_memory();
    const char *end = strstr((const char *)whole.data, "\r\n\r\n");
    bm_problem problem;
    bm_bytes body;

    (void)state;
    assert_non_null(end);
    body = bm_bytes_str(end + 4);
    assert_ok(bm_problem_parse(body, &problem));
    assert_int_equal(problem.status, bm_code_status(BM_E_NO_MEMORY));
    assert_string_equal(problem.code, bm_code_name(BM_E_NO_MEMORY));
    assert_string_equal(problem.title, bm_code_advice(BM_E_NO_MEMORY));
    assert_ok(bm_server_reply_put(&head, &(bm_server_reply){.status = 503, .type = BM_SERVER_REPLY_PROBLEM, .close = true, .body = body}));
    assert_int_equal(head.size, whole.size);
    assert_memory_equal(head.data, whole.data, whole.size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reply_for_when_there_is_no_memory_says_what_any_other_would),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "protocol/problem.h"

#include "protocol/json.h"

#define PROBLEM_TYPE "urn:birthmark:problem:"

BM_RESULT bm_problem_put(bm_result problem, bm_buf *body)
{
    BM_AUTO(bm_json_freep) bm_json *json = NULL;
    BM_AUTO_BUF type = BM_BUF_EMPTY;

    BM_TRY(bm_json_new(&json));
    BM_TRY(bm_buf_putf(&type, PROBLEM_TYPE "%s", bm_code_name(problem.code)));
    BM_TRY(bm_json_add_string(json, "type", bm_buf_view(&type)));
    BM_TRY(bm_json_add_string(json, "title", bm_bytes_str(bm_code_advice(problem.code))));
    BM_TRY(bm_json_add_integer(json, "status", bm_code_status(problem.code)));
    BM_TRY(bm_json_add_string(json, "code", bm_bytes_str(bm_code_name(problem.code))));
    if (problem.detail != NULL)
        BM_TRY(bm_json_add_string(json, "detail", bm_bytes_str(problem.detail)));
    return bm_json_put(json, body);
}

/* Copies a text that goes to a terminal: cut to its room, control characters and everything beyond ASCII as '?'. */
static void copy_clean(bm_bytes text, char *out, size_t room)
{
    size_t size = text.size < room - 1 ? text.size : room - 1;

    for (size_t i = 0; i < size; i++)
        out[i] = text.data[i] >= 0x20 && text.data[i] < 0x7F ? (char)text.data[i] : '?';
    out[size] = 0;
}

static BM_RESULT read_problem(bm_bytes body, bm_problem *problem)
{
    BM_AUTO(bm_json_freep) bm_json *json = NULL;
    bm_problem parsed = {0};
    int64_t status;
    bm_bytes text;
    bool found;

    BM_TRY(bm_json_parse(body, &json));
    BM_TRY(bm_json_string(json, "code", &text, &found));
    BM_CHECK(found, BM_E_FIELD_MISSING, "code is missing");
    copy_clean(text, parsed.code, sizeof(parsed.code));
    BM_TRY(bm_json_integer(json, "status", &status));
    BM_CHECK(status >= 400 && status <= 599, BM_E_FIELD_INVALID, "status is no HTTP error");
    parsed.status = (int)status;
    BM_TRY(bm_json_string(json, "title", &text, &found));
    copy_clean(text, parsed.title, sizeof(parsed.title));
    BM_TRY(bm_json_string(json, "detail", &text, &found));
    copy_clean(text, parsed.detail, sizeof(parsed.detail));
    *problem = parsed;
    return bm_ok();
}

BM_RESULT bm_problem_parse(bm_bytes body, bm_problem *problem)
{
    return bm_result_as(read_problem(body, problem), BM_E_SERVER_REPLY);
}

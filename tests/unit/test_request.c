#include "unit.h"

#include "protocol/json.h"
#include "protocol/problem.h"
#include "protocol/reply.h"
#include "protocol/request.h"
#include "protocol/ticket.h"

#include <string.h>

#define BODY "\"csr\":\"Zm9v\",\"ik_public\":\"Zm9v\",\"ek_public\":\"Zm9v\""
#define TICKET "\"ticket\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\""
#define CHALLENGE "\"challenge\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""

static void refused(bm_call call, const char *body, bm_code code)
{
    bm_request request = {0};
    bm_request zero = {0};
    bm_result result = bm_request_parse(call, bm_bytes_str(body), &request);

    if (result.code != code)
        fail_msg("%s: %s (%s), expected %s", body, bm_code_name(result.code), result.detail ? result.detail : "-",
                 bm_code_name(code));
    assert_memory_equal(&request, &zero, sizeof(request));
}

static void a_request_is_read_and_written_the_same(void **state)
{
    static const char body[] = "{" BODY "," CHALLENGE "," TICKET ",\"ek_chain\":[\"Zm9v\",\"YmFy\"],\"profile\":\"fleet\"}";
    bm_request request = {0};
    BM_AUTO_BUF out = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_request_parse(BM_CALL_CERTIFICATE, bm_bytes_str(body), &request));
    assert_bytes(bm_buf_view(&request.csr), bm_bytes_str("foo"));
    assert_int_equal(request.ek_certificate.size, 0);
    assert_int_equal(request.ek_chain_count, 2);
    assert_bytes(bm_buf_view(&request.ek_chain[1]), bm_bytes_str("bar"));
    assert_string_equal(request.profile, "fleet");
    assert_int_equal(request.ticket.size, BM_TICKET_SIZE);
    assert_ok(bm_request_put(BM_CALL_CERTIFICATE, &request, &out));
    assert_bytes(bm_buf_view(&out), bm_bytes_str(body));
    bm_request_fini(&request);
}

#define FILE_OF(call) "{\"birthmark\":\"request 1\",\"call\":\"" call "\","

static void file_refused(const char *text, bm_code code)
{
    bm_request request = {0};
    bm_request zero = {0};
    bm_call call;
    bm_result result = bm_request_parse_file(bm_bytes_str(text), &call, &request);

    if (result.code != code)
        fail_msg("%s: %s (%s), expected %s", text, bm_code_name(result.code), result.detail ? result.detail : "-", bm_code_name(code));
    assert_memory_equal(&request, &zero, sizeof(request));
}

static void a_request_file_is_read_and_written_the_same(void **state)
{
    static const char *const texts[] = {FILE_OF("getChallenge") BODY ",\"profile\":\"fleet\"}",
                                        FILE_OF("getCertificate") BODY "," CHALLENGE "," TICKET ",\"profile\":\"fleet\"}"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        BM_AUTO(bm_request_fini) bm_request request = {0};
        BM_AUTO_BUF out = BM_BUF_EMPTY;
        bm_call call;

        assert_ok(bm_request_parse_file(bm_bytes_str(texts[i]), &call, &request));
        assert_int_equal(call, i == 0 ? BM_CALL_CHALLENGE : BM_CALL_CERTIFICATE);
        assert_ok(bm_request_put_file(call, &request, &out));
        assert_bytes(bm_buf_view(&out), bm_bytes_str(texts[i]));
        /* cut off anywhere it is none */
        for (size_t size = 0; size < out.size; size++) {
            bm_request cut = {0};

            assert_true(bm_request_parse_file(bm_bytes_of(out.data, size), &call, &cut).code != BM_OK);
        }
    }
}

static void a_request_file_says_what_it_is_and_nothing_else(void **state)
{
    (void)state;
    file_refused("{" BODY "}", BM_E_FIELD_MISSING);
    file_refused("{\"birthmark\":\"request 1\"," BODY "}", BM_E_FIELD_MISSING);
    file_refused("{\"birthmark\":\"request 2\",\"call\":\"getChallenge\"," BODY "}", BM_E_FIELD_INVALID);
    file_refused("{\"birthmark\":1,\"call\":\"getChallenge\"," BODY "}", BM_E_FIELD_INVALID);
    file_refused(FILE_OF("getchallenge") BODY "}", BM_E_FIELD_INVALID);
    file_refused(FILE_OF("getChallenge") BODY "," TICKET "}", BM_E_FIELD_UNKNOWN);
    file_refused(FILE_OF("getCertificate") BODY "," TICKET "}", BM_E_FIELD_MISSING);
    file_refused(FILE_OF("getChallenge") BODY ",\"more\":1}", BM_E_FIELD_UNKNOWN);
    file_refused(FILE_OF("getChallenge") BODY ",\"call\":\"getChallenge\"}", BM_E_FIELD_UNKNOWN);
    file_refused(FILE_OF("getChallenge") BODY "}x", BM_E_REQUEST_MALFORMED);
    /* a body of the network is not a file, and a file is not such a body */
    refused(BM_CALL_CHALLENGE, FILE_OF("getChallenge") BODY "}", BM_E_FIELD_UNKNOWN);
}

static void a_request_without_a_profile_has_the_default(void **state)
{
    bm_request request = {0};

    (void)state;
    assert_ok(bm_request_parse(BM_CALL_CHALLENGE, bm_bytes_str(" {" BODY "}\r\n"), &request));
    assert_string_equal(request.profile, "default");
    bm_request_fini(&request);
}

static void what_is_not_one_json_object_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "null",
                                      "[]",
                                      "\"csr\"",
                                      "{",
                                      "{" BODY,
                                      "{" BODY "}}",
                                      "{" BODY "}{}",
                                      "{" BODY "} x",
                                      "{" BODY ",}",
                                      "{'csr':'Zm9v'}",
                                      "{" BODY ",\"profile\":\"\xC0\x80\"}",
                                      "{" BODY ",\"profile\":\"\xED\xA0\x80\"}",
                                      "{" BODY ",\"profile\":\"a\\u0000b\"}",
                                      "{" BODY ",\"x\":[[[[[[[[[[]]]]]]]]]]}",
                                      "{" BODY " /* c */}",
                                      "{" BODY ",'x':1}",
                                      "{" BODY ",\"x\":NaN}",
                                      "{" BODY ",\"x\":-Infinity}",
                                      "{" BODY ",\"x\":True}",
                                      "{" BODY ",\"profile\":\"a\nb\"}",
                                      "{csr:\"Zm9v\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refused(BM_CALL_CHALLENGE, bad[i], BM_E_REQUEST_MALFORMED);
}

static void unknown_members_and_members_given_twice_are_refused(void **state)
{
    (void)state;
    refused(BM_CALL_CHALLENGE, "{" BODY ",\"colour\":1}", BM_E_FIELD_UNKNOWN);
    refused(BM_CALL_CHALLENGE, "{" BODY ",\"csr\":\"Zm9v\"}", BM_E_FIELD_UNKNOWN);
    refused(BM_CALL_CHALLENGE, "{" BODY ",\"\\u0063sr\":\"Zm9v\"}", BM_E_FIELD_UNKNOWN);
    refused(BM_CALL_CHALLENGE, "{" BODY "," CHALLENGE "}", BM_E_FIELD_UNKNOWN);
    refused(BM_CALL_CHALLENGE, "{" BODY "," TICKET "}", BM_E_FIELD_UNKNOWN);
    refused(BM_CALL_CHALLENGE, "{" BODY ",\"CSR\":\"Zm9v\"}", BM_E_FIELD_UNKNOWN);
}

static void missing_members_are_named(void **state)
{
    (void)state;
    refused(BM_CALL_CHALLENGE, "{}", BM_E_FIELD_MISSING);
    refused(BM_CALL_CHALLENGE, "{\"csr\":\"Zm9v\",\"ik_public\":\"Zm9v\"}", BM_E_FIELD_MISSING);
    refused(BM_CALL_CERTIFICATE, "{" BODY "," CHALLENGE "}", BM_E_FIELD_MISSING);
    refused(BM_CALL_CERTIFICATE, "{" BODY "," TICKET "}", BM_E_FIELD_MISSING);
}

static void members_of_wrong_type_size_or_encoding_are_refused(void **state)
{
    (void)state;
    refused(BM_CALL_CHALLENGE, "{\"csr\":1,\"ik_public\":\"Zm9v\",\"ek_public\":\"Zm9v\"}", BM_E_FIELD_INVALID);
    refused(BM_CALL_CHALLENGE, "{\"csr\":null,\"ik_public\":\"Zm9v\",\"ek_public\":\"Zm9v\"}", BM_E_FIELD_INVALID);
    refused(BM_CALL_CHALLENGE, "{\"csr\":\"\",\"ik_public\":\"Zm9v\",\"ek_public\":\"Zm9v\"}", BM_E_FIELD_INVALID);
    refused(BM_CALL_CHALLENGE, "{\"csr\":\"Zm9\",\"ik_public\":\"Zm9v\",\"ek_public\":\"Zm9v\"}", BM_E_FIELD_INVALID);
    refused(BM_CALL_CHALLENGE, "{\"csr\":\"Zm9v\\n\",\"ik_public\":\"Zm9v\",\"ek_public\":\"Zm9v\"}", BM_E_FIELD_INVALID);
    refused(BM_CALL_CHALLENGE, "{" BODY ",\"ek_certificate\":\"\"}", BM_E_FIELD_INVALID);
    refused(BM_CALL_CHALLENGE, "{" BODY ",\"ek_chain\":\"Zm9v\"}", BM_E_FIELD_INVALID);
    refused(BM_CALL_CHALLENGE, "{" BODY ",\"ek_chain\":[1]}", BM_E_FIELD_INVALID);
    refused(BM_CALL_CHALLENGE, "{" BODY ",\"ek_chain\":[\"\"]}", BM_E_FIELD_INVALID);
    refused(BM_CALL_CHALLENGE, "{" BODY ",\"ek_chain\":[\"Zm9v\",\"Zm9v\",\"Zm9v\",\"Zm9v\",\"Zm9v\"]}", BM_E_FIELD_INVALID);
    refused(BM_CALL_CHALLENGE, "{" BODY ",\"profile\":\"\"}", BM_E_FIELD_INVALID);
    refused(BM_CALL_CHALLENGE, "{" BODY ",\"profile\":\"../x\"}", BM_E_FIELD_INVALID);
    refused(BM_CALL_CHALLENGE, "{" BODY ",\"profile\":{\"a\":1}}", BM_E_FIELD_INVALID);
    refused(BM_CALL_CERTIFICATE, "{" BODY "," CHALLENGE ",\"ticket\":\"AAAA\"}", BM_E_FIELD_INVALID);
    refused(BM_CALL_CERTIFICATE, "{" BODY "," TICKET ",\"challenge\":\"AAAA\"}", BM_E_FIELD_INVALID);
}

static void a_member_above_its_limit_is_refused_and_a_body_too(void **state)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    bm_request request = {0};
    uint8_t *to;

    (void)state;
    assert_ok(bm_buf_put_str(&body, "{\"ik_public\":\"Zm9v\",\"ek_public\":\"Zm9v\",\"csr\":\""));
    assert_ok(bm_buf_extend(&body, 8000, &to));
    memset(to, 'A', 8000);
    assert_ok(bm_buf_put_str(&body, "\"}"));
    assert_code(bm_request_parse(BM_CALL_CHALLENGE, bm_buf_view(&body), &request), BM_E_FIELD_INVALID);
    assert_ok(bm_buf_extend(&body, BM_REQUEST_BODY_MAX, &to));
    memset(to, ' ', BM_REQUEST_BODY_MAX);
    assert_code(bm_request_parse(BM_CALL_CHALLENGE, bm_buf_view(&body), &request), BM_E_BODY_TOO_LARGE);
}

static void a_body_cut_anywhere_is_refused(void **state)
{
    static const char body[] = "{" BODY "," CHALLENGE "," TICKET ",\"ek_chain\":[\"Zm9v\"]}";

    (void)state;
    for (size_t size = 0; size < sizeof(body) - 1; size++) {
        bm_request request = {0};

        assert_code(bm_request_parse(BM_CALL_CERTIFICATE, bm_bytes_of(body, size), &request), BM_E_REQUEST_MALFORMED);
    }
}

static void challenge_replies_go_there_and_back(void **state)
{
    bm_reply_challenge reply = {.expires = 1795473000};
    bm_reply_challenge parsed = {0};
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_buf_put_str(&reply.credential_blob, "blob"));
    assert_ok(bm_buf_put_str(&reply.encrypted_secret, "secret"));
    assert_ok(bm_buf_put_str(&reply.challenge, "challenge"));
    assert_ok(bm_reply_challenge_put(&reply, &body));
    assert_ok(bm_reply_challenge_parse(bm_buf_view(&body), &parsed));
    assert_bytes(bm_buf_view(&parsed.encrypted_secret), bm_bytes_str("secret"));
    assert_true(parsed.expires == reply.expires);
    bm_reply_challenge_fini(&parsed);
    for (size_t size = 0; size < body.size; size++)
        assert_code(bm_reply_challenge_parse(bm_bytes_of(body.data, size), &parsed), BM_E_SERVER_REPLY);
    bm_reply_challenge_fini(&reply);
}

static void certificate_replies_go_there_and_back(void **state)
{
    bm_reply_certificate reply = {.chain_count = 1, .device = "SN-1", .renew_after = 1795473000};
    bm_reply_certificate parsed = {0};
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    (void)state;
    assert_ok(bm_buf_put_str(&reply.certificate, "leaf"));
    assert_ok(bm_buf_put_str(&reply.chain[0], "ca"));
    assert_ok(bm_reply_certificate_put(&reply, &body));
    assert_ok(bm_reply_certificate_parse(bm_buf_view(&body), &parsed));
    assert_bytes(bm_buf_view(&parsed.certificate), bm_bytes_str("leaf"));
    assert_bytes(bm_buf_view(&parsed.chain[0]), bm_bytes_str("ca"));
    assert_string_equal(parsed.device, "SN-1");
    bm_reply_certificate_fini(&parsed);
    for (size_t size = 0; size < body.size; size++)
        assert_code(bm_reply_certificate_parse(bm_bytes_of(body.data, size), &parsed), BM_E_SERVER_REPLY);
    bm_reply_certificate_fini(&reply);
}

static void a_problem_says_code_status_and_what_to_do(void **state)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    bm_problem problem;

    (void)state;
    assert_ok(bm_problem_put(bm_fail(BM_E_EK_MISMATCH, "a detail"), &body));
    assert_ok(bm_problem_parse(bm_buf_view(&body), &problem));
    assert_int_equal(problem.status, 403);
    assert_string_equal(problem.code, "ek-mismatch");
    assert_string_equal(problem.detail, "a detail");
    assert_string_equal(problem.title, bm_code_advice(BM_E_EK_MISMATCH));
}

static void a_problem_of_a_hostile_server_cannot_write_on_the_terminal(void **state)
{
    static const char body[] = "{\"code\":\"a\\u001b[2Jb\",\"status\":403,\"title\":\"\\n\xC3\xA9\"}";
    bm_problem problem;

    (void)state;
    assert_ok(bm_problem_parse(bm_bytes_str(body), &problem));
    assert_string_equal(problem.code, "a?[2Jb");
    assert_string_equal(problem.title, "???");
    assert_code(bm_problem_parse(bm_bytes_str("{\"code\":\"a\",\"status\":200}"), &problem), BM_E_SERVER_REPLY);
    assert_code(bm_problem_parse(bm_bytes_str("{\"status\":400}"), &problem), BM_E_SERVER_REPLY);
    assert_code(bm_problem_parse(bm_bytes_str("<html>"), &problem), BM_E_SERVER_REPLY);
}

static void what_is_not_ascii_comes_through_as_it_is(void **state)
{
    static const char *const texts[] = {"\xC3\xA9", "a\xC2\x80z", "\xDF\xBF", "\xE0\xA0\x80", "\xE2\x82\xAC",
                                        "\xED\x9F\xBF\xEE\x80\x80", "\xEF\xBF\xBF",
                                        "\xF0\x90\x80\x80", "x\xF0\x9F\x98\x80y\xC3\xA9", "\xF4\x8F\xBF\xBF"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        BM_AUTO(bm_json_freep) bm_json *json = NULL;
        BM_AUTO_BUF body = BM_BUF_EMPTY;
        bm_bytes text;
        bool found;

        assert_ok(bm_buf_putf(&body, "{\"%s\":\"\\\\%s\\n\"}", texts[i], texts[i]));
        assert_ok(bm_json_parse(bm_buf_view(&body), &json));
        assert_ok(bm_json_string(json, texts[i], &text, &found));
        assert_true(found);
        assert_bytes(bm_bytes_slice(text, 0, 1), bm_bytes_str("\\"));
        assert_bytes(bm_bytes_slice(text, 1, text.size - 2), bm_bytes_str(texts[i]));
    }
}

static void what_is_not_ascii_stands_in_strings_alone_and_is_not_escaped(void **state)
{
    static const char *const bad[] = {"{\"a\":\"\\\xC3\xA9\"}", "{\"\\\xE2\x82\xAC\":1}", "{\"a\":\xC3\xA9}",
                                      "\xEF\xBB\xBF{\"a\":1}", "{\"a\":1}\xC2\xA0"};
    bm_json *json;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_code(bm_json_parse(bm_bytes_str(bad[i]), &json), BM_E_REQUEST_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_and_written_the_same),
        cmocka_unit_test(a_request_file_is_read_and_written_the_same),
        cmocka_unit_test(a_request_file_says_what_it_is_and_nothing_else),
        cmocka_unit_test(a_request_without_a_profile_has_the_default),
        cmocka_unit_test(what_is_not_one_json_object_is_refused),
        cmocka_unit_test(unknown_members_and_members_given_twice_are_refused),
        cmocka_unit_test(missing_members_are_named),
        cmocka_unit_test(members_of_wrong_type_size_or_encoding_are_refused),
        cmocka_unit_test(a_member_above_its_limit_is_refused_and_a_body_too),
        cmocka_unit_test(a_body_cut_anywhere_is_refused),
        cmocka_unit_test(challenge_replies_go_there_and_back),
        cmocka_unit_test(certificate_replies_go_there_and_back),
        cmocka_unit_test(a_problem_says_code_status_and_what_to_do),
        cmocka_unit_test(a_problem_of_a_hostile_server_cannot_write_on_the_terminal),
        cmocka_unit_test(what_is_not_ascii_comes_through_as_it_is),
        cmocka_unit_test(what_is_not_ascii_stands_in_strings_alone_and_is_not_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The replies of the two calls, and problem documents (RFC 9457). Declared in request.h with the requests. */
#include "protocol/json.h"
#include "protocol/request.h"
#include "protocol/ticket.h"
#include "x509/ca.h"

#define BLOB_MAX 1024
#define CERTIFICATE_MAX 8192
#define CHAIN_MAX 4
#define PROBLEM_TYPE "urn:birthmark:problem:"

void bm_challenge_reply_fini(bm_challenge_reply *reply)
{
    bm_buf_fini(&reply->credential_blob);
    bm_buf_fini(&reply->encrypted_secret);
    bm_buf_fini(&reply->challenge);
    *reply = (bm_challenge_reply){0};
}

void bm_certificate_reply_fini(bm_certificate_reply *reply)
{
    bm_buf_fini(&reply->certificate);
    for (size_t i = 0; i < CHAIN_MAX; i++)
        bm_buf_fini(&reply->chain[i]);
    *reply = (bm_certificate_reply){0};
}

static BM_RESULT add_time(bm_json *json, const char *name, int64_t time)
{
    char text[BM_TIME_TEXT_SIZE];

    bm_text_time(time, text);
    return bm_json_add_string(json, name, bm_bytes_str(text));
}

BM_RESULT bm_challenge_reply_put(const bm_challenge_reply *reply, bm_buf *body)
{
    BM_AUTO(bm_json_freep) bm_json *json = NULL;

    BM_TRY(bm_json_new(&json));
    BM_TRY(bm_json_add_base64(json, "credential_blob", bm_buf_view(&reply->credential_blob)));
    BM_TRY(bm_json_add_base64(json, "encrypted_secret", bm_buf_view(&reply->encrypted_secret)));
    BM_TRY(bm_json_add_base64(json, "challenge", bm_buf_view(&reply->challenge)));
    BM_TRY(add_time(json, "expires", reply->expires));
    return bm_json_put(json, body);
}

static BM_RESULT add_chain(bm_json *json, const bm_certificate_reply *reply)
{
    bm_buf texts[CHAIN_MAX] = {0};
    bm_result result = bm_ok();

    for (size_t i = 0; i < reply->chain_count && result.code == BM_OK; i++)
        result = bm_ca_put_pem(&texts[i], "CERTIFICATE", bm_buf_view(&reply->chain[i]));
    if (result.code == BM_OK)
        result = bm_json_add_strings(json, "chain", texts, reply->chain_count);
    for (size_t i = 0; i < CHAIN_MAX; i++)
        bm_buf_fini(&texts[i]);
    return result;
}

BM_RESULT bm_certificate_reply_put(const bm_certificate_reply *reply, bm_buf *body)
{
    BM_AUTO(bm_json_freep) bm_json *json = NULL;
    BM_AUTO_BUF pem = BM_BUF_EMPTY;

    BM_TRY(bm_json_new(&json));
    BM_TRY(bm_ca_put_pem(&pem, "CERTIFICATE", bm_buf_view(&reply->certificate)));
    BM_TRY(bm_json_add_string(json, "certificate", bm_buf_view(&pem)));
    BM_TRY(add_chain(json, reply));
    BM_TRY(bm_json_add_string(json, "device", bm_bytes_str(reply->device)));
    BM_TRY(add_time(json, "renew_after", reply->renew_after));
    return bm_json_put(json, body);
}

/* A member that a reply must have: a string. */
static BM_RESULT need(bm_json *json, const char *name, bm_bytes *text)
{
    bool found;

    BM_TRY(bm_json_string(json, name, text, &found));
    return found ? bm_ok() : bm_failf(BM_E_FIELD_MISSING, "%s is missing", name);
}

static BM_RESULT need_base64(bm_json *json, const char *name, size_t max, bm_buf *out)
{
    bm_bytes text;

    BM_TRY(need(json, name, &text));
    BM_CHECK(text.size > 0 && text.size <= (max + 2) / 3 * 4, BM_E_FIELD_INVALID, "a member has a size that it cannot have");
    return bm_text_from_base64(text, out);
}

static BM_RESULT need_time(bm_json *json, const char *name, int64_t *time)
{
    bm_bytes text;

    BM_TRY(need(json, name, &text));
    return bm_text_parse_time(text, time);
}

/* Exactly one certificate in PEM. */
static BM_RESULT read_pem(bm_bytes text, bm_buf *der)
{
    BM_AUTO_BUF second = BM_BUF_EMPTY;
    bool found;

    BM_TRY(bm_ca_next_pem(&text, "CERTIFICATE", der, &found));
    BM_CHECK(found && der->size <= CERTIFICATE_MAX, BM_E_FIELD_INVALID, "a certificate is not PEM");
    BM_TRY(bm_ca_next_pem(&text, "CERTIFICATE", &second, &found));
    BM_CHECK(!found, BM_E_FIELD_INVALID, "there are two certificates where one belongs");
    return bm_ok();
}

static BM_RESULT read_challenge_reply(bm_bytes body, bm_challenge_reply *reply)
{
    BM_AUTO(bm_json_freep) bm_json *json = NULL;

    BM_TRY(bm_json_parse(body, &json));
    BM_TRY(need_base64(json, "credential_blob", BLOB_MAX, &reply->credential_blob));
    BM_TRY(need_base64(json, "encrypted_secret", BLOB_MAX, &reply->encrypted_secret));
    BM_TRY(need_base64(json, "challenge", BM_TICKET_CHALLENGE_SIZE, &reply->challenge));
    return need_time(json, "expires", &reply->expires);
}

static BM_RESULT read_certificate_reply(bm_bytes body, bm_certificate_reply *reply)
{
    BM_AUTO(bm_json_freep) bm_json *json = NULL;
    bm_bytes chain[CHAIN_MAX];
    bm_bytes text;

    BM_TRY(bm_json_parse(body, &json));
    BM_TRY(need(json, "certificate", &text));
    BM_TRY(read_pem(text, &reply->certificate));
    BM_TRY(bm_json_strings(json, "chain", chain, CHAIN_MAX, &reply->chain_count));
    for (size_t i = 0; i < reply->chain_count; i++)
        BM_TRY(read_pem(chain[i], &reply->chain[i]));
    BM_TRY(need(json, "device", &text));
    BM_CHECK(bm_text_is_identity(text), BM_E_FIELD_INVALID, "device is no identity");
    BM_TRY(bm_bytes_copy_exact(text, (uint8_t *)reply->device, text.size));
    reply->device[text.size] = 0;
    return need_time(json, "renew_after", &reply->renew_after);
}

BM_RESULT bm_challenge_reply_parse(bm_bytes body, bm_challenge_reply *reply)
{
    bm_result result = read_challenge_reply(body, reply);

    if (result.code != BM_OK)
        bm_challenge_reply_fini(reply);
    return bm_result_as(result, BM_E_SERVER_REPLY);
}

BM_RESULT bm_certificate_reply_parse(bm_bytes body, bm_certificate_reply *reply)
{
    bm_result result = read_certificate_reply(body, reply);

    if (result.code != BM_OK)
        bm_certificate_reply_fini(reply);
    return bm_result_as(result, BM_E_SERVER_REPLY);
}

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
    BM_TRY(need(json, "code", &text));
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

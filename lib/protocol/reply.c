#include "protocol/reply.h"

#include "protocol/json.h"
#include "protocol/ticket.h"
#include "x509/ca.h"

#define BLOB_MAX 1024
#define CERTIFICATE_MAX 8192

void bm_reply_challenge_fini(bm_reply_challenge *reply)
{
    bm_buf_fini(&reply->credential_blob);
    bm_buf_fini(&reply->encrypted_secret);
    bm_buf_fini(&reply->challenge);
    *reply = (bm_reply_challenge){0};
}

void bm_reply_certificate_fini(bm_reply_certificate *reply)
{
    bm_buf_fini(&reply->certificate);
    for (size_t i = 0; i < BM_REPLY_CHAIN_MAX; i++)
        bm_buf_fini(&reply->chain[i]);
    *reply = (bm_reply_certificate){0};
}

static BM_RESULT add_time(bm_json *json, const char *name, int64_t time)
{
    char text[BM_TIME_TEXT_SIZE];

    bm_text_time(time, text);
    return bm_json_add_string(json, name, bm_bytes_str(text));
}

BM_RESULT bm_reply_challenge_put(const bm_reply_challenge *reply, bm_buf *body)
{
    BM_AUTO(bm_json_freep) bm_json *json = NULL;

    BM_TRY(bm_json_new(&json));
    BM_TRY(bm_json_add_base64(json, "credential_blob", bm_buf_view(&reply->credential_blob)));
    BM_TRY(bm_json_add_base64(json, "encrypted_secret", bm_buf_view(&reply->encrypted_secret)));
    BM_TRY(bm_json_add_base64(json, "challenge", bm_buf_view(&reply->challenge)));
    BM_TRY(add_time(json, "expires", reply->expires));
    return bm_json_put(json, body);
}

static BM_RESULT add_chain(bm_json *json, const bm_reply_certificate *reply)
{
    bm_buf texts[BM_REPLY_CHAIN_MAX] = {0};
    bm_result result = bm_ok();

    for (size_t i = 0; i < reply->chain_count && result.code == BM_OK; i++)
        result = bm_ca_put_pem(&texts[i], "CERTIFICATE", bm_buf_view(&reply->chain[i]));
    if (result.code == BM_OK)
        result = bm_json_add_strings(json, "chain", texts, reply->chain_count);
    for (size_t i = 0; i < BM_REPLY_CHAIN_MAX; i++)
        bm_buf_fini(&texts[i]);
    return result;
}

BM_RESULT bm_reply_certificate_put(const bm_reply_certificate *reply, bm_buf *body)
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

static BM_RESULT read_challenge_reply(bm_bytes body, bm_reply_challenge *reply)
{
    BM_AUTO(bm_json_freep) bm_json *json = NULL;

    BM_TRY(bm_json_parse(body, &json));
    BM_TRY(need_base64(json, "credential_blob", BLOB_MAX, &reply->credential_blob));
    BM_TRY(need_base64(json, "encrypted_secret", BLOB_MAX, &reply->encrypted_secret));
    BM_TRY(need_base64(json, "challenge", BM_TICKET_CHALLENGE_SIZE, &reply->challenge));
    return need_time(json, "expires", &reply->expires);
}

static BM_RESULT read_certificate_reply(bm_bytes body, bm_reply_certificate *reply)
{
    BM_AUTO(bm_json_freep) bm_json *json = NULL;
    bm_bytes chain[BM_REPLY_CHAIN_MAX];
    bm_bytes text;

    BM_TRY(bm_json_parse(body, &json));
    BM_TRY(need(json, "certificate", &text));
    BM_TRY(read_pem(text, &reply->certificate));
    BM_TRY(bm_json_strings(json, "chain", chain, BM_REPLY_CHAIN_MAX, &reply->chain_count));
    for (size_t i = 0; i < reply->chain_count; i++)
        BM_TRY(read_pem(chain[i], &reply->chain[i]));
    BM_TRY(need(json, "device", &text));
    BM_CHECK(bm_text_is_identity(text), BM_E_FIELD_INVALID, "device is no identity");
    BM_TRY(bm_bytes_copy_exact(text, (uint8_t *)reply->device, text.size));
    reply->device[text.size] = 0;
    return need_time(json, "renew_after", &reply->renew_after);
}

BM_RESULT bm_reply_challenge_parse(bm_bytes body, bm_reply_challenge *reply)
{
    bm_result result = read_challenge_reply(body, reply);

    if (result.code != BM_OK)
        bm_reply_challenge_fini(reply);
    return bm_result_as(result, BM_E_SERVER_REPLY);
}

BM_RESULT bm_reply_certificate_parse(bm_bytes body, bm_reply_certificate *reply)
{
    bm_result result = read_certificate_reply(body, reply);

    if (result.code != BM_OK)
        bm_reply_certificate_fini(reply);
    return bm_result_as(result, BM_E_SERVER_REPLY);
}

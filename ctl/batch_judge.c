#include "ctl/batch_judge.h"

#include "crypto/memory.h"
#include "ctl/batch_message.h"
#include "protocol/verdict.h"
#include "tpm/credential.h"

#include <stdlib.h>

struct bm_ctl_batch_judge {
    const bm_config *config;
    bm_anchors *anchors;
    bm_buf revoked; /* what came of the revoked certificates so far */
    uint64_t epoch;
};

BM_RESULT bm_ctl_batch_judge_new(const bm_config *config, bm_ctl_batch_judge **judge)
{
    bm_ctl_batch_judge *made = calloc(1, sizeof(*made));
    bm_result result;

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    made->config = config;
    result = bm_anchors_new(&made->anchors);
    if (result.code != BM_OK) {
        free(made);
        return result;
    }
    *judge = made;
    return bm_ok();
}

void bm_ctl_batch_judge_free(bm_ctl_batch_judge *judge)
{
    if (judge == NULL)
        return;
    bm_anchors_free(judge->anchors);
    bm_buf_fini(&judge->revoked);
    free(judge);
}

void bm_ctl_batch_judge_freep(bm_ctl_batch_judge **judge)
{
    bm_ctl_batch_judge_free(*judge);
    *judge = NULL;
}

static BM_RESULT take_anchor(bm_ctl_batch_judge *judge, bm_cursor *body)
{
    bm_result added;
    uint8_t class;

    BM_TRY(bm_cursor_u8(body, &class));
    BM_CHECK(class < BM_CLASS_COUNT, BM_E_MALFORMED, "a class that is none");
    added = bm_anchors_add(judge->anchors, body->rest, (bm_tpm_class)class);
    /* One that is no good is as one that is not there. */
    return added.code == BM_E_NO_MEMORY ? added : bm_ok();
}

static BM_RESULT begin_anchors(bm_ctl_batch_judge *judge, bm_cursor *body)
{
    BM_TRY(bm_cursor_u64(body, &judge->epoch));
    bm_anchors_free(judge->anchors);
    judge->anchors = NULL;
    bm_buf_clear(&judge->revoked);
    return bm_anchors_new(&judge->anchors);
}

static BM_RESULT judge_parsed(const bm_ctl_batch_judge *judge, const bm_request *request, bm_call call, int64_t now, bm_subject *subject)
{
    const bm_profile *profile = bm_config_profile(judge->config, request->profile);

    BM_CHECK(profile != NULL, BM_E_PROFILE_UNKNOWN, NULL);
    return bm_verdict_judge(request, profile, judge->anchors, now, call == BM_CALL_CHALLENGE ? BM_JUDGE_ALL : BM_JUDGE_AGAIN, subject);
}

/* Says what was found out; the views of what it says are of the request and of the two buffers. */
static BM_RESULT put_judged(const bm_request *request, const bm_subject *subject, bm_ctl_batch_judged *judged, bm_buf *reply)
{
    BM_AUTO_BUF spki = BM_BUF_EMPTY;
    BM_AUTO_BUF evidence = BM_BUF_EMPTY;

    judged->parsed = true;
    judged->fields = subject->fields;
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(request->profile), (uint8_t *)judged->profile, sizeof(judged->profile)));
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(subject->ek_sha256), judged->ek_sha256, sizeof(judged->ek_sha256)));
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(subject->claimed), (uint8_t *)judged->claimed, sizeof(judged->claimed)));
    if (judged->call == BM_CALL_CHALLENGE) {
        judged->ek_public = bm_buf_view(&request->ek_public);
        judged->ik_name = bm_tpm_public_name_view(&subject->ik_name);
    } else {
        judged->challenge = bm_buf_view(&request->challenge);
        judged->ticket = bm_buf_view(&request->ticket);
        BM_TRY(bm_pubkey_put_spki(&spki, &subject->ik.key));
        BM_TRY(bm_verdict_put_evidence(&evidence, request, subject));
        judged->ik_spki = bm_buf_view(&spki);
        judged->evidence = bm_buf_view(&evidence);
    }
    return bm_ctl_batch_message_put_judged(reply, judged);
}

static BM_RESULT answer_judge(const bm_ctl_batch_judge *judge, bm_cursor *body, bm_buf *reply)
{
    BM_AUTO(bm_request_fini) bm_request request = {0};
    BM_AUTO(bm_verdict_subject_fini) bm_subject subject = {0};
    bm_ctl_batch_judged judged = {.epoch = judge->epoch};
    uint64_t now;
    bm_bytes text;

    BM_TRY(bm_cursor_u64(body, &now));
    BM_CHECK(now <= INT64_MAX, BM_E_MALFORMED, NULL);
    text = body->rest;
    judged.result = bm_request_parse_file(text, &judged.call, &request);
    if (judged.result.code == BM_OK)
        judged.result = bm_verdict_parse(&request, &subject);
    if (judged.result.code != BM_OK)
        return bm_ctl_batch_message_put_judged(reply, &judged);
    judged.result = judge_parsed(judge, &request, judged.call, (int64_t)now, &subject);
    return put_judged(&request, &subject, &judged, reply);
}

/* The ticket in a credential that only this EK's TPM opens, and only for this IK: blob and secret, from which the parent makes the reply. */
static BM_RESULT put_credential(const bm_ctl_batch_credential *asked, bm_buf *body)
{
    BM_AUTO_BUF blob = BM_BUF_EMPTY;
    BM_AUTO_BUF secret = BM_BUF_EMPTY;
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    bm_tpm_public ek;

    BM_TRY(bm_tpm_public_parse(asked->ek_public, &ek));
    BM_TRY(bm_pkey_from_public(&ek.key, &key));
    BM_TRY(bm_credential_make(&ek, key, asked->ik_name, asked->ticket, &blob, &secret));
    BM_TRY(bm_buf_put_sized16(body, bm_buf_view(&blob)));
    return bm_buf_put_sized16(body, bm_buf_view(&secret));
}

static BM_RESULT answer_credential(bm_cursor *body, bm_buf *reply)
{
    BM_AUTO_BUF made = BM_BUF_EMPTY;
    bm_ctl_batch_credential asked;
    bm_result result;

    BM_TRY(bm_ctl_batch_message_take_credential(body, &asked));
    result = put_credential(&asked, &made);
    BM_TRY(bm_ctl_batch_message_put_result(reply, result));
    return bm_buf_put(reply, bm_buf_view(&made));
}

BM_RESULT bm_ctl_batch_judge_answer(bm_ctl_batch_judge *judge, bm_bytes message, bm_buf *reply)
{
    bm_ctl_batch_type type;
    bm_cursor body;
    uint32_t id;

    bm_memory_forget();
    bm_buf_clear(reply);
    BM_TRY(bm_ctl_batch_message_open(message, &type, &id, &body));
    switch (type) {
    case BM_BATCH_ANCHORS:
        return begin_anchors(judge, &body);
    case BM_BATCH_ANCHOR:
        return take_anchor(judge, &body);
    case BM_BATCH_REVOKED:
        return bm_buf_put(&judge->revoked, body.rest);
    case BM_BATCH_ANCHORS_END:
        return bm_anchors_revoke(judge->anchors, &judge->revoked);
    case BM_BATCH_JUDGE:
        BM_TRY(bm_ctl_batch_message_begin(reply, BM_BATCH_JUDGED, id));
        return answer_judge(judge, &body, reply);
    case BM_BATCH_CREDENTIAL:
        BM_TRY(bm_ctl_batch_message_begin(reply, BM_BATCH_CREDENTIAL_MADE, id));
        return answer_credential(&body, reply);
    case BM_BATCH_JUDGED:
    case BM_BATCH_CREDENTIAL_MADE:
        break;
    }
    return bm_fail(BM_E_MALFORMED, "this is no message to a worker");
}

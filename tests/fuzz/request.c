/*
 * bm_request_parse and _put, _parse_file and _put_file (protocol/request.h), bm_verdict_parse, _judge, _decide and _put_evidence (protocol/verdict.h): the body of
 * a call, or a request file, as far as it can be judged without asking anybody.
 */
#include "world.h"

#include "protocol/verdict.h"

static void same(const bm_buf *a, const bm_buf *b)
{
    FUZZ_MUST(bm_bytes_equal(bm_buf_view(a), bm_buf_view(b)));
}

/* What was parsed is written, and parsed again: the same. */
static void check_round_trip(bm_call call, const bm_request *request)
{
    BM_AUTO(bm_request_fini) bm_request again = {0};
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    FUZZ_OK(bm_request_put(call, request, &body));
    FUZZ_OK(bm_request_parse(call, bm_buf_view(&body), &again));
    same(&again.csr, &request->csr);
    same(&again.ik_public, &request->ik_public);
    same(&again.ek_public, &request->ek_public);
    same(&again.ek_certificate, &request->ek_certificate);
    same(&again.challenge, &request->challenge);
    same(&again.ticket, &request->ticket);
    FUZZ_MUST(again.ek_chain_count == request->ek_chain_count && request->ek_chain_count <= BM_EKC_CHAIN_MAX);
    for (size_t i = 0; i < again.ek_chain_count; i++)
        same(&again.ek_chain[i], &request->ek_chain[i]);
    FUZZ_MUST(bm_bytes_equal(bm_bytes_str(again.profile), bm_bytes_str(request->profile)));
}

static void check_file(bm_bytes text)
{
    BM_AUTO(bm_request_fini) bm_request request = {0};
    BM_AUTO(bm_request_fini) bm_request again = {0};
    BM_AUTO_BUF made = BM_BUF_EMPTY;
    bm_call call;
    bm_call other;

    if (bm_request_parse_file(text, &call, &request).code != BM_OK)
        return;
    check_round_trip(call, &request);
    FUZZ_OK(bm_request_put_file(call, &request, &made));
    FUZZ_OK(bm_request_parse_file(bm_buf_view(&made), &other, &again));
    FUZZ_MUST(call == other);
    bm_request_fini(&again);
    FUZZ_MUST(bm_request_parse(call, text, &again).code != BM_OK);
}

static void judge(const bm_request *request, bm_judge_depth depth, bm_trust_rule trust, bm_identity_rule identity_rule)
{
    BM_AUTO(bm_verdict_subject_fini) bm_subject subject = {0};
    BM_AUTO_BUF evidence = BM_BUF_EMPTY;
    bm_profile profile = world_profile();
    bm_verdict_record record = {.known = false};
    char identity[BM_IDENTITY_MAX + 1] = "";

    profile.trust = trust;
    profile.identity = identity_rule;
    if (bm_verdict_parse(request, &subject).code != BM_OK ||
        bm_verdict_judge(request, &profile, world_anchors(), MAKE_NOW, depth, &subject).code != BM_OK)
        return;
    FUZZ_MUST(bm_pubkey_equal(&subject.csr.key, &subject.ik.key));
    FUZZ_MUST(subject.certified == (trust != BM_TRUST_INVENTORY) && subject.ek_template != NULL);
    FUZZ_OK(bm_verdict_put_evidence(&evidence, request, &subject));
    if (bm_verdict_decide(&subject, &profile, &record, identity).code == BM_OK)
        FUZZ_MUST(bm_text_is_identity(bm_bytes_str(identity)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_file(bm_bytes_of(data, size));
    for (int call = BM_CALL_CHALLENGE; call <= BM_CALL_CERTIFICATE; call++) {
        BM_AUTO(bm_request_fini) bm_request request = {0};

        if (bm_request_parse((bm_call)call, bm_bytes_of(data, size), &request).code != BM_OK)
            continue;
        check_round_trip((bm_call)call, &request);
        judge(&request, BM_JUDGE_ALL, BM_TRUST_CERTIFICATE, BM_IDENTITY_CLAIM);
        judge(&request, BM_JUDGE_AGAIN, BM_TRUST_BOTH, BM_IDENTITY_EK);
        judge(&request, BM_JUDGE_AGAIN, BM_TRUST_INVENTORY, BM_IDENTITY_INVENTORY);
    }
    return 0;
}

/*
 * bm_reply_challenge_parse and _put, bm_reply_certificate_parse and _put (protocol/reply.h), bm_problem_parse and _put (protocol/problem.h),
 * bm_exchange_verdict (device/exchange/exchange.h): what a device reads of a server.
 */
#include "fuzz.h"

#include "device/exchange/exchange.h"
#include "protocol/problem.h"
#include "protocol/reply.h"

static void same(const bm_buf *a, const bm_buf *b)
{
    FUZZ_MUST(bm_bytes_equal(bm_buf_view(a), bm_buf_view(b)));
}

static void check_challenge(bm_bytes body)
{
    BM_AUTO(bm_reply_challenge_fini) bm_reply_challenge reply = {0};
    BM_AUTO(bm_reply_challenge_fini) bm_reply_challenge again = {0};
    BM_AUTO_BUF made = BM_BUF_EMPTY;

    if (bm_reply_challenge_parse(body, &reply).code != BM_OK)
        return;
    FUZZ_OK(bm_reply_challenge_put(&reply, &made));
    FUZZ_OK(bm_reply_challenge_parse(bm_buf_view(&made), &again));
    same(&again.credential_blob, &reply.credential_blob);
    same(&again.encrypted_secret, &reply.encrypted_secret);
    same(&again.challenge, &reply.challenge);
    FUZZ_MUST(again.expires == reply.expires);
}

static void check_certificate(bm_bytes body)
{
    BM_AUTO(bm_reply_certificate_fini) bm_reply_certificate reply = {0};
    BM_AUTO(bm_reply_certificate_fini) bm_reply_certificate again = {0};
    BM_AUTO_BUF made = BM_BUF_EMPTY;

    if (bm_reply_certificate_parse(body, &reply).code != BM_OK)
        return;
    FUZZ_MUST(bm_text_is_identity(bm_bytes_str(reply.device)) && reply.chain_count <= BM_REPLY_CHAIN_MAX);
    FUZZ_OK(bm_reply_certificate_put(&reply, &made));
    FUZZ_OK(bm_reply_certificate_parse(bm_buf_view(&made), &again));
    same(&again.certificate, &reply.certificate);
    FUZZ_MUST(again.chain_count == reply.chain_count && again.renew_after == reply.renew_after);
    for (size_t i = 0; i < again.chain_count; i++)
        same(&again.chain[i], &reply.chain[i]);
}

static void check_problem(bm_bytes body)
{
    bm_result said = bm_exchange_verdict(403, body);
    BM_AUTO_BUF made = BM_BUF_EMPTY;
    bm_problem problem;

    FUZZ_MUST(said.code != BM_OK && said.detail != NULL);
    FUZZ_MUST(fuzz_printable(said.detail, 512));
    FUZZ_OK(bm_exchange_verdict(200, body));
    if (bm_problem_parse(body, &problem).code != BM_OK)
        return;
    FUZZ_MUST(fuzz_printable(problem.code, sizeof(problem.code)) && fuzz_printable(problem.title, sizeof(problem.title)));
    FUZZ_MUST(fuzz_printable(problem.detail, sizeof(problem.detail)));
    FUZZ_OK(bm_problem_put(bm_fail(bm_code_by_name(problem.code), problem.detail), &made));
    FUZZ_OK(bm_problem_parse(bm_buf_view(&made), &problem));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bm_bytes body = bm_bytes_of(data, size);

    check_challenge(body);
    check_certificate(body);
    check_problem(body);
    return 0;
}

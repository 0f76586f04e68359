#include "protocol/certify.h"

#include "crypto/random.h"
#include "protocol/reply.h"

#define CLOCK_SKEW 60 /* seconds before now at which a certificate begins, for devices whose clocks are behind */

BM_RESULT bm_certify_put_tbs(const bm_certify_options *options, bm_buf *tbs, bm_issue_fields *issue)
{
    BM_AUTO_BUF subject = BM_BUF_EMPTY;
    const bm_ca *ca = options->ca;
    bm_result result;

    BM_TRY(bm_profile_put_subject(&subject, options->profile, options->identity, options->ek_sha256));
    BM_TRY(bm_random(issue->serial, sizeof(issue->serial)));
    bm_issue_serial(issue->serial);
    issue->subject = bm_buf_view(&subject);
    issue->key = options->key;
    issue->not_before = options->now - CLOCK_SKEW;
    if (issue->not_before < ca->not_before)
        issue->not_before = ca->not_before;
    issue->not_after = options->now + options->profile->validity;
    if (issue->not_after > ca->not_after)
        issue->not_after = ca->not_after;
    result = issue->not_after > options->now ? bm_issue_put_tbs(tbs, ca, bm_pkey_default_sig(ca->key.type), issue)
                                             : bm_fail(BM_E_INTERNAL, "the CA certificate has expired; make or bring in a new one");
    issue->subject = (bm_bytes){0};
    return result;
}

BM_RESULT bm_certify_put_reply(bm_bytes der, const bm_buf *chain, size_t chain_count, const char *identity, bm_buf *body, bm_issued *issued)
{
    BM_AUTO(bm_reply_certificate_fini) bm_reply_certificate reply = {0};
    bm_bytes device = bm_bytes_str(identity);

    BM_TRY(bm_result_as(bm_issue_parse(der, issued), BM_E_INTERNAL));
    BM_CHECK(issued->serial.size <= BM_SERIAL_SIZE, BM_E_INTERNAL, "a serial is too long");
    BM_CHECK(chain_count <= BM_REPLY_CHAIN_MAX && device.size <= BM_IDENTITY_MAX, BM_E_INTERNAL, "more than a reply has room for");
    BM_TRY(bm_buf_put(&reply.certificate, der));
    for (size_t i = 0; i < chain_count; i++, reply.chain_count++)
        BM_TRY(bm_buf_put(&reply.chain[i], bm_buf_view(&chain[i])));
    BM_TRY(bm_bytes_copy_exact(device, (uint8_t *)reply.device, device.size));
    reply.renew_after = issued->not_before + (issued->not_after - issued->not_before) / 3 * 2;
    return bm_reply_certificate_put(&reply, body);
}

/*
 * bm_crl_parse, _issuer_name, _issuer, _put_ids, _scope (x509/crl.h), bm_revoked_check, _sort, _merge, _has (x509/revoked.h): the CRLs of vendors
 * that an operator loads.
 */
#include "world.h"

#include "x509/crl.h"

static void check_ids(const bm_crl *crl, const uint8_t issuer[BM_SHA256_SIZE])
{
    BM_AUTO_BUF ids = BM_BUF_EMPTY;
    BM_AUTO_BUF all = BM_BUF_EMPTY;

    FUZZ_OK(bm_crl_put_ids(crl, issuer, &ids));
    FUZZ_OK(bm_revoked_check(bm_buf_view(&ids)));
    FUZZ_MUST(ids.size <= crl->count * BM_REVOKED_ID_SIZE && (ids.size > 0) == (crl->count > 0));
    if (ids.size > 0)
        FUZZ_MUST(bm_revoked_has(bm_buf_view(&ids), ids.data + ids.size - BM_REVOKED_ID_SIZE));
    FUZZ_OK(bm_revoked_merge(&all, bm_buf_view(&ids)));
    FUZZ_OK(bm_revoked_merge(&all, bm_buf_view(&ids)));
    FUZZ_MUST(bm_bytes_equal(bm_buf_view(&all), bm_buf_view(&ids)));
}

/* What a ledger sends as ids, whatever it is, is looked at before it is searched. */
static void check_list(bm_bytes bytes)
{
    BM_AUTO_BUF ids = BM_BUF_EMPTY;

    FUZZ_OK(bm_buf_put(&ids, bm_bytes_slice(bytes, 0, bytes.size - bytes.size % BM_REVOKED_ID_SIZE)));
    bm_revoked_sort(&ids);
    FUZZ_OK(bm_revoked_check(bm_buf_view(&ids)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bm_bytes input = bm_bytes_of(data, size);
    uint8_t issuer[BM_SHA256_SIZE] = {0};
    uint8_t scope[BM_SHA256_SIZE];
    BM_AUTO_BUF vendor = BM_BUF_EMPTY;
    bm_bytes chain;
    char name[64];
    bm_crl crl;

    check_list(input);
    if (bm_crl_parse(input, &crl).code != BM_OK)
        return 0;
    FUZZ_MUST(fuzz_inside(input, crl.tbs) && fuzz_inside(crl.tbs, crl.issuer) && fuzz_inside(crl.tbs, crl.entries));
    FUZZ_MUST(fuzz_inside(crl.tbs, crl.scope) && crl.number.size <= BM_CRL_NUMBER_MAX);
    if (bm_crl_issuer_name(&crl, name, sizeof(name)).code == BM_OK)
        FUZZ_MUST(fuzz_printable(name, sizeof(name)));
    make_der(world_vendor().certificate, &vendor);
    chain = bm_buf_view(&vendor);
    bm_result_ignore(bm_crl_issuer(&crl, world_anchors(), &chain, 1, MAKE_NOW, issuer));
    FUZZ_OK(bm_crl_scope(&crl, issuer, scope));
    check_ids(&crl, issuer);
    return 0;
}

/* bm_csr_parse and bm_csr_verify (x509/csr.h): a certificate signing request, and its signature. */
#include "fuzz.h"

#include "x509/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bm_bytes input = bm_bytes_of(data, size);
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    BM_AUTO_BUF spki = BM_BUF_EMPTY;
    bm_pubkey again;
    bm_csr csr;

    if (bm_csr_parse(input, &csr).code != BM_OK)
        return 0;
    FUZZ_MUST(size <= BM_CSR_MAX && fuzz_inside(input, csr.tbs) && fuzz_inside(csr.tbs, csr.spki) && fuzz_inside(csr.tbs, csr.serial));
    FUZZ_MUST(fuzz_inside(input, csr.signature) && csr.signature.size > 0);
    FUZZ_MUST(bm_pkey_sig_is_rsa(csr.alg) == bm_pubkey_is_rsa(csr.key.type));
    FUZZ_OK(bm_pubkey_put_spki(&spki, &csr.key));
    FUZZ_OK(bm_pubkey_parse_spki(bm_buf_view(&spki), &again));
    FUZZ_MUST(bm_pubkey_equal(&again, &csr.key));
    if (bm_pkey_from_public(&csr.key, &key).code == BM_OK)
        bm_result_ignore(bm_csr_verify(&csr, key));
    return 0;
}

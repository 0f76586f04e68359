#include "device/exchange/offer.h"

#include "base/text.h"

bool bm_offer_is_about_ek(bm_code refusal)
{
    static const bm_code codes[] = {BM_E_EK_TEMPLATE, BM_E_EK_MISMATCH,   BM_E_EK_WEAK,       BM_E_EK_PUBLIC_MALFORMED,
                                    BM_E_EKC_MISSING, BM_E_EKC_MALFORMED, BM_E_EKC_USAGE,     BM_E_EKC_VALIDITY,
                                    BM_E_EKC_CLASS,   BM_E_EKC_UNTRUSTED, BM_E_EK_NOT_IN_INVENTORY};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i] == refusal)
            return true;
    return false;
}

bool bm_offer_is_about_inventory(bm_code refusal)
{
    return refusal == BM_E_EKC_MISSING || refusal == BM_E_EK_NOT_IN_INVENTORY;
}

BM_RESULT bm_offer_put_add(bm_buf *out, const char *serial, const bm_pubkey *ek)
{
    uint8_t digest[BM_SHA256_SIZE];

    BM_TRY(bm_pubkey_spki_sha256(ek, digest));
    BM_TRY(bm_buf_putf(out, "birthmarkctl device add --serial %s --ek-sha256 ", serial == NULL ? "SERIAL" : serial));
    return bm_text_put_hex(out, BM_BYTES_ARRAY(digest));
}

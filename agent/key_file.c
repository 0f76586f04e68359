#include "agent/key_file.h"

#include "crypto/der.h"
#include "x509/ca.h"

#define LABEL "TSS2 PRIVATE KEY"

/* 2.23.133.10.1.3, id-loadablekey */
static const uint8_t loadable_key[] = {0x67, 0x81, 0x05, 0x0A, 0x01, 0x03};
/* TPM_RH_OWNER */
static const uint8_t owner[] = {0x40, 0x00, 0x00, 0x01};
static const uint8_t true_boolean[] = {BM_DER_BOOLEAN, 1, 0xFF};

BM_RESULT bm_key_file_put(bm_buf *pem, bm_bytes public_area, bm_bytes private_area)
{
    BM_AUTO_BUF inner = BM_BUF_EMPTY;
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    BM_TRY(bm_der_put(&inner, BM_DER_OID, BM_BYTES_ARRAY(loadable_key)));
    BM_TRY(bm_der_put(&inner, BM_DER_CONTEXT(0), BM_BYTES_ARRAY(true_boolean)));
    BM_TRY(bm_der_put_unsigned(&inner, BM_BYTES_ARRAY(owner)));
    BM_TRY(bm_der_put(&inner, BM_DER_OCTET_STRING, public_area));
    BM_TRY(bm_der_put(&inner, BM_DER_OCTET_STRING, private_area));
    BM_TRY(bm_der_put(&der, BM_DER_SEQUENCE, bm_buf_view(&inner)));
    return bm_ca_put_pem(pem, LABEL, bm_buf_view(&der));
}

BM_RESULT bm_key_file_parse(bm_bytes pem, bm_buf *public_area, bm_buf *private_area)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_cursor outer;
    bm_cursor inner;
    bm_bytes value;
    bm_bytes public_bytes;
    bool found;

    BM_TRY(bm_ca_next_pem(&pem, LABEL, &der, &found));
    BM_CHECK(found, BM_E_MALFORMED, "there is no TSS2 PRIVATE KEY");
    outer = bm_cursor_of(bm_buf_view(&der));
    BM_TRY(bm_der_enter(&outer, BM_DER_SEQUENCE, &inner));
    BM_TRY(bm_cursor_end(&outer));
    BM_TRY(bm_der_take(&inner, BM_DER_OID, &value));
    BM_CHECK(bm_bytes_equal(value, BM_BYTES_ARRAY(loadable_key)), BM_E_MALFORMED, "the TSS2 PRIVATE KEY is no loadable key");
    BM_TRY(bm_der_take(&inner, BM_DER_CONTEXT(0), &value));
    BM_CHECK(bm_bytes_equal(value, BM_BYTES_ARRAY(true_boolean)), BM_E_MALFORMED, "the TSS2 PRIVATE KEY wants a password");
    BM_TRY(bm_der_unsigned(&inner, &value));
    BM_CHECK(bm_bytes_equal(value, BM_BYTES_ARRAY(owner)), BM_E_MALFORMED, "the TSS2 PRIVATE KEY has another parent");
    BM_TRY(bm_der_take(&inner, BM_DER_OCTET_STRING, &public_bytes));
    BM_TRY(bm_der_take(&inner, BM_DER_OCTET_STRING, &value));
    BM_TRY(bm_cursor_end(&inner));
    BM_TRY(bm_buf_put(public_area, public_bytes));
    return bm_buf_put(private_area, value);
}

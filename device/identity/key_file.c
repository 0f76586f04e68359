#include "device/identity/key_file.h"

#include "crypto/der.h"
#include "x509/ca.h"

static const char *const labels[BM_TPM_HIERARCHIES] = {[BM_TPM_OWNER] = "TSS2 PRIVATE KEY", [BM_TPM_ENDORSEMENT] = "BIRTHMARK PRIMARY KEY"};

/* 2.23.133.10.1.3, id-loadablekey */
static const uint8_t loadable_key[] = {0x67, 0x81, 0x05, 0x0A, 0x01, 0x03};
/* TPM_RH_OWNER, TPM_RH_ENDORSEMENT */
static const uint8_t owner[] = {0x40, 0x00, 0x00, 0x01};
static const uint8_t endorsement[] = {0x40, 0x00, 0x00, 0x0B};
static const uint8_t true_boolean[] = {BM_DER_BOOLEAN, 1, 0xFF};
static const uint8_t false_boolean[] = {BM_DER_BOOLEAN, 1, 0x00};
/* TPM_CC_PolicyPCR */
static const uint8_t policy_pcr[] = {0x01, 0x7F};

static bm_bytes parent_of(bm_tpm_hierarchy hierarchy)
{
    return hierarchy == BM_TPM_ENDORSEMENT ? BM_BYTES_ARRAY(endorsement) : BM_BYTES_ARRAY(owner);
}

/* [1] SEQUENCE OF SEQUENCE { [0] INTEGER command, [1] OCTET STRING its parameters }, with the one command. */
static BM_RESULT put_policy(bm_buf *out, const bm_tpm_pcrs *pcrs)
{
    BM_AUTO_BUF parameters = BM_BUF_EMPTY;
    BM_AUTO_BUF number = BM_BUF_EMPTY;
    BM_AUTO_BUF octets = BM_BUF_EMPTY;
    BM_AUTO_BUF fields = BM_BUF_EMPTY;
    BM_AUTO_BUF command = BM_BUF_EMPTY;
    BM_AUTO_BUF list = BM_BUF_EMPTY;

    BM_TRY(bm_tpm_pcrs_put_parameters(&parameters, pcrs));
    BM_TRY(bm_der_put_unsigned(&number, BM_BYTES_ARRAY(policy_pcr)));
    BM_TRY(bm_der_put(&octets, BM_DER_OCTET_STRING, bm_buf_view(&parameters)));
    BM_TRY(bm_der_put(&fields, BM_DER_CONTEXT(0), bm_buf_view(&number)));
    BM_TRY(bm_der_put(&fields, BM_DER_CONTEXT(1), bm_buf_view(&octets)));
    BM_TRY(bm_der_put(&command, BM_DER_SEQUENCE, bm_buf_view(&fields)));
    BM_TRY(bm_der_put(&list, BM_DER_SEQUENCE, bm_buf_view(&command)));
    return bm_der_put(out, BM_DER_CONTEXT(1), bm_buf_view(&list));
}

BM_RESULT bm_key_file_put(bm_buf *pem, const bm_tpm_kind *kind, bm_bytes public_area, bm_bytes private_area)
{
    BM_AUTO_BUF inner = BM_BUF_EMPTY;
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    if (kind->parent == BM_TPM_OWNER)
        BM_TRY(bm_der_put(&inner, BM_DER_OID, BM_BYTES_ARRAY(loadable_key)));
    BM_TRY(bm_der_put(&inner, BM_DER_CONTEXT(0), kind->has_auth ? BM_BYTES_ARRAY(false_boolean) : BM_BYTES_ARRAY(true_boolean)));
    if (kind->pcrs.mask != 0)
        BM_TRY(put_policy(&inner, &kind->pcrs));
    BM_TRY(bm_der_put_unsigned(&inner, parent_of(kind->parent)));
    BM_TRY(bm_der_put(&inner, BM_DER_OCTET_STRING, public_area));
    BM_TRY(bm_der_put(&inner, BM_DER_OCTET_STRING, private_area));
    BM_TRY(bm_der_put(&der, BM_DER_SEQUENCE, bm_buf_view(&inner)));
    return bm_ca_put_pem(pem, labels[kind->parent], bm_buf_view(&der));
}

static BM_RESULT parse_policy(bm_cursor *cursor, bm_tpm_pcrs *pcrs)
{
    bm_cursor outer, list, fields, inner;
    bm_bytes value;

    BM_TRY(bm_der_enter(cursor, BM_DER_CONTEXT(1), &outer));
    BM_TRY(bm_der_enter(&outer, BM_DER_SEQUENCE, &list));
    BM_TRY(bm_cursor_end(&outer));
    BM_TRY(bm_der_enter(&list, BM_DER_SEQUENCE, &fields));
    BM_TRY(bm_cursor_end(&list));
    BM_TRY(bm_der_enter(&fields, BM_DER_CONTEXT(0), &inner));
    BM_TRY(bm_der_unsigned(&inner, &value));
    BM_TRY(bm_cursor_end(&inner));
    BM_CHECK(bm_bytes_equal(value, BM_BYTES_ARRAY(policy_pcr)), BM_E_MALFORMED, "the key file has a policy that is not of registers");
    BM_TRY(bm_der_enter(&fields, BM_DER_CONTEXT(1), &inner));
    BM_TRY(bm_der_take(&inner, BM_DER_OCTET_STRING, &value));
    BM_TRY(bm_cursor_end(&inner));
    BM_TRY(bm_cursor_end(&fields));
    return bm_tpm_pcrs_parse_parameters(value, pcrs);
}

/* The file that is there: of which label. */
static BM_RESULT take_der(bm_bytes pem, bm_tpm_hierarchy *parent, bm_buf *der)
{
    bm_bytes rest = pem;
    bool found;

    *parent = BM_TPM_OWNER;
    BM_TRY(bm_ca_next_pem(&rest, labels[BM_TPM_OWNER], der, &found));
    if (found)
        return bm_ok();
    *parent = BM_TPM_ENDORSEMENT;
    BM_TRY(bm_ca_next_pem(&pem, labels[BM_TPM_ENDORSEMENT], der, &found));
    BM_CHECK(found, BM_E_MALFORMED, "there is no key file");
    return bm_ok();
}

/* What stands before the parent. */
static BM_RESULT parse_head(bm_cursor *inner, bm_tpm_kind *kind)
{
    bm_bytes value;

    if (kind->parent == BM_TPM_OWNER) {
        BM_TRY(bm_der_take(inner, BM_DER_OID, &value));
        BM_CHECK(bm_bytes_equal(value, BM_BYTES_ARRAY(loadable_key)), BM_E_MALFORMED, "the TSS2 PRIVATE KEY is no loadable key");
    }
    BM_TRY(bm_der_take(inner, BM_DER_CONTEXT(0), &value));
    kind->has_auth = bm_bytes_equal(value, BM_BYTES_ARRAY(false_boolean));
    BM_CHECK(kind->has_auth || bm_bytes_equal(value, BM_BYTES_ARRAY(true_boolean)), BM_E_MALFORMED, "emptyAuth is neither true nor false");
    if (bm_der_peek(inner, BM_DER_CONTEXT(1)))
        BM_TRY(parse_policy(inner, &kind->pcrs));
    BM_CHECK(!kind->has_auth || kind->pcrs.mask == 0, BM_E_MALFORMED, "the key file has a policy beside an authorisation value");
    return bm_ok();
}

BM_RESULT bm_key_file_parse(bm_bytes pem, bm_tpm_kind *kind, bm_buf *public_area, bm_buf *private_area)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_tpm_kind parsed = {.has_auth = false};
    bm_cursor outer;
    bm_cursor inner;
    bm_bytes value;
    bm_bytes public_bytes;

    BM_TRY(take_der(pem, &parsed.parent, &der));
    outer = bm_cursor_of(bm_buf_view(&der));
    BM_TRY(bm_der_enter(&outer, BM_DER_SEQUENCE, &inner));
    BM_TRY(bm_cursor_end(&outer));
    BM_TRY(parse_head(&inner, &parsed));
    BM_TRY(bm_der_unsigned(&inner, &value));
    BM_CHECK(bm_bytes_equal(value, parent_of(parsed.parent)), BM_E_MALFORMED, "the key file has another parent");
    BM_TRY(bm_der_take(&inner, BM_DER_OCTET_STRING, &public_bytes));
    BM_TRY(bm_der_take(&inner, BM_DER_OCTET_STRING, &value));
    BM_TRY(bm_cursor_end(&inner));
    BM_TRY(bm_buf_put(public_area, public_bytes));
    BM_TRY(bm_buf_put(private_area, value));
    *kind = parsed;
    return bm_ok();
}

BM_RESULT bm_key_file_read(const bm_identity *identity, bm_tpm_kind *kind, bm_buf *public_area, bm_buf *private_area)
{
    BM_AUTO_BUF pem = BM_BUF_EMPTY;
    bool found;

    BM_TRY(bm_identity_read(identity, "device.key", &pem, &found));
    if (!found || bm_key_file_parse(bm_buf_view(&pem), kind, public_area, private_area).code != BM_OK || public_area->size == 0) {
        *kind = (bm_tpm_kind){.has_auth = false};
        bm_buf_clear(public_area);
        bm_buf_clear(private_area);
    }
    return bm_ok();
}

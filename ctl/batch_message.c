#include "ctl/batch_message.h"

#include "tpm/public.h"
#include "x509/csr.h"

#define DETAIL_MAX 512
#define SPKI_MAX 1024
#define EVIDENCE_MAX 65536

BM_RESULT bm_ctl_batch_message_begin(bm_buf *out, bm_ctl_batch_type type, uint32_t id)
{
    bm_buf_clear(out);
    BM_TRY(bm_buf_put_u8(out, (uint8_t)type));
    return bm_buf_put_u32(out, id);
}

BM_RESULT bm_ctl_batch_message_open(bm_bytes message, bm_ctl_batch_type *type, uint32_t *id, bm_cursor *body)
{
    bm_cursor cursor = bm_cursor_of(message);
    uint8_t number;

    BM_TRY(bm_cursor_u8(&cursor, &number));
    BM_CHECK(number >= BM_BATCH_ANCHORS && number <= BM_BATCH_CREDENTIAL_MADE, BM_E_MALFORMED, "a message of no type");
    BM_TRY(bm_cursor_u32(&cursor, id));
    *type = (bm_ctl_batch_type)number;
    *body = cursor;
    return bm_ok();
}

/* A detail goes with its NUL, so that it can be shown as it is. */
BM_RESULT bm_ctl_batch_message_put_result(bm_buf *out, bm_result result)
{
    bm_bytes detail = bm_bytes_str(result.detail);

    BM_TRY(bm_buf_put_u32(out, (uint32_t)result.code));
    if (detail.size > DETAIL_MAX - 1)
        detail.size = DETAIL_MAX - 1;
    BM_TRY(bm_buf_put_u16(out, (uint16_t)(detail.size + 1)));
    BM_TRY(bm_buf_put(out, detail));
    return bm_buf_put_u8(out, 0);
}

BM_RESULT bm_ctl_batch_message_take_result(bm_cursor *body, bm_result *result)
{
    uint32_t code;
    bm_bytes detail;

    BM_TRY(bm_cursor_u32(body, &code));
    BM_CHECK(code < BM_CODE_COUNT, BM_E_MALFORMED, "a code that is none");
    BM_TRY(bm_cursor_sized16(body, DETAIL_MAX, &detail));
    BM_CHECK(detail.size > 0 && detail.data[detail.size - 1] == 0, BM_E_MALFORMED, "a detail without an end");
    for (size_t i = 0; i + 1 < detail.size; i++)
        BM_CHECK(detail.data[i] >= 0x20 && detail.data[i] < 0x7F, BM_E_MALFORMED, "a detail that does not print");
    result->code = (bm_code)code;
    result->detail = detail.size > 1 ? (const char *)detail.data : NULL;
    return bm_ok();
}

BM_RESULT bm_ctl_batch_message_put_judged(bm_buf *out, const bm_ctl_batch_judged *judged)
{
    BM_TRY(bm_buf_put_u64(out, judged->epoch));
    BM_TRY(bm_ctl_batch_message_put_result(out, judged->result));
    BM_TRY(bm_buf_put_u8(out, judged->parsed));
    if (!judged->parsed)
        return bm_ok();
    BM_TRY(bm_buf_put_u8(out, judged->call == BM_CALL_CERTIFICATE));
    BM_TRY(bm_buf_put_sized16(out, bm_bytes_str(judged->profile)));
    BM_TRY(bm_buf_put(out, BM_BYTES_ARRAY(judged->ek_sha256)));
    BM_TRY(bm_buf_put_sized16(out, bm_bytes_str(judged->claimed)));
    BM_TRY(bm_ticket_put_message(out, &judged->fields));
    BM_TRY(bm_buf_put_sized16(out, judged->challenge));
    BM_TRY(bm_buf_put_sized16(out, judged->ticket));
    BM_TRY(bm_buf_put_sized16(out, judged->ik_spki));
    BM_TRY(bm_buf_put_sized16(out, judged->ek_public));
    BM_TRY(bm_buf_put_sized16(out, judged->ik_name));
    return bm_buf_put_sized32(out, judged->evidence);
}

/* A text into a string. */
static BM_RESULT take_text(bm_cursor *body, size_t max, bool (*is_good)(bm_bytes), bool may_be_empty, char *out)
{
    bm_bytes text;

    BM_TRY(bm_cursor_sized16(body, max, &text));
    BM_CHECK((text.size == 0 && may_be_empty) || is_good(text), BM_E_MALFORMED, "a text that cannot be");
    BM_TRY(bm_bytes_copy_exact(text, (uint8_t *)out, text.size));
    out[text.size] = 0;
    return bm_ok();
}

static BM_RESULT take_parsed(bm_cursor *body, bm_ctl_batch_judged *judged)
{
    bm_bytes message;
    uint8_t certificate;

    BM_TRY(bm_cursor_u8(body, &certificate));
    BM_CHECK(certificate <= 1, BM_E_MALFORMED, "a call that is none");
    judged->call = certificate == 1 ? BM_CALL_CERTIFICATE : BM_CALL_CHALLENGE;
    BM_TRY(take_text(body, BM_PROFILE_NAME_MAX, bm_text_is_profile_name, false, judged->profile));
    BM_TRY(bm_cursor_copy(body, judged->ek_sha256, sizeof(judged->ek_sha256)));
    BM_TRY(take_text(body, BM_IDENTITY_MAX, bm_text_is_identity, true, judged->claimed));
    BM_TRY(bm_cursor_take(body, BM_TICKET_MESSAGE_SIZE, &message));
    BM_TRY(bm_result_as(bm_ticket_parse_message(message, &judged->fields), BM_E_MALFORMED));
    BM_TRY(bm_cursor_sized16(body, BM_TICKET_CHALLENGE_SIZE, &judged->challenge));
    BM_TRY(bm_cursor_sized16(body, BM_TICKET_SIZE, &judged->ticket));
    BM_TRY(bm_cursor_sized16(body, SPKI_MAX, &judged->ik_spki));
    BM_TRY(bm_cursor_sized16(body, BM_TPM_PUBLIC_MAX, &judged->ek_public));
    BM_TRY(bm_cursor_sized16(body, BM_HASH_MAX + 2, &judged->ik_name));
    return bm_cursor_sized32(body, EVIDENCE_MAX, &judged->evidence);
}

BM_RESULT bm_ctl_batch_message_take_judged(bm_cursor *body, bm_ctl_batch_judged *judged)
{
    bm_ctl_batch_judged taken = {0};
    uint8_t parsed;

    BM_TRY(bm_cursor_u64(body, &taken.epoch));
    BM_TRY(bm_ctl_batch_message_take_result(body, &taken.result));
    BM_TRY(bm_cursor_u8(body, &parsed));
    taken.parsed = parsed == 1;
    BM_CHECK(parsed <= 1 && (taken.parsed || taken.result.code != BM_OK), BM_E_MALFORMED, "a good request that was not parsed");
    if (taken.parsed)
        BM_TRY(take_parsed(body, &taken));
    BM_TRY(bm_cursor_end(body));
    *judged = taken;
    return bm_ok();
}

BM_RESULT bm_ctl_batch_message_put_credential(bm_buf *out, const bm_ctl_batch_credential *credential)
{
    BM_TRY(bm_buf_put_sized16(out, credential->ek_public));
    BM_TRY(bm_buf_put_sized16(out, credential->ik_name));
    return bm_buf_put_sized16(out, credential->ticket);
}

BM_RESULT bm_ctl_batch_message_take_credential(bm_cursor *body, bm_ctl_batch_credential *credential)
{
    BM_TRY(bm_cursor_sized16(body, BM_TPM_PUBLIC_MAX, &credential->ek_public));
    BM_TRY(bm_cursor_sized16(body, BM_HASH_MAX + 2, &credential->ik_name));
    BM_TRY(bm_cursor_sized16(body, BM_TICKET_SIZE, &credential->ticket));
    return bm_cursor_end(body);
}

#include "server/message.h"

#include <string.h>

BM_RESULT bm_message_open(bm_bytes datagram, bm_message *message)
{
    bm_cursor cursor = bm_cursor_of(datagram);
    uint16_t type;
    uint64_t id;

    BM_CHECK(datagram.size <= BM_MESSAGE_MAX, BM_E_MALFORMED, "a message is too long");
    BM_TRY(bm_cursor_u16(&cursor, &type));
    BM_TRY(bm_cursor_u64(&cursor, &id));
    BM_CHECK(type > 0 && type < BM_MSG_TYPE_COUNT, BM_E_MALFORMED, "a message is of no known type");
    *message = (bm_message){.type = (bm_msg_type)type, .id = id, .body = cursor};
    return bm_ok();
}

BM_RESULT bm_message_begin(bm_buf *out, bm_msg_type type, uint64_t id)
{
    BM_TRY(bm_buf_put_u16(out, (uint16_t)type));
    return bm_buf_put_u64(out, id);
}

/* What another process says is shown to people: only printable ASCII. */
static char printable(uint8_t byte)
{
    return (byte >= 0x20 && byte < 0x7F) ? (char)byte : '?';
}

BM_RESULT bm_message_put_error(bm_buf *out, uint64_t id, bm_result error)
{
    bm_bytes detail = bm_bytes_str(error.detail);

    if (detail.size > BM_MESSAGE_DETAIL_MAX)
        detail.size = BM_MESSAGE_DETAIL_MAX;
    bm_buf_clear(out);
    BM_TRY(bm_message_begin(out, BM_MSG_ERROR, id));
    BM_TRY(bm_buf_put_u32(out, (uint32_t)error.code));
    return bm_buf_put_sized32(out, detail);
}

BM_RESULT bm_message_take_error(bm_message *message, bm_result *error)
{
    char text[BM_MESSAGE_DETAIL_MAX + 1] = "";
    bm_bytes detail;
    uint32_t code;

    BM_TRY(bm_cursor_u32(&message->body, &code));
    BM_TRY(bm_cursor_sized32(&message->body, BM_MESSAGE_DETAIL_MAX, &detail));
    BM_TRY(bm_cursor_end(&message->body));
    BM_CHECK(code > BM_OK && code < BM_CODE_COUNT, BM_E_MALFORMED, "an error message has no code");
    for (size_t i = 0; i < detail.size; i++)
        text[i] = printable(detail.data[i]);
    *error = detail.size > 0 ? bm_failf((bm_code)code, "%s", text) : bm_fail((bm_code)code, NULL);
    return bm_ok();
}

/* A sized32 name of at most `max` bytes that `is` accepts, or an empty one, as a string. */
static BM_RESULT take_name(bm_cursor *cursor, size_t max, bool (*is)(bm_bytes), char *out)
{
    bm_bytes name;

    BM_TRY(bm_cursor_sized32(cursor, max, &name));
    BM_CHECK(name.size == 0 || is(name), BM_E_MALFORMED, "a name in a message is none");
    BM_TRY(bm_bytes_copy_exact(name, (uint8_t *)out, name.size));
    out[name.size] = '\0';
    return bm_ok();
}

BM_RESULT bm_message_put_look_up(bm_buf *out, const bm_message_look_up *look_up)
{
    BM_TRY(bm_buf_put(out, BM_BYTES_ARRAY(look_up->ek_sha256)));
    BM_TRY(bm_buf_put_sized32(out, bm_bytes_str(look_up->identity)));
    return bm_buf_put(out, BM_BYTES_ARRAY(look_up->request_id));
}

BM_RESULT bm_message_take_look_up(bm_message *message, bm_message_look_up *look_up)
{
    static const uint8_t none[BM_SHA256_SIZE];
    bm_message_look_up taken = {0};

    BM_TRY(bm_cursor_copy(&message->body, taken.ek_sha256, sizeof(taken.ek_sha256)));
    BM_TRY(take_name(&message->body, BM_IDENTITY_MAX, bm_text_is_identity, taken.identity));
    BM_TRY(bm_cursor_copy(&message->body, taken.request_id, sizeof(taken.request_id)));
    BM_TRY(bm_cursor_end(&message->body));
    taken.has_request = !bm_bytes_equal(BM_BYTES_ARRAY(taken.request_id), BM_BYTES_ARRAY(none));
    *look_up = taken;
    return bm_ok();
}

BM_RESULT bm_message_put_found(bm_buf *out, const bm_store_lookup *found, bm_bytes certificate)
{
    const bm_device *device = &found->device;

    BM_TRY(bm_buf_put_u8(out, found->known));
    BM_TRY(bm_buf_put_u64(out, (uint64_t)device->id));
    BM_TRY(bm_buf_put(out, BM_BYTES_ARRAY(device->ek_sha256)));
    BM_TRY(bm_buf_put_sized32(out, bm_bytes_str(device->identity)));
    BM_TRY(bm_buf_put_u8(out, device->in_inventory));
    BM_TRY(bm_buf_put_u8(out, (uint8_t)device->status));
    BM_TRY(bm_buf_put_u64(out, (uint64_t)device->created));
    BM_TRY(bm_buf_put_u64(out, (uint64_t)device->changed));
    BM_TRY(bm_buf_put_u64(out, (uint64_t)device->admitted));
    BM_TRY(bm_buf_put_u8(out, (uint8_t)found->claim));
    BM_TRY(bm_buf_put_u64(out, found->anchors_epoch));
    BM_TRY(bm_buf_put_u64(out, (uint64_t)found->last_expiry));
    return bm_buf_put_sized32(out, certificate);
}

/* A byte that is at most `max`. */
static BM_RESULT take_small(bm_cursor *cursor, uint8_t max, uint8_t *value)
{
    BM_TRY(bm_cursor_u8(cursor, value));
    BM_CHECK(*value <= max, BM_E_MALFORMED, "a number in a message is out of its range");
    return bm_ok();
}

static BM_RESULT take_bool(bm_cursor *cursor, bool *value)
{
    uint8_t byte;

    BM_TRY(take_small(cursor, 1, &byte));
    *value = byte == 1;
    return bm_ok();
}

static BM_RESULT take_i64(bm_cursor *cursor, int64_t *value)
{
    uint64_t number;

    BM_TRY(bm_cursor_u64(cursor, &number));
    *value = (int64_t)number;
    return bm_ok();
}

static BM_RESULT take_device(bm_cursor *body, bm_device *device)
{
    uint8_t status;

    BM_TRY(take_i64(body, &device->id));
    BM_TRY(bm_cursor_copy(body, device->ek_sha256, sizeof(device->ek_sha256)));
    BM_TRY(take_name(body, BM_IDENTITY_MAX, bm_text_is_identity, device->identity));
    BM_TRY(take_bool(body, &device->in_inventory));
    BM_TRY(take_small(body, BM_DEVICE_RETIRED, &status));
    device->status = (bm_device_status)status;
    BM_TRY(take_i64(body, &device->created));
    BM_TRY(take_i64(body, &device->changed));
    return take_i64(body, &device->admitted);
}

BM_RESULT bm_message_take_found(bm_message *message, bm_store_lookup *found, bm_bytes *certificate)
{
    bm_store_lookup taken = {0};
    bm_cursor *body = &message->body;
    bm_bytes der;
    uint8_t claim;

    BM_TRY(take_bool(body, &taken.known));
    BM_TRY(take_device(body, &taken.device));
    BM_TRY(take_small(body, BM_CLAIM_TAKEN, &claim));
    taken.claim = (bm_claim)claim;
    BM_TRY(bm_cursor_u64(body, &taken.anchors_epoch));
    BM_TRY(take_i64(body, &taken.last_expiry));
    BM_CHECK(taken.last_expiry >= 0, BM_E_MALFORMED, "a time in a message is before 1970");
    BM_TRY(bm_cursor_sized32(body, BM_MESSAGE_MAX, &der));
    BM_TRY(bm_cursor_end(body));
    *found = taken;
    *certificate = der;
    return bm_ok();
}

BM_RESULT bm_message_put_certificate(bm_buf *out, const bm_store_certificate *certificate)
{
    BM_TRY(bm_buf_put(out, BM_BYTES_ARRAY(certificate->serial)));
    BM_TRY(bm_buf_put(out, BM_BYTES_ARRAY(certificate->request_id)));
    BM_TRY(bm_buf_put(out, BM_BYTES_ARRAY(certificate->ek_sha256)));
    BM_TRY(bm_buf_put(out, BM_BYTES_ARRAY(certificate->ik_spki_sha256)));
    BM_TRY(bm_buf_put_sized32(out, bm_bytes_str(certificate->identity)));
    BM_TRY(bm_buf_put_sized32(out, bm_bytes_str(certificate->profile)));
    BM_TRY(bm_buf_put_u64(out, (uint64_t)certificate->issued));
    BM_TRY(bm_buf_put_u64(out, (uint64_t)certificate->not_before));
    BM_TRY(bm_buf_put_u64(out, (uint64_t)certificate->not_after));
    BM_TRY(bm_buf_put_sized32(out, certificate->der));
    return bm_buf_put_sized32(out, certificate->evidence);
}

BM_RESULT bm_message_take_certificate(bm_message *message, bm_store_certificate *certificate)
{
    bm_store_certificate taken = {0};
    bm_cursor *body = &message->body;

    BM_TRY(bm_cursor_copy(body, taken.serial, sizeof(taken.serial)));
    BM_TRY(bm_cursor_copy(body, taken.request_id, sizeof(taken.request_id)));
    BM_TRY(bm_cursor_copy(body, taken.ek_sha256, sizeof(taken.ek_sha256)));
    BM_TRY(bm_cursor_copy(body, taken.ik_spki_sha256, sizeof(taken.ik_spki_sha256)));
    BM_TRY(take_name(body, BM_IDENTITY_MAX, bm_text_is_identity, taken.identity));
    BM_TRY(take_name(body, BM_PROFILE_NAME_MAX, bm_text_is_profile_name, taken.profile));
    BM_TRY(take_i64(body, &taken.issued));
    BM_TRY(take_i64(body, &taken.not_before));
    BM_TRY(take_i64(body, &taken.not_after));
    BM_TRY(bm_cursor_sized32(body, BM_MESSAGE_MAX, &taken.der));
    BM_TRY(bm_cursor_sized32(body, BM_MESSAGE_MAX, &taken.evidence));
    BM_TRY(bm_cursor_end(body));
    BM_CHECK(taken.identity[0] != '\0' && taken.profile[0] != '\0' && taken.der.size > 0, BM_E_MALFORMED,
             "a record lacks its identity, profile or certificate");
    *certificate = taken;
    return bm_ok();
}

BM_RESULT bm_message_put_refusal(bm_buf *out, const bm_message_refusal *refusal)
{
    BM_TRY(bm_buf_put_u32(out, (uint32_t)refusal->code));
    BM_TRY(bm_buf_put_sized32(out, refusal->subject));
    return bm_buf_put_sized32(out, refusal->evidence);
}

BM_RESULT bm_message_take_refusal(bm_message *message, bm_message_refusal *refusal)
{
    bm_message_refusal taken = {0};
    uint32_t code;

    BM_TRY(bm_cursor_u32(&message->body, &code));
    BM_TRY(bm_cursor_sized32(&message->body, BM_IDENTITY_MAX, &taken.subject));
    BM_TRY(bm_cursor_sized32(&message->body, BM_MESSAGE_MAX, &taken.evidence));
    BM_TRY(bm_cursor_end(&message->body));
    BM_CHECK(code > BM_OK && code < BM_CODE_COUNT, BM_E_MALFORMED, "a refusal has no code");
    BM_CHECK(taken.subject.size == 0 || bm_text_is_identity(taken.subject), BM_E_MALFORMED, "a refusal's subject is none");
    taken.code = (bm_code)code;
    *refusal = taken;
    return bm_ok();
}

BM_RESULT bm_message_put_anchor(bm_buf *out, const bm_message_anchor *anchor)
{
    BM_TRY(bm_buf_put_u64(out, anchor->epoch));
    BM_TRY(bm_buf_put_u32(out, anchor->total));
    BM_TRY(bm_buf_put_u32(out, anchor->index));
    BM_TRY(bm_buf_put_u8(out, (uint8_t)anchor->class));
    return bm_buf_put_sized32(out, anchor->der);
}

BM_RESULT bm_message_take_anchor(bm_message *message, bm_message_anchor *anchor)
{
    bm_message_anchor taken = {0};
    uint8_t class;

    BM_TRY(bm_cursor_u64(&message->body, &taken.epoch));
    BM_TRY(bm_cursor_u32(&message->body, &taken.total));
    BM_TRY(bm_cursor_u32(&message->body, &taken.index));
    BM_TRY(take_small(&message->body, BM_CLASS_COUNT - 1, &class));
    taken.class = (bm_tpm_class)class;
    BM_TRY(bm_cursor_sized32(&message->body, BM_MESSAGE_MAX, &taken.der));
    BM_TRY(bm_cursor_end(&message->body));
    BM_CHECK((taken.index < taken.total) == (taken.der.size > 0), BM_E_MALFORMED, "an anchor's index and bytes disagree");
    *anchor = taken;
    return bm_ok();
}

BM_RESULT bm_message_put_revoked(bm_buf *out, const bm_message_revoked *revoked)
{
    BM_TRY(bm_buf_put_u64(out, revoked->epoch));
    BM_TRY(bm_buf_put_u32(out, revoked->total));
    BM_TRY(bm_buf_put_u32(out, revoked->index));
    return bm_buf_put_sized32(out, revoked->ids);
}

BM_RESULT bm_message_take_revoked(bm_message *message, bm_message_revoked *revoked)
{
    bm_message_revoked taken = {0};
    size_t count;

    BM_TRY(bm_cursor_u64(&message->body, &taken.epoch));
    BM_TRY(bm_cursor_u32(&message->body, &taken.total));
    BM_TRY(bm_cursor_u32(&message->body, &taken.index));
    BM_TRY(bm_cursor_sized32(&message->body, BM_MESSAGE_REVOKED_MAX * BM_REVOKED_ID_SIZE, &taken.ids));
    BM_TRY(bm_cursor_end(&message->body));
    count = taken.ids.size / BM_REVOKED_ID_SIZE;
    BM_CHECK(taken.total <= BM_REVOKED_MAX && taken.ids.size % BM_REVOKED_ID_SIZE == 0, BM_E_MALFORMED, "no ids of revoked certificates");
    BM_CHECK(taken.index < taken.total ? count > 0 && count <= taken.total - taken.index : count == 0, BM_E_MALFORMED,
             "the index and the ids of revoked certificates disagree");
    *revoked = taken;
    return bm_ok();
}

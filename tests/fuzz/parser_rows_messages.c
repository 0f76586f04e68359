#include "parser_rows.h"

#include "server/handover.h"
#include "server/message.h"

/* Opens a message, which must be of this type; its head is written again. */
static BM_RESULT open_as(bm_bytes input, bm_msg_type type, bm_message *message, bm_buf *again)
{
    BM_TRY(bm_message_open(input, message));
    BM_CHECK(message->type == type, BM_E_MALFORMED, NULL);
    return bm_message_begin(again, type, message->id);
}

static void begin(bm_buf *out, bm_msg_type type)
{
    assert_ok(bm_message_begin(out, type, 42));
}

static void sample_look_up(const make_device *device, bm_buf *out)
{
    (void)device;
    begin(out, BM_MSG_LOOK_UP);
    assert_ok(bm_message_put_look_up(out, &(bm_message_look_up){.ek_sha256 = {1}, .identity = "SN-1", .request_id = {2}}));
}

static BM_RESULT pass_look_up(bm_bytes input, bm_buf *again)
{
    bm_message_look_up taken;
    bm_message message;

    BM_TRY(open_as(input, BM_MSG_LOOK_UP, &message, again));
    BM_TRY(bm_message_take_look_up(&message, &taken));
    return bm_message_put_look_up(again, &taken);
}

static void sample_found(const make_device *device, bm_buf *out)
{
    bm_store_lookup found = {.known = true, .device = {.id = 1, .identity = "SN-1", .in_inventory = true}, .claim = BM_CLAIM_MINE};

    (void)device;
    begin(out, BM_MSG_LOOK_UP_REPLY);
    assert_ok(bm_message_put_found(out, &found, bm_bytes_str("certificate")));
}

static BM_RESULT pass_found(bm_bytes input, bm_buf *again)
{
    bm_store_lookup taken;
    bm_message message;
    bm_bytes certificate;

    BM_TRY(open_as(input, BM_MSG_LOOK_UP_REPLY, &message, again));
    BM_TRY(bm_message_take_found(&message, &taken, &certificate));
    return bm_message_put_found(again, &taken, certificate);
}

static void sample_record(const make_device *device, bm_buf *out)
{
    bm_store_certificate record = {.serial = {1}, .identity = "SN-1", .profile = "default", .issued = MAKE_NOW};

    (void)device;
    record.der = bm_bytes_str("certificate");
    record.evidence = bm_bytes_str("evidence");
    begin(out, BM_MSG_RECORD);
    assert_ok(bm_message_put_certificate(out, &record));
}

static BM_RESULT pass_record(bm_bytes input, bm_buf *again)
{
    bm_store_certificate taken;
    bm_message message;

    BM_TRY(open_as(input, BM_MSG_RECORD, &message, again));
    BM_TRY(bm_message_take_certificate(&message, &taken));
    return bm_message_put_certificate(again, &taken);
}

static void sample_refusal(const make_device *device, bm_buf *out)
{
    bm_message_refusal refusal = {.code = BM_E_EKC_USAGE, .subject = bm_bytes_str("SN-1"), .evidence = bm_bytes_str("evidence")};

    (void)device;
    begin(out, BM_MSG_REFUSAL);
    assert_ok(bm_message_put_refusal(out, &refusal));
}

static BM_RESULT pass_refusal(bm_bytes input, bm_buf *again)
{
    bm_message_refusal taken;
    bm_message message;

    BM_TRY(open_as(input, BM_MSG_REFUSAL, &message, again));
    BM_TRY(bm_message_take_refusal(&message, &taken));
    return bm_message_put_refusal(again, &taken);
}

static void sample_anchor(const make_device *device, bm_buf *out)
{
    (void)device;
    begin(out, BM_MSG_ANCHORS_REPLY);
    assert_ok(bm_message_put_anchor(out, &(bm_message_anchor){.epoch = 1, .total = 2, .index = 1, .der = bm_bytes_str("anchor")}));
}

static BM_RESULT pass_anchor(bm_bytes input, bm_buf *again)
{
    bm_message_anchor taken;
    bm_message message;

    BM_TRY(open_as(input, BM_MSG_ANCHORS_REPLY, &message, again));
    BM_TRY(bm_message_take_anchor(&message, &taken));
    return bm_message_put_anchor(again, &taken);
}

static void sample_revoked(const make_device *device, bm_buf *out)
{
    static const uint8_t ids[2 * BM_REVOKED_ID_SIZE] = {[BM_REVOKED_ID_SIZE] = 1};

    (void)device;
    begin(out, BM_MSG_REVOKED_REPLY);
    assert_ok(bm_message_put_revoked(out, &(bm_message_revoked){.epoch = 1, .total = 2, .ids = BM_BYTES_ARRAY(ids)}));
}

static BM_RESULT pass_revoked(bm_bytes input, bm_buf *again)
{
    bm_message_revoked taken;
    bm_message message;

    BM_TRY(open_as(input, BM_MSG_REVOKED_REPLY, &message, again));
    BM_TRY(bm_message_take_revoked(&message, &taken));
    return bm_message_put_revoked(again, &taken);
}

static void sample_handover(const make_device *device, bm_buf *out)
{
    (void)device;
    assert_ok(bm_buf_put_sized32(out, bm_bytes_str("one")));
    assert_ok(bm_buf_put_sized32(out, bm_bytes_str("two pieces")));
}

static BM_RESULT pass_handover(bm_bytes input, bm_buf *again)
{
    bm_bytes pieces[2];

    BM_TRY(bm_handover_split(input, pieces, 2));
    BM_TRY(bm_buf_put_sized32(again, pieces[0]));
    return bm_buf_put_sized32(again, pieces[1]);
}

const parser_row parser_rows_messages[] = {
    {"look-up", sample_look_up, pass_look_up},
    {"answer to a look-up", sample_found, pass_found},
    {"record", sample_record, pass_record},
    {"refusal", sample_refusal, pass_refusal},
    {"anchor", sample_anchor, pass_anchor},
    {"revoked certificates", sample_revoked, pass_revoked},
    {"handover", sample_handover, pass_handover},
    {NULL, NULL, NULL},
};

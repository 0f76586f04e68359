#include "device/talk/record.h"

#include "base/text.h"

#include <inttypes.h>

void bm_record_fini(bm_record *record)
{
    bm_buf_fini(&record->text);
    record->more = false;
}

static BM_RESULT put_string(bm_buf *out, bm_bytes text)
{
    bool utf8 = bm_text_is_utf8(text);

    BM_TRY(bm_buf_put_u8(out, '"'));
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (c == '"' || c == '\\')
            BM_TRY(bm_buf_putf(out, "\\%c", c));
        else if (c < 0x20 || c == 0x7F)
            BM_TRY(bm_buf_putf(out, "\\u%04x", c));
        else
            BM_TRY(bm_buf_put_u8(out, c < 0x80 || utf8 ? c : '?'));
    }
    return bm_buf_put_u8(out, '"');
}

/* What stands before a value: a comma, and its name. */
static BM_RESULT put_name(bm_record *record, const char *name)
{
    if (record->more)
        BM_TRY(bm_buf_put_str(&record->text, ", "));
    record->more = true;
    if (name == NULL)
        return bm_ok();
    BM_TRY(put_string(&record->text, bm_bytes_str(name)));
    return bm_buf_put_str(&record->text, ": ");
}

static BM_RESULT begin(bm_record *record, const char *name, char bracket)
{
    BM_TRY(put_name(record, name));
    record->more = false;
    return bm_buf_put_u8(&record->text, (uint8_t)bracket);
}

static BM_RESULT end(bm_record *record, char bracket)
{
    record->more = true;
    return bm_buf_put_u8(&record->text, (uint8_t)bracket);
}

BM_RESULT bm_record_begin_object(bm_record *record, const char *name)
{
    return begin(record, name, '{');
}

BM_RESULT bm_record_begin_array(bm_record *record, const char *name)
{
    return begin(record, name, '[');
}

BM_RESULT bm_record_end_object(bm_record *record)
{
    return end(record, '}');
}

BM_RESULT bm_record_end_array(bm_record *record)
{
    return end(record, ']');
}

BM_RESULT bm_record_put_text(bm_record *record, const char *name, const char *text)
{
    BM_TRY(put_name(record, name));
    return put_string(&record->text, bm_bytes_str(text));
}

BM_RESULT bm_record_put_number(bm_record *record, const char *name, int64_t number)
{
    BM_TRY(put_name(record, name));
    return bm_buf_putf(&record->text, "%" PRId64, number);
}

BM_RESULT bm_record_put_flag(bm_record *record, const char *name, bool flag)
{
    BM_TRY(put_name(record, name));
    return bm_buf_put_str(&record->text, flag ? "true" : "false");
}

BM_RESULT bm_record_put_time(bm_record *record, const char *name, int64_t time)
{
    char text[BM_TIME_TEXT_SIZE];

    bm_text_time(time, text);
    return bm_record_put_text(record, name, text);
}

BM_RESULT bm_record_put_handle(bm_record *record, const char *name, uint32_t handle)
{
    BM_TRY(put_name(record, name));
    return bm_buf_putf(&record->text, "\"0x%08x\"", handle);
}

BM_RESULT bm_record_put_hex(bm_record *record, const char *name, bm_bytes bytes)
{
    BM_TRY(put_name(record, name));
    BM_TRY(bm_buf_put_u8(&record->text, '"'));
    BM_TRY(bm_text_put_hex(&record->text, bytes));
    return bm_buf_put_u8(&record->text, '"');
}

BM_RESULT bm_record_put_record(bm_record *record, const char *name, const bm_record *other)
{
    if (other->text.size == 0)
        return bm_ok();
    BM_TRY(put_name(record, name));
    return bm_buf_put(&record->text, bm_buf_view(&other->text));
}

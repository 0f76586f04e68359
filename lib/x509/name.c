#include "x509/name.h"

#include <stdio.h>

typedef struct {
    const char *label;
    uint8_t size;
    uint8_t oid[8];
} attribute_row;

/* The profile's attributes in the order of their enum, then others that are worth a label. */
static const attribute_row rows[] = {
    [BM_ATTR_CN] = {"CN", 3, {0x55, 0x04, 0x03}},
    [BM_ATTR_SERIAL_NUMBER] = {"serialNumber", 3, {0x55, 0x04, 0x05}},
    [BM_ATTR_C] = {"C", 3, {0x55, 0x04, 0x06}},
    [BM_ATTR_ST] = {"ST", 3, {0x55, 0x04, 0x08}},
    [BM_ATTR_L] = {"L", 3, {0x55, 0x04, 0x07}},
    [BM_ATTR_O] = {"O", 3, {0x55, 0x04, 0x0A}},
    [BM_ATTR_OU] = {"OU", 3, {0x55, 0x04, 0x0B}},
    {"tpmManufacturer", 5, {0x67, 0x81, 0x05, 0x02, 0x01}},
    {"tpmModel", 5, {0x67, 0x81, 0x05, 0x02, 0x02}},
    {"tpmVersion", 5, {0x67, 0x81, 0x05, 0x02, 0x03}},
};

bm_bytes bm_name_oid(bm_subject_attribute_type type)
{
    return bm_bytes_of(rows[type].oid, rows[type].size);
}

const char *bm_name_label(bm_subject_attribute_type type)
{
    return rows[type].label;
}

/* PrintableString (X.680, 41.4) */
static bool is_printable_string(bm_bytes text)
{
    static const char others[] = " '()+,-./:=?";

    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        for (size_t k = 0; k < sizeof(others) - 1 && !good; k++)
            good = c == (uint8_t)others[k];
        if (!good)
            return false;
    }
    return true;
}

static bool is_clean_text(bm_bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7F)
            return false;
    return bm_text_is_utf8(text);
}

BM_RESULT bm_name_put_rdn(bm_buf *out, bm_subject_attribute_type type, bm_bytes text)
{
    BM_AUTO_BUF pair = BM_BUF_EMPTY;
    BM_AUTO_BUF set = BM_BUF_EMPTY;
    bool narrow = type == BM_ATTR_C || type == BM_ATTR_SERIAL_NUMBER;
    uint8_t tag = narrow && is_printable_string(text) ? BM_DER_PRINTABLE_STRING : BM_DER_UTF8_STRING;

    BM_CHECK(text.size >= 1 && text.size <= BM_NAME_VALUE_MAX, BM_E_MALFORMED,
             "an attribute of a name has 1 to 64 characters");
    BM_CHECK(is_clean_text(text), BM_E_MALFORMED, "an attribute of a name is not UTF-8 without control characters");
    BM_TRY(bm_der_put(&pair, BM_DER_OID, bm_name_oid(type)));
    BM_TRY(bm_der_put(&pair, tag, text));
    BM_TRY(bm_der_put(&set, BM_DER_SEQUENCE, bm_buf_view(&pair)));
    return bm_der_put(out, BM_DER_SET, bm_buf_view(&set));
}

BM_RESULT bm_name_open(bm_bytes name, bm_name_walk *walk)
{
    bm_cursor at = bm_cursor_of(name);
    bm_name_walk begun = {0};

    BM_TRY(bm_der_enter(&at, BM_DER_SEQUENCE, &begun.rdns));
    BM_TRY(bm_cursor_end(&at));
    *walk = begun;
    return bm_ok();
}

BM_RESULT bm_name_next(bm_name_walk *walk, bm_name_attribute *attribute, bool *found)
{
    bm_name_attribute next = {0};
    bm_cursor pair;

    if (walk->set.rest.size == 0) {
        if (walk->rdns.rest.size == 0) {
            *found = false;
            return bm_ok();
        }
        BM_TRY(bm_der_enter(&walk->rdns, BM_DER_SET, &walk->set));
        BM_CHECK(walk->set.rest.size > 0, BM_E_MALFORMED, "an RDN without attributes");
        walk->fresh = true;
    }
    BM_TRY(bm_der_enter(&walk->set, BM_DER_SEQUENCE, &pair));
    BM_TRY(bm_der_take(&pair, BM_DER_OID, &next.oid));
    BM_TRY(bm_der_any(&pair, &next.tag, &next.value, NULL));
    BM_TRY(bm_cursor_end(&pair));
    next.alone = walk->fresh && walk->set.rest.size == 0;
    walk->fresh = false;
    *attribute = next;
    *found = true;
    return bm_ok();
}

static BM_RESULT find_type(bm_bytes oid, bm_subject_attribute_type *type)
{
    for (unsigned i = 0; i < BM_ATTR_COUNT; i++)
        if (bm_bytes_equal(oid, bm_name_oid((bm_subject_attribute_type)i))) {
            *type = (bm_subject_attribute_type)i;
            return bm_ok();
        }
    return bm_fail(BM_E_MALFORMED, "a name has an attribute that no profile can have");
}

BM_RESULT bm_name_check_ours(bm_bytes name)
{
    BM_AUTO_BUF rdns = BM_BUF_EMPTY;
    BM_AUTO_BUF again = BM_BUF_EMPTY;
    bool seen[BM_ATTR_COUNT] = {false};
    bm_name_walk walk;
    size_t count = 0;

    BM_TRY(bm_name_open(name, &walk));
    for (;; count++) {
        bm_name_attribute attribute;
        bm_subject_attribute_type type;
        bool found;

        BM_TRY(bm_name_next(&walk, &attribute, &found));
        if (!found)
            break;
        BM_CHECK(count < BM_SUBJECT_ATTRIBUTES_MAX, BM_E_MALFORMED, "a name has more attributes than a profile can");
        BM_TRY(find_type(attribute.oid, &type));
        /* Of two commonNames, one reader takes the first and another the last: one certificate would be two devices. */
        BM_CHECK(!seen[type] || type == BM_ATTR_OU, BM_E_MALFORMED, "a name has an attribute twice");
        seen[type] = true;
        BM_TRY(bm_name_put_rdn(&rdns, type, attribute.value));
    }
    BM_CHECK(count > 0, BM_E_MALFORMED, "an empty name");
    BM_TRY(bm_der_put(&again, BM_DER_SEQUENCE, bm_buf_view(&rdns)));
    BM_CHECK(bm_bytes_equal(bm_buf_view(&again), name), BM_E_MALFORMED, "a name is not encoded as it must be");
    return bm_ok();
}

static bool is_shown(uint8_t c)
{
    return c >= 0x20 && c <= 0x7E;
}

void bm_name_printable(bm_bytes value, char *out, size_t size)
{
    size_t i = 0;

    for (; i < value.size && i + 1 < size; i++)
        out[i] = is_shown(value.data[i]) ? (char)value.data[i] : '?';
    out[i] = '\0';
}

/* "2.5.4.42", for what has no label. */
static BM_RESULT put_dotted(bm_buf *out, bm_bytes oid)
{
    uint64_t arc = 0;
    bool first = true;

    for (size_t i = 0; i < oid.size; i++) {
        BM_CHECK(arc <= UINT32_MAX, BM_E_MALFORMED, "an object identifier with an arc over 32 bits");
        arc = arc << 7 | (oid.data[i] & 0x7F);
        if ((oid.data[i] & 0x80) != 0)
            continue;
        if (first) {
            uint64_t top = arc < 80 ? arc / 40 : 2;

            BM_TRY(bm_buf_putf(out, "%u.%llu", (unsigned)top, (unsigned long long)(arc - top * 40)));
        } else {
            BM_TRY(bm_buf_putf(out, ".%llu", (unsigned long long)arc));
        }
        first = false;
        arc = 0;
    }
    return bm_ok();
}

static BM_RESULT put_label(bm_buf *out, bm_bytes oid)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (bm_bytes_equal(oid, bm_bytes_of(rows[i].oid, rows[i].size)))
            return bm_buf_put_str(out, rows[i].label);
    return put_dotted(out, oid);
}

BM_RESULT bm_name_text(bm_bytes name, char *out, size_t size)
{
    BM_AUTO_BUF line = BM_BUF_EMPTY;
    bm_name_walk walk;

    BM_TRY(bm_name_open(name, &walk));
    for (;;) {
        bm_name_attribute attribute;
        bool found;

        BM_TRY(bm_name_next(&walk, &attribute, &found));
        if (!found)
            break;
        BM_TRY(bm_buf_put_str(&line, line.size == 0 ? "" : ", "));
        BM_TRY(put_label(&line, attribute.oid));
        BM_TRY(bm_buf_put_u8(&line, '='));
        BM_TRY(bm_buf_put(&line, attribute.value));
    }
    bm_name_printable(bm_buf_view(&line), out, size);
    return bm_ok();
}

#include "x509/walk.h"

#include "base/text.h"

#define TAG_UTC_TIME 0x17
#define TAG_GENERALIZED_TIME 0x18
#define TAG_ISSUER_UNIQUE_ID 0x81
#define TAG_SUBJECT_UNIQUE_ID 0x82
#define EXTENSIONS_MAX 64

/* [0] EXPLICIT Version DEFAULT v1 */
static BM_RESULT take_version(bm_cursor *tbs, unsigned *version)
{
    bm_cursor inner;
    bm_bytes number;

    *version = 1;
    if (!bm_der_peek(tbs, BM_DER_CONTEXT(0)))
        return bm_ok();
    BM_TRY(bm_der_enter(tbs, BM_DER_CONTEXT(0), &inner));
    BM_TRY(bm_der_take(&inner, BM_DER_INTEGER, &number));
    BM_TRY(bm_cursor_end(&inner));
    BM_CHECK(number.size == 1 && number.data[0] <= 2, BM_E_MALFORMED, "a certificate of a version that is not known");
    *version = number.data[0] + 1u;
    return bm_ok();
}

/* The unique identifiers, which nobody uses, and the extensions. */
static BM_RESULT take_tail(bm_cursor *tbs, bm_walk_fields *fields)
{
    bm_cursor explicit_tag;
    bm_bytes ignored;

    if (bm_der_peek(tbs, TAG_ISSUER_UNIQUE_ID))
        BM_TRY(bm_der_take(tbs, TAG_ISSUER_UNIQUE_ID, &ignored));
    if (bm_der_peek(tbs, TAG_SUBJECT_UNIQUE_ID))
        BM_TRY(bm_der_take(tbs, TAG_SUBJECT_UNIQUE_ID, &ignored));
    if (bm_der_peek(tbs, BM_DER_CONTEXT(3))) {
        BM_CHECK(fields->version == 3, BM_E_MALFORMED, "extensions in a certificate that is not of version 3");
        BM_TRY(bm_der_enter(tbs, BM_DER_CONTEXT(3), &explicit_tag));
        BM_TRY(bm_der_take(&explicit_tag, BM_DER_SEQUENCE, &fields->extensions));
        BM_TRY(bm_cursor_end(&explicit_tag));
    }
    return bm_cursor_end(tbs);
}

BM_RESULT bm_walk_tbs(bm_bytes tbs, bm_walk_fields *fields)
{
    bm_walk_fields found = {0};
    bm_cursor at = bm_cursor_of(tbs);
    bm_cursor inner;

    BM_TRY(bm_der_enter(&at, BM_DER_SEQUENCE, &inner));
    BM_TRY(bm_cursor_end(&at));
    BM_TRY(take_version(&inner, &found.version));
    BM_TRY(bm_der_take(&inner, BM_DER_INTEGER, &found.serial));
    BM_CHECK(found.serial.size > 0, BM_E_MALFORMED, "an empty serial number");
    BM_TRY(bm_der_take_whole(&inner, BM_DER_SEQUENCE, &found.alg));
    BM_TRY(bm_der_take_whole(&inner, BM_DER_SEQUENCE, &found.issuer));
    BM_TRY(bm_der_take(&inner, BM_DER_SEQUENCE, &found.validity));
    BM_TRY(bm_der_take_whole(&inner, BM_DER_SEQUENCE, &found.subject));
    BM_TRY(bm_der_take_whole(&inner, BM_DER_SEQUENCE, &found.spki));
    BM_TRY(take_tail(&inner, &found));
    *fields = found;
    return bm_ok();
}

BM_RESULT bm_walk_certificate(bm_bytes der, bm_walk_cert *cert)
{
    bm_walk_cert found = {0};
    bm_cursor at = bm_cursor_of(der);
    bm_cursor inner;

    BM_TRY(bm_der_enter(&at, BM_DER_SEQUENCE, &inner));
    BM_TRY(bm_cursor_end(&at));
    BM_TRY(bm_der_take_whole(&inner, BM_DER_SEQUENCE, &found.tbs));
    BM_TRY(bm_der_take_whole(&inner, BM_DER_SEQUENCE, &found.alg));
    BM_TRY(bm_der_bits(&inner, &found.signature));
    BM_TRY(bm_cursor_end(&inner));
    BM_TRY(bm_walk_tbs(found.tbs, &found.fields));
    *cert = found;
    return bm_ok();
}

/* "YYMMDDhhmmssZ" or "YYYYMMDDhhmmssZ", as RFC 3339 writes it, into `text`. */
static BM_RESULT spell_time(uint8_t tag, bm_bytes value, char text[BM_TIME_TEXT_SIZE])
{
    static const uint8_t places[] = {5, 6, 8, 9, 11, 12, 14, 15, 17, 18};
    size_t year_digits = tag == TAG_UTC_TIME ? 2 : 4;
    size_t year_at = 4 - year_digits;

    BM_CHECK(tag == TAG_UTC_TIME || tag == TAG_GENERALIZED_TIME, BM_E_MALFORMED, "a time of another type");
    BM_CHECK(value.size == year_digits + sizeof(places) + 1, BM_E_MALFORMED, "a time of another length");
    BM_CHECK(value.data[value.size - 1] == 'Z', BM_E_MALFORMED, "a time that is not in UTC");
    bm_text_time(0, text);
    if (tag == TAG_UTC_TIME) {
        text[0] = value.data[0] >= '5' ? '1' : '2';
        text[1] = value.data[0] >= '5' ? '9' : '0';
    }
    for (size_t i = 0; i < year_digits; i++)
        text[year_at + i] = (char)value.data[i];
    for (size_t i = 0; i < sizeof(places); i++)
        text[places[i]] = (char)value.data[year_digits + i];
    return bm_ok();
}

BM_RESULT bm_walk_time(bm_cursor *cursor, int64_t *time)
{
    char text[BM_TIME_TEXT_SIZE];
    bm_bytes value;
    uint8_t tag;

    BM_TRY(bm_der_any(cursor, &tag, &value, NULL));
    BM_TRY(spell_time(tag, value, text));
    BM_TRY(bm_text_parse_time(bm_bytes_str(text), time));
    BM_CHECK((tag == TAG_UTC_TIME) == (*time < bm_text_days(2050, 1, 1) * 86400), BM_E_MALFORMED,
             "UTCTime is for the years until 2049, GeneralizedTime for those after");
    return bm_ok();
}

BM_RESULT bm_walk_validity(bm_bytes validity, int64_t *not_before, int64_t *not_after)
{
    bm_cursor at = bm_cursor_of(validity);
    int64_t from;
    int64_t until;

    BM_TRY(bm_walk_time(&at, &from));
    BM_TRY(bm_walk_time(&at, &until));
    BM_TRY(bm_cursor_end(&at));
    BM_CHECK(from <= until, BM_E_MALFORMED, "a validity that ends before it begins");
    *not_before = from;
    *not_after = until;
    return bm_ok();
}

BM_RESULT bm_walk_extension(bm_cursor *extensions, bm_walk_ext *ext)
{
    bm_walk_ext found = {0};
    bm_cursor inner;
    bm_bytes flag;

    BM_TRY(bm_der_enter(extensions, BM_DER_SEQUENCE, &inner));
    BM_TRY(bm_der_take(&inner, BM_DER_OID, &found.oid));
    if (bm_der_peek(&inner, BM_DER_BOOLEAN)) {
        BM_TRY(bm_der_take(&inner, BM_DER_BOOLEAN, &flag));
        BM_CHECK(flag.size == 1 && (flag.data[0] == 0x00 || flag.data[0] == 0xFF), BM_E_MALFORMED,
                 "a critical flag that is neither true nor false");
        found.critical = flag.data[0] == 0xFF;
    }
    BM_TRY(bm_der_take(&inner, BM_DER_OCTET_STRING, &found.value));
    BM_TRY(bm_cursor_end(&inner));
    *ext = found;
    return bm_ok();
}

BM_RESULT bm_walk_find(bm_bytes extensions, bm_bytes oid, bm_walk_ext *ext, bool *found)
{
    bm_cursor at = bm_cursor_of(extensions);
    bm_walk_ext match = {0};
    bool seen = false;

    for (size_t count = 0; at.rest.size > 0; count++) {
        bm_walk_ext next;

        BM_CHECK(count < EXTENSIONS_MAX, BM_E_MALFORMED, "more than 64 extensions");
        BM_TRY(bm_walk_extension(&at, &next));
        if (!bm_bytes_equal(next.oid, oid))
            continue;
        BM_CHECK(!seen, BM_E_MALFORMED, "an extension twice");
        match = next;
        seen = true;
    }
    *ext = match;
    *found = seen;
    return bm_ok();
}

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define YEAR_SECONDS (INT64_C(365) * 86400)
#define TIME_LAST INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void bm_text_hex(bm_bytes bytes, char *out)
{
    for (size_t i = 0; i < bytes.size; i++) {
        out[2 * i] = hex_digits[bytes.data[i] >> 4];
        out[2 * i + 1] = hex_digits[bytes.data[i] & 15];
    }
    out[2 * bytes.size] = 0;
}

BM_RESULT bm_text_put_hex(bm_buf *out, bm_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        BM_TRY(bm_buf_put_u8(out, (uint8_t)hex_digits[bytes.data[i] >> 4]));
        BM_TRY(bm_buf_put_u8(out, (uint8_t)hex_digits[bytes.data[i] & 15]));
    }
    return bm_ok();
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

BM_RESULT bm_text_from_hex(bm_bytes text, bm_buf *out)
{
    uint8_t *to;

    BM_CHECK(text.size % 2 == 0, BM_E_MALFORMED, "hex has an odd number of digits");
    for (size_t i = 0; i < text.size; i++)
        BM_CHECK(hex_value(text.data[i]) >= 0, BM_E_MALFORMED, "hex has a character that is no digit");
    BM_TRY(bm_buf_extend(out, text.size / 2, &to));
    for (size_t i = 0; i < text.size / 2; i++)
        to[i] = (uint8_t)(hex_value(text.data[2 * i]) * 16 + hex_value(text.data[2 * i + 1]));
    return bm_ok();
}

BM_RESULT bm_text_put_base64(bm_buf *out, bm_bytes bytes)
{
    uint8_t *to;

    BM_CHECK(bytes.size < SIZE_MAX / 8, BM_E_NO_MEMORY, NULL);
    BM_TRY(bm_buf_extend(out, (bytes.size + 2) / 3 * 4, &to));
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16;

        if (left > 1)
            group |= (uint32_t)bytes.data[i + 1] << 8;
        if (left > 2)
            group |= bytes.data[i + 2];
        *to++ = (uint8_t)base64_digits[group >> 18];
        *to++ = (uint8_t)base64_digits[group >> 12 & 63];
        *to++ = left > 1 ? (uint8_t)base64_digits[group >> 6 & 63] : '=';
        *to++ = left > 2 ? (uint8_t)base64_digits[group & 63] : '=';
    }
    return bm_ok();
}

#define NONE 0xFF

/* The values of the characters from '+' to 'z'. */
static const uint8_t base64_values[] = {
    62, NONE, NONE, NONE, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NONE, NONE, NONE, NONE, NONE,
    NONE, NONE, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
    18, 19, 20, 21, 22, 23, 24, 25, NONE, NONE, NONE, NONE, NONE, NONE, 26, 27, 28, 29, 30, 31,
    32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51,
};

/* NONE for a character that is no digit. */
static uint32_t base64_value(uint8_t c)
{
    uint8_t at = (uint8_t)(c - '+');

    return at < sizeof(base64_values) ? base64_values[at] : NONE;
}

/* Four digits. */
static bool base64_quad(const uint8_t *in, uint8_t *out)
{
    uint32_t a = base64_value(in[0]), b = base64_value(in[1]), c = base64_value(in[2]), d = base64_value(in[3]);
    uint32_t group = a << 18 | b << 12 | c << 6 | d;

    out[0] = (uint8_t)(group >> 16);
    out[1] = (uint8_t)(group >> 8);
    out[2] = (uint8_t)group;
    return ((a | b | c | d) & 0xC0) == 0;
}

static BM_RESULT base64_group(const uint8_t *in, size_t digits, uint8_t *out)
{
    uint32_t group = 0;

    for (size_t i = 0; i < digits; i++) {
        BM_CHECK(base64_value(in[i]) != NONE, BM_E_MALFORMED, "base64 has a character that does not belong");
        group = group << 6 | base64_value(in[i]);
    }
    if (digits == 2) {
        BM_CHECK((group & 15) == 0, BM_E_MALFORMED, "base64 has unused bits that are not zero");
        group <<= 12;
    } else if (digits == 3) {
        BM_CHECK((group & 3) == 0, BM_E_MALFORMED, "base64 has unused bits that are not zero");
        group <<= 6;
    }
    for (size_t i = 0; i + 1 < digits; i++)
        out[i] = (uint8_t)(group >> (16 - 8 * i));
    return bm_ok();
}

/* `groups` whole groups, and behind them one of 2 or 3 digits, or none. */
static BM_RESULT base64_groups(const uint8_t *in, size_t groups, size_t last, uint8_t *out)
{
    for (size_t i = 0; i < groups; i++, in += 4, out += 3)
        BM_CHECK(base64_quad(in, out), BM_E_MALFORMED, "base64 has a character that does not belong");
    return last > 0 ? base64_group(in, last, out) : bm_ok();
}

BM_RESULT bm_text_from_base64(bm_bytes text, bm_buf *out)
{
    size_t padding = 0;
    size_t start = out->size;
    size_t groups = text.size / 4;
    uint8_t *to;
    bm_result result;

    BM_CHECK(text.size % 4 == 0, BM_E_MALFORMED, "the length of base64 is no multiple of four");
    if (groups == 0)
        return bm_ok();
    if (text.data[text.size - 1] == '=')
        padding = text.data[text.size - 2] == '=' ? 2 : 1;
    BM_TRY(bm_buf_extend(out, groups * 3 - padding, &to));
    result = base64_groups(text.data, padding > 0 ? groups - 1 : groups, padding > 0 ? 4 - padding : 0, to);
    if (result.code != BM_OK)
        out->size = start;
    return result;
}

/* The length of the UTF-8 sequence that begins the text; 0 when it is not well-formed (RFC 3629, section 4). */
static size_t utf8_sequence(bm_bytes text)
{
    uint8_t first = text.data[0];
    uint8_t low = 0x80;
    uint8_t high = 0xBF;
    size_t size;

    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (first == 0xE0)
        low = 0xA0;
    else if (first == 0xED)
        high = 0x9F;
    else if (first == 0xF0)
        low = 0x90;
    else if (first == 0xF4)
        high = 0x8F;
    if (text.size < size || text.data[1] < low || text.data[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((text.data[i] & 0xC0) != 0x80)
            return 0;
    return size;
}

bool bm_text_is_utf8(bm_bytes text)
{
    while (text.size > 0) {
        size_t size = text.data[0] < 0x80 ? 1 : utf8_sequence(text);

        if (size == 0)
            return false;
        text.data += size;
        text.size -= size;
    }
    return true;
}

static bool is_alnum(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool bm_text_is_identity(bm_bytes text)
{
    if (text.size < 1 || text.size > BM_IDENTITY_MAX || !is_alnum(text.data[0]))
        return false;
    for (size_t i = 1; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (!is_alnum(c) && c != '.' && c != '_' && c != ':' && c != '-')
            return false;
    }
    return true;
}

bool bm_text_is_profile_name(bm_bytes text)
{
    if (text.size < 1 || text.size > BM_PROFILE_NAME_MAX || text.data[0] == '-')
        return false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return true;
}

int64_t bm_text_days(int year, int month, int day)
{
    /* Counted from 1 March, so that the leap day is the last of its year. */
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = month <= 2 ? month + 9 : month - 3;

    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static void civil_from_days(int64_t days, int *year, int *month, int *day)
{
    int64_t y = days / 366 + 1970;
    int m = 12;

    while (bm_text_days((int)y + 1, 1, 1) <= days)
        y++;
    while (bm_text_days((int)y, m, 1) > days)
        m--;
    *year = (int)y;
    *month = m;
    *day = (int)(days - bm_text_days((int)y, m, 1)) + 1;
}

void bm_text_time(int64_t time, char out[BM_TIME_TEXT_SIZE])
{
    int year;
    int month;
    int day;
    int second;

    if (time < 0)
        time = 0;
    if (time > TIME_LAST)
        time = TIME_LAST;
    civil_from_days(time / 86400, &year, &month, &day);
    second = (int)(time % 86400);
    (void)snprintf(out, BM_TIME_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)year % 10000,
                   (unsigned)month % 100, (unsigned)day % 100, (unsigned)second / 3600 % 100,
                   (unsigned)second / 60 % 60, (unsigned)second % 60);
}

static BM_RESULT time_part(bm_bytes text, size_t from, size_t size, uint64_t min, uint64_t max, int *out)
{
    uint64_t value;

    BM_TRY(bm_text_parse_u64(bm_bytes_slice(text, from, size), max, &value));
    BM_CHECK(value >= min, BM_E_MALFORMED, "a time has a part out of range");
    *out = (int)value;
    return bm_ok();
}

BM_RESULT bm_text_parse_time(bm_bytes text, int64_t *time)
{
    static const char shape[] = "0000-00-00T00:00:00Z";
    int part[6];
    int month_days;

    BM_CHECK(text.size == sizeof(shape) - 1, BM_E_MALFORMED, "a time is written as 2026-11-23T22:30:00Z");
    for (size_t i = 0; i < text.size; i++)
        BM_CHECK(shape[i] == '0' || text.data[i] == (uint8_t)shape[i], BM_E_MALFORMED,
                 "a time is written as 2026-11-23T22:30:00Z");
    BM_TRY(time_part(text, 0, 4, 1970, 9999, &part[0]));
    BM_TRY(time_part(text, 5, 2, 1, 12, &part[1]));
    month_days = (int)(part[1] == 12 ? 31 : bm_text_days(part[0], part[1] + 1, 1) - bm_text_days(part[0], part[1], 1));
    BM_TRY(time_part(text, 8, 2, 1, (uint64_t)month_days, &part[2]));
    BM_TRY(time_part(text, 11, 2, 0, 23, &part[3]));
    BM_TRY(time_part(text, 14, 2, 0, 59, &part[4]));
    BM_TRY(time_part(text, 17, 2, 0, 59, &part[5]));
    *time = bm_text_days(part[0], part[1], part[2]) * 86400 + part[3] * 3600 + part[4] * 60 + part[5];
    return bm_ok();
}

BM_RESULT bm_text_parse_u64(bm_bytes text, uint64_t max, uint64_t *value)
{
    uint64_t result = 0;

    BM_CHECK(text.size > 0, BM_E_MALFORMED, "a number has no digits");
    for (size_t i = 0; i < text.size; i++) {
        uint8_t digit = (uint8_t)(text.data[i] - '0');

        BM_CHECK(digit <= 9, BM_E_MALFORMED, "a number has a character that is no digit");
        BM_CHECK(result <= (UINT64_MAX - digit) / 10, BM_E_MALFORMED, "a number is too large");
        result = result * 10 + digit;
    }
    BM_CHECK(result <= max, BM_E_MALFORMED, "a number is too large");
    *value = result;
    return bm_ok();
}

BM_RESULT bm_text_parse_duration(bm_bytes text, int64_t *seconds)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'y', YEAR_SECONDS}};
    uint64_t count;

    BM_CHECK(text.size >= 2, BM_E_MALFORMED, "a duration is a number and one of s, m, h, d, y");
    BM_TRY(bm_text_parse_u64(bm_bytes_slice(text, 0, text.size - 1), (uint64_t)(100 * YEAR_SECONDS), &count));
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if ((char)text.data[text.size - 1] == units[i].unit) {
            BM_CHECK((int64_t)count <= 100 * YEAR_SECONDS / units[i].seconds, BM_E_MALFORMED,
                     "a duration is at most 100 years");
            *seconds = (int64_t)count * units[i].seconds;
            return bm_ok();
        }
    return bm_fail(BM_E_MALFORMED, "a duration is a number and one of s, m, h, d, y");
}

bool bm_text_next_word(bm_bytes *rest, bm_bytes *word)
{
    size_t end = 0;

    if (rest->size == 0)
        return false;
    while (end < rest->size && rest->data[end] != ',')
        end++;
    *word = bm_bytes_slice(*rest, 0, end);
    *rest = end < rest->size ? bm_bytes_slice(*rest, end + 1, rest->size - end - 1) : bm_bytes_of(NULL, 0);
    while (word->size > 0 && word->data[0] == ' ')
        *word = bm_bytes_slice(*word, 1, word->size - 1);
    while (word->size > 0 && word->data[word->size - 1] == ' ')
        word->size--;
    return true;
}

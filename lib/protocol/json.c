#include "protocol/json.h"

#include "base/text.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>

#define DEPTH_MAX 8

/* Bytes that json-c takes for a text: some, and some for each of its bytes (strings twice, while they grow). */
#define MEMORY_FIXED 16384
#define MEMORY_FACTOR 4
#define WRITTEN_USUAL 16384 /* bytes of a reply or a request that is not written on purpose to be large */

void bm_json_freep(bm_json **json)
{
    if (*json != NULL)
        (void)json_object_put(*json);
    *json = NULL;
}

static void tokener_freep(struct json_tokener **tokener)
{
    if (*tokener != NULL)
        json_tokener_free(*tokener);
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/*
 * The place behind the string whose content begins at `at`, or the end of the text; false: a control character stands
 * in it, or what is not ASCII behind a backslash (RFC 8259, 7).
 */
static bool skip_string(bm_bytes text, size_t *at)
{
    size_t i = *at;

    while (i < text.size && text.data[i] != '"') {
        if (text.data[i] < 0x20 || (text.data[i] == '\\' && i + 1 < text.size && text.data[i + 1] >= 0x80))
            return false;
        i += text.data[i] == '\\' ? 2 : 1;
    }
    *at = i + 1;
    return true;
}

/* How many bytes at this place are one of the three names of JSON; 0 when none is. */
static size_t literal_size(bm_bytes text, size_t at)
{
    static const char *const literals[] = {"true", "false", "null"};

    for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++)
        if (bm_bytes_equal(bm_bytes_slice(text, at, bm_bytes_str(literals[i]).size), bm_bytes_str(literals[i])))
            return bm_bytes_str(literals[i]).size;
    return 0;
}

/* What may stand outside of strings: structure, white space, numbers. */
static bool is_structure(uint8_t c)
{
    return is_space(c) || c == '{' || c == '}' || c == '[' || c == ']' || c == ',' || c == ':' || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.' || c == 'e' || c == 'E';
}

/*
 * Is there nothing but JSON in the text, as far as single bytes tell? json-c's strict mode still takes names in single quotes, NaN, and control
 * characters in strings (RFC 8259, 2, 3 and 7). And how many members has the outer object, as they are written, if the text is well-formed?
 * json-c keeps the last of two with one name; counting the colons tells.
 */
static bool has_only_json(bm_bytes text, size_t *members)
{
    size_t depth = 0;

    *members = 0;
    for (size_t i = 0; i < text.size;) {
        uint8_t c = text.data[i];
        size_t literal = c == 't' || c == 'f' || c == 'n' ? literal_size(text, i) : 0;

        i += literal > 0 ? literal : 1;
        if (c == '"' ? !skip_string(text, &i) : literal == 0 && !is_structure(c))
            return false;
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        else if (c == ':' && depth == 1)
            (*members)++;
    }
    return true;
}

/* json-c calls a name or a string with an escaped NUL shorter than it is; no text of the protocol has one. */
static bool has_escaped_nul(bm_bytes text)
{
    size_t at;

    /* Mostly there is no backslash, and one byte is looked for in a tenth of the time. */
    return bm_bytes_find(text, bm_bytes_str("\\"), &at) && bm_bytes_find(text, bm_bytes_str("\\u0000"), &at);
}

/* The code point beyond ASCII at this place of well-formed UTF-8, and the bytes that it takes. */
static uint32_t code_point(bm_bytes text, size_t at, size_t *size)
{
    uint8_t first = text.data[at];
    uint32_t point;

    *size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    point = first & (0x7Fu >> *size);
    for (size_t i = 1; i < *size; i++)
        point = point << 6 | (text.data[at + i] & 0x3Fu);
    return point;
}

static BM_RESULT put_escape(uint32_t unit, bm_buf *out)
{
    const uint8_t bytes[] = {(uint8_t)(unit >> 8), (uint8_t)unit};

    BM_TRY(bm_buf_put_str(out, "\\u"));
    return bm_text_put_hex(out, BM_BYTES_ARRAY(bytes));
}

/*
 * The same text in ASCII: json-c 0.18 takes a byte above 0x7F for a control character when it is strict. What is not
 * ASCII stands in strings, and not behind a backslash (has_only_json), where an escape says the same (RFC 8259, 7; a
 * pair of surrogates beyond U+FFFF).
 */
static BM_RESULT put_ascii(bm_bytes text, bm_buf *out)
{
    size_t from = 0;
    size_t size;

    for (size_t at = 0; at < text.size; at += size) {
        uint32_t point;

        size = 1;
        if (text.data[at] < 0x80)
            continue;
        BM_TRY(bm_buf_put(out, bm_bytes_slice(text, from, at - from)));
        point = code_point(text, at, &size);
        from = at + size;
        if (point > 0xFFFF) {
            point -= 0x10000;
            BM_TRY(put_escape(0xD800 | point >> 10, out));
            point = 0xDC00 | (point & 0x3FF);
        }
        BM_TRY(put_escape(point, out));
    }
    return bm_buf_put(out, bm_bytes_slice(text, from, text.size - from));
}

static bool is_ascii(bm_bytes text)
{
    uint8_t all = 0;

    for (size_t i = 0; i < text.size; i++)
        all |= text.data[i];
    return all < 0x80;
}

/*
 * json-c 0.16 does not look whether it got memory for a member's name, and would end the process; writing, it leaves out what there was no
 * memory for, and says nothing. So the memory for a text is asked for, and given back, right before: what is below a few times the text's
 * size is then there, and nobody else in this process takes it.
 */
static BM_RESULT is_there_memory(size_t size)
{
    void *memory = malloc(MEMORY_FIXED + MEMORY_FACTOR * size);
    bool is_there = memory != NULL;

    free(memory);
    BM_CHECK(is_there, BM_E_NO_MEMORY, NULL);
    return bm_ok();
}

static BM_RESULT parse_text(bm_bytes text, bm_json **json)
{
    BM_AUTO(tokener_freep) struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
    BM_AUTO(bm_json_freep) bm_json *parsed = NULL;
    size_t end;

    BM_CHECK(tokener != NULL, BM_E_NO_MEMORY, NULL);
    BM_TRY(is_there_memory(text.size));
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    parsed = json_tokener_parse_ex(tokener, (const char *)text.data, (int)text.size);
    BM_CHECK(parsed != NULL && json_tokener_get_error(tokener) == json_tokener_success, BM_E_REQUEST_MALFORMED,
             "the body is not one well-formed JSON object");
    end = json_tokener_get_parse_end(tokener);
    while (end < text.size && is_space(text.data[end]))
        end++;
    BM_CHECK(end == text.size, BM_E_REQUEST_MALFORMED, "there is something behind the JSON object");
    BM_CHECK(json_object_is_type(parsed, json_type_object), BM_E_REQUEST_MALFORMED, "the body is no JSON object");
    *json = parsed;
    parsed = NULL;
    return bm_ok();
}

BM_RESULT bm_json_parse(bm_bytes text, bm_json **json)
{
    BM_AUTO(bm_json_freep) bm_json *parsed = NULL;
    BM_AUTO_BUF ascii = BM_BUF_EMPTY;
    size_t members;

    /* An escape takes up to three times the bytes. */
    BM_CHECK(text.size > 0 && text.size <= INT_MAX / 3, BM_E_REQUEST_MALFORMED, "the body is empty");
    BM_CHECK(bm_text_is_utf8(text), BM_E_REQUEST_MALFORMED, "the body is not well-formed UTF-8");
    BM_CHECK(has_only_json(text, &members), BM_E_REQUEST_MALFORMED, "the body is not JSON");
    BM_CHECK(!has_escaped_nul(text), BM_E_REQUEST_MALFORMED, "the body has an escaped NUL");
    if (!is_ascii(text)) {
        BM_TRY(put_ascii(text, &ascii));
        text = bm_buf_view(&ascii);
    }
    BM_TRY(parse_text(text, &parsed));
    BM_CHECK(members == (size_t)json_object_object_length(parsed), BM_E_FIELD_UNKNOWN,
             "a member is given twice");
    *json = parsed;
    parsed = NULL;
    return bm_ok();
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bm_bytes_equal(bm_bytes_str(name), bm_bytes_str(names[i])))
            return true;
    return false;
}

/* A name for a detail: short, and nothing in it but printable ASCII. */
static void printable_name(const char *name, char out[33])
{
    size_t i = 0;

    for (; i < 32 && name[i] != 0; i++)
        out[i] = name[i];
    out[i] = 0;
    for (i = 0; out[i] != 0; i++)
        if (out[i] < 0x21 || out[i] > 0x7E || out[i] == '"')
            out[i] = '?';
}

BM_RESULT bm_json_check_names(bm_json *json, const char *const *names, size_t count)
{
    struct json_object_iterator at = json_object_iter_begin(json);
    struct json_object_iterator end = json_object_iter_end(json);

    for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
        const char *name = json_object_iter_peek_name(&at);

        if (!is_one_of(name, names, count)) {
            char printable[33];

            printable_name(name, printable);
            return bm_failf(BM_E_FIELD_UNKNOWN, "the member \"%s\" is not known", printable);
        }
    }
    return bm_ok();
}

BM_RESULT bm_json_string(bm_json *json, const char *name, bm_bytes *text, bool *found)
{
    bm_json *member = NULL;

    *found = json_object_object_get_ex(json, name, &member) != 0;
    *text = bm_bytes_of(NULL, 0);
    if (!*found)
        return bm_ok();
    if (!json_object_is_type(member, json_type_string))
        return bm_failf(BM_E_FIELD_INVALID, "%s is not a string", name);
    *text = bm_bytes_of(json_object_get_string(member), (size_t)json_object_get_string_len(member));
    return bm_ok();
}

BM_RESULT bm_json_strings(bm_json *json, const char *name, bm_bytes *texts, size_t max, size_t *count)
{
    bm_json *member = NULL;
    size_t length;

    *count = 0;
    if (!json_object_object_get_ex(json, name, &member))
        return bm_ok();
    if (!json_object_is_type(member, json_type_array))
        return bm_failf(BM_E_FIELD_INVALID, "%s is not an array", name);
    length = json_object_array_length(member);
    if (length > max)
        return bm_failf(BM_E_FIELD_INVALID, "%s has more than %zu elements", name, max);
    for (size_t i = 0; i < length; i++) {
        bm_json *element = json_object_array_get_idx(member, i);

        if (!json_object_is_type(element, json_type_string))
            return bm_failf(BM_E_FIELD_INVALID, "%s has an element that is not a string", name);
        texts[i] = bm_bytes_of(json_object_get_string(element), (size_t)json_object_get_string_len(element));
    }
    *count = length;
    return bm_ok();
}

BM_RESULT bm_json_integer(bm_json *json, const char *name, int64_t *value)
{
    bm_json *member = NULL;

    if (!json_object_object_get_ex(json, name, &member))
        return bm_failf(BM_E_FIELD_MISSING, "%s is missing", name);
    if (!json_object_is_type(member, json_type_int))
        return bm_failf(BM_E_FIELD_INVALID, "%s is not an integer", name);
    *value = json_object_get_int64(member);
    return bm_ok();
}

BM_RESULT bm_json_new(bm_json **json)
{
    *json = json_object_new_object();
    BM_CHECK(*json != NULL, BM_E_NO_MEMORY, NULL);
    return bm_ok();
}

/* Adds a value that json-c may have failed to make. */
static BM_RESULT add(bm_json *json, const char *name, bm_json *value)
{
    BM_CHECK(value != NULL, BM_E_NO_MEMORY, NULL);
    if (json_object_object_add(json, name, value) != 0) {
        (void)json_object_put(value);
        return bm_fail(BM_E_NO_MEMORY, NULL);
    }
    return bm_ok();
}

BM_RESULT bm_json_add_string(bm_json *json, const char *name, bm_bytes text)
{
    return add(json, name, json_object_new_string_len(text.size == 0 ? "" : (const char *)text.data, (int)text.size));
}

BM_RESULT bm_json_add_base64(bm_json *json, const char *name, bm_bytes bytes)
{
    BM_AUTO_BUF text = BM_BUF_EMPTY;

    BM_TRY(bm_text_put_base64(&text, bytes));
    return bm_json_add_string(json, name, bm_buf_view(&text));
}

BM_RESULT bm_json_add_integer(bm_json *json, const char *name, int64_t value)
{
    return add(json, name, json_object_new_int64(value));
}

BM_RESULT bm_json_add_strings(bm_json *json, const char *name, const bm_buf *texts, size_t count)
{
    bm_json *array = json_object_new_array();

    BM_TRY(add(json, name, array));
    for (size_t i = 0; i < count; i++) {
        bm_json *text = json_object_new_string_len((const char *)texts[i].data, (int)texts[i].size);

        BM_CHECK(text != NULL, BM_E_NO_MEMORY, NULL);
        if (json_object_array_add(array, text) != 0) {
            (void)json_object_put(text);
            return bm_fail(BM_E_NO_MEMORY, NULL);
        }
    }
    return bm_ok();
}

BM_RESULT bm_json_put(bm_json *json, bm_buf *out)
{
    const char *text;

    BM_TRY(is_there_memory(WRITTEN_USUAL));
    text = json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    BM_CHECK(text != NULL, BM_E_NO_MEMORY, NULL);
    return bm_buf_put_str(out, text);
}

/*
 * JSON documents of one flat object, strictly (RFC 8259): the one place that knows json-c. Internal to lib/protocol.
 */
#ifndef BM_PROTOCOL_JSON_H
#define BM_PROTOCOL_JSON_H

#include "base/bytes.h"

/* A parsed object, or one being built. */
typedef struct json_object bm_json;

/* Frees; NULL is fine. For BM_AUTO. */
void bm_json_freep(bm_json **json);

/*
 * Parses one object: well-formed UTF-8, depth at most 8, no member twice, nothing but white space behind it. BM_E_REQUEST_MALFORMED;
 * BM_E_FIELD_UNKNOWN for a member given twice.
 */
BM_RESULT bm_json_parse(bm_bytes text, bm_json **json);

/* BM_E_FIELD_UNKNOWN when there is a member that is none of these; the detail names it. */
BM_RESULT bm_json_check_names(bm_json *json, const char *const *names, size_t count);

/* The string of a member: an empty view with *found false when there is none. BM_E_FIELD_INVALID: no string. */
BM_RESULT bm_json_string(bm_json *json, const char *name, bm_bytes *text, bool *found);

/* The strings of an array member, as views; none when there is no such member. BM_E_FIELD_INVALID: no array of at most `max` strings. */
BM_RESULT bm_json_strings(bm_json *json, const char *name, bm_bytes *texts, size_t max, size_t *count);

/* The integer of a member; BM_E_FIELD_MISSING, BM_E_FIELD_INVALID. */
BM_RESULT bm_json_integer(bm_json *json, const char *name, int64_t *value);

/* An empty object to build; BM_E_NO_MEMORY. */
BM_RESULT bm_json_new(bm_json **json);

/* Adds members; BM_E_NO_MEMORY. */
BM_RESULT bm_json_add_string(bm_json *json, const char *name, bm_bytes text);
BM_RESULT bm_json_add_base64(bm_json *json, const char *name, bm_bytes bytes);
BM_RESULT bm_json_add_integer(bm_json *json, const char *name, int64_t value);
BM_RESULT bm_json_add_strings(bm_json *json, const char *name, const bm_buf *texts, size_t count);

/* Appends the object as text; BM_E_NO_MEMORY. */
BM_RESULT bm_json_put(bm_json *json, bm_buf *out);

#endif

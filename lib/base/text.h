/*
 * Bytes as text and back: hex, base64 (RFC 4648, section 4), UTF-8, times (RFC 3339), lists, and the syntax of identities.
 */
#ifndef BM_BASE_TEXT_H
#define BM_BASE_TEXT_H

#include "base/bytes.h"

/* The longest identity (X.520 ub-common-name and ub-serial-number are 64), without a NUL. */
#define BM_IDENTITY_MAX 64
/* The longest profile name, without a NUL. */
#define BM_PROFILE_NAME_MAX 32
/* "2026-11-23T22:30:00Z" and its NUL. */
#define BM_TIME_TEXT_SIZE 21

/* Appends lower-case hex; BM_E_NO_MEMORY. */
BM_RESULT bm_text_put_hex(bm_buf *out, bm_bytes bytes);

/* Appends the bytes of a hex string (either case, no separators); BM_E_MALFORMED, BM_E_NO_MEMORY. */
BM_RESULT bm_text_from_hex(bm_bytes text, bm_buf *out);

/* Writes 2 * size characters and a NUL to `out`, which must have room for them. */
void bm_text_hex(bm_bytes bytes, char *out);

/* Appends base64 with padding and without line breaks; BM_E_NO_MEMORY. */
BM_RESULT bm_text_put_base64(bm_buf *out, bm_bytes bytes);

/* Appends the bytes of canonical base64: padded, no white space, unused bits zero; BM_E_MALFORMED, BM_E_NO_MEMORY. */
BM_RESULT bm_text_from_base64(bm_bytes text, bm_buf *out);

/* Well-formed UTF-8 (RFC 3629: no surrogates, nothing overlong, at most U+10FFFF)? */
bool bm_text_is_utf8(bm_bytes text);

/* 1 to BM_IDENTITY_MAX of [A-Za-z0-9._:-], the first a letter or digit: what may stand in a certificate's name. */
bool bm_text_is_identity(bm_bytes text);

/* 1 to BM_PROFILE_NAME_MAX of [a-z0-9-], the first a letter or digit. */
bool bm_text_is_profile_name(bm_bytes text);

/* Seconds since 1970 (UTC) as RFC 3339; times outside the years 1970 to 9999 are shown as the nearest of them. */
void bm_text_time(int64_t time, char out[BM_TIME_TEXT_SIZE]);

/* The seconds since 1970 of exactly "YYYY-MM-DDThh:mm:ssZ"; BM_E_MALFORMED. */
BM_RESULT bm_text_parse_time(bm_bytes text, int64_t *time);

/* The days since 1970-01-01 of a date of the proleptic Gregorian calendar. */
int64_t bm_text_days(int year, int month, int day);

/* A number of decimal digits only, at most `max`; BM_E_MALFORMED. */
BM_RESULT bm_text_parse_u64(bm_bytes text, uint64_t max, uint64_t *value);

/* A duration: digits and one of s m h d y (365 days), in seconds; BM_E_MALFORMED when not so or above 100 years. */
BM_RESULT bm_text_parse_duration(bm_bytes text, int64_t *seconds);

/* Cuts the next word off a list with commas, without the spaces around it; both are views of the list. False at its end. */
bool bm_text_next_word(bm_bytes *rest, bm_bytes *word);

#endif

/*
 * A strict reader and writer of DER (X.690): definite lengths only, the shortest form only. What needs a whole X.509 parser uses OpenSSL.
 */
#ifndef BM_CRYPTO_DER_H
#define BM_CRYPTO_DER_H

#include "base/bytes.h"

#define BM_DER_BOOLEAN 0x01
#define BM_DER_INTEGER 0x02
#define BM_DER_BIT_STRING 0x03
#define BM_DER_OCTET_STRING 0x04
#define BM_DER_NULL 0x05
#define BM_DER_OID 0x06
#define BM_DER_UTF8_STRING 0x0C
#define BM_DER_PRINTABLE_STRING 0x13
#define BM_DER_IA5_STRING 0x16
#define BM_DER_SEQUENCE 0x30
#define BM_DER_SET 0x31
#define BM_DER_CONTEXT(n) (0xA0 + (n)) /* constructed */

/*
 * Takes the next element, of any tag number up to 30 (but not the octet 00): its tag, its content, and (when `whole` is not NULL) all of
 * its bytes. BM_E_MALFORMED.
 */
BM_RESULT bm_der_any(bm_cursor *cursor, uint8_t *tag, bm_bytes *content, bm_bytes *whole);

/* Takes the next element, which must have this tag; BM_E_MALFORMED. */
BM_RESULT bm_der_take(bm_cursor *cursor, uint8_t tag, bm_bytes *content);

/* Takes the next element, which must have this tag, with its header; BM_E_MALFORMED. */
BM_RESULT bm_der_take_whole(bm_cursor *cursor, uint8_t tag, bm_bytes *whole);

/* Enters the next element, which must have this tag: `inner` reads its content; BM_E_MALFORMED. */
BM_RESULT bm_der_enter(bm_cursor *cursor, uint8_t tag, bm_cursor *inner);

/* A non-negative INTEGER in its shortest form, as a view without the sign byte (zero is one byte 00); BM_E_MALFORMED. */
BM_RESULT bm_der_unsigned(bm_cursor *cursor, bm_bytes *value);

/* A BIT STRING with no unused bits; BM_E_MALFORMED. */
BM_RESULT bm_der_bits(bm_cursor *cursor, bm_bytes *value);

/* Is the next tag this one? False at the end. */
bool bm_der_peek(const bm_cursor *cursor, uint8_t tag);

/* Appends an element with this content; BM_E_NO_MEMORY. */
BM_RESULT bm_der_put(bm_buf *out, uint8_t tag, bm_bytes content);

/* Appends a non-negative INTEGER, from big-endian bytes with or without leading zeros; BM_E_NO_MEMORY. */
BM_RESULT bm_der_put_unsigned(bm_buf *out, bm_bytes value);

/* Appends a BIT STRING with no unused bits; BM_E_NO_MEMORY. */
BM_RESULT bm_der_put_bits(bm_buf *out, bm_bytes value);

#endif

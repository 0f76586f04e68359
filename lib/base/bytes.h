/*
 * Bytes: a view (bm_bytes), an owned and growing buffer (bm_buf), and a bounded reader (bm_cursor).
 *
 * No other code does pointer arithmetic over input. All integers are big-endian, as in TPM structures (TPM 2.0 Part 2, 4.)
 * and in our own messages.
 */
#ifndef BM_BASE_BYTES_H
#define BM_BASE_BYTES_H

#include "base/result.h"

#include <stddef.h>
#include <stdint.h>

/* A view of bytes that somebody else owns; {NULL, 0} is the empty one. */
typedef struct {
    const uint8_t *data;
    size_t size;
} bm_bytes;

/* Bytes that are owned; zero-initialise (BM_BUF_EMPTY), end with bm_buf_fini. */
typedef struct {
    uint8_t *data;
    size_t size;
    size_t capacity;
} bm_buf;

/* A reader over a view; each read moves it forward, or fails and leaves it where it was. */
typedef struct {
    bm_bytes rest;
} bm_cursor;

#define BM_BUF_EMPTY ((bm_buf){0})
#define BM_AUTO(fini) __attribute__((cleanup(fini)))
/* Declares an owned buffer that is wiped and freed when it leaves scope. */
#define BM_AUTO_BUF BM_AUTO(bm_buf_fini) bm_buf

/* A view of `size` bytes at `data`. */
static inline bm_bytes bm_bytes_of(const void *data, size_t size)
{
    return (bm_bytes){.data = data, .size = size};
}

/* A view of an array. */
#define BM_BYTES_ARRAY(array) bm_bytes_of((array), sizeof(array))

/* A view of a string without its NUL; empty for NULL. */
bm_bytes bm_bytes_str(const char *string);

/* The same bytes? Not constant in time: never for secrets. */
bool bm_bytes_equal(bm_bytes a, bm_bytes b);

/* The same bytes? The time depends on the sizes alone. */
bool bm_bytes_equal_secret(bm_bytes a, bm_bytes b);

/* -1, 0 or 1, in the order of unsigned bytes, the shorter first. */
int bm_bytes_compare(bm_bytes a, bm_bytes b);

/* The view without leading zero bytes (big-endian numbers). */
bm_bytes bm_bytes_strip_zeros(bm_bytes bytes);

/* The view [from, from + size); empty when that is not inside. */
bm_bytes bm_bytes_slice(bm_bytes bytes, size_t from, size_t size);

/* Does `needle`, which is not empty, stand in there? `at` is where it begins first. */
bool bm_bytes_find(bm_bytes bytes, bm_bytes needle, size_t *at);

/* Copies exactly `size` bytes; BM_E_MALFORMED when the view has another size. */
BM_RESULT bm_bytes_copy_exact(bm_bytes from, uint8_t *to, size_t size);

/* Copies `from` right-aligned into `to`, zeros before it (a number in a field); BM_E_MALFORMED when it does not fit. */
BM_RESULT bm_bytes_copy_padded(bm_bytes from, uint8_t *to, size_t size);

/* Overwrites memory with zeros in a way that the compiler keeps. */
void bm_wipe(void *memory, size_t size);

/* Wipes and frees; leaves the buffer empty and usable. */
void bm_buf_fini(bm_buf *buf);

/* Sets the size to zero, wiped, keeping the memory. */
void bm_buf_clear(bm_buf *buf);

/* A view of what the buffer holds, valid until it changes. */
static inline bm_bytes bm_buf_view(const bm_buf *buf)
{
    return bm_bytes_of(buf->data, buf->size);
}

/* Moves what `from` owns into `to` (whose own is freed); `from` is empty afterwards. */
void bm_buf_move(bm_buf *to, bm_buf *from);

/* Makes room for `extra` more bytes; BM_E_NO_MEMORY. What is moved is wiped where it was. */
BM_RESULT bm_buf_reserve(bm_buf *buf, size_t extra);

/* Grows by `extra` bytes and hands out where they begin (uninitialised); BM_E_NO_MEMORY. */
BM_RESULT bm_buf_extend(bm_buf *buf, size_t extra, uint8_t **start);

/* Appends; BM_E_NO_MEMORY. */
BM_RESULT bm_buf_put(bm_buf *buf, bm_bytes bytes);
BM_RESULT bm_buf_put_u8(bm_buf *buf, uint8_t value);
BM_RESULT bm_buf_put_u16(bm_buf *buf, uint16_t value);
BM_RESULT bm_buf_put_u32(bm_buf *buf, uint32_t value);
BM_RESULT bm_buf_put_u64(bm_buf *buf, uint64_t value);

/* Appends a string without its NUL; BM_E_NO_MEMORY. */
BM_RESULT bm_buf_put_str(bm_buf *buf, const char *string);

/* Appends text as printf would make it, without a NUL; BM_E_NO_MEMORY. */
BM_RESULT bm_buf_putf(bm_buf *buf, const char *format, ...) BM_PRINTF(2, 3);

/* Appends a u16 size and the bytes (a TPM2B); BM_E_MALFORMED above 65535 bytes, BM_E_NO_MEMORY. */
BM_RESULT bm_buf_put_sized16(bm_buf *buf, bm_bytes bytes);

/* Appends a u32 size and the bytes; BM_E_MALFORMED above 2^32 - 1, BM_E_NO_MEMORY. */
BM_RESULT bm_buf_put_sized32(bm_buf *buf, bm_bytes bytes);

/* Makes the content a C string: a NUL stands behind it (not counted in size); BM_E_NO_MEMORY. */
BM_RESULT bm_buf_terminate(bm_buf *buf);

/* A reader at the beginning of a view. */
static inline bm_cursor bm_cursor_of(bm_bytes bytes)
{
    return (bm_cursor){.rest = bytes};
}

/* Reads; BM_E_MALFORMED when too few bytes are left. */
BM_RESULT bm_cursor_u8(bm_cursor *cursor, uint8_t *value);
BM_RESULT bm_cursor_u16(bm_cursor *cursor, uint16_t *value);
BM_RESULT bm_cursor_u32(bm_cursor *cursor, uint32_t *value);
BM_RESULT bm_cursor_u64(bm_cursor *cursor, uint64_t *value);

/* Takes the next `size` bytes as a view; BM_E_MALFORMED when too few are left. */
BM_RESULT bm_cursor_take(bm_cursor *cursor, size_t size, bm_bytes *bytes);

/* Copies the next `size` bytes out; BM_E_MALFORMED when too few are left. */
BM_RESULT bm_cursor_copy(bm_cursor *cursor, void *to, size_t size);

/* Takes a u16 size and that many bytes (at most `max`); BM_E_MALFORMED. */
BM_RESULT bm_cursor_sized16(bm_cursor *cursor, size_t max, bm_bytes *bytes);

/* Takes a u32 size and that many bytes (at most `max`); BM_E_MALFORMED. */
BM_RESULT bm_cursor_sized32(bm_cursor *cursor, size_t max, bm_bytes *bytes);

/* BM_E_MALFORMED unless everything was read. */
BM_RESULT bm_cursor_end(const bm_cursor *cursor);

#endif

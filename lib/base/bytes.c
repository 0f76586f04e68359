#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bm_bytes bm_bytes_str(const char *string)
{
    return string == NULL ? bm_bytes_of(NULL, 0) : bm_bytes_of(string, strlen(string));
}

bool bm_bytes_equal(bm_bytes a, bm_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool bm_bytes_equal_secret(bm_bytes a, bm_bytes b)
{
    volatile uint8_t different = 0;

    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        different = (uint8_t)(different | (a.data[i] ^ b.data[i]));
    return different == 0;
}

int bm_bytes_compare(bm_bytes a, bm_bytes b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);

    if (order != 0)
        return order < 0 ? -1 : 1;
    return a.size == b.size ? 0 : (a.size < b.size ? -1 : 1);
}

bm_bytes bm_bytes_strip_zeros(bm_bytes bytes)
{
    while (bytes.size > 0 && bytes.data[0] == 0) {
        bytes.data++;
        bytes.size--;
    }
    return bytes;
}

bm_bytes bm_bytes_slice(bm_bytes bytes, size_t from, size_t size)
{
    if (from > bytes.size || size > bytes.size - from)
        return bm_bytes_of(NULL, 0);
    return bm_bytes_of(size == 0 ? NULL : bytes.data + from, size);
}

bool bm_bytes_find(bm_bytes bytes, bm_bytes needle, size_t *at)
{
    const uint8_t *found = needle.size == 0 || bytes.size == 0 ? NULL : memmem(bytes.data, bytes.size, needle.data, needle.size);

    if (found == NULL)
        return false;
    *at = (size_t)(found - bytes.data);
    return true;
}

BM_RESULT bm_bytes_copy_exact(bm_bytes from, uint8_t *to, size_t size)
{
    BM_CHECK(from.size == size, BM_E_MALFORMED, "a field has the wrong size");
    if (size > 0)
        memcpy(to, from.data, size);
    return bm_ok();
}

BM_RESULT bm_bytes_copy_padded(bm_bytes from, uint8_t *to, size_t size)
{
    BM_CHECK(from.size <= size, BM_E_MALFORMED, "a number is larger than its field");
    memset(to, 0, size - from.size);
    if (from.size > 0)
        memcpy(to + (size - from.size), from.data, from.size);
    return bm_ok();
}

void bm_wipe(void *memory, size_t size)
{
    if (memory != NULL && size > 0)
        explicit_bzero(memory, size);
}

void bm_buf_fini(bm_buf *buf)
{
    bm_wipe(buf->data, buf->capacity);
    free(buf->data);
    *buf = BM_BUF_EMPTY;
}

void bm_buf_clear(bm_buf *buf)
{
    bm_wipe(buf->data, buf->size);
    buf->size = 0;
}

void bm_buf_move(bm_buf *to, bm_buf *from)
{
    bm_buf moved = *from;

    *from = BM_BUF_EMPTY;
    bm_buf_fini(to);
    *to = moved;
}

BM_RESULT bm_buf_reserve(bm_buf *buf, size_t extra)
{
    size_t capacity = buf->capacity < 64 ? 64 : buf->capacity;
    uint8_t *data;

    if (extra <= buf->capacity - buf->size)
        return bm_ok();
    BM_CHECK(extra < SIZE_MAX / 4 && buf->size < SIZE_MAX / 4, BM_E_NO_MEMORY, NULL);
    while (capacity - buf->size < extra)
        capacity *= 2;
    /* Not realloc: what moves may be secret, and the old place must be wiped. */
    data = malloc(capacity);
    BM_CHECK(data != NULL, BM_E_NO_MEMORY, NULL);
    if (buf->size > 0)
        memcpy(data, buf->data, buf->size);
    bm_wipe(buf->data, buf->capacity);
    free(buf->data);
    buf->data = data;
    buf->capacity = capacity;
    return bm_ok();
}

BM_RESULT bm_buf_extend(bm_buf *buf, size_t extra, uint8_t **start)
{
    BM_TRY(bm_buf_reserve(buf, extra == 0 ? 1 : extra));
    *start = buf->data + buf->size;
    buf->size += extra;
    return bm_ok();
}

BM_RESULT bm_buf_put(bm_buf *buf, bm_bytes bytes)
{
    uint8_t *to;

    if (bytes.size == 0)
        return bm_ok();
    BM_TRY(bm_buf_extend(buf, bytes.size, &to));
    memcpy(to, bytes.data, bytes.size);
    return bm_ok();
}

static BM_RESULT put_integer(bm_buf *buf, uint64_t value, size_t size)
{
    uint8_t *to;

    BM_TRY(bm_buf_extend(buf, size, &to));
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    return bm_ok();
}

BM_RESULT bm_buf_put_u8(bm_buf *buf, uint8_t value)
{
    return put_integer(buf, value, 1);
}

BM_RESULT bm_buf_put_u16(bm_buf *buf, uint16_t value)
{
    return put_integer(buf, value, 2);
}

BM_RESULT bm_buf_put_u32(bm_buf *buf, uint32_t value)
{
    return put_integer(buf, value, 4);
}

BM_RESULT bm_buf_put_u64(bm_buf *buf, uint64_t value)
{
    return put_integer(buf, value, 8);
}

BM_RESULT bm_buf_put_str(bm_buf *buf, const char *string)
{
    return bm_buf_put(buf, bm_bytes_str(string));
}

BM_RESULT bm_buf_putf(bm_buf *buf, const char *format, ...)
{
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    BM_CHECK(size >= 0, BM_E_INTERNAL, "a format that cannot be printed");
    BM_TRY(bm_buf_reserve(buf, (size_t)size + 1));
    va_start(args, format);
    (void)vsnprintf((char *)buf->data + buf->size, (size_t)size + 1, format, args);
    va_end(args);
    buf->size += (size_t)size;
    return bm_ok();
}

BM_RESULT bm_buf_put_sized16(bm_buf *buf, bm_bytes bytes)
{
    BM_CHECK(bytes.size <= UINT16_MAX, BM_E_MALFORMED, "more than 65535 bytes in a TPM2B");
    BM_TRY(bm_buf_put_u16(buf, (uint16_t)bytes.size));
    return bm_buf_put(buf, bytes);
}

BM_RESULT bm_buf_put_sized32(bm_buf *buf, bm_bytes bytes)
{
    BM_CHECK(bytes.size <= UINT32_MAX, BM_E_MALFORMED, "more than 2^32 - 1 bytes in a field");
    BM_TRY(bm_buf_put_u32(buf, (uint32_t)bytes.size));
    return bm_buf_put(buf, bytes);
}

BM_RESULT bm_buf_terminate(bm_buf *buf)
{
    BM_TRY(bm_buf_reserve(buf, 1));
    buf->data[buf->size] = 0;
    return bm_ok();
}

static BM_RESULT read_integer(bm_cursor *cursor, size_t size, uint64_t *value)
{
    bm_bytes bytes;
    uint64_t result = 0;

    BM_TRY(bm_cursor_take(cursor, size, &bytes));
    for (size_t i = 0; i < size; i++)
        result = result << 8 | bytes.data[i];
    *value = result;
    return bm_ok();
}

BM_RESULT bm_cursor_u8(bm_cursor *cursor, uint8_t *value)
{
    uint64_t wide;

    BM_TRY(read_integer(cursor, 1, &wide));
    *value = (uint8_t)wide;
    return bm_ok();
}

BM_RESULT bm_cursor_u16(bm_cursor *cursor, uint16_t *value)
{
    uint64_t wide;

    BM_TRY(read_integer(cursor, 2, &wide));
    *value = (uint16_t)wide;
    return bm_ok();
}

BM_RESULT bm_cursor_u32(bm_cursor *cursor, uint32_t *value)
{
    uint64_t wide;

    BM_TRY(read_integer(cursor, 4, &wide));
    *value = (uint32_t)wide;
    return bm_ok();
}

BM_RESULT bm_cursor_u64(bm_cursor *cursor, uint64_t *value)
{
    return read_integer(cursor, 8, value);
}

BM_RESULT bm_cursor_take(bm_cursor *cursor, size_t size, bm_bytes *bytes)
{
    BM_CHECK(size <= cursor->rest.size, BM_E_MALFORMED, "the bytes end too early");
    *bytes = bm_bytes_of(cursor->rest.data, size);
    if (size > 0)
        cursor->rest.data += size;
    cursor->rest.size -= size;
    return bm_ok();
}

BM_RESULT bm_cursor_copy(bm_cursor *cursor, void *to, size_t size)
{
    bm_bytes bytes;

    BM_TRY(bm_cursor_take(cursor, size, &bytes));
    if (size > 0)
        memcpy(to, bytes.data, size);
    return bm_ok();
}

BM_RESULT bm_cursor_sized16(bm_cursor *cursor, size_t max, bm_bytes *bytes)
{
    bm_cursor at = *cursor;
    uint16_t size;

    BM_TRY(bm_cursor_u16(&at, &size));
    BM_CHECK(size <= max, BM_E_MALFORMED, "a field is larger than its limit");
    BM_TRY(bm_cursor_take(&at, size, bytes));
    *cursor = at;
    return bm_ok();
}

BM_RESULT bm_cursor_sized32(bm_cursor *cursor, size_t max, bm_bytes *bytes)
{
    bm_cursor at = *cursor;
    uint32_t size;

    BM_TRY(bm_cursor_u32(&at, &size));
    BM_CHECK(size <= max, BM_E_MALFORMED, "a field is larger than its limit");
    BM_TRY(bm_cursor_take(&at, size, bytes));
    *cursor = at;
    return bm_ok();
}

BM_RESULT bm_cursor_end(const bm_cursor *cursor)
{
    BM_CHECK(cursor->rest.size == 0, BM_E_MALFORMED, "bytes left over at the end");
    return bm_ok();
}

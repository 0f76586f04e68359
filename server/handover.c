#include "server/handover.h"

#include "server/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HANDOVER_MAX (1024 * 1024)

BM_RESULT bm_handover_put(const bm_bytes *pieces, size_t count, int *fd)
{
    BM_AUTO_BUF all = BM_BUF_EMPTY;
    bm_result result;
    int file;

    for (size_t i = 0; i < count; i++)
        BM_TRY(bm_buf_put_sized32(&all, pieces[i]));
    BM_CHECK(all.size <= HANDOVER_MAX, BM_E_IO, "there is too much to hand over: are the certificate files right?");
    file = memfd_create("birthmarkd", MFD_CLOEXEC);
    if (file < 0)
        return bm_failf(BM_E_IO, "memfd_create: %s", strerror(errno));
    result = bm_channel_write_all(file, bm_buf_view(&all));
    if (result.code != BM_OK) {
        (void)close(file);
        return result;
    }
    *fd = file;
    return bm_ok();
}

/* The bytes of the file; its pages are given back to the kernel, which zeroes them. */
static BM_RESULT take(int fd, bm_buf *all)
{
    struct stat status;
    uint8_t *start;
    ssize_t size;

    if (fstat(fd, &status) != 0 || status.st_size <= 0 || status.st_size > HANDOVER_MAX)
        return bm_fail(BM_E_IO, "there is no handover: only birthmarkd itself starts its processes");
    BM_TRY(bm_buf_extend(all, (size_t)status.st_size, &start));
    size = pread(fd, start, all->size, 0);
    if (size != (ssize_t)all->size)
        return bm_fail(BM_E_IO, "the handover cannot be read");
    if (ftruncate(fd, 0) != 0)
        return bm_failf(BM_E_IO, "the handover cannot be wiped: %s", strerror(errno));
    return bm_ok();
}

BM_RESULT bm_handover_take(int fd, bm_buf *all)
{
    bm_result result = take(fd, all);

    (void)close(fd);
    return result;
}

BM_RESULT bm_handover_split(bm_bytes all, bm_bytes *pieces, size_t count)
{
    bm_cursor cursor = bm_cursor_of(all);

    for (size_t i = 0; i < count; i++)
        BM_TRY(bm_cursor_sized32(&cursor, HANDOVER_MAX, &pieces[i]));
    return bm_cursor_end(&cursor);
}

BM_RESULT bm_handover_put_number(bm_buf *out, uint32_t number)
{
    return bm_buf_put_u32(out, number);
}

BM_RESULT bm_handover_number(bm_bytes piece, uint32_t *number)
{
    bm_cursor cursor = bm_cursor_of(piece);
    uint32_t value;

    BM_TRY(bm_cursor_u32(&cursor, &value));
    BM_TRY(bm_cursor_end(&cursor));
    *number = value;
    return bm_ok();
}

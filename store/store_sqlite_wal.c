#include "store/store_sqlite_wal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define HEADER_SIZE 32
#define HEADER_SUMMED 24
#define FRAME_HEADER_SIZE 24
#define FRAME_HEADER_SUMMED 8
#define MAGIC 0x377F0682U /* its last bit: the checksums are over big-endian words */
#define PAGE_MIN 512
#define PAGE_MAX 65536

typedef struct {
    uint32_t a;
    uint32_t b;
} checksum;

/* What a walk over the frames knows. */
typedef struct {
    bool big_endian;
    uint32_t page_size;
    uint8_t salts[8];
    checksum stored;   /* of the frame before this one: what it says itself, */
    checksum computed; /* and what it ought to say */
    bool whole;        /* up to here SQLite takes it */
    unsigned run;      /* commits, behind the first bad frame, in frames that follow from each other */
} walk;

static uint32_t word_at(const uint8_t *at, bool big_endian)
{
    return big_endian ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]
                      : (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

/* Goes on over bytes whose number is a multiple of eight. */
static checksum add(checksum sum, const uint8_t *bytes, size_t size, bool big_endian)
{
    for (size_t i = 0; i + 8 <= size; i += 8) {
        sum.a += word_at(bytes + i, big_endian) + sum.b;
        sum.b += word_at(bytes + i + 4, big_endian) + sum.a;
    }
    return sum;
}

static bool is_sum(checksum sum, const uint8_t *at)
{
    return sum.a == word_at(at, true) && sum.b == word_at(at + 4, true);
}

static BM_RESULT begin(const uint8_t header[HEADER_SIZE], walk *state)
{
    uint32_t magic = word_at(header, true);
    checksum sum = {0};

    state->big_endian = (magic & 1) != 0;
    state->page_size = word_at(header + 8, true);
    sum = add(sum, header, HEADER_SUMMED, state->big_endian);
    BM_CHECK((magic & ~1U) == MAGIC && state->page_size >= PAGE_MIN && state->page_size <= PAGE_MAX && is_sum(sum, header + HEADER_SUMMED),
             BM_E_STORE, "its header is not whole");
    state->stored = sum;
    state->computed = sum;
    state->whole = true;
    state->run = 0;
    return bm_bytes_copy_exact(bm_bytes_of(header + 16, 8), state->salts, sizeof(state->salts));
}

/* The checksum of a frame that stands behind one with that checksum. */
static checksum sum_of(const walk *state, checksum before, const uint8_t *frame)
{
    checksum sum = add(before, frame, FRAME_HEADER_SUMMED, state->big_endian);

    return add(sum, frame + FRAME_HEADER_SIZE, state->page_size, state->big_endian);
}

/*
 * One frame more: two commits behind the first bad frame, or in it and behind it, the second written after the first, are what no power failure
 * leaves. Where a frame's own checksum is what was damaged, the next one follows from what it ought to be.
 */
static BM_RESULT step(walk *state, const uint8_t *frame)
{
    const uint8_t *stored = frame + 16;
    checksum computed = sum_of(state, state->stored, frame);
    bool ours = bm_bytes_equal(BM_BYTES_ARRAY(state->salts), bm_bytes_of(frame + 8, 8)); /* else of an earlier log in the same file */
    bool whole = ours && is_sum(computed, stored);
    bool follows = whole || (ours && is_sum(sum_of(state, state->computed, frame), stored));

    state->stored = (checksum){word_at(stored, true), word_at(stored + 4, true)};
    state->computed = computed;
    state->whole = state->whole && whole;
    if (state->whole)
        return bm_ok();
    if (!follows)
        state->run = 0;
    state->run += word_at(frame + 4, true) != 0;
    BM_CHECK(state->run < 2, BM_E_STORE, "commits stand behind a frame that is not whole");
    return bm_ok();
}

static BM_RESULT check_frames(int fd, walk *state)
{
    BM_AUTO_BUF frame = BM_BUF_EMPTY;
    size_t size = FRAME_HEADER_SIZE + state->page_size;
    off_t at = HEADER_SIZE;
    uint8_t *start;

    BM_TRY(bm_buf_extend(&frame, size, &start));
    for (; pread(fd, start, size, at) == (ssize_t)size; at += (off_t)size)
        BM_TRY(step(state, start));
    return bm_ok();
}

static BM_RESULT check(int fd)
{
    static const uint8_t nothing[HEADER_SIZE] = {0};
    uint8_t header[HEADER_SIZE];
    walk state;

    /* A log that never had a frame, or whose header never reached the disk. */
    if (pread(fd, header, sizeof(header), 0) != (ssize_t)sizeof(header) || bm_bytes_equal(BM_BYTES_ARRAY(header), BM_BYTES_ARRAY(nothing)))
        return bm_ok();
    BM_TRY(begin(header, &state));
    return check_frames(fd, &state);
}

BM_RESULT bm_store_sqlite_wal_check(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bm_result result;

    if (fd < 0 && errno == ENOENT)
        return bm_ok();
    if (fd < 0)
        return bm_failf(BM_E_STORE, "%s: %s", path, strerror(errno));
    result = check(fd);
    (void)close(fd);
    if (result.code != BM_E_STORE)
        return result;
    return bm_failf(BM_E_STORE, "%s is damaged (%s), and certificates that were handed out may be missing from the database: restore a backup, "
                    "or read the operator's guide, \"A damaged database\", before you start again", path, result.detail);
}

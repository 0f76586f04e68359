/*
 * What the fuzz targets share. A target is one file with an LLVMFuzzerTestOneInput; it is linked with libFuzzer (tools/fuzz), and with
 * replay.c, which hands it the files of its corpus (a unit test, with every compiler).
 *
 * A target not only must not crash: it says what must hold for whatever was accepted, with FUZZ_MUST.
 */
#ifndef BM_TESTS_FUZZ_H
#define BM_TESTS_FUZZ_H

#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* One input. Always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * What the process has before it shuts itself in (shut.c): keys, sockets, an open database. Only a target has this whose process could not make it
 * afterwards.
 */
void fuzz_prepare(void) __attribute__((weak));

/* Ends the process, as a crash does, unless this holds. */
#define FUZZ_MUST(condition)                                                                                           \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                       \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* The same for a result. */
#define FUZZ_OK(expr)                                                                                                  \
    do {                                                                                                               \
        bm_result fuzz_result = (expr);                                                                                \
        if (fuzz_result.code != BM_OK) {                                                                               \
            (void)fprintf(stderr, "%s:%d: %s: %s (%s)\n", __FILE__, __LINE__, #expr, bm_code_name(fuzz_result.code),   \
                          fuzz_result.detail != NULL ? fuzz_result.detail : "-");                                      \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Is `inner`, when it is not empty, a part of `outer`: the same memory, not a copy? */
static inline bool fuzz_inside(bm_bytes outer, bm_bytes inner)
{
    uintptr_t from = (uintptr_t)outer.data;
    uintptr_t at = (uintptr_t)inner.data;

    return inner.size == 0 || (at >= from && inner.size <= outer.size && at - from <= outer.size - inner.size);
}

/* Only what can be shown on a terminal, ended within its array? */
static inline bool fuzz_printable(const char *text, size_t room)
{
    size_t at = 0;

    while (at < room && text[at] >= 0x20 && text[at] <= 0x7E)
        at++;
    return at < room && text[at] == 0;
}

/* Of the leak sanitizer, where there is one. */
void __lsan_register_root_region(const void *start, size_t size) __attribute__((weak));

/* What a mapping of its own refers to (keys/keys_file.c) is not lost: the leak sanitizer does not look into mappings unless it is told. */
static inline void fuzz_keep_mapping(const void *start, size_t size)
{
    if (__lsan_register_root_region != NULL)
        __lsan_register_root_region(start, size);
}

/* Makes a directory for a target that works on files: in $TMPDIR, or else in memory where there is such a file system. */
static inline void fuzz_directory(char *out, size_t room)
{
    const char *where = getenv("TMPDIR");

    if (where == NULL)
        where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    FUZZ_MUST((size_t)snprintf(out, room, "%s/bmfuzz.XXXXXX", where) < room);
    FUZZ_MUST(mkdtemp(out) != NULL);
}

/* The first byte of an input, which chooses; the rest stays in `rest`. */
static inline uint8_t fuzz_choice(bm_bytes *rest)
{
    uint8_t first = rest->size > 0 ? rest->data[0] : 0;

    *rest = bm_bytes_slice(*rest, 1, rest->size > 0 ? rest->size - 1 : 0);
    return first;
}

/* The next piece of an input, u16 size and that many bytes, or what is there of it; empty at the end. */
static inline bm_bytes fuzz_piece(bm_bytes *rest)
{
    size_t size = rest->size >= 2 ? (size_t)rest->data[0] << 8 | rest->data[1] : 0;
    size_t left = rest->size >= 2 ? rest->size - 2 : 0;
    bm_bytes piece;

    size = size < left ? size : left;
    piece = bm_bytes_slice(*rest, 2, size);
    *rest = bm_bytes_slice(*rest, 2 + size, left - size);
    return piece;
}

#endif

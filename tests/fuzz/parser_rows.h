/* The tables of strict parsers, for test_parsers.c. */
#ifndef BM_TESTS_FUZZ_PARSER_ROWS_H
#define BM_TESTS_FUZZ_PARSER_ROWS_H

#include "world.h"

/* A parser: a good sample of what it reads (the device is one of the world's), and what it reads, written again; both append. */
typedef struct {
    const char *name;
    void (*make)(const make_device *device, bm_buf *out);
    BM_RESULT (*pass)(bm_bytes input, bm_buf *again);
} parser_row;

/* Those of lib/ and of the device; those between the processes. Each ends with a row without a name. */
extern const parser_row parser_rows[];
extern const parser_row parser_rows_messages[];

#endif

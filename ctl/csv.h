/* Rows of comma-separated values (RFC 4180), strictly: fields in quotes may hold commas, quotes (doubled) and line ends. */
#ifndef BM_CTL_CSV_H
#define BM_CTL_CSV_H

#include "base/bytes.h"

#define BM_CSV_FIELDS_MAX 16

/* A reader over the text of a file. */
typedef struct {
    bm_bytes rest;
    unsigned line; /* of the next row, from 1 */
} bm_ctl_csv;

/* A row: views of `text`, valid until the next row is read. Zero-initialise; end with bm_ctl_csv_row_fini. */
typedef struct {
    bm_buf text;
    unsigned line;
    size_t count;
    bm_bytes fields[BM_CSV_FIELDS_MAX];
} bm_ctl_csv_row;

/* A reader at the beginning of a text; a byte order mark is skipped. */
bm_ctl_csv bm_ctl_csv_of(bm_bytes text);

/* Frees what it owns. */
void bm_ctl_csv_row_fini(bm_ctl_csv_row *row);

/*
 * Reads the next row that is not empty; `found` is false at the end. BM_E_MALFORMED with the reason: a quote where none may be, one that
 * is not closed, too many fields, a NUL; the reader stands at the next line then, and row->line says where it was.
 */
BM_RESULT bm_ctl_csv_next(bm_ctl_csv *csv, bm_ctl_csv_row *row, bool *found);

#endif

/*
 * Lists: aligned columns for people, or an array of JSON objects; the same calls print either. What is not printable ASCII never
 * reaches a terminal.
 */
#ifndef BM_CTL_OUTPUT_H
#define BM_CTL_OUTPUT_H

#include "ctl/ctl.h"

typedef enum { BM_COLUMN_TEXT, BM_COLUMN_NUMBER, BM_COLUMN_BOOL } bm_ctl_column_kind;

typedef struct {
    const char *name; /* the heading, and the member's name in JSON */
    int width;        /* for people; 0: only in JSON */
    bm_ctl_column_kind kind;
} bm_ctl_column;

/* A list that is being printed. Begin it, give each row's cells in the order of the columns, end it. */
typedef struct {
    const bm_ctl_column *columns;
    size_t count;
    bool json;
    size_t at; /* the next cell */
    size_t rows;
    size_t due; /* spaces that the last cell still wants: printed before the next, so that no line ends in spaces */
} bm_ctl_output;

/* Begins with the headings, or with the array. */
void bm_ctl_output_begin(bm_ctl_output *output, const bm_ctl_column *columns, size_t count, bool json);

/* The next cell, by its column's kind. */
void bm_ctl_output_text(bm_ctl_output *output, const char *text);
void bm_ctl_output_number(bm_ctl_output *output, uint64_t number);
void bm_ctl_output_bool(bm_ctl_output *output, bool yes);
/* A time as RFC 3339, or bytes as hex: of `digits` digits at most for people, all of them in JSON. */
void bm_ctl_output_time(bm_ctl_output *output, int64_t time);
void bm_ctl_output_hex(bm_ctl_output *output, bm_bytes bytes, size_t digits);

/* Ends it; BM_E_IO: standard output cannot be written. */
BM_RESULT bm_ctl_output_end(bm_ctl_output *output);

/* BM_E_IO unless everything that was printed has been written. */
BM_RESULT bm_ctl_output_flush(void);

/* Prints "label: value" with the values in one column. */
void bm_ctl_output_field(const char *label, const char *value);
void bm_ctl_output_field_time(const char *label, int64_t time);
void bm_ctl_output_field_hex(const char *label, bm_bytes bytes);

#endif

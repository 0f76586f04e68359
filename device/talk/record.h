/* One JSON object for machines, written member by member (RFC 8259). Members keep their names from version to version. */
#ifndef BM_DEVICE_TALK_RECORD_H
#define BM_DEVICE_TALK_RECORD_H

#include "base/bytes.h"

/* Text so far; zero-initialise, end with bm_record_fini. */
typedef struct {
    bm_buf text;
    bool more; /* a member stands before */
} bm_record;

/* Frees. For BM_AUTO. */
void bm_record_fini(bm_record *record);

/* Begins an object or an array, as a member of this name, or without one: the whole, or an element of an array. BM_E_NO_MEMORY, here and below. */
BM_RESULT bm_record_begin_object(bm_record *record, const char *name);
BM_RESULT bm_record_begin_array(bm_record *record, const char *name);

/* Ends it. */
BM_RESULT bm_record_end_object(bm_record *record);
BM_RESULT bm_record_end_array(bm_record *record);

/* Adds a member, or with a NULL name an element. Text that is not UTF-8 is written with '?' for what is beyond ASCII. */
BM_RESULT bm_record_put_text(bm_record *record, const char *name, const char *text);
BM_RESULT bm_record_put_number(bm_record *record, const char *name, int64_t number);
BM_RESULT bm_record_put_flag(bm_record *record, const char *name, bool flag);

/* A time as RFC 3339, a TPM handle as 0x and eight digits, bytes in hex: as text. */
BM_RESULT bm_record_put_time(bm_record *record, const char *name, int64_t time);
BM_RESULT bm_record_put_handle(bm_record *record, const char *name, uint32_t handle);
BM_RESULT bm_record_put_hex(bm_record *record, const char *name, bm_bytes bytes);

/* Adds what another record has, whole, as a member of this name; nothing when it is empty. */
BM_RESULT bm_record_put_record(bm_record *record, const char *name, const bm_record *other);

#endif

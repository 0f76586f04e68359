/* device import: a table of devices, all of which become inventory rows, or none. */
#include "ctl/csv.h"
#include "ctl/ek.h"
#include "ctl/files.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CSV_MAX (256u * 1024 * 1024)
#define PROBLEMS_SHOWN 20
#define BASE64_MIN 64 /* bytes: what decodes to fewer is a path */

typedef enum { COLUMN_SERIAL, COLUMN_CERTIFICATE, COLUMN_PUBLIC, COLUMN_SHA256, COLUMN_COUNT } column;

static const char *const names[COLUMN_COUNT] = {"serial", "ek_certificate", "ek_public", "ek_sha256"};

typedef struct {
    unsigned line;
    char serial[BM_IDENTITY_MAX + 1];
    uint8_t ek[BM_SHA256_SIZE];
} device_row;

typedef struct {
    const bm_ctl *ctl;
    const char *file;
    size_t directory_size; /* how much of `file` is its directory, with the slash */
    size_t place[COLUMN_COUNT]; /* which field a column is; BM_CSV_FIELDS_MAX: the table does not have it */
    size_t columns;
    device_row *rows;
    size_t count;
    size_t room;
    size_t problems;
    size_t added;
} table;

/* One problem more; the first of them are shown. */
static void complain(table *t, unsigned line, bm_result why)
{
    if (t->problems++ < PROBLEMS_SHOWN)
        fprintf(stderr, "birthmarkctl: %s:%u: %s\n", t->file, line, why.detail == NULL ? bm_code_advice(why.code) : why.detail);
}

static BM_RESULT read_header(table *t, const bm_ctl_csv_row *row)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        t->place[i] = BM_CSV_FIELDS_MAX;
    for (size_t at = 0; at < row->count; at++) {
        size_t i = 0;

        while (i < COLUMN_COUNT && !bm_bytes_equal(row->fields[at], bm_bytes_str(names[i])))
            i++;
        if (i == COLUMN_COUNT)
            return bm_failf(BM_E_MALFORMED, "column %zu is none of serial, ek_certificate, ek_public, ek_sha256", at + 1);
        if (t->place[i] != BM_CSV_FIELDS_MAX)
            return bm_failf(BM_E_MALFORMED, "there are two columns %s", names[i]);
        t->place[i] = at;
    }
    BM_CHECK(t->place[COLUMN_CERTIFICATE] != BM_CSV_FIELDS_MAX || t->place[COLUMN_PUBLIC] != BM_CSV_FIELDS_MAX ||
                 t->place[COLUMN_SHA256] != BM_CSV_FIELDS_MAX,
             BM_E_MALFORMED, "there is no column for the EK: one of ek_certificate, ek_public, ek_sha256");
    t->columns = row->count;
    return bm_ok();
}

static bm_bytes field_of(const table *t, const bm_ctl_csv_row *row, column i)
{
    return t->place[i] < row->count ? row->fields[t->place[i]] : bm_bytes_of(NULL, 0);
}

/* The bytes of a value: base64, or what is in the file that it names, from the table's directory. */
static BM_RESULT read_value(const table *t, bm_bytes value, bm_buf *bytes)
{
    BM_AUTO_BUF path = BM_BUF_EMPTY;

    if (bm_text_from_base64(value, bytes).code == BM_OK && bytes->size >= BASE64_MIN)
        return bm_ok();
    bm_buf_clear(bytes);
    if (value.data[0] != '/')
        BM_TRY(bm_buf_put(&path, bm_bytes_of(t->file, t->directory_size)));
    BM_TRY(bm_buf_put(&path, value));
    BM_TRY(bm_buf_terminate(&path));
    return bm_ctl_files_read((const char *)path.data, BM_EK_FILE_MAX, bytes);
}

static BM_RESULT read_ek(const table *t, const bm_ctl_csv_row *row, uint8_t *sha256)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    bm_bytes certificate = field_of(t, row, COLUMN_CERTIFICATE);
    bm_bytes public_area = field_of(t, row, COLUMN_PUBLIC);
    bm_bytes hash = field_of(t, row, COLUMN_SHA256);

    BM_CHECK((certificate.size > 0) + (public_area.size > 0) + (hash.size > 0) == 1, BM_E_MALFORMED,
             "a row has exactly one of ek_certificate, ek_public, ek_sha256");
    if (hash.size > 0)
        return bm_ctl_ek_of_hex(hash, sha256);
    BM_TRY(read_value(t, certificate.size > 0 ? certificate : public_area, &bytes));
    if (certificate.size > 0)
        return bm_ctl_ek_of_certificate(bm_buf_view(&bytes), sha256);
    return bm_ctl_ek_of_public(bm_buf_view(&bytes), sha256);
}

static BM_RESULT read_row(const table *t, const bm_ctl_csv_row *row, device_row *device)
{
    bm_bytes serial = field_of(t, row, COLUMN_SERIAL);

    if (row->count != t->columns)
        return bm_failf(BM_E_MALFORMED, "%zu fields where the header has %zu", row->count, t->columns);
    BM_CHECK(serial.size == 0 || bm_text_is_identity(serial), BM_E_IDENTITY_INVALID, NULL);
    *device = (device_row){.line = row->line};
    BM_TRY(bm_bytes_copy_exact(serial, (uint8_t *)device->serial, serial.size));
    return read_ek(t, row, device->ek);
}

static BM_RESULT keep(table *t, const device_row *device)
{
    if (t->count == t->room) {
        size_t room = t->room == 0 ? 256 : 2 * t->room;
        device_row *rows = realloc(t->rows, room * sizeof(*rows));

        BM_CHECK(rows != NULL, BM_E_NO_MEMORY, NULL);
        t->rows = rows;
        t->room = room;
    }
    t->rows[t->count++] = *device;
    return bm_ok();
}

/* Reads the rows; what is wrong with one is told, and the next is read. */
static BM_RESULT read_rows(table *t, bm_ctl_csv *csv)
{
    BM_AUTO(bm_ctl_csv_row_fini) bm_ctl_csv_row row = {0};
    BM_AUTO(bm_ctl_progress_end) bm_ctl_progress progress = bm_ctl_progress_begin("rows checked", 0);
    bool found;

    for (;; bm_ctl_progress_tell(&progress, t->count)) {
        device_row device;
        bm_result result = bm_ctl_csv_next(csv, &row, &found);

        if (result.code == BM_OK && !found)
            return bm_ok();
        if (result.code == BM_OK)
            result = read_row(t, &row, &device);
        if (result.code == BM_OK)
            BM_TRY(keep(t, &device));
        else if (result.code == BM_E_NO_MEMORY)
            return result;
        else
            complain(t, row.line, result);
    }
}

static BM_RESULT read_table(table *t, bm_bytes text)
{
    BM_AUTO(bm_ctl_csv_row_fini) bm_ctl_csv_row header = {0};
    bm_ctl_csv csv = bm_ctl_csv_of(text);
    bool found = false;
    bm_result result = bm_ctl_csv_next(&csv, &header, &found);

    if (result.code == BM_OK && !found)
        result = bm_fail(BM_E_MALFORMED, "the file is empty: its first row names the columns");
    if (result.code == BM_OK)
        result = read_header(t, &header);
    if (result.code != BM_OK) {
        complain(t, header.line, result);
        return bm_ok();
    }
    return read_rows(t, &csv);
}

/* Puts the rows in; an error of the database itself ends it, a row that conflicts is told like the others. */
static BM_RESULT put_rows(bm_store *store, void *context)
{
    table *t = context;
    BM_AUTO(bm_ctl_progress_end) bm_ctl_progress progress = bm_ctl_progress_begin("rows imported", t->count);

    for (size_t i = 0; i < t->count; i++) {
        bool changed = false;
        bm_result result = bm_store_device_add(store, t->rows[i].ek, t->rows[i].serial, t->ctl->now, &changed);

        if (result.code == BM_E_IDENTITY_TAKEN || result.code == BM_E_IDENTITY_MISMATCH || result.code == BM_E_DEVICE_RETIRED)
            complain(t, t->rows[i].line, result);
        else
            BM_TRY(result);
        t->added += changed;
        bm_ctl_progress_tell(&progress, i + 1);
    }
    if (t->problems == 0)
        return bm_ok();
    if (t->problems > PROBLEMS_SHOWN)
        return bm_failf(BM_E_MALFORMED, "%zu rows of %s are wrong (the first %d are above): nothing was imported", t->problems, t->file,
                        PROBLEMS_SHOWN);
    return bm_failf(BM_E_MALFORMED, "%zu row%s of %s %s wrong: nothing was imported", t->problems, t->problems == 1 ? "" : "s", t->file,
                    t->problems == 1 ? "is" : "are");
}

static BM_RESULT import(table *t)
{
    BM_AUTO_BUF text = BM_BUF_EMPTY;
    const char *slash = strrchr(t->file, '/');

    t->directory_size = slash == NULL ? 0 : (size_t)(slash - t->file) + 1;
    BM_TRY(bm_ctl_files_read(t->file, CSV_MAX, &text));
    BM_TRY(read_table(t, bm_buf_view(&text)));
    BM_TRY(bm_ctl_state_change(t->ctl, put_rows, t));
    printf("%zu added, %zu unchanged\n", t->added, t->count - t->added);
    return bm_ctl_output_flush();
}

BM_RESULT bm_ctl_import_run(const bm_ctl *ctl)
{
    table t = {.ctl = ctl, .file = ctl->arguments[0]};
    bm_result result = import(&t);

    free(t.rows);
    return result;
}

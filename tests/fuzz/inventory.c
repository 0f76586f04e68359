/*
 * bm_ctl_csv_of and _next (ctl/csv.h), bm_ctl_ek_of_certificate, _of_public and _of_hex (ctl/ek.h): the table of devices that an operator
 * imports, and the EKs that its fields name.
 */
#include "fuzz.h"

#include "base/text.h"
#include "ctl/csv.h"
#include "ctl/ek.h"

static void put_quoted(bm_buf *out, bm_bytes field)
{
    FUZZ_OK(bm_buf_put_u8(out, '"'));
    for (size_t i = 0; i < field.size; i++) {
        if (field.data[i] == '"')
            FUZZ_OK(bm_buf_put_u8(out, '"'));
        FUZZ_OK(bm_buf_put_u8(out, field.data[i]));
    }
    FUZZ_OK(bm_buf_put_u8(out, '"'));
}

/* A row, written with all its fields in quotes, is the same row. */
static void check_row(const bm_ctl_csv_row *row)
{
    BM_AUTO(bm_ctl_csv_row_fini) bm_ctl_csv_row again = {0};
    BM_AUTO_BUF text = BM_BUF_EMPTY;
    bm_ctl_csv csv;
    bool found;

    for (size_t i = 0; i < row->count; i++) {
        if (i > 0)
            FUZZ_OK(bm_buf_put_u8(&text, ','));
        put_quoted(&text, row->fields[i]);
    }
    csv = bm_ctl_csv_of(bm_buf_view(&text));
    FUZZ_OK(bm_ctl_csv_next(&csv, &again, &found));
    FUZZ_MUST(found && again.count == row->count && csv.rest.size == 0);
    for (size_t i = 0; i < row->count; i++)
        FUZZ_MUST(bm_bytes_equal(again.fields[i], row->fields[i]));
}

/* The value of a field, as an import takes it. */
static void name_ek(bm_bytes field)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    uint8_t sha256[BM_SHA256_SIZE];

    bm_result_ignore(bm_ctl_ek_of_hex(field, sha256));
    if (bm_text_from_base64(field, &bytes).code != BM_OK)
        return;
    bm_result_ignore(bm_ctl_ek_of_certificate(bm_buf_view(&bytes), sha256));
    bm_result_ignore(bm_ctl_ek_of_public(bm_buf_view(&bytes), sha256));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    BM_AUTO(bm_ctl_csv_row_fini) bm_ctl_csv_row row = {0};
    bm_ctl_csv csv = bm_ctl_csv_of(bm_bytes_of(data, size));
    uint8_t sha256[BM_SHA256_SIZE];
    bool found = true;

    while (found) {
        size_t left = csv.rest.size;
        bm_result result = bm_ctl_csv_next(&csv, &row, &found);

        /* However bad the table: a row is a step forward. */
        FUZZ_MUST(!found || csv.rest.size < left);
        if (result.code != BM_OK || !found)
            continue;
        check_row(&row);
        for (size_t i = 0; i < row.count; i++)
            name_ek(row.fields[i]);
    }
    bm_result_ignore(bm_ctl_ek_of_certificate(bm_bytes_of(data, size), sha256));
    bm_result_ignore(bm_ctl_ek_of_public(bm_bytes_of(data, size), sha256));
    return 0;
}

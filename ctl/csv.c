#include "ctl/csv.h"

#define END (-1)

bm_ctl_csv bm_ctl_csv_of(bm_bytes text)
{
    bm_ctl_csv csv = {.rest = text, .line = 1};
    bm_bytes mark = bm_bytes_str("\xEF\xBB\xBF");

    if (bm_bytes_equal(bm_bytes_slice(text, 0, mark.size), mark))
        csv.rest = bm_bytes_slice(text, mark.size, text.size - mark.size);
    return csv;
}

void bm_ctl_csv_row_fini(bm_ctl_csv_row *row)
{
    bm_buf_fini(&row->text);
    *row = (bm_ctl_csv_row){0};
}

static int peek(const bm_ctl_csv *csv)
{
    return csv->rest.size == 0 ? END : csv->rest.data[0];
}

static int take(bm_ctl_csv *csv)
{
    int c = peek(csv);

    if (c == END)
        return END;
    csv->rest = bm_bytes_slice(csv->rest, 1, csv->rest.size - 1);
    if (c == '\n')
        csv->line++;
    return c;
}

/* CRLF, LF or the end: takes it. */
static bool take_line_end(bm_ctl_csv *csv)
{
    if (peek(csv) == '\r' && csv->rest.size > 1 && csv->rest.data[1] == '\n')
        (void)take(csv);
    if (peek(csv) != '\n' && peek(csv) != END)
        return false;
    (void)take(csv);
    return true;
}

static bool at_field_end(const bm_ctl_csv *csv)
{
    int c = peek(csv);

    return c == ',' || c == '\n' || c == END || (c == '\r' && csv->rest.size > 1 && csv->rest.data[1] == '\n');
}

/* The inside of a field in quotes, behind the first of them. */
static BM_RESULT read_quoted(bm_ctl_csv *csv, bm_buf *text)
{
    for (;;) {
        int c = take(csv);

        BM_CHECK(c != END, BM_E_MALFORMED, "a quote is not closed");
        BM_CHECK(c != 0, BM_E_MALFORMED, "a NUL byte: is it a text file?");
        if (c == '"') {
            if (peek(csv) != '"')
                break;
            (void)take(csv);
        }
        BM_TRY(bm_buf_put_u8(text, (uint8_t)c));
    }
    BM_CHECK(at_field_end(csv), BM_E_MALFORMED, "something stands behind a closing quote");
    return bm_ok();
}

static BM_RESULT read_plain(bm_ctl_csv *csv, bm_buf *text)
{
    while (!at_field_end(csv)) {
        int c = take(csv);

        BM_CHECK(c != '"', BM_E_MALFORMED, "a quote inside a field that does not begin with one");
        BM_CHECK(c != 0, BM_E_MALFORMED, "a NUL byte: is it a text file?");
        BM_TRY(bm_buf_put_u8(text, (uint8_t)c));
    }
    return bm_ok();
}

static BM_RESULT read_fields(bm_ctl_csv *csv, bm_ctl_csv_row *row)
{
    size_t ends[BM_CSV_FIELDS_MAX];
    size_t start = 0;

    for (;;) {
        BM_CHECK(row->count < BM_CSV_FIELDS_MAX, BM_E_MALFORMED, "more than 16 columns");
        if (peek(csv) == '"') {
            (void)take(csv);
            BM_TRY(read_quoted(csv, &row->text));
        } else {
            BM_TRY(read_plain(csv, &row->text));
        }
        ends[row->count++] = row->text.size;
        if (peek(csv) != ',')
            break;
        (void)take(csv);
    }
    (void)take_line_end(csv);
    /* Views only now: the text has stopped growing. */
    for (size_t i = 0; i < row->count; i++) {
        row->fields[i] = bm_bytes_slice(bm_buf_view(&row->text), start, ends[i] - start);
        start = ends[i];
    }
    return bm_ok();
}

BM_RESULT bm_ctl_csv_next(bm_ctl_csv *csv, bm_ctl_csv_row *row, bool *found)
{
    bm_result result;

    bm_buf_clear(&row->text);
    row->count = 0;
    while (peek(csv) != END && take_line_end(csv))
        ;
    row->line = csv->line;
    *found = peek(csv) != END;
    if (!*found)
        return bm_ok();
    result = read_fields(csv, row);
    while (result.code != BM_OK && !take_line_end(csv))
        (void)take(csv);
    return result;
}

#include "unit.h"

#include "ctl/csv.h"

#include <string.h>

/* Reads a text and writes what it found as "LINE:[field][field];" for each row, "LINE!;" for one that is refused. */
static void read_as(bm_bytes text, const char *expected)
{
    BM_AUTO_BUF seen = BM_BUF_EMPTY;
    BM_AUTO(bm_ctl_csv_row_fini) bm_ctl_csv_row row = {0};
    bm_ctl_csv csv = bm_ctl_csv_of(text);
    bool found = true;

    for (;;) {
        bm_result result = bm_ctl_csv_next(&csv, &row, &found);

        if (result.code == BM_OK && !found)
            break;
        assert_ok(bm_buf_putf(&seen, "%u", row.line));
        if (result.code != BM_OK) {
            assert_int_equal(result.code, BM_E_MALFORMED);
            assert_non_null(result.detail);
            assert_ok(bm_buf_put_str(&seen, "!;"));
            continue;
        }
        assert_ok(bm_buf_put_str(&seen, ":"));
        for (size_t i = 0; i < row.count; i++) {
            assert_ok(bm_buf_put_str(&seen, "["));
            assert_ok(bm_buf_put(&seen, row.fields[i]));
            assert_ok(bm_buf_put_str(&seen, "]"));
        }
        assert_ok(bm_buf_put_str(&seen, ";"));
    }
    assert_ok(bm_buf_terminate(&seen));
    assert_string_equal((const char *)seen.data, expected);
}

static void rows_and_fields_are_cut_as_rfc_4180_says(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } good[] = {{"", ""},
                {"a", "1:[a];"},
                {"a,b\nc,d\n", "1:[a][b];2:[c][d];"},
                {"a,b\r\nc,d", "1:[a][b];2:[c][d];"},
                {",\n", "1:[][];"},
                {",,", "1:[][][];"},
                {"a,\n,b", "1:[a][];2:[][b];"},
                {"\"a\"\n", "1:[a];"},
                {"\"\",\"\"", "1:[][];"},
                {"\"a,b\",c", "1:[a,b][c];"},
                {"\"say \"\"yes\"\"\"", "1:[say \"yes\"];"},
                {"\"two\nlines\",x\nnext", "1:[two\nlines][x];3:[next];"},
                {"\"two\r\nlines\"\r\nnext", "1:[two\r\nlines];3:[next];"},
                {" a , b ", "1:[ a ][ b ];"},
                {"a\rb", "1:[a\rb];"},
                {"\n\r\n\na\n\n\nb\n\n", "4:[a];7:[b];"},
                {"\xEF\xBB\xBFserial,x", "1:[serial][x];"}};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        read_as(bm_bytes_str(good[i].text), good[i].expected);
}

static void a_row_that_is_wrong_is_refused_and_the_next_is_read(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } bad[] = {{"a\"b,c\nd", "1!;2:[d];"},
               {"\"a\"b,c\nd", "1!;2:[d];"},
               {"\"a\" ,c\nd", "1!;2:[d];"},
               {"x\n\"never closed,\nd\ne", "1:[x];2!;"},
               {"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17\nd", "1!;2:[d];"},
               {"a\"\n\nb\"\nc", "1!;3!;4:[c];"},
               {"\"", "1!;"},
               {"\"\"\"", "1!;"}};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        read_as(bm_bytes_str(bad[i].text), bad[i].expected);
    read_as(bm_bytes_of("a\0b,c\nd", 7), "1!;2:[d];");
    read_as(bm_bytes_of("\"a\0b\",c\nd", 9), "1!;2:[d];");
}

static void sixteen_fields_are_taken(void **state)
{
    (void)state;
    read_as(bm_bytes_str("1,2,3,4,5,6,7,8,9,a,b,c,d,e,f,0"), "1:[1][2][3][4][5][6][7][8][9][a][b][c][d][e][f][0];");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_fields_are_cut_as_rfc_4180_says),
        cmocka_unit_test(a_row_that_is_wrong_is_refused_and_the_next_is_read),
        cmocka_unit_test(sixteen_fields_are_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

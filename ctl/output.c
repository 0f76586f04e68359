#include "ctl/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEX_MAX 64 /* bytes that a cell shows */

static bool for_people(const bm_ctl_output *output, size_t column)
{
    return output->columns[column].width > 0;
}

/* Printable ASCII; everything else as '?'. */
static void put_clean(const char *text)
{
    for (const char *at = text; *at != 0; at++)
        (void)putchar(*at >= 0x20 && *at < 0x7F ? *at : '?');
}

static void put_json_string(const char *text)
{
    (void)putchar('"');
    for (const char *at = text; *at != 0; at++) {
        unsigned char c = (unsigned char)*at;

        if (c == '"' || c == '\\')
            (void)putchar('\\');
        if (c >= 0x20 && c < 0x7F)
            (void)putchar(c);
        else if (c < 0x80)
            printf("\\u%04x", c);
        else
            (void)putchar('?');
    }
    (void)putchar('"');
}

static void put_cell(bm_ctl_output *output, const char *text)
{
    const bm_ctl_column *column = &output->columns[output->at];
    size_t size = strlen(text);

    if (!for_people(output, output->at))
        return;
    printf("%*s", (int)output->due, "");
    put_clean(text);
    output->due = size < (size_t)column->width ? (size_t)column->width - size + 2 : 2;
}

static void put_member(bm_ctl_output *output, const char *text)
{
    const bm_ctl_column *column = &output->columns[output->at];

    printf("%s\"%s\": ", output->at > 0 ? ", " : output->rows > 0 ? ",\n  {" : "\n  {", column->name);
    if (column->kind == BM_COLUMN_TEXT)
        put_json_string(text);
    else
        printf("%s", text);
}

static void cell(bm_ctl_output *output, const char *text)
{
    if (output->json)
        put_member(output, text);
    else
        put_cell(output, text);
    if (++output->at < output->count)
        return;
    printf(output->json ? "}" : "\n");
    output->at = 0;
    output->due = 0;
    output->rows++;
}

void bm_ctl_output_begin(bm_ctl_output *output, const bm_ctl_column *columns, size_t count, bool json)
{
    *output = (bm_ctl_output){.columns = columns, .count = count, .json = json};
    if (json) {
        printf("[");
        return;
    }
    for (size_t i = 0; i < count; i++)
        cell(output, columns[i].name);
    output->rows = 0;
}

void bm_ctl_output_text(bm_ctl_output *output, const char *text)
{
    cell(output, !output->json && text[0] == 0 ? "-" : text);
}

void bm_ctl_output_number(bm_ctl_output *output, uint64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    cell(output, text);
}

void bm_ctl_output_bool(bm_ctl_output *output, bool yes)
{
    if (output->json)
        cell(output, yes ? "true" : "false");
    else
        cell(output, yes ? "yes" : "no");
}

void bm_ctl_output_time(bm_ctl_output *output, int64_t time)
{
    char text[BM_TIME_TEXT_SIZE];

    bm_text_time(time, text);
    cell(output, text);
}

void bm_ctl_output_hex(bm_ctl_output *output, bm_bytes bytes, size_t digits)
{
    char text[2 * HEX_MAX + 1];

    bm_text_hex(bytes.size > HEX_MAX ? bm_bytes_slice(bytes, 0, HEX_MAX) : bytes, text);
    if (!output->json && digits < strlen(text))
        text[digits] = 0;
    cell(output, text);
}

BM_RESULT bm_ctl_output_flush(void)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return bm_failf(BM_E_IO, "standard output: %s", strerror(errno));
    return bm_ok();
}

BM_RESULT bm_ctl_output_end(bm_ctl_output *output)
{
    if (output->json)
        printf(output->rows > 0 ? "\n]\n" : "]\n");
    return bm_ctl_output_flush();
}

void bm_ctl_output_field(const char *label, const char *value)
{
    printf("%-15s ", label);
    put_clean(value[0] == 0 ? "-" : value);
    (void)putchar('\n');
}

void bm_ctl_output_field_time(const char *label, int64_t time)
{
    char text[BM_TIME_TEXT_SIZE];

    bm_text_time(time, text);
    bm_ctl_output_field(label, text);
}

void bm_ctl_output_field_hex(const char *label, bm_bytes bytes)
{
    char text[2 * HEX_MAX + 1];

    bm_text_hex(bytes.size > HEX_MAX ? bm_bytes_slice(bytes, 0, HEX_MAX) : bytes, text);
    bm_ctl_output_field(label, text);
}

#include "words.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void atk_die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)fputs("attacker: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    exit(2);
}

void atk_wrong(const atk_line *line, const char *what, const char *which)
{
    atk_die("%s:%d: %s: %s", line->file, line->number, what, which);
}

void atk_need(bm_result result, const char *what)
{
    if (result.code != BM_OK)
        atk_die("%s: %s (%s)", what, bm_code_name(result.code), result.detail == NULL ? "-" : result.detail);
}

void atk_true(bool good, const char *what)
{
    if (!good)
        atk_die("%s: failed", what);
}

void atk_line_read(atk_line *line, const char *file, int number, const char *text)
{
    *line = (atk_line){.file = file, .number = number};
    if (text[0] == '#')
        return;
    if (snprintf(line->text, sizeof(line->text), "%s", text) >= (int)sizeof(line->text))
        atk_wrong(line, "too long a line", text);
    for (char *at = line->text; *at != 0;) {
        size_t blanks = strspn(at, " \t\r\n");
        size_t size = strcspn(at + blanks, " \t\r\n");

        at += blanks;
        if (size == 0)
            break;
        if (line->count == ATK_WORDS_MAX)
            atk_wrong(line, "too many words", at);
        line->word[line->count++] = at;
        at += size;
        if (*at != 0)
            *at++ = 0;
    }
}

const char *atk_word_or(atk_line *line, size_t at)
{
    if (at >= line->count || line->used[at])
        return NULL;
    line->used[at] = true;
    return line->word[at];
}

const char *atk_word(atk_line *line, size_t at)
{
    const char *word = atk_word_or(line, at);

    if (word == NULL)
        atk_wrong(line, "a word is missing after", line->word[0]);
    return word;
}

const char *atk_option(atk_line *line, const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 1; i < line->count; i++)
        if (strncmp(line->word[i], name, size) == 0 && line->word[i][size] == '=') {
            line->used[i] = true;
            return line->word[i] + size + 1;
        }
    return NULL;
}

const char *atk_option_or(atk_line *line, const char *name, const char *otherwise)
{
    const char *value = atk_option(line, name);

    return value == NULL ? otherwise : value;
}

int64_t atk_number(atk_line *line, const char *name, int64_t otherwise)
{
    const char *value = atk_option(line, name);
    char *end = NULL;
    long long number;

    if (value == NULL)
        return otherwise;
    number = strtoll(value, &end, 0);
    if (end == value || *end != 0)
        atk_wrong(line, "not a number", value);
    return number;
}

void atk_line_end(const atk_line *line)
{
    for (size_t i = 1; i < line->count; i++)
        if (!line->used[i])
            atk_wrong(line, "nobody knows this word", line->word[i]);
}

void atk_put_escaped(const char *value, bm_buf *out)
{
    for (const char *at = value; *at != 0; at++) {
        if (at[0] == '\\' && at[1] == 'x' && at[2] != 0 && at[3] != 0) {
            atk_need(bm_text_from_hex(bm_bytes_of(at + 2, 2), out), "an escape");
            at += 3;
        } else {
            if (at[0] == '\\' && at[1] == '\\')
                at++;
            atk_need(bm_buf_put_u8(out, (uint8_t)*at), "an escape");
        }
    }
}

void atk_put_hex(const atk_line *line, const char *value, bm_buf *out)
{
    for (const char *at = value; *at != 0;) {
        if (*at == ':') {
            at++;
            continue;
        }
        if (at[1] == 0 || bm_text_from_hex(bm_bytes_of(at, 2), out).code != BM_OK)
            atk_wrong(line, "not hex", value);
        at += 2;
    }
}

bool atk_listed(const char *list, const char *item)
{
    size_t size = strlen(item);

    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, item, size) == 0 && (at[size] == ',' || at[size] == 0))
            return true;
    }
    return false;
}

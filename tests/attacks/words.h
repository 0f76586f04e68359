/*
 * A line of a case file: a verb, what it is about, and options NAME=VALUE. An option that nobody asked for is an error, so that a misspelt
 * one cannot make an attack harmless.
 */
#ifndef BM_ATTACKS_WORDS_H
#define BM_ATTACKS_WORDS_H

#include "base/bytes.h"

#define ATK_WORDS_MAX 24
#define ATK_LINE_MAX 4096

typedef struct {
    const char *file;
    int number;
    size_t count; /* 0: an empty line or a comment */
    char *word[ATK_WORDS_MAX];
    bool used[ATK_WORDS_MAX];
    char text[ATK_LINE_MAX];
} atk_line;

/* Says what is wrong with a case file, or with this program, and ends it with status 2. */
_Noreturn void atk_die(const char *format, ...) BM_PRINTF(1, 2);
_Noreturn void atk_wrong(const atk_line *line, const char *what, const char *which);

/* Ends the program when a thing that must succeed did not. */
void atk_need(bm_result result, const char *what);
void atk_true(bool good, const char *what);

/* Cuts a line into words; `file` must outlive it. */
void atk_line_read(atk_line *line, const char *file, int number, const char *text);

/* The word at a place (the verb is 0); the first wants one there, the second gives NULL when there is none. */
const char *atk_word(atk_line *line, size_t at);
const char *atk_word_or(atk_line *line, size_t at);

/* The value of an option; NULL when it was not given. The second gives `otherwise` then. */
const char *atk_option(atk_line *line, const char *name);
const char *atk_option_or(atk_line *line, const char *name, const char *otherwise);

/* A number of an option, decimal or 0x..., negative ones too. */
int64_t atk_number(atk_line *line, const char *name, int64_t otherwise);

/* After the verb has done its work: every word was asked for. */
void atk_line_end(const atk_line *line);

/* Appends a value with its escapes as bytes: \xNN is a byte, \\ a backslash. */
void atk_put_escaped(const char *value, bm_buf *out);

/* Appends hex digits, with ':' between them or not, as bytes. */
void atk_put_hex(const atk_line *line, const char *value, bm_buf *out);

/* Is the item one of this list, "a,b,c"? */
bool atk_listed(const char *list, const char *item);

#endif

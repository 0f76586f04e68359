#include "base/result.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DETAIL_MAX 512

typedef struct {
    const char *name;
    int status;
    const char *advice;
} code_row;

static const code_row rows[BM_CODE_COUNT] = {
    [BM_OK] = {"ok", 200, "Done."},
#define X(id, name, status, advice) [BM_E_##id] = {name, status, advice},
#include "base/codes.def"
#undef X
};

static const code_row *row_of(bm_code code)
{
    return (unsigned)code < BM_CODE_COUNT ? &rows[code] : &rows[BM_E_INTERNAL];
}

const char *bm_result_detail(const char *format, ...)
{
    /* Two buffers in turn, so that one detail can be built from the one before it. */
    static _Thread_local char buffers[2][DETAIL_MAX];
    static _Thread_local unsigned turn;
    char *out = buffers[turn++ % 2];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(out, DETAIL_MAX, format, args);
    va_end(args);
    return out;
}

const char *bm_code_name(bm_code code)
{
    return row_of(code)->name;
}

bm_code bm_code_by_name(const char *name)
{
    for (unsigned i = 0; i < BM_CODE_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0)
            return (bm_code)i;
    return BM_E_INTERNAL;
}

int bm_code_status(bm_code code)
{
    return row_of(code)->status;
}

const char *bm_code_advice(bm_code code)
{
    return row_of(code)->advice;
}

/*
 * What every function that can fail returns: a struct, so that forgetting to look at it does not compile.
 *
 * A result is a code of codes.def and an optional detail for the person who reads it. The detail never holds a secret.
 */
#ifndef BM_BASE_RESULT_H
#define BM_BASE_RESULT_H

#include <stdbool.h>

/* BM_OK, and one BM_E_<ID> for each row of codes.def. */
typedef enum {
    BM_OK = 0,
#define X(id, name, status, advice) BM_E_##id,
#include "base/codes.def"
#undef X
    BM_CODE_COUNT
} bm_code;

/* `detail` is NULL, a string literal, or the buffer of bm_failf (valid until the thread's next bm_failf). */
typedef struct {
    bm_code code;
    const char *detail;
} bm_result;

#define BM_RESULT __attribute__((warn_unused_result)) bm_result
#define BM_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* Returns the result of `expr` from the calling function unless it is BM_OK. */
#define BM_TRY(expr)                                                                                                   \
    do {                                                                                                               \
        bm_result bm_try_result = (expr);                                                                              \
        if (bm_try_result.code != BM_OK)                                                                               \
            return bm_try_result;                                                                                      \
    } while (0)

/* Returns bm_fail(code, detail) from the calling function unless `cond` holds. */
#define BM_CHECK(cond, code, detail)                                                                                   \
    do {                                                                                                               \
        if (!(cond))                                                                                                   \
            return bm_fail((code), (detail));                                                                          \
    } while (0)

/* The good result. */
static inline bm_result bm_ok(void)
{
    return (bm_result){.code = BM_OK, .detail = 0};
}

/* A failure; `detail` is a string literal or NULL. */
static inline bm_result bm_fail(bm_code code, const char *detail)
{
    return (bm_result){.code = code, .detail = detail};
}

/* The same failure under another code (say, BM_E_MALFORMED of a parser as BM_E_CSR_MALFORMED); BM_OK stays BM_OK. */
static inline bm_result bm_result_as(bm_result result, bm_code code)
{
    if (result.code != BM_OK && result.code != BM_E_NO_MEMORY && result.code != BM_E_INTERNAL)
        result.code = code;
    return result;
}

/* For the few places where a failure changes nothing (clean-up after another failure). */
static inline void bm_result_ignore(bm_result result)
{
    (void)result;
}

/* A detail for bm_failf: formatted, cut at 511 bytes, in a buffer of this thread that lasts until the next one. */
const char *bm_result_detail(const char *format, ...) BM_PRINTF(1, 2);

/* A failure with a formatted detail. A macro, so that static analysis sees that the code is not BM_OK. */
#define bm_failf(code, ...) bm_fail((code), bm_result_detail(__VA_ARGS__))

/* The stable name of a code ("ek-mismatch"); "ok" for BM_OK; "internal-error" for a number that is no code. */
const char *bm_code_name(bm_code code);

/* The code of a stable name; BM_E_INTERNAL when there is none of this name. */
bm_code bm_code_by_name(const char *name);

/* The HTTP status that goes with a code; 200 for BM_OK. */
int bm_code_status(bm_code code);

/* The sentence that goes with a code: what happened and what to do next. */
const char *bm_code_advice(bm_code code);

#endif

/* What every unit test includes: cmocka in its order, and assertions for results. */
#ifndef BM_TESTS_UNIT_H
#define BM_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"

/* The result is BM_OK; prints code and detail when not. */
#define assert_ok(expr)                                                                                                \
    do {                                                                                                               \
        bm_result unit_result = (expr);                                                                                \
        if (unit_result.code != BM_OK)                                                                                 \
            fail_msg("%s: %s (%s)", #expr, bm_code_name(unit_result.code),                                             \
                     unit_result.detail ? unit_result.detail : "-");                                                   \
    } while (0)

/* The result has this code. */
#define assert_code(expr, expected)                                                                                    \
    do {                                                                                                               \
        bm_result unit_result = (expr);                                                                                \
        if (unit_result.code != (expected))                                                                            \
            fail_msg("%s: %s (%s), expected %s", #expr, bm_code_name(unit_result.code),                                \
                     unit_result.detail ? unit_result.detail : "-", bm_code_name(expected));                           \
    } while (0)

/* Two views hold the same bytes. */
#define assert_bytes(a, b)                                                                                             \
    do {                                                                                                               \
        bm_bytes unit_a = (a);                                                                                         \
        bm_bytes unit_b = (b);                                                                                         \
        assert_int_equal(unit_a.size, unit_b.size);                                                                    \
        if (unit_a.size > 0)                                                                                           \
            assert_memory_equal(unit_a.data, unit_b.data, unit_a.size);                                                \
    } while (0)

#endif

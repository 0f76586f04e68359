/* Where counting begins and ends when valgrind's callgrind runs a program of this folder (tools/instructions); nothing otherwise. */
#ifndef BM_TESTS_BENCH_INSTRUMENT_H
#define BM_TESTS_BENCH_INSTRUMENT_H

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#define INSTRUMENT_BEGIN() CALLGRIND_START_INSTRUMENTATION
#define INSTRUMENT_END() CALLGRIND_STOP_INSTRUMENTATION
#else
#define INSTRUMENT_BEGIN() (void)0
#define INSTRUMENT_END() (void)0
#endif

#endif

/*
 * Mutations that know the structure, so that a change reaches what lies inside. A target names one of them in meson.build; without it
 * libFuzzer changes bytes anywhere, and the first length or quote that does not fit ends the input.
 */
#ifndef BM_TESTS_FUZZ_MUTATE_H
#define BM_TESTS_FUZZ_MUTATE_H

#include "fuzz.h"

/* libFuzzer's own mutations. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

/* What libFuzzer calls in place of its own. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

/* A generator for choices, not for secrets: the next number below `bound`. */
unsigned mutate_below(unsigned *seed, unsigned bound);

/* Replaces `out` by a change of some bytes that libFuzzer makes, grown by at most 64. */
void mutate_plain(bm_bytes bytes, bm_buf *out);

/* Appends a change of DER elements that stand one after the other: inside one of them, all lengths around it mended; or of one as a whole. */
void mutate_der(bm_bytes bytes, unsigned *seed, bm_buf *out);

/* Writes what was made over the input; the size that it has then. */
size_t mutate_store(const bm_buf *made, uint8_t *data, size_t size, size_t max);

#endif

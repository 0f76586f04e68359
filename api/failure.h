/* Results as the public header has them. */
#ifndef BM_API_FAILURE_H
#define BM_API_FAILURE_H

#include "base/result.h"
#include "include/birthmark.h"

/* Fills `error` (NULL is fine) from a result, and returns its code. */
birthmark_code bm_failure_give(bm_result result, birthmark_error *error);

#endif

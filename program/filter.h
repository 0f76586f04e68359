/* What the filters of system calls have in common. For the sandboxes alone; a filter is libseccomp's, and its errors are: below 0, -errno. */
#ifndef BM_PROGRAM_FILTER_H
#define BM_PROGRAM_FILTER_H

#include <seccomp.h>
#include <stdint.h>

/* Behind the last of a list of system calls. */
#define BM_FILTER_END (-1)

/* The action for each call of a list, whatever its arguments. What this architecture does not have is left out. */
int bm_filter_add(scmp_filter_ctx filter, uint32_t action, const int *calls);

/* Memory may be had, but none that can be executed. */
int bm_filter_allow_memory(scmp_filter_ctx filter);

/* Puts a filter into force, unless `rc` says that it could not be filled, and releases it in any case. `rc`, or what came of it. */
int bm_filter_load(scmp_filter_ctx filter, int rc);

#endif

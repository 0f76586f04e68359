#include "program/filter.h"

#include <stddef.h>
#include <sys/mman.h>

int bm_filter_add(scmp_filter_ctx filter, uint32_t action, const int *calls)
{
    int rc = 0;

    for (size_t i = 0; calls[i] != BM_FILTER_END && rc == 0; i++)
        /* A call that this architecture does not have has a pseudo number below zero. */
        if (calls[i] >= 0)
            rc = seccomp_rule_add(filter, action, calls[i], 0);
    return rc;
}

int bm_filter_allow_memory(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp not_executable = {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0};
    int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_executable);

    return rc != 0 ? rc : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_executable);
}

int bm_filter_load(scmp_filter_ctx filter, int rc)
{
    if (rc == 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    return rc;
}

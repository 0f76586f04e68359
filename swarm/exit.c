#include "swarm/exit.h"

bm_swarm_exit_status bm_swarm_exit_status_of(bm_result result)
{
    switch ((int)result.code) {
    case BM_OK:
        return BM_SWARM_EXIT_OK;
    case BM_E_USAGE:
        return BM_SWARM_EXIT_USAGE;
    case BM_E_NETWORK:
        return BM_SWARM_EXIT_NETWORK;
    case BM_E_SERVER_REFUSED:
    case BM_E_SERVER_REPLY:
    case BM_E_CHALLENGE_FAILED:
        return BM_SWARM_EXIT_SERVER;
    case BM_E_IO:
        return BM_SWARM_EXIT_FILES;
    case BM_E_INTERRUPTED:
        return BM_SWARM_EXIT_INTERRUPTED;
    default:
        return BM_SWARM_EXIT_INTERNAL;
    }
}

/* The details that this program writes for these codes say what to do; for others the code's own advice comes behind the detail. */
static bool says_what_to_do(bm_code code)
{
    return code == BM_E_USAGE || code == BM_E_NETWORK || code == BM_E_SERVER_REFUSED || code == BM_E_SERVER_REPLY || code == BM_E_IO;
}

BM_RESULT bm_swarm_exit_put_sentence(bm_buf *out, bm_result result)
{
    if (result.detail == NULL)
        return bm_buf_put_str(out, bm_code_advice(result.code));
    if (says_what_to_do(result.code))
        return bm_buf_put_str(out, result.detail);
    return bm_buf_putf(out, "%s: %s", result.detail, bm_code_advice(result.code));
}

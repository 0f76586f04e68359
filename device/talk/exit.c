#include "device/talk/exit.h"

bm_exit_status bm_exit_status_of(bm_result result)
{
    /* What is not named is a fault inside: the agent's own data did not pass the library's checks. */
    switch ((int)result.code) {
    case BM_OK:
        return BM_EXIT_OK;
    case BM_E_USAGE:
    case BM_E_IDENTITY_INVALID:
        return BM_EXIT_USAGE;
    case BM_E_TPM:
    case BM_E_TPM_UNREACHABLE:
    case BM_E_TPM_NOT_READY:
    case BM_E_TPM_AUTH:
    case BM_E_TPM_LOCKOUT:
    case BM_E_TPM_NO_EKC:
    case BM_E_TPM_HANDLE_TAKEN:
    case BM_E_TPM_RESPONSE:
    case BM_E_EK_MISMATCH:
    case BM_E_EK_TEMPLATE:
    case BM_E_EKC_MALFORMED:
    case BM_E_IK_ALGORITHM:
        return BM_EXIT_TPM;
    case BM_E_NETWORK:
        return BM_EXIT_NETWORK;
    case BM_E_SERVER_REFUSED:
    case BM_E_SERVER_REPLY:
    case BM_E_CHALLENGE_FAILED:
    case BM_E_ANSWER_INVALID:
    case BM_E_ANSWER_MISSING:
        return BM_EXIT_SERVER;
    case BM_E_IO:
        return BM_EXIT_FILES;
    case BM_E_INTERRUPTED:
        return BM_EXIT_INTERRUPTED;
    default:
        return BM_EXIT_INTERNAL;
    }
}

/* The details that this program writes for these codes say what to do; for others the code's own advice comes behind the detail. */
static bool says_what_to_do(bm_code code)
{
    return code == BM_E_USAGE || code == BM_E_TPM || code == BM_E_TPM_NOT_READY || code == BM_E_TPM_AUTH ||
           code == BM_E_TPM_HANDLE_TAKEN || code == BM_E_EK_MISMATCH || code == BM_E_NETWORK || code == BM_E_SERVER_REFUSED || code == BM_E_IO;
}

BM_RESULT bm_exit_put_sentence(bm_buf *out, bm_result result)
{
    if (result.detail == NULL)
        return bm_buf_put_str(out, bm_code_advice(result.code));
    if (says_what_to_do(result.code))
        return bm_buf_put_str(out, result.detail);
    return bm_buf_putf(out, "%s: %s", result.detail, bm_code_advice(result.code));
}

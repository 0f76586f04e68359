#include "device/tpm/retry.h"

#include <tss2/tss2_tpm2_types.h>

#define FIRST_PAUSE_NS 20000000

static bool is_busy(TSS2_RC code)
{
    return code == TPM2_RC_NV_RATE || code == TPM2_RC_NV_UNAVAILABLE || code == TPM2_RC_RETRY ||
           code == TPM2_RC_YIELDED || code == TPM2_RC_TESTING;
}

static bool is_full(TSS2_RC code)
{
    return code == TPM2_RC_OBJECT_MEMORY || code == TPM2_RC_SESSION_MEMORY || code == TPM2_RC_MEMORY ||
           code == TPM2_RC_SESSION_HANDLES || code == TPM2_RC_OBJECT_HANDLES;
}

bm_tpm_retry_step bm_tpm_retry_next(bm_tpm_retry *retry, TSS2_RC code, bool may_make_room, int64_t *pause)
{
    if (is_full(code) && may_make_room && !retry->made_room) {
        retry->made_room = true;
        return BM_TPM_RETRY_MAKE_ROOM;
    }
    if (!is_busy(code) || retry->waited >= BM_TPM_RETRY_WAIT_NS)
        return BM_TPM_RETRY_NEVER;
    *pause = retry->pauses < 6 ? (int64_t)FIRST_PAUSE_NS << retry->pauses : BM_TPM_RETRY_PAUSE_NS;
    retry->pauses++;
    retry->waited += *pause;
    return BM_TPM_RETRY_PAUSE;
}

bool bm_tpm_retry_is_state(TSS2_RC code)
{
    TSS2_RC base = code & ~(TSS2_RC)TSS2_RC_LAYER_MASK;

    /* An answer that ended early, or was none, or was changed on its way (BAD_SEQUENCE: lost its session). */
    if (code != base)
        return base == TSS2_BASE_RC_MALFORMED_RESPONSE || base == TSS2_BASE_RC_BAD_SEQUENCE || base == TSS2_BASE_RC_INSUFFICIENT_RESPONSE ||
               base == TSS2_BASE_RC_RSP_AUTH_FAILED;
    return (code & ~(TSS2_RC)0x7F) == TPM2_RC_WARN || code == TPM2_RC_FAILURE || code == TPM2_RC_INITIALIZE;
}

/*
 * The connection to the TPM: ESYS over a TCTI, the one translator of TSS codes into ours, and the bookkeeping of time and handles.
 */
#ifndef BM_DEVICE_TPM_CONTEXT_H
#define BM_DEVICE_TPM_CONTEXT_H

#include "base/bytes.h"
#include "device/talk/watch.h"
#include "device/tpm/retry.h"

#include <tss2/tss2_esys.h>

#define BM_TPM_OWNED_MAX 8
#define BM_TPM_HANDLES_MAX 256

/* The hierarchies whose authorisation values are used. */
typedef enum { BM_TPM_OWNER = 0, BM_TPM_ENDORSEMENT, BM_TPM_NULL, BM_TPM_HIERARCHIES } bm_tpm_hierarchy;

/* The authorisation value of a hierarchy (empty: none is set; always so for NULL). */
typedef struct {
    bm_bytes value;
    bool refused;  /* by the TPM: it is not sent again (tpm/auth.h) */
    bool withheld; /* it cannot be right: it is not sent at all */
} bm_tpm_auth_value;

/* The session in which commands are sent (tpm/session.h). */
typedef struct {
    bool open;
    bool salted;  /* to `key` */
    ESYS_TR key;
    ESYS_TR tr;
    ESYS_TR with; /* for the command of BM_TPM_TRY_AS: this one, or ESYS_TR_PASSWORD */
} bm_tpm_session;

/* An open TPM. `owned` are the transient objects and sessions that are ours now. */
typedef struct {
    const char *conf; /* for the TCTI loader; the caller's */
    ESYS_CONTEXT *esys;
    TSS2_TCTI_CONTEXT *tcti;
    bool managed; /* a resource manager stands between, so that others may be using the TPM */
    bool looks_only; /* nothing of an earlier run is flushed to make room, and no wrong value is counted */
    bool left;    /* something of ours may have stayed loaded: a flush failed, or an answer did not come or was damaged */
    ESYS_TR owned[BM_TPM_OWNED_MAX];
    size_t owned_count;
    uint32_t policy_session; /* the TPM's handle of the last policy session for an identity key; 0: there was none */
    bm_bytes policy;         /* of the identity key, where it has one: the caller's, for the sweep */
    uint32_t nv_buffer_max; /* TPM2_PT_NV_BUFFER_MAX; 0 until it was asked for */
    bm_tpm_auth_value auth[BM_TPM_HIERARCHIES];
    bm_tpm_session session;
    unsigned commands;      /* sent so far */
    int64_t spent;          /* nanoseconds inside them */
    bm_watch *watch;        /* tells of those that take long; NULL: none */
} bm_tpm_context;

/* One command that is being tried. */
typedef struct {
    int64_t start;
    bm_tpm_retry retry;
} bm_tpm_attempt;

/* TPM handles in ascending order, as TPM2_GetCapability lists them. */
typedef struct {
    uint32_t handle[BM_TPM_HANDLES_MAX];
    size_t count;
} bm_tpm_handles;

/*
 * Opens the TPM that the TCTI configuration names ("device:/dev/tpmrm0", "swtpm:path=..."), which must outlive it. BM_E_TPM_UNREACHABLE.
 * What it opened is closed by bm_tpm_context_close.
 */
BM_RESULT bm_tpm_context_open(const char *tcti, bm_tpm_context *context);

/*
 * Flushes what is ours and closes; a zero context is fine. For BM_AUTO. Where something was left and there is no resource manager, it tries
 * once more over another connection; `left` says afterwards whether that helped.
 */
void bm_tpm_context_close(bm_tpm_context *context);

/* Is this TCTI one with a resource manager behind it (or one that we do not know, where others may be at work too)? */
bool bm_tpm_context_is_managed(const char *tcti);

/*
 * The result of a TSS code of a command ("TPM2_Create"): BM_OK for 0; BM_E_TPM_UNREACHABLE, BM_E_TPM_AUTH, BM_E_TPM_LOCKOUT, BM_E_NO_MEMORY;
 * BM_E_TPM_NOT_READY when it is about the TPM's state (busy, full, out of order, an answer that was cut off), or else BM_E_TPM; the details
 * of both have the decoded code and what to do.
 */
BM_RESULT bm_tpm_context_result(const char *command, TSS2_RC rc);

/* The code as the TPM gave it, without the layer that handed it on; other layers' codes are as they were. */
TSS2_RC bm_tpm_context_code(TSS2_RC rc);

/* The code of a format-one response (TPM 2.0 Part 2, 6.6.2) without the number of the handle, session or parameter; others as they were. */
TSS2_RC bm_tpm_context_format_one(TSS2_RC rc);

/* For BM_TPM_CALL: starts the clock; BM_E_INTERRUPTED when the thread's sink wants to stop. */
BM_RESULT bm_tpm_context_begin(const bm_tpm_context *context, bm_tpm_attempt *attempt);

/*
 * For BM_TPM_CALL: stops the clock; true when the command should be sent again (bm_tpm_retry_next): then it has waited, or has flushed what
 * an earlier run left, which it does where no resource manager is.
 */
bool bm_tpm_context_again(bm_tpm_context *context, bm_tpm_attempt *attempt, TSS2_RC rc);

/* Sends a command, given as the ESYS call, as often as it makes sense; `rc` is its last code. Returns from the function on a signal. */
#define BM_TPM_CALL(context, rc, call)                                                                                 \
    do {                                                                                                               \
        bm_tpm_attempt bm_tpm_tried = {0};                                                                             \
        do {                                                                                                           \
            BM_TRY(bm_tpm_context_begin((context), &bm_tpm_tried));                                                    \
            (rc) = (call);                                                                                             \
        } while (bm_tpm_context_again((context), &bm_tpm_tried, (rc)));                                                \
    } while (0)

/* Sends a command that must succeed; returns its result from the function when it does not. */
#define BM_TPM_TRY(context, name, call)                                                                                \
    do {                                                                                                               \
        TSS2_RC bm_tpm_rc;                                                                                             \
        BM_TPM_CALL((context), bm_tpm_rc, (call));                                                                     \
        BM_TRY(bm_tpm_context_result((name), bm_tpm_rc));                                                              \
    } while (0)

/* The handles from `first` to `last`, at most BM_TPM_HANDLES_MAX of them; BM_E_TPM... */
BM_RESULT bm_tpm_context_handles(bm_tpm_context *context, uint32_t first, uint32_t last, bm_tpm_handles *handles);

/* Is this handle in the list? */
bool bm_tpm_context_has(const bm_tpm_handles *handles, uint32_t handle);

/* A fixed property (TPM2_PT_...); BM_E_TPM_RESPONSE when the TPM does not give it. */
BM_RESULT bm_tpm_context_property(bm_tpm_context *context, uint32_t property, uint32_t *value);

/* Notes that a transient object or a session is ours, and that it no longer is. BM_E_INTERNAL when there are too many. */
BM_RESULT bm_tpm_context_own(bm_tpm_context *context, ESYS_TR object);
void bm_tpm_context_disown(bm_tpm_context *context, ESYS_TR object);

/* Flushes a transient object or a session that is ours, even when a signal is waiting; sets `left` when the TPM does not do it. */
void bm_tpm_context_flush(bm_tpm_context *context, ESYS_TR object);

#endif

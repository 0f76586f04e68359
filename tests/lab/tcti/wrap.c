#include "tests/lab/tcti/wrap.h"

#include <string.h>
#include <tss2/tss2_common.h>
#include <tss2/tss2_tctildr.h>

#define WRAP_MAGIC 0x424D575241503031ULL
#define HEADER_SIZE 10 /* tag u16, size u32, code u32 */
#define CODES 512      /* the codes of the library specification end below 0x200 */
#define FIRST_CODE 0x11F

typedef enum { S_IDLE, S_SENT, S_ANSWERED, S_BROKEN } wrap_state;

typedef struct {
    TSS2_TCTI_CONTEXT_COMMON_V2 common;
    TSS2_TCTI_CONTEXT *child;
    const bm_wrap_hooks *hooks;
    void *user;
    wrap_state state;
    bm_wrap_turn turn;
    unsigned seen[CODES];
    bm_wrap_message message; /* the command, then its response */
} wrap_context;

static wrap_context *of(TSS2_TCTI_CONTEXT *context)
{
    return (wrap_context *)context;
}

static uint32_t code_of(const bm_wrap_message *message)
{
    const uint8_t *at = message->bytes + 6;

    return message->size < HEADER_SIZE ? 0 : (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void take_turn(wrap_context *wrap)
{
    uint32_t code = code_of(&wrap->message);

    wrap->turn.number++;
    wrap->turn.code = code;
    wrap->turn.of_code = code >= FIRST_CODE && code < FIRST_CODE + CODES ? ++wrap->seen[code - FIRST_CODE] : 0;
}

static TSS2_RC wrap_transmit(TSS2_TCTI_CONTEXT *context, size_t size, const uint8_t *command)
{
    wrap_context *wrap = of(context);
    TSS2_RC rc = TSS2_RC_SUCCESS;

    if (wrap->state == S_BROKEN)
        return TSS2_TCTI_RC_IO_ERROR;
    if (wrap->state != S_IDLE)
        return TSS2_TCTI_RC_BAD_SEQUENCE;
    if (size > BM_WRAP_MAX)
        return TSS2_TCTI_RC_BAD_VALUE;
    memcpy(wrap->message.bytes, command, size);
    wrap->message.size = size;
    take_turn(wrap);
    switch (wrap->hooks->command(wrap->user, &wrap->turn, &wrap->message)) {
    case BM_WRAP_PASS:
        rc = Tss2_Tcti_Transmit(wrap->child, wrap->message.size, wrap->message.bytes);
        wrap->state = rc == TSS2_RC_SUCCESS ? S_SENT : S_IDLE;
        break;
    case BM_WRAP_ANSWER:
        wrap->state = S_ANSWERED;
        break;
    case BM_WRAP_BREAK:
        wrap->state = S_BROKEN;
        rc = TSS2_TCTI_RC_IO_ERROR;
        break;
    }
    return rc;
}

/* The child's response, whole, through the hook. */
static TSS2_RC fetch(wrap_context *wrap, int32_t timeout)
{
    size_t size = sizeof(wrap->message.bytes);
    TSS2_RC rc = Tss2_Tcti_Receive(wrap->child, &size, wrap->message.bytes, timeout);

    if (rc != TSS2_RC_SUCCESS)
        return rc;
    wrap->message.size = size;
    if (wrap->hooks->response(wrap->user, &wrap->turn, &wrap->message) == BM_WRAP_BREAK) {
        wrap->state = S_BROKEN;
        return TSS2_TCTI_RC_IO_ERROR;
    }
    wrap->state = S_ANSWERED;
    return TSS2_RC_SUCCESS;
}

static TSS2_RC wrap_receive(TSS2_TCTI_CONTEXT *context, size_t *size, uint8_t *response, int32_t timeout)
{
    wrap_context *wrap = of(context);

    if (wrap->state == S_BROKEN)
        return TSS2_TCTI_RC_IO_ERROR;
    if (wrap->state == S_IDLE)
        return TSS2_TCTI_RC_BAD_SEQUENCE;
    if (wrap->state == S_SENT) {
        TSS2_RC rc = fetch(wrap, timeout);

        if (rc != TSS2_RC_SUCCESS)
            return rc;
    }
    if (response != NULL && *size < wrap->message.size)
        return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
    *size = wrap->message.size;
    if (response == NULL)
        return TSS2_RC_SUCCESS;
    memcpy(response, wrap->message.bytes, wrap->message.size);
    wrap->state = S_IDLE;
    return TSS2_RC_SUCCESS;
}

static void wrap_finalize(TSS2_TCTI_CONTEXT *context)
{
    wrap_context *wrap = of(context);

    wrap->hooks->close(wrap->user);
    Tss2_TctiLdr_Finalize(&wrap->child);
}

static TSS2_RC wrap_cancel(TSS2_TCTI_CONTEXT *context)
{
    return Tss2_Tcti_Cancel(of(context)->child);
}

static TSS2_RC wrap_poll_handles(TSS2_TCTI_CONTEXT *context, TSS2_TCTI_POLL_HANDLE *handles, size_t *count)
{
    return Tss2_Tcti_GetPollHandles(of(context)->child, handles, count);
}

static TSS2_RC wrap_locality(TSS2_TCTI_CONTEXT *context, uint8_t locality)
{
    return Tss2_Tcti_SetLocality(of(context)->child, locality);
}

static TSS2_RC wrap_sticky(TSS2_TCTI_CONTEXT *context, TPM2_HANDLE *handle, uint8_t sticky)
{
    return Tss2_Tcti_MakeSticky(of(context)->child, handle, sticky);
}

TSS2_RC bm_wrap_init(TSS2_TCTI_CONTEXT *context, size_t *size, const char *child, const bm_wrap_hooks *hooks, void *user)
{
    wrap_context *wrap = of(context);

    if (context == NULL) {
        *size = sizeof(*wrap);
        return TSS2_RC_SUCCESS;
    }
    *wrap = (wrap_context){
        .common = {.v1 = {.magic = WRAP_MAGIC,
                          .version = 2,
                          .transmit = wrap_transmit,
                          .receive = wrap_receive,
                          .finalize = wrap_finalize,
                          .cancel = wrap_cancel,
                          .getPollHandles = wrap_poll_handles,
                          .setLocality = wrap_locality},
                   .makeSticky = wrap_sticky},
        .hooks = hooks,
        .user = user,
    };
    return Tss2_TctiLdr_Initialize(child, &wrap->child);
}

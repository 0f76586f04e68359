/*
 * A TCTI that stands between whoever uses a TPM and the TCTI that reaches it (the child). Every command and every response passes
 * through two hooks, which may look at it, change it, answer in the TPM's place, or break the connection.
 */
#ifndef BM_LAB_TCTI_WRAP_H
#define BM_LAB_TCTI_WRAP_H

#include <stdbool.h>
#include <tss2/tss2_tcti.h>

/* More than the longest command or response of a TPM (TPM2_PT_MAX_COMMAND_SIZE is 4096 in swtpm). */
#define BM_WRAP_MAX 8192

/* A command or a response, which a hook may change in place. */
typedef struct {
    uint8_t bytes[BM_WRAP_MAX];
    size_t size;
} bm_wrap_message;

/* Which command this is, of those that this connection has seen. */
typedef struct {
    unsigned number;  /* 1 is the first */
    uint32_t code;    /* TPM_CC */
    unsigned of_code; /* 1 is the first with this code */
} bm_wrap_turn;

typedef enum {
    BM_WRAP_PASS,   /* it goes on, as the hook left it */
    BM_WRAP_ANSWER, /* a command is not sent: what the hook put into its place is the response */
    BM_WRAP_BREAK,  /* it goes no further, and the connection is over */
} bm_wrap_verdict;

/* Who looks on. A response is the one to the last command. `close` ends `user` together with the connection. */
typedef struct {
    void (*close)(void *user);
    bm_wrap_verdict (*command)(void *user, const bm_wrap_turn *turn, bm_wrap_message *message);
    bm_wrap_verdict (*response)(void *user, const bm_wrap_turn *turn, bm_wrap_message *message);
} bm_wrap_hooks;

/*
 * A TCTI's init function (TSS 2.0 TCTI specification, 3.2.5): gives the size when `context` is NULL, else opens the child by its
 * configuration for the TCTI loader ("/usr/lib/libtss2-tcti-swtpm.so.0:path=..."). `hooks` must live as long as the context, which owns
 * `user` from then on, unless this fails.
 */
TSS2_RC bm_wrap_init(TSS2_TCTI_CONTEXT *context, size_t *size, const char *child, const bm_wrap_hooks *hooks, void *user);

#endif

/*
 * What is to go wrong with a TPM, from a file of one rule a line; '#' begins a comment.
 *
 *   tcti CONF              the TCTI that reaches the TPM, as the loader has it, without its own configuration
 *   log FILE               each command is appended: number, code, name, what became of it
 *   record DIR             each command and response, as it came, appended to DIR/NUMBER.command and DIR/NUMBER.response
 *   answer FROM COUNT RC   not sent; the answer is this TPM_RC
 *   unsent FROM            not sent; the connection is over
 *   lost FROM              carried out by the TPM; the answer does not come, and the connection is over
 *   cut FROM COUNT SIZE    the response ends after SIZE bytes
 *   flip FROM COUNT AT     the lowest bit of byte AT of the response is changed
 *   twist FROM COUNT AT    the lowest bit of byte AT of the command is changed
 *   replay FROM COUNT BACK the response is the one to the command BACK before, as `record` has it
 *   swap FROM FILE         the response is what FILE holds
 *   slow FROM COUNT MS     the TPM takes so many milliseconds more
 *
 * FROM is the number of a command (1 is the first), or CODE:N for the N-th with that TPM_CC. COUNT commands are meant from there on (of
 * that code, in the second form); 0: all. AT counts from the end from 0x80000000 on: 0xFFFFFFFF is the last byte. Numbers are decimal, or hexadecimal after 0x.
 */
#ifndef BM_LAB_TCTI_PLAN_H
#define BM_LAB_TCTI_PLAN_H

#include "tests/lab/tcti/wrap.h"

#define BM_PLAN_RULES 16
#define BM_PLAN_PATH 512

typedef enum {
    BM_PLAN_ANSWER, BM_PLAN_UNSENT, BM_PLAN_LOST, BM_PLAN_CUT, BM_PLAN_FLIP, BM_PLAN_TWIST, BM_PLAN_REPLAY, BM_PLAN_SWAP,
    BM_PLAN_SLOW
} bm_plan_fault;

/* One rule; `code` is 0 when `from` counts all commands. */
typedef struct {
    bm_plan_fault fault;
    uint32_t code;
    unsigned from;
    unsigned count;
    uint32_t value;
    char file[BM_PLAN_PATH];
} bm_plan_rule;

/* The file's content. */
typedef struct {
    char tcti[BM_PLAN_PATH];
    char log[BM_PLAN_PATH];
    char record[BM_PLAN_PATH];
    bm_plan_rule rules[BM_PLAN_RULES];
    size_t count;
} bm_plan;

/* Reads the file; false, and a line on stderr, when it is not as above. */
bool bm_plan_read(const char *path, bm_plan *plan);

/* The rule for this command, or NULL. The first that fits counts. */
const bm_plan_rule *bm_plan_find(const bm_plan *plan, const bm_wrap_turn *turn);

#endif

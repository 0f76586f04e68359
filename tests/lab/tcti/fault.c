/*
 * The TCTI of the fault tests: passes everything on but what the plan in BM_FAULT_PLAN (plan.h) says. It is loaded in the place of the
 * TCTI that it stands before, under its name and by LD_LIBRARY_PATH, so that the program under test has its usual --tcti.
 */
#include "tests/lab/tcti/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <tss2/tss2_tpm2_types.h>

#define HEADER_SIZE 10
#define FROM_END 0x80000000u

typedef struct {
    bm_plan plan;
    FILE *log;
} fault;

static const struct {
    uint32_t code;
    const char *name;
} names[] = {
    {TPM2_CC_EvictControl, "EvictControl"},       {TPM2_CC_CreatePrimary, "CreatePrimary"},
    {TPM2_CC_ActivateCredential, "ActivateCredential"}, {TPM2_CC_NV_Read, "NV_Read"},
    {TPM2_CC_PolicySecret, "PolicySecret"},       {TPM2_CC_Create, "Create"},
    {TPM2_CC_Load, "Load"},                       {TPM2_CC_Sign, "Sign"},
    {TPM2_CC_FlushContext, "FlushContext"},       {TPM2_CC_NV_ReadPublic, "NV_ReadPublic"},
    {TPM2_CC_PolicyOR, "PolicyOR"},               {TPM2_CC_ReadPublic, "ReadPublic"},
    {TPM2_CC_StartAuthSession, "StartAuthSession"}, {TPM2_CC_GetCapability, "GetCapability"},
};

static const char *name_of(uint32_t code)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].code == code)
            return names[i].name;
    return "-";
}

static fault *fault_open(void)
{
    const char *path = getenv("BM_FAULT_PLAN");
    fault *made = calloc(1, sizeof(*made));

    if (made == NULL || path == NULL || !bm_plan_read(path, &made->plan)) {
        free(made);
        return NULL;
    }
    if (made->plan.log[0] != 0)
        made->log = fopen(made->plan.log, "ae");
    return made;
}

static void fault_close(void *user)
{
    fault *f = user;

    if (f->log != NULL)
        (void)fclose(f->log);
    free(f);
}

static void say(const fault *f, const bm_wrap_turn *turn, const char *what)
{
    if (f->log == NULL)
        return;
    (void)fprintf(f->log, "%u 0x%" PRIx32 " %s %s\n", turn->number, turn->code, name_of(turn->code), what);
    (void)fflush(f->log);
}

static void put_u32(uint8_t *to, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* A response of a code alone. (TPM 2.0 Part 1, 18.9) */
static void put_code(bm_wrap_message *message, uint32_t code)
{
    message->bytes[0] = TPM2_ST_NO_SESSIONS >> 8;
    message->bytes[1] = TPM2_ST_NO_SESSIONS & 0xFF;
    put_u32(message->bytes + 2, HEADER_SIZE);
    put_u32(message->bytes + 6, code);
    message->size = HEADER_SIZE;
}

static void record(const fault *f, const bm_wrap_turn *turn, const char *what, const bm_wrap_message *message)
{
    char path[2 * BM_PLAN_PATH];
    FILE *file;

    if (f->plan.record[0] == 0)
        return;
    (void)snprintf(path, sizeof(path), "%s/%u.%s", f->plan.record, turn->number, what);
    file = fopen(path, "ae");
    if (file == NULL)
        return;
    (void)fwrite(message->bytes, 1, message->size, file);
    (void)fclose(file);
}

/* A message from a file; what cannot be read leaves nothing, which no test takes for a response. */
static void put_file(const char *path, bm_wrap_message *message)
{
    FILE *file = fopen(path, "re");

    message->size = 0;
    if (file == NULL)
        return;
    message->size = fread(message->bytes, 1, sizeof(message->bytes), file);
    (void)fclose(file);
}

static void change_bit(bm_wrap_message *message, uint32_t value)
{
    size_t at = value < FROM_END ? value : message->size - (size_t)(UINT32_MAX - value) - 1;

    if (at < message->size)
        message->bytes[at] ^= 1;
}

static void replay(const fault *f, unsigned number, bm_wrap_message *message)
{
    char path[2 * BM_PLAN_PATH];

    (void)snprintf(path, sizeof(path), "%s/%u.response", f->plan.record, number);
    put_file(path, message);
}

static bm_wrap_verdict on_command(void *user, const bm_wrap_turn *turn, bm_wrap_message *message)
{
    fault *f = user;
    const bm_plan_rule *rule = bm_plan_find(&f->plan, turn);

    record(f, turn, "command", message);
    if (rule != NULL && rule->fault == BM_PLAN_ANSWER) {
        say(f, turn, "answered");
        put_code(message, rule->value);
        return BM_WRAP_ANSWER;
    }
    if (rule != NULL && rule->fault == BM_PLAN_UNSENT) {
        say(f, turn, "unsent");
        return BM_WRAP_BREAK;
    }
    if (rule != NULL && rule->fault == BM_PLAN_SLOW)
        (void)nanosleep(&(struct timespec){.tv_sec = rule->value / 1000, .tv_nsec = rule->value % 1000 * 1000000L}, NULL);
    if (rule != NULL && rule->fault == BM_PLAN_TWIST)
        change_bit(message, rule->value);
    say(f, turn, rule == NULL ? "sent" : "spoilt");
    return BM_WRAP_PASS;
}

static bm_wrap_verdict on_response(void *user, const bm_wrap_turn *turn, bm_wrap_message *message)
{
    fault *f = user;
    const bm_plan_rule *rule = bm_plan_find(&f->plan, turn);

    record(f, turn, "response", message);
    if (rule != NULL && rule->fault == BM_PLAN_LOST)
        return BM_WRAP_BREAK;
    if (rule != NULL && rule->fault == BM_PLAN_CUT && rule->value < message->size)
        message->size = rule->value;
    if (rule != NULL && rule->fault == BM_PLAN_FLIP)
        change_bit(message, rule->value);
    if (rule != NULL && rule->fault == BM_PLAN_REPLAY)
        replay(f, turn->number - rule->value, message);
    if (rule != NULL && rule->fault == BM_PLAN_SWAP)
        put_file(rule->file, message);
    return BM_WRAP_PASS;
}

static const bm_wrap_hooks hooks = {.close = fault_close, .command = on_command, .response = on_response};

static TSS2_RC fault_init(TSS2_TCTI_CONTEXT *context, size_t *size, const char *conf)
{
    char child[2 * BM_PLAN_PATH];
    fault *opened;
    TSS2_RC rc;

    if (context == NULL)
        return bm_wrap_init(NULL, size, NULL, &hooks, NULL);
    opened = fault_open();
    if (opened == NULL)
        return TSS2_TCTI_RC_BAD_VALUE;
    (void)snprintf(child, sizeof(child), "%s:%s", opened->plan.tcti, conf == NULL ? "" : conf);
    rc = bm_wrap_init(context, size, child, &hooks, opened);
    if (rc != TSS2_RC_SUCCESS)
        fault_close(opened);
    return rc;
}

static const TSS2_TCTI_INFO info = {
    .version = 2,
    .name = "tcti-bmfault",
    .description = "breaks the connection to a TPM, and the TPM's answers, by a plan",
    .config_help = "the configuration of the TCTI behind it",
    .init = fault_init,
};

/* What the TCTI loader looks for (TSS2_TCTI_INFO_SYMBOL). */
const TSS2_TCTI_INFO *Tss2_Tcti_Info(void);

const TSS2_TCTI_INFO *Tss2_Tcti_Info(void)
{
    return &info;
}

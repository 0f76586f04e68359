#include "tests/lab/tcti/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 4

/* What follows FROM: nothing, COUNT and a value, or a file. */
typedef enum { FORM_ALONE = 2, FORM_FILE = 3, FORM_COUNTED = 4 } plan_form;

static const struct {
    const char *word;
    bm_plan_fault fault;
    plan_form form;
} kinds[] = {
    {"answer", BM_PLAN_ANSWER, FORM_COUNTED}, {"unsent", BM_PLAN_UNSENT, FORM_ALONE}, {"lost", BM_PLAN_LOST, FORM_ALONE},
    {"cut", BM_PLAN_CUT, FORM_COUNTED},       {"flip", BM_PLAN_FLIP, FORM_COUNTED},   {"twist", BM_PLAN_TWIST, FORM_COUNTED},
    {"replay", BM_PLAN_REPLAY, FORM_COUNTED}, {"swap", BM_PLAN_SWAP, FORM_FILE},   {"slow", BM_PLAN_SLOW, FORM_COUNTED},
};

static bool take_number(const char *text, const char **end, uint32_t *value)
{
    unsigned long number;
    char *stop = NULL;

    errno = 0;
    number = strtoul(text, &stop, 0);
    if (stop == text || errno != 0 || number > UINT32_MAX)
        return false;
    *value = (uint32_t)number;
    *end = stop;
    return true;
}

static bool take_whole(const char *text, uint32_t *value)
{
    const char *end = NULL;

    return take_number(text, &end, value) && *end == 0;
}

static bool take_from(const char *text, bm_plan_rule *rule)
{
    const char *end = NULL;
    uint32_t first;

    if (!take_number(text, &end, &first))
        return false;
    rule->from = first;
    if (*end == 0)
        return true;
    rule->code = first;
    return *end == ':' && take_whole(end + 1, &rule->from);
}

static bool take_path(const char *text, char path[BM_PLAN_PATH])
{
    return snprintf(path, BM_PLAN_PATH, "%s", text) < BM_PLAN_PATH;
}

static bool take_rule(char *const words[WORDS], size_t count, bm_plan *plan)
{
    bm_plan_rule rule = {.count = 1};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(words[0], kinds[i].word) != 0)
            continue;
        rule.fault = kinds[i].fault;
        if (count != (size_t)kinds[i].form || plan->count == BM_PLAN_RULES || !take_from(words[1], &rule) ||
            (kinds[i].form == FORM_COUNTED && (!take_whole(words[2], &rule.count) || !take_whole(words[3], &rule.value))) ||
            (kinds[i].form == FORM_FILE && !take_path(words[2], rule.file)))
            return false;
        plan->rules[plan->count++] = rule;
        return true;
    }
    return false;
}

static bool take_line(char *line, bm_plan *plan)
{
    char *words[WORDS] = {0};
    size_t count = 0;
    char *left = line;
    char *word;

    line[strcspn(line, "#\n")] = 0;
    while ((word = strsep(&left, " \t")) != NULL) {
        if (*word == 0)
            continue;
        if (count == WORDS)
            return false;
        words[count++] = word;
    }
    if (count == 0)
        return true;
    if (count == 2 && strcmp(words[0], "tcti") == 0)
        return take_path(words[1], plan->tcti);
    if (count == 2 && strcmp(words[0], "log") == 0)
        return take_path(words[1], plan->log);
    if (count == 2 && strcmp(words[0], "record") == 0)
        return take_path(words[1], plan->record);
    return take_rule(words, count, plan);
}

bool bm_plan_read(const char *path, bm_plan *plan)
{
    FILE *file = fopen(path, "r");
    char line[2 * BM_PLAN_PATH];
    unsigned number = 0;
    bool good = true;

    *plan = (bm_plan){.count = 0};
    if (file == NULL) {
        (void)fprintf(stderr, "tcti plan: %s cannot be read\n", path);
        return false;
    }
    while (good && fgets(line, sizeof(line), file) != NULL) {
        number++;
        good = take_line(line, plan);
        if (!good)
            (void)fprintf(stderr, "tcti plan: %s:%u is no rule\n", path, number);
    }
    (void)fclose(file);
    return good;
}

const bm_plan_rule *bm_plan_find(const bm_plan *plan, const bm_wrap_turn *turn)
{
    for (size_t i = 0; i < plan->count; i++) {
        const bm_plan_rule *rule = &plan->rules[i];
        unsigned at = rule->code == 0 ? turn->number : turn->of_code;

        if ((rule->code == 0 || rule->code == turn->code) && at >= rule->from && (rule->count == 0 || at - rule->from < rule->count))
            return rule;
    }
    return NULL;
}

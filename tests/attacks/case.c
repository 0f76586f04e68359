#include "case.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void atk_case_fail(atk_case *c, const atk_line *line, const char *format, ...)
{
    va_list args;
    int size;

    if (c->failed)
        return;
    c->failed = true;
    size = line == NULL ? 0 : snprintf(c->why, sizeof(c->why), "line %d: ", line->number);
    va_start(args, format);
    (void)vsnprintf(c->why + size, sizeof(c->why) - (size_t)size, format, args);
    va_end(args);
}

atk_tpm *atk_case_tpm(atk_case *c, const atk_line *line, const char *name)
{
    if (strcmp(name, "victim") == 0)
        return &c->world->victim;
    for (size_t i = 0; i < c->tpm_count; i++)
        if (strcmp(c->tpms[i]->name, name) == 0)
            return c->tpms[i];
    atk_wrong(line, "there is no such TPM", name);
}

const atk_ca *atk_case_ca(atk_case *c, const atk_line *line, const char *name)
{
    if (strcmp(name, "discrete") == 0)
        return &c->world->discrete;
    if (strcmp(name, "virtual") == 0)
        return &c->world->virtual_vendor;
    for (size_t i = 0; i < c->ca_count; i++)
        if (strcmp(c->cas[i].name, name) == 0)
            return &c->cas[i];
    atk_wrong(line, "there is no such CA", name);
}

/* From here on nothing may change. */
static void mark(atk_case *c)
{
    c->marked = true;
    c->refusals = 0;
    atk_guard_before(c->world);
}

static void run_line(atk_case *c, atk_line *line)
{
    bool known = true;

    if (strcmp(line->word[0], "attack") == 0) {
        c->world->known = false;
        mark(c);
    } else {
        known = atk_make_verb(c, line) || atk_send_verb(c, line);
    }
    if (!known)
        atk_wrong(line, "there is no such verb", line->word[0]);
    if (!c->failed && c->skipped == NULL)
        atk_line_end(line);
}

static bool has_mark(FILE *in)
{
    char text[ATK_LINE_MAX];
    bool found = false;

    while (!found && fgets(text, sizeof(text), in) != NULL)
        found = strncmp(text, "attack", 6) == 0;
    rewind(in);
    return found;
}

/* Puts names for their variables: $victim, $VICTIM (in capitals), $free, $own. */
static void expand(const atk_case *c, const char *from, char to[ATK_LINE_MAX])
{
    static const char *const variables[] = {"$victim", "$VICTIM", "$free", "$own"};
    size_t size = 0;

    for (const char *at = from; *at != 0;) {
        char name[ATK_NAME_MAX];
        size_t which = 0;
        size_t named;

        while (which < 4 && strncmp(at, variables[which], strlen(variables[which])) != 0)
            which++;
        (void)snprintf(name, sizeof(name), which < 2 ? "%s-%s" : "%s-%s-%u", which == 4 ? "" : variables[which] + 1, c->world->tag, c->number);
        for (char *letter = name; which == 1 && *letter != 0; letter++)
            *letter = (char)toupper((unsigned char)*letter);
        named = which == 4 ? 1 : strlen(name);
        if (size + named >= ATK_LINE_MAX)
            atk_die("%s: too long a line: %s", c->path, from);
        memcpy(to + size, which == 4 ? at : name, named);
        size += named;
        at += which == 4 ? 1 : strlen(variables[which]);
    }
    to[size] = 0;
}

static void run_file(atk_case *c, FILE *in)
{
    char written[ATK_LINE_MAX];
    char text[ATK_LINE_MAX];
    atk_line line;

    if (fgets(text, sizeof(text), in) == NULL || text[0] != '#')
        atk_die("%s: the first line says what the attack is: # ...", c->path);
    if (!has_mark(in))
        mark(c);
    for (int number = 1; !c->failed && c->skipped == NULL && fgets(text, sizeof(text), in) != NULL; number++) {
        expand(c, text, written);
        atk_line_read(&line, c->path, number, written);
        if (line.count > 0)
            run_line(c, &line);
    }
}

static void end(atk_case *c)
{
    char identity[ATK_NAME_MAX];
    char why[256];

    if (c->skipped != NULL)
        return;
    if (!c->failed && c->refusals == 0)
        atk_case_fail(c, NULL, "nothing was refused: that is no attack");
    (void)snprintf(identity, sizeof(identity), "free-%s-%u", c->world->tag, c->number);
    if (!atk_guard_after(c->world, identity, why, sizeof(why)))
        atk_case_fail(c, NULL, "%s", why);
}

atk_outcome atk_case_run(atk_world *world, const char *path, unsigned number)
{
    const char *name = strrchr(path, '/');
    atk_case c = {.world = world, .path = path, .name = name == NULL ? path : name + 1, .number = number};
    FILE *in = fopen(path, "r");

    if (in == NULL)
        atk_die("%s cannot be read", path);
    run_file(&c, in);
    (void)fclose(in);
    end(&c);
    for (size_t i = 0; i < c.tpm_count; i++) {
        atk_tpm_fini(c.tpms[i]);
        free(c.tpms[i]);
    }
    for (size_t i = 0; i < c.ca_count; i++)
        atk_ca_fini(&c.cas[i]);
    atk_reply_fini(&c.reply);
    if (c.failed)
        (void)printf("FAILED %s: %s\n", c.name, c.why);
    else if (c.skipped != NULL)
        (void)printf("skipped %s: %s\n", c.name, c.skipped);
    return c.failed ? ATK_FAILED : c.skipped != NULL ? ATK_SKIPPED : ATK_REFUSED;
}

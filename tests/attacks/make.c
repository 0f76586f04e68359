/* The verbs of a case that make things, and that spoil them. */
#include "case.h"

#include "csr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const atk_tpm *tpm_option(atk_case *c, atk_line *line, const char *option)
{
    const char *name = atk_option(line, option);

    return name == NULL ? NULL : atk_case_tpm(c, line, name);
}

static const atk_ca *ca_option(atk_case *c, atk_line *line, const char *option, const char *otherwise)
{
    const char *name = atk_option_or(line, option, otherwise);

    return name == NULL || strcmp(name, "self") == 0 || strcmp(name, "none") == 0 ? NULL : atk_case_ca(c, line, name);
}

/* victim: the victim's; free, own (and whatever begins so): one of this case and run; else as it stands. */
static void name_identity(const atk_case *c, const char *word, char identity[ATK_NAME_MAX])
{
    if (strcmp(word, "victim") == 0)
        (void)snprintf(identity, ATK_NAME_MAX, "%s", c->world->victim.identity);
    else if (strncmp(word, "free", 4) == 0 || strncmp(word, "own", 3) == 0)
        (void)snprintf(identity, ATK_NAME_MAX, "%s-%s-%u", word, c->world->tag, c->number);
    else
        (void)snprintf(identity, ATK_NAME_MAX, "%s", word);
}

static void set_chain(atk_case *c, atk_line *line, atk_tpm *tpm, const char *names)
{
    char name[ATK_NAME_MAX];

    tpm->chain_count = 0;
    for (const char *at = names; *at != 0;) {
        size_t size = strcspn(at, ",");

        if (tpm->chain_count == ATK_CHAIN_MAX || size >= sizeof(name))
            atk_wrong(line, "too long a chain", names);
        memcpy(name, at, size);
        name[size] = 0;
        bm_buf_clear(&tpm->chain[tpm->chain_count]);
        atk_ca_der(atk_case_ca(c, line, name), &tpm->chain[tpm->chain_count++]);
        at += size + (at[size] == ',');
    }
}

static void make_tpm(atk_case *c, atk_line *line)
{
    atk_tpm *tpm = calloc(1, sizeof(*tpm));
    char identity[ATK_NAME_MAX];
    const char *profile = atk_option(line, "profile");

    if (tpm == NULL || c->tpm_count == ATK_TPMS_MAX)
        atk_wrong(line, "too many TPMs", line->word[0]);
    name_identity(c, atk_option_or(line, "identity", "free"), identity);
    atk_guard_tpm(ca_option(c, line, "vendor", "discrete"), atk_word(line, 1), identity, atk_option_or(line, "template", "L-2"),
                  atk_option(line, "ek"), atk_option_or(line, "ik", "ecc256"), tpm);
    if (profile != NULL)
        (void)snprintf(tpm->profile, sizeof(tpm->profile), "%s", profile);
    c->tpms[c->tpm_count++] = tpm;
}

static void make_ca(atk_case *c, atk_line *line)
{
    const char *name = atk_word(line, 1);

    if (c->ca_count == ATK_CAS_MAX)
        atk_wrong(line, "too many CAs", name);
    atk_ca_make(line, name, ca_option(c, line, "issuer", "discrete"), ca_option(c, line, "alike", NULL), ca_option(c, line, "signer", NULL),
                &c->cas[c->ca_count]);
    c->ca_count++;
}

/* The options of `ekc` are those of the certificate; `key` is another TPM's EK. */
static void make_ekc(atk_case *c, atk_line *line)
{
    atk_tpm *tpm = atk_case_tpm(c, line, atk_word(line, 1));
    const char *chain = atk_option(line, "chain");

    atk_ca_certify(line, tpm, ca_option(c, line, "issuer", "discrete"), ca_option(c, line, "signer", NULL), tpm_option(c, line, "key"));
    if (chain != NULL)
        set_chain(c, line, tpm, chain);
}

static void make_csr(atk_case *c, atk_line *line)
{
    atk_tpm *tpm = atk_case_tpm(c, line, atk_word(line, 1));
    const char *identity = atk_option(line, "identity");

    if (identity != NULL)
        name_identity(c, identity, tpm->identity);
    atk_csr_make(line, tpm, tpm_option(c, line, "key"), tpm_option(c, line, "signer"));
}

static void make_ek(atk_case *c, atk_line *line)
{
    atk_tpm_put_ek(line, atk_case_tpm(c, line, atk_word(line, 1)));
}

static void make_ik(atk_case *c, atk_line *line)
{
    atk_tpm_put_ik(line, atk_case_tpm(c, line, atk_word(line, 1)));
}

static void make_chain(atk_case *c, atk_line *line)
{
    atk_tpm *tpm = atk_case_tpm(c, line, atk_word(line, 1));

    set_chain(c, line, tpm, atk_word(line, 2));
}

/* "tpm.field" */
static bm_buf *field(atk_case *c, atk_line *line, size_t at)
{
    const char *word = atk_word(line, at);
    const char *dot = strchr(word, '.');
    char name[ATK_NAME_MAX];

    if (dot == NULL || (size_t)(dot - word) >= sizeof(name))
        atk_wrong(line, "wanted is TPM.field", word);
    memcpy(name, word, (size_t)(dot - word));
    name[dot - word] = 0;
    return atk_tpm_field(line, atk_case_tpm(c, line, name), dot + 1);
}

/* take A.field B.field: A sends what B has. */
static void take(atk_case *c, atk_line *line)
{
    bm_buf *to = field(c, line, 1);
    const bm_buf *from = field(c, line, 2);

    bm_buf_clear(to);
    atk_need(bm_buf_put(to, bm_buf_view(from)), "bytes");
}

/* flip A.field bit=N: negative counts from the end. */
static void flip(atk_case *c, atk_line *line)
{
    bm_buf *bytes = field(c, line, 1);
    int64_t bit = atk_number(line, "bit", -1);

    if (bit < 0)
        bit += (int64_t)bytes->size * 8;
    if (bit < 0 || (size_t)bit / 8 >= bytes->size)
        atk_wrong(line, "there is no such bit", line->word[1]);
    bytes->data[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
}

/* cut A.field drop=N: so many bytes fewer at the end; size=N: so many in all. */
static void cut(atk_case *c, atk_line *line)
{
    bm_buf *bytes = field(c, line, 1);
    int64_t size = atk_number(line, "size", (int64_t)bytes->size - atk_number(line, "drop", 0));

    if (size < 0 || (size_t)size > bytes->size)
        atk_wrong(line, "the field is not so long", line->word[1]);
    bytes->size = (size_t)size;
}

/* HEX [times=N], or another TPM's field. */
static void put_bytes(atk_case *c, atk_line *line, bm_buf *to)
{
    if (line->count > 2 && strchr(line->word[2], '.') != NULL) {
        atk_need(bm_buf_put(to, bm_buf_view(field(c, line, 2))), "bytes");
    } else {
        const char *hex = atk_word(line, 2);

        for (int64_t i = atk_number(line, "times", 1); i > 0; i--)
            atk_put_hex(line, hex, to);
    }
}

static void append(atk_case *c, atk_line *line)
{
    bm_buf *bytes = field(c, line, 1);

    put_bytes(c, line, bytes);
}

static void prepend(atk_case *c, atk_line *line)
{
    bm_buf *bytes = field(c, line, 1);
    BM_AUTO_BUF made = BM_BUF_EMPTY;

    put_bytes(c, line, &made);
    atk_need(bm_buf_put(&made, bm_buf_view(bytes)), "bytes");
    bm_buf_move(bytes, &made);
}

static void set(atk_case *c, atk_line *line)
{
    bm_buf *bytes = field(c, line, 1);

    bm_buf_clear(bytes);
    put_bytes(c, line, bytes);
}

/* member A NAME RAW, again A NAME RAW, drop A NAME: the JSON of its requests. */
static void edit(atk_case *c, atk_line *line)
{
    atk_tpm *tpm = atk_case_tpm(c, line, atk_word(line, 1));
    atk_edit *to = &tpm->edits[tpm->edit_count];

    if (tpm->edit_count == ATK_EDITS_MAX)
        atk_wrong(line, "too many edits", line->word[0]);
    tpm->edit_count++;
    (void)snprintf(to->name, sizeof(to->name), "%s", atk_word(line, 2));
    to->kind = strcmp(line->word[0], "drop") == 0 ? ATK_EDIT_DROP : strcmp(line->word[0], "again") == 0 ? ATK_EDIT_AGAIN : ATK_EDIT_SET;
    if (to->kind != ATK_EDIT_DROP)
        for (int64_t i = 0, times = atk_number(line, "times", 1); i < times; i++)
            atk_put_escaped(i == 0 ? atk_word(line, 3) : line->word[3], &to->raw);
}

/* body A BEGIN [MIDDLE times=N] [END]: in place of the JSON. */
static void body(atk_case *c, atk_line *line)
{
    atk_tpm *tpm = atk_case_tpm(c, line, atk_word(line, 1));
    const char *middle;
    const char *tail;

    bm_buf_clear(&tpm->body);
    atk_put_escaped(atk_word(line, 2), &tpm->body);
    middle = atk_option(line, "middle");
    for (int64_t i = middle == NULL ? 0 : atk_number(line, "times", 1); i > 0; i--)
        atk_put_escaped(middle, &tpm->body);
    tail = atk_option(line, "end");
    if (tail != NULL)
        atk_put_escaped(tail, &tpm->body);
}

static void profile(atk_case *c, atk_line *line)
{
    atk_tpm *tpm = atk_case_tpm(c, line, atk_word(line, 1));

    (void)snprintf(tpm->profile, sizeof(tpm->profile), "%s", atk_word(line, 2));
}

bool atk_make_verb(atk_case *c, atk_line *line)
{
    static const struct {
        const char *verb;
        void (*run)(atk_case *c, atk_line *line);
    } verbs[] = {{"tpm", make_tpm}, {"ca", make_ca},         {"ekc", make_ekc}, {"csr", make_csr}, {"ek", make_ek},     {"ik", make_ik},
                 {"chain", make_chain}, {"take", take},       {"flip", flip},    {"cut", cut},      {"append", append}, {"prepend", prepend},
                 {"set", set},       {"member", edit},        {"again", edit},   {"drop", edit},    {"body", body},     {"profile", profile}};

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(verbs[i].verb, line->word[0]) == 0) {
            verbs[i].run(c, line);
            return true;
        }
    return false;
}

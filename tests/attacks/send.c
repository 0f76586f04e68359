/* The verbs of a case that send things, and what must come back. */
#include "case.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static atk_server *server(atk_case *c, atk_line *line)
{
    const char *at = atk_option_or(line, "at", "server");

    if (strcmp(at, "other") != 0)
        return &c->world->server;
    if (c->world->other.url == NULL)
        c->skipped = "it takes a second CA (--other-url)";
    return &c->world->other;
}

/* The answer must have this code; a refusal that was expected counts. */
static void expect(atk_case *c, const atk_line *line, const char *call, const char *code)
{
    if (strcmp(c->reply.code, code) != 0)
        atk_case_fail(c, line, "%s: %s, and had to be %s%s%.*s", call, c->reply.code, code, c->reply.body.size == 0 ? "" : ": ",
                      c->reply.status == 200 || c->reply.body.size > 300 ? 0 : (int)c->reply.body.size,
                      c->reply.body.size == 0 ? "" : (const char *)c->reply.body.data);
    else if (strcmp(code, "ok") != 0 && c->marked)
        c->refusals++;
}

static void challenge(atk_case *c, atk_line *line)
{
    atk_tpm *tpm = atk_case_tpm(c, line, atk_word(line, 1));
    atk_server *to = server(c, line);
    const char *code = atk_word(line, 2);

    if (c->skipped != NULL)
        return;
    atk_guard_challenge(to, tpm, &c->reply);
    expect(c, line, "getChallenge", code);
}

static void certificate(atk_case *c, atk_line *line)
{
    atk_tpm *tpm = atk_case_tpm(c, line, atk_word(line, 1));
    atk_server *to = server(c, line);
    const char *code = atk_word(line, 2);

    if (c->skipped != NULL)
        return;
    atk_guard_certificate(to, tpm, &c->reply);
    expect(c, line, "getCertificate", code);
}

/* open A [by=B] [fails]: TPM2_ActivateCredential of A's answer, in A's TPM or in another. */
static void open_credential(atk_case *c, atk_line *line)
{
    atk_tpm *tpm = atk_case_tpm(c, line, atk_word(line, 1));
    const char *by = atk_option_or(line, "by", tpm->name);
    bool fails = line->count > 2 && strcmp(line->word[line->count - 1], "fails") == 0;

    if (fails)
        line->used[line->count - 1] = true;
    if (atk_tpm_open(atk_case_tpm(c, line, by), tpm) == fails)
        atk_case_fail(c, line, "the credential %s", fails ? "opened in a TPM that it was not made for" : "did not open");
}

/* enroll A: the whole exchange, which must succeed. */
static void enroll(atk_case *c, atk_line *line)
{
    atk_tpm *tpm = atk_case_tpm(c, line, atk_word(line, 1));
    atk_server *to = server(c, line);

    if (c->skipped != NULL)
        return;
    atk_guard_challenge(to, tpm, &c->reply);
    expect(c, line, "getChallenge", "ok");
    if (c->failed)
        return;
    if (!atk_tpm_open(tpm, tpm))
        atk_case_fail(c, line, "the credential did not open");
    atk_guard_certificate(to, tpm, &c->reply);
    expect(c, line, "getCertificate", "ok");
}

/* each-bit A FIELD CODE [step=N] [from=N]: getCertificate with each bit of the field flipped, one at a time. */
static void each_bit(atk_case *c, atk_line *line)
{
    atk_tpm *tpm = atk_case_tpm(c, line, atk_word(line, 1));
    bm_buf *bytes = atk_tpm_field(line, tpm, atk_word(line, 2));
    const char *code = atk_word(line, 3);
    size_t step = (size_t)atk_number(line, "step", 1);
    size_t from = (size_t)atk_number(line, "from", 0);

    for (size_t bit = from; bit < bytes->size * 8 && !c->failed; bit += step) {
        bytes->data[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
        atk_guard_certificate(&c->world->server, tpm, &c->reply);
        bytes->data[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
        expect(c, line, "getCertificate", code);
    }
}

/* each-cut A FIELD CODE: getCertificate with the field cut to each size that is shorter, 1 and up. */
static void each_cut(atk_case *c, atk_line *line)
{
    atk_tpm *tpm = atk_case_tpm(c, line, atk_word(line, 1));
    bm_buf *bytes = atk_tpm_field(line, tpm, atk_word(line, 2));
    const char *code = atk_word(line, 3);
    size_t whole = bytes->size;

    for (bytes->size = 1; bytes->size < whole && !c->failed; bytes->size++) {
        atk_guard_certificate(&c->world->server, tpm, &c->reply);
        expect(c, line, "getCertificate", code);
    }
    bytes->size = whole;
}

/* expire A: waits until its ticket has ended, by this machine's clock and a second more. */
static void expire(atk_case *c, atk_line *line)
{
    const atk_tpm *tpm = atk_case_tpm(c, line, atk_word(line, 1));
    struct timespec pause = {.tv_nsec = 50000000};

    while ((int64_t)time(NULL) <= tpm->expires)
        (void)nanosleep(&pause, NULL);
}

/* operator WHAT A: the operator's program does something with the identity of A. */
static void operate(atk_case *c, atk_line *line)
{
    const char *what = atk_word(line, 1);
    const atk_tpm *tpm = atk_case_tpm(c, line, atk_word(line, 2));
    BM_AUTO_BUF out = BM_BUF_EMPTY;

    if (c->world->operate == NULL) {
        c->skipped = "it takes an operator (--operator)";
        return;
    }
    if (!atk_guard_operate(c->world, what, tpm->identity, &out))
        atk_case_fail(c, line, "the operator's program failed: %s", what);
    c->world->known = false;
}

/* revoke T|CA: a CRL of `discrete` lists it, and the operator loads that. */
static void revoke(atk_case *c, atk_line *line)
{
    const char *name = atk_word(line, 1);
    bool is_ca = false;
    char path[1024];
    BM_AUTO_BUF out = BM_BUF_EMPTY;

    if (c->world->operate == NULL) {
        c->skipped = "it takes an operator (--operator)";
        return;
    }
    for (size_t i = 0; i < c->ca_count; i++)
        is_ca = is_ca || strcmp(c->cas[i].name, name) == 0;
    (void)snprintf(path, sizeof(path), "%s/%s-%u.crl", c->world->folder, c->world->tag, c->number);
    atk_ca_revoke(&c->world->discrete, is_ca ? NULL : atk_case_tpm(c, line, name), is_ca ? atk_case_ca(c, line, name) : NULL, path);
    if (!atk_guard_operate(c->world, "crl", path, &out))
        atk_case_fail(c, line, "the operator's program failed: crl %s", path);
}

/* post PATH TYPE CODE TPM: the TPM's getChallenge to another address or as another type. get PATH CODE. */
static void post(atk_case *c, atk_line *line)
{
    bool gets = strcmp(line->word[0], "get") == 0;
    const char *path = atk_word(line, 1);
    const char *type = gets ? NULL : atk_word(line, 2);
    const char *code = atk_word(line, gets ? 2 : 3);
    BM_AUTO_BUF body = BM_BUF_EMPTY;

    if (!gets)
        atk_tpm_body(atk_case_tpm(c, line, atk_word(line, 4)), BM_CALL_CHALLENGE, &body);
    atk_server_post(&c->world->server, path, type, bm_buf_view(&body), &c->reply);
    expect(c, line, path, code);
}

bool atk_send_verb(atk_case *c, atk_line *line)
{
    static const struct {
        const char *verb;
        void (*run)(atk_case *c, atk_line *line);
    } verbs[] = {{"challenge", challenge}, {"certificate", certificate}, {"open", open_credential}, {"enroll", enroll}, {"each-bit", each_bit},
                 {"each-cut", each_cut},   {"expire", expire},           {"operator", operate},     {"revoke", revoke}, {"post", post},
                 {"get", post}};

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(verbs[i].verb, line->word[0]) == 0) {
            verbs[i].run(c, line);
            return true;
        }
    return false;
}

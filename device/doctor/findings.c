#include "device/doctor/findings.h"

#include "device/talk/exit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const verdicts[BM_FINDING_VERDICTS] = {
    [BM_FINDING_OK] = "ok", [BM_FINDING_WARNING] = "warning", [BM_FINDING_PROBLEM] = "problem"};

static bool is_printable(char c)
{
    return c >= 0x20 && c < 0x7F;
}

static void put_text(const char *text)
{
    for (; *text != 0; text++)
        (void)putchar(is_printable(*text) ? *text : '?');
}

static void put_json_text(const char *text)
{
    (void)putchar('"');
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\')
            (void)putchar('\\');
        (void)putchar(is_printable(*text) ? *text : '?');
    }
    (void)putchar('"');
}

static unsigned said(const bm_findings *findings)
{
    return findings->count[BM_FINDING_OK] + findings->count[BM_FINDING_WARNING] + findings->count[BM_FINDING_PROBLEM];
}

void bm_findings_begin(bm_findings *findings, bool json)
{
    *findings = (bm_findings){.json = json};
    if (json)
        (void)fputs("{\"findings\": [", stdout);
}

void bm_findings_add(bm_findings *findings, bm_finding_verdict verdict, const char *name, const char *format, ...)
{
    char sentence[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    if (findings->json) {
        (void)printf("%s\n  {\"name\": \"%s\", \"verdict\": \"%s\", \"text\": ", said(findings) > 0 ? "," : "", name, verdicts[verdict]);
        put_json_text(sentence);
        (void)putchar('}');
    } else {
        (void)printf("%-8s %-17s ", verdicts[verdict], name);
        put_text(sentence);
        (void)putchar('\n');
    }
    (void)fflush(stdout);
    findings->count[verdict]++;
}

BM_RESULT bm_findings_add_failure(bm_findings *findings, const char *name, bm_result failure)
{
    BM_AUTO_BUF sentence = BM_BUF_EMPTY;

    if (failure.code == BM_OK || failure.code == BM_E_INTERRUPTED || failure.code == BM_E_NO_MEMORY)
        return failure;
    BM_TRY(bm_exit_put_sentence(&sentence, failure));
    bm_findings_add(findings, BM_FINDING_PROBLEM, name, "%.*s", (int)sentence.size, (const char *)sentence.data);
    return bm_ok();
}

void bm_findings_end(const bm_findings *findings)
{
    const unsigned *count = findings->count;

    if (findings->json)
        (void)printf("\n], \"problems\": %u, \"warnings\": %u}\n", count[BM_FINDING_PROBLEM], count[BM_FINDING_WARNING]);
    else
        (void)printf("%u problem%s, %u warning%s\n", count[BM_FINDING_PROBLEM], count[BM_FINDING_PROBLEM] == 1 ? "" : "s",
                     count[BM_FINDING_WARNING], count[BM_FINDING_WARNING] == 1 ? "" : "s");
}

const char *bm_findings_name_for(bm_result failure)
{
    static const struct {
        bm_code code;
        const char *word; /* in the detail; NULL: any */
        const char *name;
    } rows[] = {
        {BM_E_TPM_UNREACHABLE, "/dev/tpm", "device-node"},
        {BM_E_TPM_UNREACHABLE, NULL, "tpm"},
        {BM_E_TPM_AUTH, "--key-auth", "key-auth"},
        {BM_E_TPM_AUTH, "PCRs", "key-policy"},
        {BM_E_TPM_AUTH, "owner", "owner-auth"},
        {BM_E_TPM_AUTH, "endorsement", "endorsement-auth"},
        {BM_E_TPM_AUTH, NULL, "ek"},
        {BM_E_TPM_LOCKOUT, NULL, "lockout"},
        {BM_E_TPM_NOT_READY, "hold keys", "objects"},
        {BM_E_TPM_NOT_READY, "sessions", "sessions"},
        {BM_E_TPM_NOT_READY, "hierarchy is disabled", "hierarchies"},
        {BM_E_TPM_NOT_READY, "on its way", "bus"},
        {BM_E_TPM_NOT_READY, NULL, "tpm"},
        {BM_E_TPM, "--key", "algorithms"},
        {BM_E_TPM, "NV memory is full", "persistent"},
        {BM_E_TPM, NULL, "tpm"},
        {BM_E_TPM_RESPONSE, NULL, "tpm"},
        {BM_E_TPM_NO_EKC, NULL, "ek"},
        {BM_E_EK_MISMATCH, "The ticket was not asked for", "bus"},
        {BM_E_EK_MISMATCH, "--ek-sha256", "bus"},
        {BM_E_EK_MISMATCH, NULL, "ek"},
        {BM_E_EK_TEMPLATE, NULL, "ek"},
        {BM_E_EKC_MALFORMED, NULL, "ek"},
        {BM_E_CHALLENGE_FAILED, NULL, "ek"},
        {BM_E_IK_ALGORITHM, NULL, "algorithms"},
        {BM_E_TPM_HANDLE_TAKEN, NULL, "handle"},
        {BM_E_NETWORK, NULL, "server"},
        {BM_E_SERVER_REPLY, "clock", "clock"},
        {BM_E_SERVER_REPLY, NULL, "server"},
        {BM_E_SERVER_REFUSED, NULL, "profile"},
        {BM_E_IO, "--state", "state"},
        {BM_E_IO, "--ca", "server"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].code == failure.code &&
            (rows[i].word == NULL || (failure.detail != NULL && strstr(failure.detail, rows[i].word) != NULL)))
            return rows[i].name;
    return NULL;
}

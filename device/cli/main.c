#include "crypto/startup.h"
#include "device/cli/help.h"
#include "device/cli/parts.h"
#include "device/cli/report.h"
#include "device/cli/show.h"
#include "device/doctor/findings.h"
#include "device/exchange/offline.h"
#include "device/talk/exit.h"
#include "program/interrupt.h"

#include <stdio.h>
#include <stdlib.h>

static BM_RESULT enroll(const bm_options *options, const bm_talk *talk)
{
    const bm_enrolment_options part = bm_parts_enrolment(options);
    bm_enroll_outcome outcome;

    BM_TRY(bm_enroll(&part, &outcome));
    return bm_report_enrolment(options, &outcome, talk);
}

static BM_RESULT renew(const bm_options *options, const bm_talk *talk)
{
    const bm_renew_options part = bm_parts_renewal(options);
    bm_enroll_outcome outcome;

    BM_TRY(bm_renew(&part, &outcome));
    return bm_report_renewal(options, &outcome, talk);
}

static BM_RESULT exchange_by_files(const bm_options *options, const bm_talk *talk)
{
    const bm_enrolment_options part = bm_parts_enrolment(options);
    bm_offline_outcome outcome;

    if (options->command == BM_COMMAND_REQUEST)
        BM_TRY(bm_offline_request(&part, options->out, &outcome));
    else
        BM_TRY(bm_offline_accept(&part, options->file, options->out, &outcome));
    return bm_report_offline(options, &outcome, talk);
}

static BM_RESULT tunnel(const bm_options *options)
{
    const bm_tunnel_options part = bm_parts_tunnel(options);

    return bm_tunnel(&part);
}

static BM_RESULT doctor(const bm_options *options, unsigned *problems)
{
    const bm_doctor_options part = bm_parts_doctor(options);

    return bm_doctor(&part, problems);
}

static BM_RESULT run(const bm_options *options, const bm_talk *talk, unsigned *problems)
{
    switch (options->command) {
    case BM_COMMAND_VERSION:
        (void)printf("birthmark %s\n", BM_VERSION);
        return bm_ok();
    case BM_COMMAND_HELP:
    case BM_COMMAND_ENROLL_HELP:
    case BM_COMMAND_SHOW_HELP:
    case BM_COMMAND_DOCTOR_HELP:
    case BM_COMMAND_TUNNEL_HELP:
    case BM_COMMAND_REQUEST_HELP:
    case BM_COMMAND_ACCEPT_HELP:
    case BM_COMMAND_RENEW_HELP:
        (void)fputs(bm_help_text(options->command), stdout);
        return bm_ok();
    case BM_COMMAND_ENROLL:
        BM_TRY(bm_interrupt_hold());
        return enroll(options, talk);
    case BM_COMMAND_RENEW:
        BM_TRY(bm_interrupt_hold());
        return renew(options, talk);
    case BM_COMMAND_SHOW:
        BM_TRY(bm_interrupt_hold());
        return bm_show(options);
    case BM_COMMAND_DOCTOR:
        BM_TRY(bm_interrupt_hold());
        return doctor(options, problems);
    case BM_COMMAND_REQUEST:
    case BM_COMMAND_ACCEPT:
        BM_TRY(bm_interrupt_hold());
        return exchange_by_files(options, talk);
    case BM_COMMAND_TUNNEL:
        return tunnel(options);
    }
    return bm_fail(BM_E_INTERNAL, "a command that nobody takes");
}

/* One line: what happened, what to do, and for an enrolment or a renewal which finding of the doctor has more; with --json the object as well. */
static void say(bm_result result, const bm_options *options, const bm_talk *talk)
{
    BM_AUTO_BUF sentence = BM_BUF_EMPTY;
    const char *finding = options->command == BM_COMMAND_ENROLL || options->command == BM_COMMAND_RENEW ? bm_findings_name_for(result) : NULL;

    if (bm_exit_put_sentence(&sentence, result).code == BM_OK)
        (void)fprintf(stderr, "birthmark: %.*s", (int)sentence.size, (const char *)sentence.data);
    else
        (void)fprintf(stderr, "birthmark: %s", bm_code_advice(result.code));
    if (finding != NULL)
        (void)fprintf(stderr, " (birthmark doctor: finding %s says more)", finding);
    (void)fputc('\n', stderr);
    if (talk != NULL && options->json && options->command != BM_COMMAND_DOCTOR)
        bm_result_ignore(bm_report_failure(result, finding, talk));
}

/* Runs what the command line says; what happens meanwhile is told. */
static bm_result command(const bm_options *options, unsigned *problems)
{
    bm_talk talk;
    bm_result result;

    bm_talk_begin(&talk, options->quiet, options->json);
    result = run(options, &talk, problems);
    if (result.code != BM_OK)
        say(result, options, &talk);
    bm_talk_end(&talk);
    return result;
}

int main(int argc, char **argv)
{
    bm_options options = {.command = BM_COMMAND_HELP};
    unsigned problems = 0;
    bm_result result;

    bm_startup_unconfigured();
    result = bm_options_parse(argc, argv, getenv("BIRTHMARK_TCTI"), &options);
    /* The TSS writes several lines to stderr for each error, which we say in one: whoever wants them sets TSS2_LOG. */
    (void)setenv("TSS2_LOG", "all+NONE", 0);
    if (result.code == BM_OK)
        result = command(&options, &problems);
    else
        say(result, &options, NULL);
    if (fflush(stdout) != 0 && result.code == BM_OK)
        return BM_EXIT_FILES;
    if (result.code == BM_OK)
        return problems > 0 ? BM_EXIT_PROBLEM : BM_EXIT_OK;
    return (int)bm_exit_status_of(result);
}

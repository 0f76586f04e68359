#include "agent/doctor.h"
#include "agent/enroll.h"
#include "agent/exit.h"
#include "agent/findings.h"
#include "agent/help.h"
#include "agent/renew.h"
#include "agent/show.h"
#include "agent/tunnel.h"
#include "program/interrupt.h"

#include <stdio.h>
#include <stdlib.h>

static BM_RESULT run(const bm_options *options, unsigned *problems)
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
    case BM_COMMAND_RENEW_HELP:
        (void)fputs(bm_help_text(options->command), stdout);
        return bm_ok();
    case BM_COMMAND_ENROLL:
        BM_TRY(bm_interrupt_hold());
        return bm_enroll(options);
    case BM_COMMAND_RENEW:
        BM_TRY(bm_interrupt_hold());
        return bm_renew(options);
    case BM_COMMAND_SHOW:
        BM_TRY(bm_interrupt_hold());
        return bm_show(options);
    case BM_COMMAND_DOCTOR:
        BM_TRY(bm_interrupt_hold());
        return bm_doctor(options, problems);
    case BM_COMMAND_TUNNEL:
        return bm_tunnel(options);
    }
    return bm_fail(BM_E_INTERNAL, "a command that nobody takes");
}

/* One line: what happened, what to do, and for an enrolment or a renewal which finding of the doctor has more. */
static void say(bm_result result, bm_command command)
{
    BM_AUTO_BUF sentence = BM_BUF_EMPTY;
    const char *finding = command == BM_COMMAND_ENROLL || command == BM_COMMAND_RENEW ? bm_findings_name_for(result) : NULL;

    if (bm_exit_put_sentence(&sentence, result).code == BM_OK)
        (void)fprintf(stderr, "birthmark: %.*s", (int)sentence.size, (const char *)sentence.data);
    else
        (void)fprintf(stderr, "birthmark: %s", bm_code_advice(result.code));
    if (finding != NULL)
        (void)fprintf(stderr, " (birthmark doctor: finding %s says more)", finding);
    (void)fputc('\n', stderr);
}

int main(int argc, char **argv)
{
    bm_options options = {.command = BM_COMMAND_HELP};
    unsigned problems = 0;
    bm_result result = bm_options_parse(argc, argv, getenv("BIRTHMARK_TCTI"), &options);

    if (result.code == BM_OK)
        result = run(&options, &problems);
    if (fflush(stdout) != 0 && result.code == BM_OK)
        return BM_EXIT_FILES;
    if (result.code == BM_OK)
        return problems > 0 ? BM_EXIT_PROBLEM : BM_EXIT_OK;
    say(result, options.command);
    return (int)bm_exit_status_of(result);
}

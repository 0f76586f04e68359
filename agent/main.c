#include "agent/enroll.h"
#include "agent/exit.h"
#include "agent/interrupt.h"
#include "agent/show.h"

#include <stdio.h>
#include <stdlib.h>

static BM_RESULT run(int argc, char **argv)
{
    bm_options options;

    BM_TRY(bm_options_parse(argc, argv, getenv("BIRTHMARK_TCTI"), &options));
    switch (options.command) {
    case BM_COMMAND_VERSION:
        (void)printf("birthmark %s\n", BM_VERSION);
        return bm_ok();
    case BM_COMMAND_HELP:
    case BM_COMMAND_ENROLL_HELP:
    case BM_COMMAND_SHOW_HELP:
        (void)fputs(bm_options_help(options.command), stdout);
        return bm_ok();
    case BM_COMMAND_ENROLL:
        BM_TRY(bm_interrupt_hold());
        return bm_enroll(&options);
    case BM_COMMAND_SHOW:
        BM_TRY(bm_interrupt_hold());
        return bm_show(&options);
    }
    return bm_fail(BM_E_INTERNAL, "a command that nobody takes");
}

int main(int argc, char **argv)
{
    bm_result result = run(argc, argv);
    BM_AUTO_BUF sentence = BM_BUF_EMPTY;

    if (result.code == BM_OK)
        return fflush(stdout) == 0 ? BM_EXIT_OK : BM_EXIT_FILES;
    (void)fflush(stdout);
    if (bm_exit_put_sentence(&sentence, result).code == BM_OK)
        (void)fprintf(stderr, "birthmark: %.*s\n", (int)sentence.size, (const char *)sentence.data);
    else
        (void)fprintf(stderr, "birthmark: %s\n", bm_code_advice(result.code));
    return (int)bm_exit_status_of(result);
}

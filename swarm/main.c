#include "crypto/startup.h"
#include "swarm/commands.h"
#include "swarm/exit.h"

#include <stdio.h>

static BM_RESULT run(int argc, char **argv)
{
    bm_swarm_options options;

    BM_TRY(bm_swarm_options_parse(argc, argv, &options));
    if (options.command == BM_SWARM_COMMAND_VERSION)
        (void)printf("birthmark-swarm %s\n", BM_VERSION);
    else if (options.command == BM_SWARM_COMMAND_HELP)
        (void)fputs(bm_swarm_options_help(), stdout);
    else
        return bm_swarm_commands_run(&options);
    return bm_ok();
}

int main(int argc, char **argv)
{
    BM_AUTO_BUF sentence = BM_BUF_EMPTY;
    bm_result result;

    bm_startup_unconfigured();
    result = run(argc, argv);
    if (result.code == BM_OK)
        return fflush(stdout) == 0 ? BM_SWARM_EXIT_OK : BM_SWARM_EXIT_FILES;
    (void)fflush(stdout);
    if (bm_swarm_exit_put_sentence(&sentence, result).code == BM_OK)
        (void)fprintf(stderr, "birthmark-swarm: %.*s\n", (int)sentence.size, (const char *)sentence.data);
    else
        (void)fprintf(stderr, "birthmark-swarm: %s\n", bm_code_advice(result.code));
    return (int)bm_swarm_exit_status_of(result);
}

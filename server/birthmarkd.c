/* birthmarkd: the command line. See birthmarkd(8). */
#include "base/text.h"
#include "crypto/memory.h"
#include "crypto/startup.h"
#include "program/sanitized.h"
#include "server/monitor.h"
#include "server/process.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#if BM_SANITIZED
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

/* The processes have no environment to take options from; and none of them may be traced, which looking for leaks would need. */
const char *__asan_default_options(void)
{
    return "detect_leaks=0:malloc_context_size=12";
}

const char *__ubsan_default_options(void)
{
    return "halt_on_error=1:print_stacktrace=1";
}
#endif

static const char usage[] = "usage: birthmarkd --state DIR --listen ADDR:PORT [options]\n"
                            "\n"
                            "The identity CA for devices with a TPM 2.0. birthmarkctl init makes its state directory.\n"
                            "\n"
                            "  --state DIR             the state directory\n"
                            "  --listen ADDR:PORT      where to listen; port 0 is the kernel's choice\n"
                            "  --plain                 plain HTTP, for a TLS proxy in front\n"
                            "  --servers N             server processes (default: [server] processes, or one per core)\n"
                            "  --user USER             as root: become this user before anything else\n"
                            "  --passphrase-file FILE  the passphrase of the keys (default: see birthmarkd(8))\n"
                            "  --version               print the version\n"
                            "  --help                  print this\n";

/* `birthmarkd -x NAME [INDEX]`: how the monitor starts the others. */
static int run_process(int count, char **arguments)
{
    bm_process process;
    uint64_t index = 0;

    if (count < 1 || bm_process_by_name(arguments[0], &process).code != BM_OK)
        return BM_EXIT_USAGE;
    if (count > 1 && bm_text_parse_u64(bm_bytes_str(arguments[1]), BM_PROCESS_SERVERS_MAX, &index).code != BM_OK)
        return BM_EXIT_USAGE;
    switch (process) {
    case BM_PROCESS_SERVER:
        return bm_server_main((int)index);
    case BM_PROCESS_LEDGER:
        return bm_ledger_main();
    case BM_PROCESS_KEEPER:
        return bm_keeper_main();
    case BM_PROCESS_COUNT:
        break;
    }
    return BM_EXIT_USAGE;
}

enum { OPTION_STATE = 's', OPTION_LISTEN = 'l', OPTION_PLAIN = 'p', OPTION_SERVERS = 'n', OPTION_PASSPHRASE = 'f', OPTION_USER = 'u', OPTION_VERSION = 'V', OPTION_HELP = 'h' };

static const struct option long_options[] = {
    {"state", required_argument, NULL, OPTION_STATE},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"plain", no_argument, NULL, OPTION_PLAIN},
    {"servers", required_argument, NULL, OPTION_SERVERS},
    {"passphrase-file", required_argument, NULL, OPTION_PASSPHRASE},
    {"user", required_argument, NULL, OPTION_USER},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static BM_RESULT set_servers(const char *text, bm_monitor_options *options)
{
    uint64_t number;

    if (bm_text_parse_u64(bm_bytes_str(text), BM_PROCESS_SERVERS_MAX, &number).code != BM_OK || number == 0)
        return bm_failf(BM_E_USAGE, "--servers wants a number from 1 to %d", BM_PROCESS_SERVERS_MAX);
    options->servers = (unsigned)number;
    return bm_ok();
}

/* One option; `done` when there is nothing to run. */
static BM_RESULT set_option(int option, bm_monitor_options *options, bool *done)
{
    switch (option) {
    case OPTION_STATE:
        options->state = optarg;
        return bm_ok();
    case OPTION_LISTEN:
        options->listen = optarg;
        return bm_ok();
    case OPTION_PLAIN:
        options->plain = true;
        return bm_ok();
    case OPTION_SERVERS:
        return set_servers(optarg, options);
    case OPTION_PASSPHRASE:
        options->passphrase_file = optarg;
        return bm_ok();
    case OPTION_USER:
        options->user = optarg;
        return bm_ok();
    case OPTION_VERSION:
        *done = true;
        (void)puts("birthmarkd " BM_VERSION);
        return bm_ok();
    case OPTION_HELP:
        *done = true;
        (void)fputs(usage, stdout);
        return bm_ok();
    default:
        return bm_fail(BM_E_USAGE, "see birthmarkd --help");
    }
}

static BM_RESULT parse(int argc, char **argv, bm_monitor_options *options, bool *done)
{
    int option;

    while (!*done && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        BM_TRY(set_option(option, options, done));
    if (*done)
        return bm_ok();
    BM_CHECK(optind == argc, BM_E_USAGE, "there are words that are no options; see birthmarkd --help");
    BM_CHECK(options->state != NULL && options->listen != NULL, BM_E_USAGE, "--state and --listen are needed; see birthmarkd --help");
    return bm_ok();
}

int main(int argc, char **argv)
{
    bm_monitor_options options = {0};
    bool done = false;
    bm_result result;

    bm_memory_watch();
    bm_startup_unconfigured();
    if (argc > 1 && strcmp(argv[1], "-x") == 0)
        return run_process(argc - 2, argv + 2);
    result = parse(argc, argv, &options, &done);
    if (result.code != BM_OK) {
        (void)fprintf(stderr, "birthmarkd: %s\n", result.detail);
        return BM_EXIT_USAGE;
    }
    return done ? 0 : bm_monitor_main(&options);
}

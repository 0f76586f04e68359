#include "swarm/options.h"

#include "base/text.h"
#include "swarm/format.h"

#include <getopt.h>
#include <limits.h>
#include <string.h>

static const char help[] =
    "birthmark-swarm: plays a fleet of devices against an identity CA, and says what that costs it\n"
    "\n"
    "  birthmark-swarm --server URL --ca FILE [options]\n"
    "      provision devices: each a TLS connection, getChallenge and getCertificate\n"
    "  birthmark-swarm vendor [--fleet FILE] [--out FILE]\n"
    "      write the certificate of the fleet's TPM vendor, for 'birthmarkctl trust add'\n"
    "  birthmark-swarm inventory --devices N [--fleet FILE] [--ek TYPE] [--ik TYPE] [--out FILE]\n"
    "      write the devices as a table, for 'birthmarkctl device import'\n"
    "  birthmark-swarm requests --devices N --out DIR [--answers FILE] [--fleet FILE] [--ek TYPE] [--ik TYPE] [--profile NAME] [--bad P%]\n"
    "      write the request files of the first trip, or of the second from the answers to the first, for 'birthmarkctl batch'\n"
    "  birthmark-swarm make --devices N [--fleet FILE] [--ek TYPE] [--ik TYPE]\n"
    "      make devices, and do nothing else\n"
    "  birthmark-swarm --help | --version\n"
    "\n"
    "  --server URL        the identity CA, https://HOST[:PORT]\n"
    "  --ca FILE           PEM certificates that verify the server\n"
    "  --devices N         how many devices (1000)\n"
    "  --concurrency N     how many at the same time (200)\n"
    "  --ek TYPE           their endorsement keys: rsa2048, ecc256 (the default) or ecc384\n"
    "  --ik TYPE           their identity keys: rsa2048, rsa3072, ecc256 (the default) or ecc384\n"
    "  --fleet FILE        where their keys are kept (" BM_SWARM_FLEET_DEFAULT "); what is missing is made\n"
    "  --prefix PREFIX     what the serials of a new fleet begin with (SWARM- and six digits)\n"
    "  --profile NAME      the server's profile (its default)\n"
    "  --bad P%            that share of the devices must be refused, and counts as good when it is\n"
    "  --repeat-reconnect  all devices connect, all connections drop, and all come back at once\n"
    "  --tries N           how often a device tries one call (30)\n"
    "  --held FILE         keep every certificate, a line of hex each\n"
    "  --watch PID         birthmarkd's monitor here: also say the CPU time of its processes\n"
    "  --out FILE          write there, not to standard output; of 'requests': the directory for the files\n"
    "  --answers FILE      the answers that 'birthmarkctl batch' gave to the first requests; taken as they are\n"
    "  --json              print the figures as one JSON object\n"
    "  --quiet             no progress\n"
    "\n"
    "Exit status: 0 every device ended as it must; 1 wrong command line; 3 the server cannot be reached; 4 the server refused,\n"
    "or its answer is not right; 5 a file; 6 a fault inside; 130 stopped by a signal. The figures are printed in any case.\n"
    "birthmark-swarm(1) has it all. Never let a CA for real devices trust the vendor of a fleet.\n";

typedef enum {
    O_SERVER = 256, O_CA, O_DEVICES, O_CONCURRENCY, O_EK, O_IK, O_FLEET, O_PREFIX, O_PROFILE, O_BAD, O_RECONNECT, O_TRIES, O_HELD, O_WATCH,
    O_OUT, O_ANSWERS, O_JSON, O_QUIET, O_HELP, O_VERSION
} option_id;

static const struct option known[] = {
    {"server", required_argument, NULL, O_SERVER},
    {"ca", required_argument, NULL, O_CA},
    {"devices", required_argument, NULL, O_DEVICES},
    {"concurrency", required_argument, NULL, O_CONCURRENCY},
    {"ek", required_argument, NULL, O_EK},
    {"ik", required_argument, NULL, O_IK},
    {"fleet", required_argument, NULL, O_FLEET},
    {"prefix", required_argument, NULL, O_PREFIX},
    {"profile", required_argument, NULL, O_PROFILE},
    {"bad", required_argument, NULL, O_BAD},
    {"repeat-reconnect", no_argument, NULL, O_RECONNECT},
    {"tries", required_argument, NULL, O_TRIES},
    {"held", required_argument, NULL, O_HELD},
    {"watch", required_argument, NULL, O_WATCH},
    {"out", required_argument, NULL, O_OUT},
    {"answers", required_argument, NULL, O_ANSWERS},
    {"json", no_argument, NULL, O_JSON},
    {"quiet", no_argument, NULL, O_QUIET},
    {"help", no_argument, NULL, O_HELP},
    {"version", no_argument, NULL, O_VERSION},
    {NULL, 0, NULL, 0},
};

const char *bm_swarm_options_help(void)
{
    return help;
}

static BM_RESULT take_number(const char *name, const char *text, uint64_t max, uint64_t *value)
{
    uint64_t number;

    if (bm_text_parse_u64(bm_bytes_str(text), max, &number).code != BM_OK || number == 0)
        return bm_failf(BM_E_USAGE, "'%.40s' does not do: --%s takes a number from 1 to %llu", text, name, (unsigned long long)max);
    *value = number;
    return bm_ok();
}

static BM_RESULT take_type(const char *text, bool ek, bm_key_type *type)
{
    bm_key_type found = bm_pubkey_type_by_name(bm_bytes_str(text));

    if (ek && !bm_swarm_format_is_ek(found))
        return bm_failf(BM_E_USAGE, "'%.40s' is no type of key: --ek takes rsa2048, ecc256 or ecc384", text);
    if (!ek && !bm_swarm_format_is_ik(found))
        return bm_failf(BM_E_USAGE, "'%.40s' is no type of key: --ik takes rsa2048, rsa3072, ecc256 or ecc384", text);
    *type = found;
    return bm_ok();
}

BM_RESULT bm_swarm_options_share(const char *text, unsigned *share)
{
    bm_bytes rest = bm_bytes_str(text);
    const uint8_t *dot = rest.size == 0 ? NULL : memchr(rest.data, '.', rest.size);
    uint64_t whole, tenth = 0;
    bool good = rest.size > 1 && rest.data[rest.size - 1] == '%';

    if (good) {
        rest.size--;
        if (dot != NULL) {
            size_t at = (size_t)(dot - rest.data);

            good = bm_text_parse_u64(bm_bytes_slice(rest, at + 1, rest.size - at - 1), 9, &tenth).code == BM_OK && rest.size - at == 2;
            rest.size = at;
        }
        good = good && bm_text_parse_u64(rest, 100, &whole).code == BM_OK && whole * 10 + tenth <= 1000;
    }
    if (!good)
        return bm_failf(BM_E_USAGE, "'%.40s' is no share: --bad takes 0%% to 100%%, say 1%% or 0.5%%", text);
    *share = (unsigned)(whole * 10 + tenth);
    return bm_ok();
}

static BM_RESULT take_prefix(const char *text, const char **prefix)
{
    if (!bm_swarm_format_is_prefix(bm_bytes_str(text)))
        return bm_failf(BM_E_USAGE, "'%.80s' does not do: --prefix takes 1 to %d of A-Z a-z 0-9 . _ : -, the first a letter or a digit", text,
                        BM_SWARM_PREFIX_MAX);
    *prefix = text;
    return bm_ok();
}

static BM_RESULT take_watch(const char *text, pid_t *pid)
{
    uint64_t number;

    BM_TRY(take_number("watch", text, INT_MAX, &number));
    *pid = (pid_t)number;
    return bm_ok();
}

static BM_RESULT take_profile(const char *text, const char **profile)
{
    if (!bm_text_is_profile_name(bm_bytes_str(text)))
        return bm_failf(BM_E_USAGE, "'%.80s' is no name of a profile: --profile takes 1 to 32 of a-z 0-9 -", text);
    *profile = text;
    return bm_ok();
}

/* What a word or a switch alone sets; false when it is none of these. */
static bool take_plain(int id, const char *value, bm_swarm_options *options)
{
    switch (id) {
    case O_SERVER: options->server = value; return true;
    case O_CA: options->ca = value; return true;
    case O_FLEET: options->fleet = value; return true;
    case O_HELD: options->held = value; return true;
    case O_OUT: options->out = value; return true;
    case O_ANSWERS: options->answers = value; return true;
    case O_RECONNECT: options->reconnect = true; return true;
    case O_JSON: options->json = true; return true;
    case O_QUIET: options->quiet = true; return true;
    case O_HELP: options->command = BM_SWARM_COMMAND_HELP; return true;
    case O_VERSION: options->command = BM_SWARM_COMMAND_VERSION; return true;
    default: return false;
    }
}

static BM_RESULT take_option(int id, const char *value, bm_swarm_options *options)
{
    if (take_plain(id, value, options))
        return bm_ok();
    switch (id) {
    case O_DEVICES:
        return take_number("devices", value, BM_SWARM_DEVICES_MAX, &options->devices);
    case O_CONCURRENCY:
        return take_number("concurrency", value, BM_SWARM_CONCURRENCY_MAX, &options->concurrency);
    case O_TRIES:
        return take_number("tries", value, 1000000, &options->tries);
    case O_EK:
        return take_type(value, true, &options->ek);
    case O_IK:
        return take_type(value, false, &options->ik);
    case O_PREFIX:
        return take_prefix(value, &options->prefix);
    case O_PROFILE:
        return take_profile(value, &options->profile);
    case O_BAD:
        return bm_swarm_options_share(value, &options->bad);
    case O_WATCH:
        return take_watch(value, &options->watch);
    default:
        return bm_fail(BM_E_INTERNAL, "an option that nobody takes");
    }
}

/* The command, a word before the options; without one the devices run. */
static bool take_command(const char *word, bm_swarm_command *command)
{
    static const struct {
        const char *word;
        bm_swarm_command command;
    } commands[] = {{"make", BM_SWARM_COMMAND_MAKE}, {"vendor", BM_SWARM_COMMAND_VENDOR}, {"inventory", BM_SWARM_COMMAND_INVENTORY}, {"requests", BM_SWARM_COMMAND_REQUESTS}, {"help", BM_SWARM_COMMAND_HELP}};

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(word, commands[i].word) == 0) {
            *command = commands[i].command;
            return true;
        }
    return false;
}

static BM_RESULT take_options(int argc, char **argv, bm_swarm_options *options)
{
    int id;

    opterr = 0;
    optind = 0; /* the GNU way to start anew */
    while ((id = getopt_long(argc, argv, "+:", known, NULL)) != -1) {
        const char *word = argv[optind > 0 ? optind - 1 : 0];

        if (id == ':')
            return bm_failf(BM_E_USAGE, "%.60s lacks its value: see 'birthmark-swarm --help'", word);
        if (id == '?')
            return bm_failf(BM_E_USAGE, "%.60s is no option: see 'birthmark-swarm --help'", word);
        BM_TRY(take_option(id, optarg, options));
    }
    if (optind < argc)
        return bm_failf(BM_E_USAGE, "'%.60s' does not belong here: see 'birthmark-swarm --help'", argv[optind]);
    return bm_ok();
}

static BM_RESULT check(const bm_swarm_options *options)
{
    BM_CHECK(options->command != BM_SWARM_COMMAND_REQUESTS || options->out != NULL, BM_E_USAGE, "--out is missing: give the directory for the files");
    if (options->command != BM_SWARM_COMMAND_RUN)
        return bm_ok();
    BM_CHECK(options->server != NULL, BM_E_USAGE, "--server is missing: give the identity CA's address, https://HOST[:PORT]");
    BM_CHECK(options->ca != NULL, BM_E_USAGE, "--ca is missing: give the file of certificates that verifies the server");
    return bm_ok();
}

BM_RESULT bm_swarm_options_parse(int argc, char **argv, bm_swarm_options *options)
{
    bm_swarm_options parsed = {.fleet = BM_SWARM_FLEET_DEFAULT,
                               .profile = "",
                               .devices = 1000,
                               .concurrency = 200,
                               .tries = 30,
                               .ek = BM_KEY_ECC256,
                               .ik = BM_KEY_ECC256};
    int skip;

    BM_CHECK(argc >= 2, BM_E_USAGE, "no server: try 'birthmark-swarm --help'");
    skip = take_command(argv[1], &parsed.command) ? 1 : 0;
    BM_TRY(take_options(argc - skip, argv + skip, &parsed));
    BM_TRY(check(&parsed));
    *options = parsed;
    return bm_ok();
}

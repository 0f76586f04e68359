#include "device/cli/options.h"

#include "device/cli/options_values.h"
#include "device/cli/parts.h"
#include "device/talk/secret.h"

#include <getopt.h>
#include <string.h>

typedef enum {
    O_SERVER = 256, O_CA, O_SERIAL, O_KEY, O_HANDLE, O_PROFILE, O_STATE, O_TCTI, O_RENEW,
    O_OWNER_AUTH, O_ENDORSEMENT_AUTH, O_EK_SHA256, O_JSON, O_QUIET, O_LISTEN, O_TO, O_NAME, O_MODE, O_IDLE, O_OUT, O_NOW, O_NEW_KEY, O_WAIT, O_HELP,
    O_PARENT, O_PERSIST, O_KEY_AUTH, O_PCRS
} option_id;

static const struct option enroll_options[] = {
    {"server", required_argument, NULL, O_SERVER}, {"ca", required_argument, NULL, O_CA},
    {"serial", required_argument, NULL, O_SERIAL}, {"key", required_argument, NULL, O_KEY},
    {"handle", required_argument, NULL, O_HANDLE}, {"profile", required_argument, NULL, O_PROFILE},
    {"state", required_argument, NULL, O_STATE},   {"tcti", required_argument, NULL, O_TCTI},
    {"renew", no_argument, NULL, O_RENEW},         {"help", no_argument, NULL, O_HELP},
    {"json", no_argument, NULL, O_JSON},           {"quiet", no_argument, NULL, O_QUIET},
    {"ek-sha256", required_argument, NULL, O_EK_SHA256},
    {"parent", required_argument, NULL, O_PARENT}, {"persist", required_argument, NULL, O_PERSIST},
    {"key-auth", required_argument, NULL, O_KEY_AUTH}, {"pcrs", required_argument, NULL, O_PCRS},
    {"owner-auth", required_argument, NULL, O_OWNER_AUTH},
    {"endorsement-auth", required_argument, NULL, O_ENDORSEMENT_AUTH},
    {NULL, 0, NULL, 0},
};

static const struct option show_options[] = {
    {"handle", required_argument, NULL, O_HANDLE}, {"state", required_argument, NULL, O_STATE},
    {"tcti", required_argument, NULL, O_TCTI},     {"help", no_argument, NULL, O_HELP},
    {"json", no_argument, NULL, O_JSON},           {"quiet", no_argument, NULL, O_QUIET},
    {"owner-auth", required_argument, NULL, O_OWNER_AUTH},
    {"endorsement-auth", required_argument, NULL, O_ENDORSEMENT_AUTH},
    {NULL, 0, NULL, 0},
};

static const struct option doctor_options[] = {
    {"server", required_argument, NULL, O_SERVER}, {"ca", required_argument, NULL, O_CA},
    {"serial", required_argument, NULL, O_SERIAL}, {"handle", required_argument, NULL, O_HANDLE},
    {"profile", required_argument, NULL, O_PROFILE}, {"state", required_argument, NULL, O_STATE},
    {"tcti", required_argument, NULL, O_TCTI},     {"json", no_argument, NULL, O_JSON},
    {"quiet", no_argument, NULL, O_QUIET},
    {"owner-auth", required_argument, NULL, O_OWNER_AUTH},
    {"endorsement-auth", required_argument, NULL, O_ENDORSEMENT_AUTH},
    {"help", no_argument, NULL, O_HELP},           {NULL, 0, NULL, 0},
};

static const struct option tunnel_options[] = {
    {"listen", required_argument, NULL, O_LISTEN}, {"to", required_argument, NULL, O_TO},
    {"ca", required_argument, NULL, O_CA},         {"name", required_argument, NULL, O_NAME},
    {"mode", required_argument, NULL, O_MODE},     {"idle", required_argument, NULL, O_IDLE},
    {"key-auth", required_argument, NULL, O_KEY_AUTH},
    {"owner-auth", required_argument, NULL, O_OWNER_AUTH},
    {"endorsement-auth", required_argument, NULL, O_ENDORSEMENT_AUTH},
    {"state", required_argument, NULL, O_STATE},   {"tcti", required_argument, NULL, O_TCTI},
    {"help", no_argument, NULL, O_HELP},           {NULL, 0, NULL, 0},
};

static const struct option request_options[] = {
    {"serial", required_argument, NULL, O_SERIAL}, {"out", required_argument, NULL, O_OUT},
    {"key", required_argument, NULL, O_KEY},       {"handle", required_argument, NULL, O_HANDLE},
    {"profile", required_argument, NULL, O_PROFILE}, {"state", required_argument, NULL, O_STATE},
    {"tcti", required_argument, NULL, O_TCTI},     {"renew", no_argument, NULL, O_RENEW},
    {"ek-sha256", required_argument, NULL, O_EK_SHA256},
    {"parent", required_argument, NULL, O_PARENT}, {"persist", required_argument, NULL, O_PERSIST},
    {"key-auth", required_argument, NULL, O_KEY_AUTH}, {"pcrs", required_argument, NULL, O_PCRS},
    {"owner-auth", required_argument, NULL, O_OWNER_AUTH},
    {"endorsement-auth", required_argument, NULL, O_ENDORSEMENT_AUTH},
    {"json", no_argument, NULL, O_JSON},           {"quiet", no_argument, NULL, O_QUIET},
    {"help", no_argument, NULL, O_HELP},           {NULL, 0, NULL, 0},
};

static const struct option accept_options[] = {
    {"ca", required_argument, NULL, O_CA},         {"out", required_argument, NULL, O_OUT},
    {"state", required_argument, NULL, O_STATE},   {"tcti", required_argument, NULL, O_TCTI},
    {"owner-auth", required_argument, NULL, O_OWNER_AUTH},
    {"endorsement-auth", required_argument, NULL, O_ENDORSEMENT_AUTH},
    {"key-auth", required_argument, NULL, O_KEY_AUTH},
    {"json", no_argument, NULL, O_JSON},           {"quiet", no_argument, NULL, O_QUIET},
    {"help", no_argument, NULL, O_HELP},           {NULL, 0, NULL, 0},
};

static const struct option renew_options[] = {
    {"state", required_argument, NULL, O_STATE},   {"tcti", required_argument, NULL, O_TCTI},
    {"now", no_argument, NULL, O_NOW},             {"wait", required_argument, NULL, O_WAIT},
    {"new-key", no_argument, NULL, O_NEW_KEY},     {"key", required_argument, NULL, O_KEY},
    {"server", required_argument, NULL, O_SERVER}, {"ca", required_argument, NULL, O_CA},
    {"owner-auth", required_argument, NULL, O_OWNER_AUTH},
    {"endorsement-auth", required_argument, NULL, O_ENDORSEMENT_AUTH},
    {"key-auth", required_argument, NULL, O_KEY_AUTH},
    {"json", no_argument, NULL, O_JSON},           {"quiet", no_argument, NULL, O_QUIET},
    {"help", no_argument, NULL, O_HELP},           {NULL, 0, NULL, 0},
};

/* A command: its name, its options, and itself with and without --help. */
static const struct {
    const char *name;
    const struct option *known;
    bm_command command;
    bm_command help;
} commands[] = {
    {"enroll", enroll_options, BM_COMMAND_ENROLL, BM_COMMAND_ENROLL_HELP},
    {"show", show_options, BM_COMMAND_SHOW, BM_COMMAND_SHOW_HELP},
    {"doctor", doctor_options, BM_COMMAND_DOCTOR, BM_COMMAND_DOCTOR_HELP},
    {"tunnel", tunnel_options, BM_COMMAND_TUNNEL, BM_COMMAND_TUNNEL_HELP},
    {"request", request_options, BM_COMMAND_REQUEST, BM_COMMAND_REQUEST_HELP},
    {"accept", accept_options, BM_COMMAND_ACCEPT, BM_COMMAND_ACCEPT_HELP},
    {"renew", renew_options, BM_COMMAND_RENEW, BM_COMMAND_RENEW_HELP},
};

/* The options of the tunnel alone. */
static BM_RESULT take_tunnel_option(int id, const char *value, bm_options *options)
{
    switch (id) {
    case O_LISTEN:
        options->listens = true;
        return bm_tunnel_address_parse_place(value, &options->place);
    case O_TO:
        return bm_tunnel_address_parse_server(value, &options->to);
    case O_NAME:
        return bm_options_values_name(value, &options->name);
    case O_MODE:
        return bm_options_values_mode(value, &options->mode);
    case O_IDLE:
        return bm_options_values_idle(value, &options->idle);
    default:
        return bm_fail(BM_E_INTERNAL, "an option that nobody takes");
    }
}

/* Where the identity key is, and who may use it. */
static BM_RESULT take_kind_option(int id, const char *value, bm_options *options)
{
    switch (id) {
    case O_PARENT:
        options->has_parent = true;
        return bm_enrolment_options_parent(value, &options->parent);
    case O_PERSIST:
        return bm_enrolment_options_persist(value, &options->persist);
    case O_PCRS:
        return bm_enrolment_options_pcrs(value, &options->pcrs);
    case O_KEY_AUTH:
        options->key_auth = value;
        return bm_secret_check("--key-auth", value);
    default:
        return take_tunnel_option(id, value, options);
    }
}

/* The options of renew alone. */
static BM_RESULT take_renew_option(int id, const char *value, bm_options *options)
{
    switch (id) {
    case O_NOW:
        options->now = true;
        return bm_ok();
    case O_NEW_KEY:
        options->new_key = true;
        return bm_ok();
    case O_WAIT:
        return bm_options_values_wait(value, &options->wait);
    default:
        return take_kind_option(id, value, options);
    }
}

static BM_RESULT take_option(int id, const char *value, bm_options *options)
{
    switch (id) {
    case O_SERVER:
        options->server = value;
        return bm_ok();
    case O_CA:
        options->ca = value;
        return bm_ok();
    case O_SERIAL:
        options->serial = value;
        return bm_ok();
    case O_KEY:
        return bm_enrolment_options_key(value, &options->key);
    case O_HANDLE:
        return bm_enrolment_options_handle(value, &options->handle);
    case O_PROFILE:
        options->profile = value;
        return bm_ok();
    case O_STATE:
        options->state = value;
        return bm_ok();
    case O_TCTI:
        options->tcti = value;
        return bm_ok();
    case O_RENEW:
        options->renew = true;
        return bm_ok();
    case O_EK_SHA256:
        options->has_ek = true;
        return bm_enrolment_options_ek(value, options->ek);
    case O_OUT:
        options->out = value;
        return bm_ok();
    case O_JSON:
        options->json = true;
        return bm_ok();
    case O_QUIET:
        options->quiet = true;
        return bm_ok();
    case O_OWNER_AUTH:
        options->auth[BM_TPM_OWNER] = value;
        return bm_secret_check("--owner-auth", value);
    case O_ENDORSEMENT_AUTH:
        options->auth[BM_TPM_ENDORSEMENT] = value;
        return bm_secret_check("--endorsement-auth", value);
    default:
        return take_renew_option(id, value, options);
    }
}

/* All options of a command, behind its name in argv[0]. */
static BM_RESULT take_options(int argc, char **argv, const struct option *known, bool *help_wanted, bm_options *options)
{
    int id;

    opterr = 0;
    optind = 0; /* the GNU way to start anew */
    while ((id = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        const char *word = argv[optind > 0 ? optind - 1 : 0];

        if (id == O_HELP) {
            *help_wanted = true;
            return bm_ok();
        }
        if (id == ':')
            return bm_failf(BM_E_USAGE, "%.60s lacks its value: see 'birthmark %s --help'", word, argv[0]);
        if (id == '?')
            return bm_failf(BM_E_USAGE, "%.60s is no option: see 'birthmark %s --help'", word, argv[0]);
        BM_TRY(take_option(id, optarg, options));
    }
    /* accept has one word that is no option. */
    if (options->command == BM_COMMAND_ACCEPT && optind < argc)
        options->file = argv[optind++];
    if (optind < argc)
        return bm_failf(BM_E_USAGE, "'%.60s' does not belong here: see 'birthmark %s --help'", argv[optind], argv[0]);
    return bm_ok();
}

/* What the exchange by files must be given. */
static BM_RESULT check_offline(const bm_options *options)
{
    bool requests = options->command == BM_COMMAND_REQUEST;
    bool accepts = options->command == BM_COMMAND_ACCEPT;

    BM_CHECK(!requests || options->out != NULL, BM_E_USAGE, "--out is missing: give the file for the request");
    BM_CHECK(!accepts || options->file != NULL, BM_E_USAGE, "the file of answers is missing: birthmark accept FILE --ca FILE");
    BM_CHECK(!accepts || options->ca != NULL, BM_E_USAGE, "--ca is missing: give the identity CA's certificate (its ca.crt)");
    return bm_ok();
}

/* What can be wrong with options as a whole: the last step of reading them. */
static BM_RESULT check(const bm_options *options)
{
    const bm_enrolment_options enrolment = bm_parts_enrolment(options);

    /* It knows from the directory what enroll must be given, also who verifies the server. */
    if (options->command == BM_COMMAND_RENEW)
        return options->server != NULL ? bm_enrolment_options_check_server(options->server) : bm_ok();
    if (options->command == BM_COMMAND_ENROLL)
        return bm_enrolment_options_check_enroll(&enrolment);
    if (options->command == BM_COMMAND_REQUEST)
        BM_TRY(bm_enrolment_options_check_request(&enrolment));
    else
        BM_TRY(bm_enrolment_options_check(&enrolment));
    BM_CHECK(options->command != BM_COMMAND_TUNNEL || options->to.port != 0, BM_E_USAGE, "--to is missing: give the server, HOST:PORT");
    return check_offline(options);
}

/* The command of this name with its options; `found` is false when there is none. */
static BM_RESULT take_command(int argc, char **argv, bm_options *options, bool *found)
{
    *found = false;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        bool help_wanted = false;

        if (strcmp(argv[0], commands[i].name) != 0)
            continue;
        *found = true;
        options->command = commands[i].command;
        BM_TRY(take_options(argc, argv, commands[i].known, &help_wanted, options));
        if (!help_wanted)
            return check(options);
        options->command = commands[i].help;
        return bm_ok();
    }
    return bm_ok();
}

BM_RESULT bm_options_parse(int argc, char **argv, const char *tcti, bm_options *options)
{
    bm_options parsed = {
        .tcti = tcti != NULL && tcti[0] != 0 ? tcti : BM_OPTIONS_TCTI_DEFAULT,
        .profile = "",
        .state = BM_OPTIONS_STATE_DEFAULT,
        .mode = 0600,
        .idle = 12 * 3600,
        .wait = 5 * 60,
    };

    BM_CHECK(argc >= 2, BM_E_USAGE, "no command: try 'birthmark --help'");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        parsed.command = BM_COMMAND_HELP;
    } else if (strcmp(argv[1], "--version") == 0) {
        parsed.command = BM_COMMAND_VERSION;
    } else {
        bool found;

        BM_TRY(take_command(argc - 1, argv + 1, &parsed, &found));
        if (!found)
            return bm_failf(BM_E_USAGE, "'%.60s' is no command: try 'birthmark --help'", argv[1]);
    }
    *options = parsed;
    return bm_ok();
}

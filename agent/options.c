#include "agent/options.h"

#include "agent/secret.h"
#include "agent/tpm_ek.h"
#include "agent/tpm_ik.h"
#include "agent/tunnel_helper.h"
#include "base/text.h"

#include <getopt.h>
#include <string.h>

static const char help[] =
    "birthmark: gives this device an identity from its TPM 2.0\n"
    "\n"
    "  birthmark enroll --server URL --ca FILE --serial SN [options]\n"
    "      make an identity key in the TPM and get a certificate for it\n"
    "  birthmark show [--tcti CONF] [--handle HANDLE] [--state DIR]\n"
    "      print the endorsement keys, their certificates, the identity key and its certificate\n"
    "  birthmark doctor [--tcti CONF] [--server URL --ca FILE] [--profile NAME] [--json]\n"
    "      look at what an enrolment needs, change nothing, and say what will not work and why\n"
    "  birthmark tunnel --listen unix:PATH|127.0.0.1:PORT --to HOST:PORT [--ca FILE] [options]\n"
    "      let programs that know no TPM use the identity: a plain socket here, mutual TLS to the server\n"
    "  birthmark --help | --version\n"
    "\n"
    "'birthmark COMMAND --help' lists the options of a command; birthmark(1) has it all.\n"
    "\n"
    "Exit status: 0 done; 1 wrong command line; 2 the TPM; 3 the server cannot be reached; 4 the server refused;\n"
    "5 a file; 6 a fault inside; 7 doctor found a problem; 130 stopped by a signal. An error is one line: what happened, and what to do.\n";

#define AUTH_HELP                                                                                                      \
    "  --owner-auth SOURCE, --endorsement-auth SOURCE\n"                                                                 \
    "                    the authorisation values of the TPM's hierarchies, if set: file:PATH or env:NAME\n"

static const char enroll_help[] =
    "birthmark enroll: the six steps from the TPM to a certificate\n"
    "\n"
    "  --server URL      the identity CA, https://HOST[:PORT]\n"
    "  --ca FILE         PEM certificates that verify the server; nothing else does (not needed for http://)\n"
    "  --serial SN       the identity asked for: 1 to 64 of A-Z a-z 0-9 . _ : -\n"
    "  --key TYPE        rsa2048, rsa3072, ecc256 or ecc384; by default rsa2048 with an RSA EK, and with an ECC EK its curve\n"
    "  --handle HANDLE   where the key is kept, 0x81000000 to 0x817fffff (0x81020000)\n"
    "  --profile NAME    the server's profile (its default)\n"
    "  --state DIR       where the certificate and the key's references are kept (" BM_OPTIONS_STATE_DEFAULT ")\n"
    "  --tcti CONF       how to reach the TPM, as tpm2-tss has it ($BIRTHMARK_TCTI, or " BM_OPTIONS_TCTI_DEFAULT ")\n"
    "  --renew           another certificate although this one is good; with another --key also another key\n"
    AUTH_HELP
    "  --ek-sha256 HEX   use this TPM's EK with that SHA-256 of its SubjectPublicKeyInfo, and no other\n"
    "\n"
    "With a good identity in DIR it says so and does nothing. The steps and their times go to stderr, the result to stdout.\n"
    "\n"
    "Exit status: 0 done; 1 wrong command line; 2 the TPM; 3 the server cannot be reached; 4 the server refused;\n"
    "5 a file; 6 a fault inside; 130 stopped by a signal.\n";

static const char doctor_help[] =
    "birthmark doctor: looks at what an enrolment needs, changes nothing, and says what will not work and why\n"
    "\n"
    "  --tcti CONF       how to reach the TPM, as tpm2-tss has it ($BIRTHMARK_TCTI, or " BM_OPTIONS_TCTI_DEFAULT ")\n"
    "  --server URL      ask this identity CA, too (https://HOST[:PORT]), whether it takes this TPM\n"
    "  --ca FILE         PEM certificates that verify the server (not needed for http://)\n"
    "  --profile NAME    the server's profile (its default)\n"
    "  --serial SN       the identity to ask for (none)\n"
    "  --handle HANDLE   where the identity key is or would be kept (0x81020000)\n"
    "  --state DIR       the state directory (" BM_OPTIONS_STATE_DEFAULT ")\n"
    AUTH_HELP
    "  --json            one JSON object\n"
    "\n"
    "One finding a line: verdict (ok, warning, problem), name, sentence. birthmark(1) lists the names.\n"
    "\n"
    "Exit status: 0 no problem was found; 7 one was; 1 wrong command line; 5 a file; 6 a fault inside; 130 stopped by a signal.\n";

static const char show_help[] =
    "birthmark show: what there is in the TPM and in the state directory\n"
    "\n"
    "  --handle HANDLE   where the identity key is kept (0x81020000)\n"
    "  --state DIR       the state directory (" BM_OPTIONS_STATE_DEFAULT ")\n"
    "  --tcti CONF       how to reach the TPM, as tpm2-tss has it ($BIRTHMARK_TCTI, or " BM_OPTIONS_TCTI_DEFAULT ")\n"
    AUTH_HELP;

static const char tunnel_help[] =
    "birthmark tunnel: a plain socket here, mutual TLS with the identity to a server\n"
    "\n"
    "  --listen PLACE    unix:PATH, 127.0.0.1:PORT or [::1]:PORT (not needed when the service manager opens the socket)\n"
    "  --to HOST:PORT    the server; each connection here is one there\n"
    "  --ca FILE         PEM certificates that verify the server (" BM_TUNNEL_CA_DEFAULT ")\n"
    "  --name NAME       the name that the server's certificate must have (HOST)\n"
    "  --mode MODE       of the unix socket: who may use the identity (0600)\n"
    "  --idle TIME       end a connection on which nothing was sent for so long, as 90s, 10m, 12h (12h)\n"
    "  --state DIR       the state directory (" BM_OPTIONS_STATE_DEFAULT ")\n"
    "  --tcti CONF       how to reach the TPM, as tpm2-tss has it ($BIRTHMARK_TCTI, or " BM_OPTIONS_TCTI_DEFAULT ")\n"
    "\n"
    "SIGTERM: takes no more connections, and ends when those that are there have ended, after 30 seconds at the latest. A renewed\n"
    "certificate is used by new connections at once (SIGHUP: look now).\n";

typedef enum {
    O_SERVER = 256, O_CA, O_SERIAL, O_KEY, O_HANDLE, O_PROFILE, O_STATE, O_TCTI, O_RENEW,
    O_OWNER_AUTH, O_ENDORSEMENT_AUTH, O_EK_SHA256, O_JSON, O_LISTEN, O_TO, O_NAME, O_MODE, O_IDLE, O_HELP
} option_id;

static const struct option enroll_options[] = {
    {"server", required_argument, NULL, O_SERVER}, {"ca", required_argument, NULL, O_CA},
    {"serial", required_argument, NULL, O_SERIAL}, {"key", required_argument, NULL, O_KEY},
    {"handle", required_argument, NULL, O_HANDLE}, {"profile", required_argument, NULL, O_PROFILE},
    {"state", required_argument, NULL, O_STATE},   {"tcti", required_argument, NULL, O_TCTI},
    {"renew", no_argument, NULL, O_RENEW},         {"help", no_argument, NULL, O_HELP},
    {"ek-sha256", required_argument, NULL, O_EK_SHA256},
    {"owner-auth", required_argument, NULL, O_OWNER_AUTH},
    {"endorsement-auth", required_argument, NULL, O_ENDORSEMENT_AUTH},
    {NULL, 0, NULL, 0},
};

static const struct option show_options[] = {
    {"handle", required_argument, NULL, O_HANDLE}, {"state", required_argument, NULL, O_STATE},
    {"tcti", required_argument, NULL, O_TCTI},     {"help", no_argument, NULL, O_HELP},
    {"owner-auth", required_argument, NULL, O_OWNER_AUTH},
    {"endorsement-auth", required_argument, NULL, O_ENDORSEMENT_AUTH},
    {NULL, 0, NULL, 0},
};

static const struct option doctor_options[] = {
    {"server", required_argument, NULL, O_SERVER}, {"ca", required_argument, NULL, O_CA},
    {"serial", required_argument, NULL, O_SERIAL}, {"handle", required_argument, NULL, O_HANDLE},
    {"profile", required_argument, NULL, O_PROFILE}, {"state", required_argument, NULL, O_STATE},
    {"tcti", required_argument, NULL, O_TCTI},     {"json", no_argument, NULL, O_JSON},
    {"owner-auth", required_argument, NULL, O_OWNER_AUTH},
    {"endorsement-auth", required_argument, NULL, O_ENDORSEMENT_AUTH},
    {"help", no_argument, NULL, O_HELP},           {NULL, 0, NULL, 0},
};

static const struct option tunnel_options[] = {
    {"listen", required_argument, NULL, O_LISTEN}, {"to", required_argument, NULL, O_TO},
    {"ca", required_argument, NULL, O_CA},         {"name", required_argument, NULL, O_NAME},
    {"mode", required_argument, NULL, O_MODE},     {"idle", required_argument, NULL, O_IDLE},
    {"state", required_argument, NULL, O_STATE},   {"tcti", required_argument, NULL, O_TCTI},
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
};

const char *bm_options_help(bm_command command)
{
    if (command == BM_COMMAND_ENROLL_HELP)
        return enroll_help;
    if (command == BM_COMMAND_DOCTOR_HELP)
        return doctor_help;
    if (command == BM_COMMAND_TUNNEL_HELP)
        return tunnel_help;
    return command == BM_COMMAND_SHOW_HELP ? show_help : help;
}

static BM_RESULT take_handle(const char *text, uint32_t *handle)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    bm_cursor cursor;
    uint32_t value = 0;

    if (strncmp(text, "0x", 2) == 0 && strlen(text) == 10 &&
        bm_text_from_hex(bm_bytes_str(text + 2), &bytes).code == BM_OK) {
        cursor = bm_cursor_of(bm_buf_view(&bytes));
        BM_TRY(bm_cursor_u32(&cursor, &value));
    }
    BM_CHECK(value < BM_TPM_EK_PERSISTENT_FIRST || value > BM_TPM_EK_PERSISTENT_LAST, BM_E_USAGE,
             "the handles 0x81010000 to 0x8101ffff are for endorsement keys: --handle takes another, say 0x81020000");
    if (value < BM_TPM_IK_HANDLE_FIRST || value > BM_TPM_IK_HANDLE_LAST)
        return bm_failf(BM_E_USAGE, "'%.40s' is no handle for the owner's keys: --handle takes 0x81000000 to 0x817fffff", text);
    *handle = value;
    return bm_ok();
}

static BM_RESULT take_key(const char *text, bm_key_type *key)
{
    bm_key_type type = bm_pubkey_type_by_name(bm_bytes_str(text));

    if (type != BM_KEY_RSA2048 && type != BM_KEY_RSA3072 && type != BM_KEY_ECC256 && type != BM_KEY_ECC384)
        return bm_failf(BM_E_USAGE, "'%.40s' is no key type: --key takes rsa2048, rsa3072, ecc256 or ecc384", text);
    *key = type;
    return bm_ok();
}

static BM_RESULT take_ek(const char *text, bm_options *options)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;

    if (strlen(text) != 2 * (size_t)BM_SHA256_SIZE || bm_text_from_hex(bm_bytes_str(text), &bytes).code != BM_OK)
        return bm_failf(BM_E_USAGE, "'%.80s' is no SHA-256: --ek-sha256 takes 64 hexadecimal digits, as 'birthmark show' prints them", text);
    options->has_ek = true;
    return bm_bytes_copy_exact(bm_buf_view(&bytes), options->ek, BM_SHA256_SIZE);
}

static BM_RESULT take_mode(const char *text, unsigned *mode)
{
    unsigned value = 0;

    for (const char *at = text; *at != 0; at++) {
        if (*at < '0' || *at > '7' || value > 0777)
            return bm_failf(BM_E_USAGE, "'%.40s' is no file mode: --mode takes octal digits, say 0660", text);
        value = value * 8 + (unsigned)(*at - '0');
    }
    if (text[0] == 0 || value > 0777 || (value & 0111) != 0 || value == 0)
        return bm_failf(BM_E_USAGE, "'%.40s' is no mode of a socket: --mode takes octal digits, say 0660", text);
    *mode = value;
    return bm_ok();
}

static BM_RESULT take_name(const char *text, const char **name)
{
    bm_address address;

    if (!bm_tunnel_address_is_name(text) && bm_address_parse(bm_bytes_str(text), &address).code != BM_OK)
        return bm_failf(BM_E_USAGE, "'%.80s' is neither a name nor an IP address: --name takes what the server's certificate has", text);
    *name = text;
    return bm_ok();
}

static BM_RESULT take_idle(const char *text, int64_t *idle)
{
    if (bm_text_parse_duration(bm_bytes_str(text), idle).code != BM_OK || *idle == 0)
        return bm_failf(BM_E_USAGE, "'%.40s' is no time: --idle takes digits and one of s m h d", text);
    return bm_ok();
}

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
        return take_name(value, &options->name);
    case O_MODE:
        return take_mode(value, &options->mode);
    case O_IDLE:
        return take_idle(value, &options->idle);
    default:
        return bm_fail(BM_E_INTERNAL, "an option that nobody takes");
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
        return take_key(value, &options->key);
    case O_HANDLE:
        return take_handle(value, &options->handle);
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
        return take_ek(value, options);
    case O_JSON:
        options->json = true;
        return bm_ok();
    case O_OWNER_AUTH:
        options->auth[BM_TPM_OWNER] = value;
        return bm_secret_check("--owner-auth", value);
    case O_ENDORSEMENT_AUTH:
        options->auth[BM_TPM_ENDORSEMENT] = value;
        return bm_secret_check("--endorsement-auth", value);
    default:
        return take_tunnel_option(id, value, options);
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
    if (optind < argc)
        return bm_failf(BM_E_USAGE, "'%.60s' does not belong here: see 'birthmark %s --help'", argv[optind], argv[0]);
    return bm_ok();
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0 && text[strlen(prefix)] != 0;
}

static BM_RESULT check_server(const bm_options *options)
{
    if (!has_prefix(options->server, "https://") && !has_prefix(options->server, "http://"))
        return bm_failf(BM_E_USAGE, "'%.80s' is no address of a server: --server takes https://HOST[:PORT]", options->server);
    BM_CHECK(options->ca != NULL || has_prefix(options->server, "http://"), BM_E_USAGE,
             "--ca is missing: give the file of certificates that verifies the server");
    return bm_ok();
}

/* What can be wrong with the values, whatever the command. */
static BM_RESULT check_values(const bm_options *options)
{
    if (options->server != NULL)
        BM_TRY(check_server(options));
    if (options->serial != NULL && !bm_text_is_identity(bm_bytes_str(options->serial)))
        return bm_failf(BM_E_USAGE,
                        "'%.80s' is no identity: --serial takes 1 to 64 of A-Z a-z 0-9 . _ : -, the first a letter or a digit",
                        options->serial);
    if (options->profile[0] != 0 && !bm_text_is_profile_name(bm_bytes_str(options->profile)))
        return bm_failf(BM_E_USAGE, "'%.80s' is no name of a profile: --profile takes 1 to 32 of a-z 0-9 -", options->profile);
    return bm_ok();
}

static BM_RESULT check(const bm_options *options)
{
    bool enrols = options->command == BM_COMMAND_ENROLL;

    BM_CHECK(!enrols || options->server != NULL, BM_E_USAGE, "--server is missing: give the identity CA's address, https://HOST[:PORT]");
    BM_TRY(check_values(options));
    BM_CHECK(options->command != BM_COMMAND_TUNNEL || options->to.port != 0, BM_E_USAGE, "--to is missing: give the server, HOST:PORT");
    BM_CHECK(!enrols || options->serial != NULL, BM_E_USAGE, "--serial is missing: give the identity that this device asks for");
    return bm_ok();
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
        .handle = BM_TPM_IK_HANDLE_DEFAULT,
        .mode = 0600,
        .idle = 12 * 3600,
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

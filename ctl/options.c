#include "ctl/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    const char *name;
    const char *value; /* what it takes; NULL for nothing */
    const char *help;
} option_row;

static const option_row rows[BM_OPTION_COUNT] = {
    [BM_OPTION_STATE] = {"state", "DIR", "the state directory (else $" BM_CTL_STATE_ENVIRONMENT ", else " BM_CTL_STATE_DEFAULT ")"},
    [BM_OPTION_NAME] = {"name", "CN", "the CA certificate's common name"},
    [BM_OPTION_CA_KEY] = {"ca-key", "TYPE", "the CA's key: ecc256 (the default), ecc384, rsa3072"},
    [BM_OPTION_TLS_NAME] = {"tls-name", "NAME", "a DNS name or IP address of the server; may be repeated"},
    [BM_OPTION_CA_CERT] = {"ca-cert", "FILE", "an existing CA's certificate (PEM, the issuing one first, or DER)"},
    [BM_OPTION_CA_KEY_FILE] = {"ca-key-file", "FILE", "its private key (PEM or DER, not encrypted)"},
    [BM_OPTION_PASSPHRASE_FILE] = {"passphrase-file", "FILE", "where the passphrase of the key files is"},
    [BM_OPTION_CLASS] = {"class", "CLASS", "the TPMs that the anchor vouches for: discrete, firmware, virtual"},
    [BM_OPTION_ISSUER] = {"issuer", "FILE", "the CA that signed the CRL, and CAs above it, where it is no trust anchor (PEM or DER)"},
    [BM_OPTION_SERIAL] = {"serial", "SERIAL", "the device's serial number"},
    [BM_OPTION_EK_CERT] = {"ek-cert", "FILE", "its EK certificate (DER or PEM)"},
    [BM_OPTION_EK_PUBLIC] = {"ek-public", "FILE", "its EK's public area (TPM2B_PUBLIC)"},
    [BM_OPTION_EK_SHA256] = {"ek-sha256", "HEX", "SHA-256 of its EK's SubjectPublicKeyInfo"},
    [BM_OPTION_FROM] = {"from", "N", "begin at entry N"},
    [BM_OPTION_IN] = {"in", "DIR", "the directory of the request files"},
    [BM_OPTION_OUT] = {"out", "FILE", "where the answers are written"},
    [BM_OPTION_VALID] = {"valid", "TIME", "how long devices take them, as 12h, 30d (30d, at most 365d)"},
    [BM_OPTION_JSON] = {"json", NULL, "print JSON"},
    [BM_OPTION_PEM] = {"pem", NULL, "print the certificate itself"},
    [BM_OPTION_HELP] = {"help", NULL, "print this"},
    [BM_OPTION_VERSION] = {"version", NULL, "print the version"},
};

static BM_RESULT take(bm_ctl *ctl, int option, const char *value)
{
    ctl->values[option] = value == NULL ? "" : value;
    if (option != BM_OPTION_TLS_NAME)
        return bm_ok();
    BM_CHECK(ctl->tls_name_count < BM_CTL_TLS_NAMES_MAX, BM_E_USAGE, "more than 32 of --tls-name");
    ctl->tls_names[ctl->tls_name_count++] = value;
    return bm_ok();
}

static BM_RESULT parse_options(int argc, char **argv, bm_ctl *ctl)
{
    struct option table[BM_OPTION_COUNT + 1] = {{0}};
    int option;

    for (int i = 0; i < BM_OPTION_COUNT; i++)
        table[i] = (struct option){.name = rows[i].name,
                                   .has_arg = rows[i].value == NULL ? no_argument : required_argument,
                                   .val = i};
    opterr = 0;
    /* The colon makes a missing value and an unknown option two different answers. */
    while ((option = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (option == ':')
            return bm_failf(BM_E_USAGE, "%s needs a value", argv[optind - 1]);
        if (option < 0 || option >= BM_OPTION_COUNT)
            return bm_failf(BM_E_USAGE, "there is no option %s", argv[optind - 1]);
        BM_TRY(take(ctl, option, optarg));
    }
    return bm_ok();
}

static bool same(const char *a, const char *b)
{
    return bm_bytes_equal(bm_bytes_str(a), bm_bytes_str(b));
}

/* How many words of a command line are this command's; 0: it is another. */
static size_t own_words(const bm_ctl_command *command, const bm_ctl *words)
{
    bm_bytes verb = bm_bytes_str(command->verb);
    size_t own = 1;

    if (!same(command->group, words->arguments[0]))
        return 0;
    while (verb.size > 0) {
        bm_bytes word = bm_bytes_str(own < words->argument_count ? words->arguments[own] : NULL);

        if (word.size == 0 || !bm_bytes_equal(bm_bytes_slice(verb, 0, word.size), word))
            return 0;
        if (word.size < verb.size && verb.data[word.size] != ' ')
            return 0;
        verb = word.size < verb.size ? bm_bytes_slice(verb, word.size + 1, verb.size - word.size - 1) : bm_bytes_of(NULL, 0);
        own++;
    }
    return own;
}

/* The command of these words, and how many of them are its own. */
static BM_RESULT find_command(const bm_ctl *words, const bm_ctl_command *commands, size_t count, const bm_ctl_command **found,
                              size_t *own)
{
    const char *first = words->arguments[0];
    const char *second = words->argument_count > 1 ? words->arguments[1] : NULL;
    bool group = false;

    for (size_t i = 0; i < count; i++) {
        group = group || same(commands[i].group, first);
        *own = own_words(&commands[i], words);
        if (*own > 0) {
            *found = &commands[i];
            return bm_ok();
        }
    }
    if (!group)
        return bm_failf(BM_E_USAGE, "there is no command '%s'", first);
    if (second == NULL)
        return bm_failf(BM_E_USAGE, "'%s' needs a second word", first);
    return bm_failf(BM_E_USAGE, "there is no command '%s %s'", first, second);
}

BM_RESULT bm_ctl_options_parse(int argc, char **argv, const bm_ctl_command *commands, size_t count, bm_ctl *ctl,
                               const bm_ctl_command **command)
{
    bm_ctl parsed = {.now = ctl->now};
    const char *environment = getenv(BM_CTL_STATE_ENVIRONMENT);
    size_t own;

    BM_TRY(parse_options(argc, argv, &parsed));
    parsed.state = parsed.values[BM_OPTION_STATE];
    if (parsed.state == NULL)
        parsed.state = environment != NULL && environment[0] != 0 ? environment : BM_CTL_STATE_DEFAULT;
    BM_CHECK(parsed.state[0] != 0, BM_E_USAGE, "--state has an empty value");
    parsed.arguments = (const char *const *)(argv + optind);
    parsed.argument_count = (size_t)(argc - optind);
    *command = NULL;
    if (parsed.argument_count > 0) {
        BM_TRY(find_command(&parsed, commands, count, command, &own));
        parsed.arguments += own;
        parsed.argument_count -= own;
    }
    *ctl = parsed;
    return bm_ok();
}

BM_RESULT bm_ctl_options_check(const bm_ctl *ctl, const bm_ctl_command *command)
{
    unsigned allowed = command->options | command->needed | BM_OPTION_BIT(STATE) | BM_OPTION_BIT(HELP);

    for (unsigned i = 0; i < BM_OPTION_COUNT; i++) {
        if (ctl->values[i] != NULL && (allowed & 1u << i) == 0)
            return bm_failf(BM_E_USAGE, "this command has no --%s", rows[i].name);
        if (ctl->values[i] == NULL && (command->needed & 1u << i) != 0)
            return bm_failf(BM_E_USAGE, "this command needs --%s %s", rows[i].name, rows[i].value);
    }
    if (ctl->argument_count < command->least)
        return bm_failf(BM_E_USAGE, "this command needs %s", command->arguments);
    if (ctl->argument_count > command->most)
        return bm_failf(BM_E_USAGE, "'%s' is one argument too many", ctl->arguments[command->most]);
    return bm_ok();
}

void bm_ctl_options_help(const bm_ctl_command *command)
{
    unsigned shown = command->options | command->needed | BM_OPTION_BIT(STATE) | BM_OPTION_BIT(HELP);

    printf("usage: birthmarkctl %s%s%s%s%s [options]\n\n%s\n\n", command->group, command->verb == NULL ? "" : " ",
           command->verb == NULL ? "" : command->verb, command->arguments[0] == 0 ? "" : " ", command->arguments, command->summary);
    for (unsigned i = 0; i < BM_OPTION_COUNT; i++)
        if ((shown & 1u << i) != 0)
            printf("  --%-15s %-7s %s%s\n", rows[i].name, rows[i].value == NULL ? "" : rows[i].value, rows[i].help,
                   (command->needed & 1u << i) != 0 ? " (needed)" : "");
}

#include "crypto/memory.h"
#include "crypto/startup.h"
#include "ctl/options.h"
#include "ctl/output.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Exit codes, see birthmarkctl(1). */
enum { EXIT_DONE = 0, EXIT_USAGE = 1, EXIT_FAILED = 2, EXIT_NOT_THERE = 3 };

static const bm_ctl_command commands[] = {
    {"init", NULL, "", "Set up a CA: keys, certificates, database and configuration, all at once.",
     BM_OPTION_BIT(NAME) | BM_OPTION_BIT(CA_KEY) | BM_OPTION_BIT(TLS_NAME) | BM_OPTION_BIT(CA_CERT) | BM_OPTION_BIT(CA_KEY_FILE) |
         BM_OPTION_BIT(PASSPHRASE_FILE),
     0, 0, 0, bm_ctl_init_run},
    {"trust", "add", "FILE...", "Trust TPM vendors' CA certificates (PEM, several in a file, or DER).", 0, BM_OPTION_BIT(CLASS), 1, 1024,
     bm_ctl_trust_add},
    {"trust", "list", "", "List the trust anchors.", BM_OPTION_BIT(JSON), 0, 0, 0, bm_ctl_trust_list},
    {"trust", "remove", "SHA256-PREFIX", "Trust a CA certificate no longer.", 0, 0, 1, 1, bm_ctl_trust_remove},
    {"trust", "crl add", "FILE...", "Refuse what TPM vendors' CRLs list (PEM or DER); a newer CRL takes the place of an older one.",
     BM_OPTION_BIT(ISSUER), 0, 1, 1024, bm_ctl_crl_add},
    {"trust", "crl list", "", "List the vendors' CRLs, and say which are out of date.", BM_OPTION_BIT(JSON), 0, 0, 0, bm_ctl_crl_list},
    {"trust", "crl remove", "SHA256-PREFIX", "Forget a CRL: what it lists is refused no longer.", 0, 0, 1, 1, bm_ctl_crl_remove},
    {"device", "import", "FILE.csv", "Put the devices of a table into the inventory: all of them, or none.", 0, 0, 1, 1,
     bm_ctl_import_run},
    {"device", "add", "", "Put a device into the inventory: its serial and one of --ek-cert, --ek-public, --ek-sha256.",
     BM_OPTION_BIT(SERIAL) | BM_OPTION_BIT(EK_CERT) | BM_OPTION_BIT(EK_PUBLIC) | BM_OPTION_BIT(EK_SHA256), 0, 0, 0, bm_ctl_device_add},
    {"device", "list", "", "List the devices: the inventory, and what claims made.", BM_OPTION_BIT(JSON), 0, 0, 0, bm_ctl_device_list},
    {"device", "show", "SERIAL|EKHASH", "Show a device and its certificates.", 0, 0, 1, 1, bm_ctl_device_show},
    {"device", "retire", "SERIAL|EKHASH", "Retire a device for good; its serial is free for one that is added.", 0, 0, 1, 1,
     bm_ctl_device_retire},
    {"device", "admit", "SERIAL|EKHASH", "Let a device renew whose last certificate ended too long ago for its profile.", 0, 0, 1, 1,
     bm_ctl_device_admit},
    {"cert", "list", "[SERIAL]", "List the certificates that were issued, of all devices or of one.", BM_OPTION_BIT(JSON), 0, 0, 1,
     bm_ctl_cert_list},
    {"cert", "show", "CERTSERIAL", "Show a certificate, by its serial number in hex.", BM_OPTION_BIT(PEM), 0, 1, 1, bm_ctl_cert_show},
    {"log", "list", "", "List the log: issues, refusals, operators' acts.", BM_OPTION_BIT(FROM) | BM_OPTION_BIT(JSON), 0, 0, 0,
     bm_ctl_log_list},
    {"log", "verify", "", "Recompute the log's chain, and compare the certificates with it.", 0, 0, 0, 0, bm_ctl_log_verify},
    {"batch", NULL, "", "Answer a directory of request files (birthmark request, birthmark accept) with one signed file.",
     BM_OPTION_BIT(VALID) | BM_OPTION_BIT(PASSPHRASE_FILE), BM_OPTION_BIT(IN) | BM_OPTION_BIT(OUT), 0, 0, bm_ctl_batch_command},
    {"tls", "renew", "", "Make a new TLS certificate for the server's key, with the names of the old one or "
     "those of --tls-name.",
     BM_OPTION_BIT(TLS_NAME) | BM_OPTION_BIT(PASSPHRASE_FILE), 0, 0, 0, bm_ctl_tls_renew},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_commands(FILE *to)
{
    fprintf(to, "usage: birthmarkctl COMMAND [options]\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char words[32];

        (void)snprintf(words, sizeof(words), "%s%s%s", commands[i].group, commands[i].verb == NULL ? "" : " ",
                       commands[i].verb == NULL ? "" : commands[i].verb);
        fprintf(to, "  %-16s %s\n", words, commands[i].summary);
    }
    fprintf(to, "\nEach has --help. Exit codes: 0 done, 1 wrong usage, 2 failed, 3 no such record.\n");
}

/* Do the details of these codes, as this program gives them, say everything? The others need the code's own sentence as well. */
static bool detail_is_enough(bm_code code)
{
    static const bm_code enough[] = {BM_E_IO, BM_E_MALFORMED, BM_E_STORE, BM_E_STORE_NOT_FOUND, BM_E_STORE_CONFLICT, BM_E_INTERRUPTED};

    for (size_t i = 0; i < sizeof(enough) / sizeof(enough[0]); i++)
        if (code == enough[i])
            return true;
    return false;
}

static int report(bm_result result)
{
    if (result.code == BM_OK)
        return EXIT_DONE;
    if (result.code == BM_E_USAGE) {
        fprintf(stderr, "birthmarkctl: %s: see birthmarkctl --help\n", result.detail == NULL ? "wrong usage" : result.detail);
        return EXIT_USAGE;
    }
    if (result.detail == NULL)
        fprintf(stderr, "birthmarkctl: %s\n", bm_code_advice(result.code));
    else if (detail_is_enough(result.code))
        fprintf(stderr, "birthmarkctl: %s\n", result.detail);
    else
        fprintf(stderr, "birthmarkctl: %s: %s\n", result.detail, bm_code_advice(result.code));
    return result.code == BM_E_STORE_NOT_FOUND ? EXIT_NOT_THERE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    bm_ctl ctl = {.now = (int64_t)time(NULL)};
    const bm_ctl_command *command = NULL;
    bm_result result;

    bm_memory_watch();
    bm_startup_unconfigured();
    result = bm_ctl_options_parse(argc, argv, commands, COMMAND_COUNT, &ctl, &command);
    if (result.code != BM_OK)
        return report(result);
    if (command == NULL && ctl.values[BM_OPTION_VERSION] != NULL) {
        printf("birthmarkctl %s\n", BM_VERSION);
        return report(bm_ctl_output_flush());
    }
    if (command == NULL) {
        print_commands(ctl.values[BM_OPTION_HELP] != NULL ? stdout : stderr);
        return ctl.values[BM_OPTION_HELP] != NULL ? report(bm_ctl_output_flush()) : EXIT_USAGE;
    }
    if (ctl.values[BM_OPTION_HELP] != NULL) {
        bm_ctl_options_help(command);
        return report(bm_ctl_output_flush());
    }
    result = bm_ctl_options_check(&ctl, command);
    return report(result.code == BM_OK ? command->handler(&ctl) : result);
}

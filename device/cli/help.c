#include "device/cli/help.h"

#include "device/tunnel/helper.h"

static const char help[] =
    "birthmark: gives this device an identity from its TPM 2.0\n"
    "\n"
    "  birthmark enroll --server URL --ca FILE --serial SN [options]\n"
    "      make an identity key in the TPM and get a certificate for it\n"
    "  birthmark renew [--now] [--new-key] [--wait TIME] [--state DIR]\n"
    "      renew the certificate when it is due; needs nothing but the state directory, and is made for a timer\n"
    "  birthmark show [--tcti CONF] [--handle HANDLE] [--state DIR]\n"
    "      print the endorsement keys, their certificates, the identity key and its certificate\n"
    "  birthmark doctor [--tcti CONF] [--server URL --ca FILE] [--profile NAME] [--json]\n"
    "      look at what an enrolment needs, change nothing, and say what will not work and why\n"
    "  birthmark tunnel --listen unix:PATH|127.0.0.1:PORT --to HOST:PORT [--ca FILE] [options]\n"
    "      let programs that know no TPM use the identity: a plain socket here, mutual TLS to the server\n"
    "  birthmark request --serial SN --out FILE [options]\n"
    "  birthmark accept FILE --ca FILE [--out FILE] [options]\n"
    "      the same as enroll without a network: the two requests and their answers are files that somebody carries\n"
    "  birthmark --help | --version\n"
    "\n"
    "'birthmark COMMAND --help' lists the options of a command; birthmark(1) has it all.\n"
    "\n"
    "Exit status: 0 done; 1 wrong command line; 2 the TPM; 3 the server cannot be reached; 4 the server refused;\n"
    "5 a file; 6 a fault inside; 7 doctor found a problem; 130 stopped by a signal. An error is one line: what happened, and what to do.\n";

#define AUTH_HELP                                                                                                      \
    "  --owner-auth SOURCE, --endorsement-auth SOURCE\n"                                                                 \
    "                    the authorisation values of the TPM's hierarchies, if set: file:PATH or env:NAME\n"

#define KIND_HELP                                                                                                      \
    "  --parent HIERARCHY  owner, or endorsement: a key that TPM2_Clear does not end (owner)\n"                          \
    "  --persist WHEN    keep the key in the TPM's NV memory: auto (when there is room), always, never: in a file alone (auto)\n" \
    "  --key-auth SOURCE a key with an authorisation value: file:PATH or env:NAME\n"                                     \
    "  --pcrs BANK:LIST  a key that can be used only while these registers hold what they hold now, as sha256:0,2,7\n"

#define OUTPUT_HELP                                                                                                    \
    "  --json            what came of it as one JSON object, also when it failed\n"                                          \
    "  --quiet           nothing but errors, and the object of --json\n"

/* What enroll and request have in common. */
#define IK_HELP                                                                                                        \
    "  --key TYPE        rsa2048, rsa3072, ecc256 or ecc384; by default rsa2048 with an RSA EK, and with an ECC EK its curve\n" \
    "  --handle HANDLE   where the key is kept, 0x81000000 to 0x817fffff (0x81020000)\n" \
    KIND_HELP

#define FILES_HELP                                                                                                     \
    "  --state DIR       where the certificate and the key's references are kept (" BM_OPTIONS_STATE_DEFAULT ")\n" \
    "  --tcti CONF       how to reach the TPM, as tpm2-tss has it ($BIRTHMARK_TCTI, or " BM_OPTIONS_TCTI_DEFAULT ")\n" \
    "  --renew           another certificate although this one is good; with another --key also another key\n" \
    AUTH_HELP \
    "  --ek-sha256 HEX   use this TPM's EK with that SHA-256 of its SubjectPublicKeyInfo, and no other\n" \
    OUTPUT_HELP

static const char enroll_help[] =
    "birthmark enroll: the six steps from the TPM to a certificate\n"
    "\n"
    "  --server URL      the identity CA, https://HOST[:PORT]\n"
    "  --ca FILE         PEM certificates that verify the server; nothing else does (not needed for http://)\n"
    "  --serial SN       the identity asked for: 1 to 64 of A-Z a-z 0-9 . _ : -\n"
    IK_HELP
    "  --profile NAME    the server's profile (its default)\n"
    FILES_HELP
    "\n"
    "With a good identity in DIR it says so and does nothing. The steps and their times go to stderr, the result to stdout.\n"
    "\n"
    "Exit status: 0 done; 1 wrong command line; 2 the TPM; 3 the server cannot be reached; 4 the server refused;\n"
    "5 a file; 6 a fault inside; 130 stopped by a signal.\n";

static const char renew_help[] =
    "birthmark renew: another certificate, when the one that is there is due; what it needs was recorded by enroll\n"
    "\n"
    "  --now             although it is not due\n"
    "  --new-key         with a new key; the old one stays in the TPM until the next run, for the programs that still use it\n"
    "  --key TYPE        with a key of this type (rsa2048, rsa3072, ecc256, ecc384), a new one if the present one is of another\n"
    "  --wait TIME       try again for so long when the server is away or busy, as 30s, 5m, 1h (5m)\n"
    "  --server URL, --ca FILE\n"
    "                    ask this server, verified by these certificates, from now on\n"
    "  --state DIR       the state directory (" BM_OPTIONS_STATE_DEFAULT ")\n"
    "  --tcti CONF       how to reach the TPM, as tpm2-tss has it ($BIRTHMARK_TCTI, or " BM_OPTIONS_TCTI_DEFAULT ")\n"
    AUTH_HELP
    "  --key-auth SOURCE the identity key's authorisation value, if it has one: file:PATH or env:NAME\n"
    OUTPUT_HELP
    "\n"
    "The old certificate and its key serve until the new ones were received, checked and written. The file DIR/renewed changes when they\n"
    "were. When nothing is due it says so, and asks neither the TPM nor the server.\n"
    "\n"
    "Exit status: 0 renewed, or nothing was due; 1 wrong command line; 2 the TPM; 3 the server is away; 4 the server refused;\n"
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
    "  --quiet           not that the TPM is slow\n"
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
    AUTH_HELP
    "  --json            one JSON object\n"
    "  --quiet           not that the TPM is slow\n";

static const char tunnel_help[] =
    "birthmark tunnel: a plain socket here, mutual TLS with the identity to a server\n"
    "\n"
    "  --listen PLACE    unix:PATH, 127.0.0.1:PORT or [::1]:PORT (not needed when the service manager opens the socket)\n"
    "  --to HOST:PORT    the server; each connection here is one there\n"
    "  --ca FILE         PEM certificates that verify the server (" BM_TUNNEL_CA_DEFAULT ")\n"
    "  --name NAME       the name that the server's certificate must have (HOST)\n"
    "  --mode MODE       of the unix socket: who may use the identity (0600)\n"
    "  --key-auth SOURCE the identity key's authorisation value, if it has one: file:PATH or env:NAME\n"
    AUTH_HELP
    "  --idle TIME       end a connection on which nothing was sent for so long, as 90s, 10m, 12h (12h)\n"
    "  --state DIR       the state directory (" BM_OPTIONS_STATE_DEFAULT ")\n"
    "  --tcti CONF       how to reach the TPM, as tpm2-tss has it ($BIRTHMARK_TCTI, or " BM_OPTIONS_TCTI_DEFAULT ")\n"
    "\n"
    "SIGTERM: takes no more connections, and ends when those that are there have ended, after 30 seconds at the latest. A renewed\n"
    "certificate is used by new connections at once (SIGHUP: look now).\n";

static const char request_help[] =
    "birthmark request: the first of two trips to a certificate without a network\n"
    "\n"
    "  --serial SN       the identity asked for: 1 to 64 of A-Z a-z 0-9 . _ : -\n"
    "  --out FILE        where the request is written; the operator of the CA answers it with 'birthmarkctl batch'\n"
    IK_HELP
    "  --profile NAME    the CA's profile (its default)\n"
    FILES_HELP
    "\n"
    "Run again, it writes the same request again. There is nothing secret in the file. Go on with 'birthmark accept'.\n";

static const char accept_help[] =
    "birthmark accept FILE: takes the answer to a request that 'birthmark request' or 'birthmark accept' wrote\n"
    "\n"
    "  FILE              the answers as 'birthmarkctl batch' wrote them, of any number of devices\n"
    "  --ca FILE         PEM certificates of the identity CA (its ca.crt); the answers must be signed in its name\n"
    "  --out FILE        where the second request is written: needed for the answer to the first\n"
    "  --state DIR       the state directory that 'birthmark request' had (" BM_OPTIONS_STATE_DEFAULT ")\n"
    "  --tcti CONF       how to reach the TPM, as tpm2-tss has it ($BIRTHMARK_TCTI, or " BM_OPTIONS_TCTI_DEFAULT ")\n"
    AUTH_HELP
    "  --key-auth SOURCE the identity key's authorisation value, if it has one: file:PATH or env:NAME\n"
    OUTPUT_HELP
    "\n"
    "The answer to the first request is opened in the TPM, and the second request written; the answer to the second is the\n"
    "certificate, and the state directory is then what enroll makes. Each may be interrupted, and run again with the same file.\n";

const char *bm_help_text(bm_command command)
{
    if (command == BM_COMMAND_REQUEST_HELP)
        return request_help;
    if (command == BM_COMMAND_ACCEPT_HELP)
        return accept_help;
    if (command == BM_COMMAND_ENROLL_HELP)
        return enroll_help;
    if (command == BM_COMMAND_DOCTOR_HELP)
        return doctor_help;
    if (command == BM_COMMAND_TUNNEL_HELP)
        return tunnel_help;
    if (command == BM_COMMAND_RENEW_HELP)
        return renew_help;
    return command == BM_COMMAND_SHOW_HELP ? show_help : help;
}

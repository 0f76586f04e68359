/* The command line. */
#ifndef BM_DEVICE_CLI_OPTIONS_H
#define BM_DEVICE_CLI_OPTIONS_H

#include "device/exchange/enrolment_options.h"
#include "device/tunnel/address.h"

#define BM_OPTIONS_STATE_DEFAULT "/var/lib/birthmark"
#define BM_OPTIONS_TCTI_DEFAULT "device:/dev/tpmrm0"

typedef enum {
    BM_COMMAND_HELP = 0,
    BM_COMMAND_VERSION,
    BM_COMMAND_ENROLL,
    BM_COMMAND_ENROLL_HELP,
    BM_COMMAND_SHOW,
    BM_COMMAND_SHOW_HELP,
    BM_COMMAND_DOCTOR,
    BM_COMMAND_DOCTOR_HELP,
    BM_COMMAND_TUNNEL,
    BM_COMMAND_TUNNEL_HELP,
    BM_COMMAND_REQUEST,
    BM_COMMAND_REQUEST_HELP,
    BM_COMMAND_ACCEPT,
    BM_COMMAND_ACCEPT_HELP,
    BM_COMMAND_RENEW,
    BM_COMMAND_RENEW_HELP
} bm_command;

/* What the command line says; the strings are views of it, or static. A command is told its part alone (parts.h). */
typedef struct {
    bm_command command;
    const char *server;
    const char *ca;      /* NULL: plain HTTP */
    const char *serial;
    const char *tcti;
    const char *profile; /* "": the server's default */
    const char *state;
    bm_key_type key;     /* BM_KEY_NONE: what the EK suggests */
    uint32_t handle;     /* 0: not given */
    bool renew;
    bool has_parent;        /* --parent was given: `parent` */
    bm_tpm_hierarchy parent;
    bm_persist persist;
    bm_tpm_pcrs pcrs;       /* of --pcrs; none: not given */
    const char *key_auth;   /* where the identity key's authorisation value is; or NULL */
    bool json;
    bool quiet;
    bool listens;           /* --listen was given: `place` */
    bool now;               /* renew: although it is not due */
    bool new_key;           /* renew: with another key */
    bool has_ek; /* `ek` is the SHA-256 of the only EK that may be used */
    uint8_t ek[BM_SHA256_SIZE];
    const char *auth[BM_TPM_HIERARCHIES]; /* where the authorisation values of hierarchies are: "file:...", "env:..."; or NULL */
    const char *out;        /* where a request file is written; NULL: not given */
    const char *file;       /* of answers */
    bm_tunnel_place place;
    unsigned mode;          /* of a unix socket */
    bm_tunnel_server to;    /* the tunnel's server; port 0: not given */
    const char *name;       /* what its certificate must have; NULL: the host of `to` */
    int64_t idle;           /* seconds */
    int64_t wait;           /* renew: seconds, for a server that is away */
} bm_options;

/*
 * Reads a command line. `tcti` is what the environment names, or NULL. BM_E_USAGE; the detail says what is wrong and what to write instead.
 * Prints nothing. (It uses getopt_long, whose state makes this callable one after the other, not at the same time.)
 */
BM_RESULT bm_options_parse(int argc, char **argv, const char *tcti, bm_options *options);

#endif

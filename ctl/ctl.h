/*
 * birthmarkctl: the operator's program. A command is a row of a table: its words, its options, its handler. Handlers get everything
 * that the command line said in one struct, and say what happened as a result.
 */
#ifndef BM_CTL_CTL_H
#define BM_CTL_CTL_H

#include "base/text.h"
#include "store/store.h"

#define BM_CTL_STATE_DEFAULT "/var/lib/birthmarkd"
#define BM_CTL_STATE_ENVIRONMENT "BIRTHMARK_STATE"
#define BM_CTL_TLS_NAMES_MAX 32

/* Every option of every command; the table of options.c says how each is written. */
typedef enum {
    BM_OPTION_STATE = 0,
    BM_OPTION_NAME,
    BM_OPTION_CA_KEY,
    BM_OPTION_TLS_NAME,
    BM_OPTION_CA_CERT,
    BM_OPTION_CA_KEY_FILE,
    BM_OPTION_PASSPHRASE_FILE,
    BM_OPTION_CLASS,
    BM_OPTION_ISSUER,
    BM_OPTION_SERIAL,
    BM_OPTION_EK_CERT,
    BM_OPTION_EK_PUBLIC,
    BM_OPTION_EK_SHA256,
    BM_OPTION_FROM,
    BM_OPTION_IN,
    BM_OPTION_OUT,
    BM_OPTION_VALID,
    BM_OPTION_JSON,
    BM_OPTION_PEM,
    BM_OPTION_HELP,
    BM_OPTION_VERSION,
    BM_OPTION_COUNT
} bm_ctl_option;

#define BM_OPTION_BIT(option) (1u << BM_OPTION_##option)

/* What the command line said. */
typedef struct {
    const char *values[BM_OPTION_COUNT]; /* NULL: not given; "" for an option without a value; the last one of several */
    const char *tls_names[BM_CTL_TLS_NAMES_MAX];
    size_t tls_name_count;
    const char *const *arguments; /* behind the command's words */
    size_t argument_count;
    const char *state; /* the state directory */
    int64_t now;
} bm_ctl;

/* Carries out a command. */
typedef BM_RESULT (*bm_ctl_handler)(const bm_ctl *ctl);

typedef struct {
    const char *group;     /* "trust", or the whole command where `verb` is NULL */
    const char *verb;      /* "add", or two words: "crl add" */
    const char *arguments; /* for the usage: "FILE..." */
    const char *summary;   /* one line */
    unsigned options;      /* BM_OPTION_BITs, besides --state and --help, which all have */
    unsigned needed;       /* those of them that must be given */
    size_t least;          /* arguments */
    size_t most;
    bm_ctl_handler handler;
} bm_ctl_command;

/* The handlers. Each prints what it did or found to standard output. */
BM_RESULT bm_ctl_init_run(const bm_ctl *ctl);
BM_RESULT bm_ctl_trust_add(const bm_ctl *ctl);
BM_RESULT bm_ctl_trust_list(const bm_ctl *ctl);
BM_RESULT bm_ctl_trust_remove(const bm_ctl *ctl);
BM_RESULT bm_ctl_crl_add(const bm_ctl *ctl);
BM_RESULT bm_ctl_crl_list(const bm_ctl *ctl);
BM_RESULT bm_ctl_crl_remove(const bm_ctl *ctl);
BM_RESULT bm_ctl_import_run(const bm_ctl *ctl);
BM_RESULT bm_ctl_device_add(const bm_ctl *ctl);
BM_RESULT bm_ctl_device_list(const bm_ctl *ctl);
BM_RESULT bm_ctl_device_show(const bm_ctl *ctl);
BM_RESULT bm_ctl_device_retire(const bm_ctl *ctl);
BM_RESULT bm_ctl_device_admit(const bm_ctl *ctl);
BM_RESULT bm_ctl_cert_list(const bm_ctl *ctl);
BM_RESULT bm_ctl_cert_show(const bm_ctl *ctl);
BM_RESULT bm_ctl_log_list(const bm_ctl *ctl);
BM_RESULT bm_ctl_log_verify(const bm_ctl *ctl);
BM_RESULT bm_ctl_batch_command(const bm_ctl *ctl);
BM_RESULT bm_ctl_tls_renew(const bm_ctl *ctl);

#endif

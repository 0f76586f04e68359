/*
 * What an enrolment is told, by whoever wants one: the command line, the library, or a renewal. Values come as
 * text, and are read here, strictly: what is refused is refused with BM_E_USAGE and a detail that names the option
 * and says what to write instead.
 */
#ifndef BM_DEVICE_EXCHANGE_ENROLMENT_OPTIONS_H
#define BM_DEVICE_EXCHANGE_ENROLMENT_OPTIONS_H

#include "crypto/pubkey.h"
#include "device/tpm/kind.h"

/*
 * Where a new identity key is kept: in the TPM's NV memory or, when that is full, as a file alone; or always the one
 * or the other.
 */
typedef enum { BM_PERSIST_AUTO = 0, BM_PERSIST_ALWAYS, BM_PERSIST_NEVER } bm_persist;

/* All of it. The strings are the caller's, and stay as long as the enrolment lasts. */
typedef struct {
    const char *state; /* the directory */
    const char *tcti;
    const char *auth[BM_TPM_HIERARCHIES]; /* where their authorisation values are: "file:...", "env:..."; or NULL */
    const char *key_auth;                 /* where the identity key's is; or NULL */
    const char *server;                   /* NULL: there is none, the exchange is by files */
    const char *ca;                       /* the file that verifies the server; NULL: plain HTTP */
    const char *serial;
    const char *profile;                  /* "": the server's default */
    bm_key_type key;                      /* BM_KEY_NONE: what the EK suggests */
    uint32_t handle;                      /* 0: that of the directory, or the default */
    bool renew;                           /* another certificate although the one that is there is good */
    bool has_parent;                      /* `parent` is wanted; false: that of the key that is there, or the owner */
    bm_tpm_hierarchy parent;
    bm_persist persist;
    bm_tpm_pcrs pcrs;                     /* none: not given */
    bool has_ek;                          /* `ek` names the only EK that may be used */
    uint8_t ek[BM_SHA256_SIZE];           /* of its SubjectPublicKeyInfo */
} bm_enrolment_options;

/* --handle: 0x and eight hexadecimal digits, among the owner's handles and not among those of EKs. BM_E_USAGE. */
BM_RESULT bm_enrolment_options_handle(const char *text, uint32_t *handle);

/* --key: the name of a key type that we make. BM_E_USAGE. */
BM_RESULT bm_enrolment_options_key(const char *text, bm_key_type *key);

/* --ek-sha256: 64 hexadecimal digits. BM_E_USAGE. */
BM_RESULT bm_enrolment_options_ek(const char *text, uint8_t ek[BM_SHA256_SIZE]);

/* --parent: owner or endorsement. BM_E_USAGE. */
BM_RESULT bm_enrolment_options_parent(const char *text, bm_tpm_hierarchy *parent);

/* --persist: auto, always or never. BM_E_USAGE. */
BM_RESULT bm_enrolment_options_persist(const char *text, bm_persist *persist);

/* --pcrs: a bank and its registers. BM_E_USAGE. */
BM_RESULT bm_enrolment_options_pcrs(const char *text, bm_tpm_pcrs *pcrs);

/* --server: is it the address of one? BM_E_USAGE. */
BM_RESULT bm_enrolment_options_check_server(const char *server);

/*
 * Checks what was given, each and together. What is missing may be missing, except what verifies the server.
 * BM_E_USAGE.
 */
BM_RESULT bm_enrolment_options_check(const bm_enrolment_options *options);

/* The same, and all must be there that a request by file needs. BM_E_USAGE. */
BM_RESULT bm_enrolment_options_check_request(const bm_enrolment_options *options);

/* The same, and there must be a server. BM_E_USAGE. */
BM_RESULT bm_enrolment_options_check_enroll(const bm_enrolment_options *options);

#endif

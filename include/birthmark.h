/*
 * libbirthmark: a device's identity, with its key in the TPM, for programs that want it inside. libbirthmark(3) has it all.
 *
 * No function prints, exits, forks, starts a process, handles a signal, or changes OpenSSL's default library context or the environment. Every
 * function that can fail returns a birthmark_code and fills `error`, which may be NULL; what it gives out is set on success alone.
 *
 * Structures that begin with `size` grow at their end in later versions: set it to sizeof of the structure and what is not used to zero
 * (BIRTHMARK_INIT).
 */
#ifndef BIRTHMARK_H
#define BIRTHMARK_H

#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header; birthmark_version() has the library's. */
#define BIRTHMARK_VERSION "0.1.0"

/* Where there is no other word: NULL in birthmark_options. */
#define BIRTHMARK_STATE_DEFAULT "/var/lib/birthmark"
#define BIRTHMARK_TCTI_DEFAULT "device:/dev/tpmrm0"

/* Makes a structure ready: all zero but its size. */
#define BIRTHMARK_INIT(structure) birthmark_init(&(structure), sizeof(structure))

/* How a call ended. The numbers are the exit statuses of birthmark(1), as far as it has them. */
typedef enum {
    BIRTHMARK_OK = 0,
    BIRTHMARK_USAGE = 1,    /* the call: an option is missing or not right, or the handle is another process's */
    BIRTHMARK_TPM = 2,      /* the TPM, or what is in it */
    BIRTHMARK_NETWORK = 3,  /* the server cannot be reached, or its TLS certificate is not good */
    BIRTHMARK_SERVER = 4,   /* the server refused, or what it sent is not right */
    BIRTHMARK_FILES = 5,    /* a file here; there is no identity yet */
    BIRTHMARK_INTERNAL = 6, /* out of memory, or a fault of the library */
    BIRTHMARK_STOPPED = 130 /* the progress function wanted it */
} birthmark_code;

/* What went wrong: for programs, and for a person. A sentence that names an option of birthmark(1), --state say, means the member of that name. */
typedef struct {
    birthmark_code code;
    char name[32];      /* of the failure: "tpm-unreachable"; these never change */
    char sentence[512]; /* what happened, and what to do */
} birthmark_error;

/* An identity, in a state directory and a TPM. Any number of threads may use one at the same time. */
typedef struct birthmark birthmark;

/* Which identity. The strings are copied. */
typedef struct {
    size_t size;
    const char *state; /* the state directory */
    const char *tcti;  /* how to reach the TPM, as tpm2-tss has it: "device:/dev/tpmrm0", "swtpm:path=..." */
    const char *key_auth; /* "file:PATH" with the authorisation value of the identity key; NULL: it has none */
} birthmark_options;

/* What the state directory says. Only files are read: neither the TPM nor the server is asked. */
typedef struct {
    size_t size;
    int enrolled;         /* 1: there is a certificate, and what follows is of it; 0: all that follows is empty */
    int complete;         /* 1: all other files are there, too */
    uint32_t handle;      /* of the key, as key.uri has it; 0: it has none */
    int64_t not_before;   /* seconds since 1970, here and below */
    int64_t not_after;
    int64_t renew_after;  /* when birthmark_enroll gets the next one; 0: not known, and so at once */
    char serial[65];      /* the device's name: the certificate's common name */
    char subject[128];
    char issuer[128];
    char key_type[16];    /* "rsa2048", "rsa3072", "ecc256", "ecc384" */
    char ek_sha256[65];   /* of the SubjectPublicKeyInfo of the EK that it is bound to, in hex; "": not known */
} birthmark_status;

typedef enum {
    BIRTHMARK_STEP_BEGAN = 0, /* `text`: what is done */
    BIRTHMARK_STEP_ENDED = 1, /* `text`: what came of it; `ms`: how long it took */
    BIRTHMARK_NOTE = 2,       /* `text`: what a person should know */
    BIRTHMARK_WAITING = 3     /* the TPM is still at one command, after `ms`: once a second from the first on */
} birthmark_event;

/* How an enrolment proceeds. */
typedef struct {
    size_t size;          /* of what the library gives */
    birthmark_event event;
    unsigned step, steps; /* 1 of 6, 0 where there is none */
    int64_t ms;
    const char *text;     /* one line, valid during the call */
} birthmark_progress;

/*
 * Called by birthmark_enroll, BIRTHMARK_WAITING by another thread, but never by two at a time. Anything but 0 stops the enrolment before the next TPM
 * command, or while the network is waited for. It must not call this library with the same handle.
 */
typedef int (*birthmark_progress_function)(void *context, const birthmark_progress *progress);

/* An enrolment. The strings need to live as long as the call alone. */
typedef struct {
    size_t size;
    const char *server;           /* the identity CA: "https://HOST[:PORT]" */
    const char *ca;               /* the file of PEM certificates that verify the server */
    const char *serial;           /* the identity that the device asks for */
    const char *key;              /* "rsa2048", ...; NULL: as the TPM's EK suggests */
    const char *profile;          /* of the server; NULL: its default */
    const char *ek_sha256;        /* the EK to be used, and no other, 64 hex digits; or NULL */
    const char *owner_auth;       /* "file:PATH" with the hierarchy's authorisation value; NULL: it has none */
    const char *endorsement_auth;
    uint32_t handle;              /* where the key is kept in the TPM; 0: 0x81020000 */
    int renew;                    /* 1: another certificate although there is a good one */
    birthmark_progress_function progress; /* or NULL */
    void *context;                /* for it */
    const char *parent;           /* of a new key: "owner" or "endorsement"; NULL: as the one that is there, or "owner" */
    const char *persist;          /* "auto", "always" or "never": whether the key is kept in NV memory; NULL: "auto" */
    const char *pcrs;             /* of a new key: it can be used only while these registers stay as they are, "sha256:0,2,7"; or NULL */
} birthmark_enroll_options;

typedef enum {
    BIRTHMARK_CLIENT = 0,
    BIRTHMARK_SERVER_SIDE = 1 /* the other side is asked for a certificate, and must have one */
} birthmark_role;

/* TLS with the identity. */
typedef struct {
    size_t size;
    birthmark_role role;
    const char *ca; /* the file of PEM certificates that verify the other side; must be given */
} birthmark_tls_options;

/* The library's version: "0.1.0". */
const char *birthmark_version(void);

/* Zeroes `size` bytes and writes `size` to their beginning: BIRTHMARK_INIT. */
void birthmark_init(void *structure, size_t size);

/*
 * Begins; NULL options are all defaults. Nothing is opened yet, neither the directory nor the TPM: that is done by what needs it. The handle is of this process alone:
 * after fork(), a child makes one of its own.
 */
birthmark_code birthmark_open(const birthmark_options *options, birthmark **identity, birthmark_error *error);

/* Ends and frees, after every key and SSL_CTX that was made with it, and with no other thread at work on it. NULL is fine. */
void birthmark_close(birthmark *identity);

/* Looks into the state directory. That there is no identity, or no directory, is no failure. BIRTHMARK_FILES. */
birthmark_code birthmark_get_status(birthmark *identity, birthmark_status *status, birthmark_error *error);

/*
 * Gets the identity, or another certificate for it when the old one is due; with a good one it does nothing, so that it may be called daily.
 * `issued` (may be NULL) is 1 when there is a new certificate. Takes seconds; a minute and more where the TPM makes an RSA key. Signatures wait meanwhile.
 */
birthmark_code birthmark_enroll(birthmark *identity, const birthmark_enroll_options *options, int *issued, birthmark_error *error);

/*
 * The identity's key, whose signatures the TPM makes; the caller's, for EVP_PKEY_free. It signs messages, whole or in pieces (EVP_DigestSign...), and digests
 * (EVP_PKEY_sign), with SHA-256, SHA-384 and SHA-512 where the TPM has them: by ECDSA, or by RSA with PKCS#1 v1.5, or PSS with a salt as long as the digest.
 * `library` (may be NULL) is the library context that it belongs to, which is the handle's: whatever is done with the key is done in it. The TPM is not asked
 * yet. BIRTHMARK_FILES.
 */
birthmark_code birthmark_get_pkey(birthmark *identity, EVP_PKEY **key, OSSL_LIB_CTX **library, birthmark_error *error);

/*
 * TLS 1.2 and 1.3 with the certificate that is there now, its chain and the key, and with the other side's certificate verified; the caller's, for SSL_CTX_free, and his to
 * change. A client says with SSL_set1_host() whom it wants, for each connection: that is not known here. After a renewal, make another. BIRTHMARK_FILES.
 */
birthmark_code birthmark_get_ssl_ctx(birthmark *identity, const birthmark_tls_options *options, SSL_CTX **ctx, birthmark_error *error);

/*
 * Why this thread's last signature failed, when a handshake ended with an error of OpenSSL's; BIRTHMARK_OK when it did not. The next handshake tries again,
 * with the TPM opened anew.
 */
birthmark_code birthmark_get_signing_error(birthmark *identity, birthmark_error *error);

#ifdef __cplusplus
}
#endif

#endif

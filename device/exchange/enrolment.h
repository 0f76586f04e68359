/* An enrolment as it proceeds: what was opened, made, read and answered so far. The steps of enroll work on it, one after the other. */
#ifndef BM_DEVICE_EXCHANGE_ENROLMENT_H
#define BM_DEVICE_EXCHANGE_ENROLMENT_H

#include "device/exchange/enrolment_options.h"
#include "device/exchange/exchange.h"
#include "device/identity/identity.h"
#include "device/talk/steps.h"
#include "device/tpm/auth.h"
#include "device/tpm/ek.h"
#include "device/tpm/ik.h"
#include "protocol/reply.h"

/* One enrolment. Its TPM objects end before the connection to the TPM does. Zero-initialise but for `options` and `identity` (BM_IDENTITY_CLOSED); end with bm_enrolment_fini. */
typedef struct {
    const bm_enrolment_options *options;
    bm_identity identity;
    bm_identity_state state; /* of the directory, as it was found */
    bool marked;             /* the directory, for keys that are loaded */
    uint32_t handle;         /* where the IK is kept */
    bool persists_later;     /* the owner's value is needed after the exchange, too */
    bool proves_later;       /* and the IK's */
    bm_exchange *exchange;
    bm_tpm_auth auth;
    bm_tpm_context tpm;
    bm_tpm_handles indices;
    bm_tpm_ek ek;
    bool bound; /* the directory's identity belongs to this EK, and no other is offered */
    bm_tpm_ik ik;
    bool staged;      /* another key than the directory's: its file is in .next, and it is loaded (replacement.h) */
    bm_tpm_ik before; /* the key at the handle whose place it takes, until it has */
    uint32_t handle_before; /* where that one is, once the new one is beside it */
    bool in_file;       /* the key is not, or will not be, at the handle: what is there is not ours to look at */
    bm_buf key_auth;    /* the value of --key-auth; secret */
    bm_tpm_kind file_kind; /* of device.key, as it was found, with key_auth */
    bm_buf file_public;
    bm_buf file_private;
    bm_request request;
    bm_reply_challenge challenge;
    bm_reply_certificate certificate;
    bm_steps steps;
    int64_t disk; /* nanoseconds spent with the files of the result */
} bm_enrolment;

#define BM_ENROLMENT_PLACE 160

/* Writes where the IK is, for a person: a handle, or the (shortened) name of a file. */
void bm_enrolment_place(const bm_enrolment *e, char place[BM_ENROLMENT_PLACE]);

/* Flushes what is loaded, closes and frees. For BM_AUTO. */
void bm_enrolment_fini(bm_enrolment *e);

/*
 * Opens the TPM and the state directory and reads what is there, before anything is changed or sent. The IK's handle is the one that was given, or that
 * of the directory, or the default. BM_E_IO, BM_E_USAGE, BM_E_TPM...
 */
BM_RESULT bm_enrolment_prepare(bm_enrolment *e);

/* The handle that a command uses: the one that was given (0: none was), or that of the directory, or the default. */
uint32_t bm_enrolment_handle(uint32_t given, const bm_identity_state *state);

/* The same, read from the directory at `path` without its lock; a directory that cannot be read has none. */
uint32_t bm_enrolment_read_handle(uint32_t given, const char *path);

/* The part of it that is left when `exchange`, `identity`, `state`, `handle` and `auth` are there: reads device.key, and opens the TPM and the key at the handle. */
BM_RESULT bm_enrolment_open(bm_enrolment *e);

/* The directory's mark, before anything is loaded into a TPM without a resource manager. BM_E_IO. */
BM_RESULT bm_enrolment_mark(bm_enrolment *e);

/* Reads the public areas, and the certificates that are on the chip. BM_E_TPM... */
BM_RESULT bm_enrolment_read_areas(bm_enrolment *e);

/* Wipes the value of --key-auth, which no command needs any more. */
void bm_enrolment_forget_key_auth(bm_enrolment *e);

/* Signs the CSR in the TPM and fills in `request` but for challenge and ticket. BM_E_TPM... */
BM_RESULT bm_enrolment_make_request(bm_enrolment *e);

/* Tells the person the line with which the operator of the server puts this TPM into its inventory. BM_E_NO_MEMORY. */
BM_RESULT bm_enrolment_note_inventory(const bm_enrolment *e);

/* Tells the person when the EK is one that a server refuses by its template. */
void bm_enrolment_note_foreign(const bm_tpm_ek *ek);

#endif

/*
 * The state directory: the identity as files that other programs use at once.
 *
 *   device.crt     the certificate            chain.crt   the CA's certificates, the issuer first
 *   fullchain.crt  both, for nginx and others  ca.crt      the last of the chain: what those who verify devices trust
 *   device.key     the key as TSS2 PRIVATE KEY, or how a primary of the endorsement hierarchy is made again
 *   key.uri        the key as handle:0x..., or as file:... where it is not persistent
 *   openssl.cnf    loads tpm2-openssl          renew_after when to run the agent again (RFC 3339)
 *   ek             the EK that the identity is bound to: SHA-256 of its SubjectPublicKeyInfo, in hex
 *   renewal        what a renewal needs (renewal.h)  renewed  of which device.crt all that goes with it is in its place
 *
 * Each file is replaced whole: written beside the old one, synced, renamed. device.crt comes last, so that it never stands without
 * what belongs to it.
 */
#ifndef BM_DEVICE_IDENTITY_H
#define BM_DEVICE_IDENTITY_H

#include "crypto/pubkey.h"
#include "protocol/reply.h"
#include "x509/ekc.h"

#include <sys/types.h>

/* An open state directory; end with bm_identity_close. */
typedef struct {
    const char *path;
    int fd;
    int lock; /* the file .lock, which nobody else can open; -1: not locked */
} bm_identity;

#define BM_IDENTITY_CLOSED ((bm_identity){.path = "", .fd = -1, .lock = -1})

/* What an identity directory says of itself. Without a readable device.crt, `key.type` is BM_KEY_NONE. */
typedef struct {
    bool complete; /* every file is there (`ek` may be missing) */
    bm_pubkey key; /* of the certificate */
    bm_ekc_info info;
    int64_t renew_after; /* 0 when the file is not there or not readable */
    bool in_file;        /* key.uri: the key is in device.key alone */
    uint32_t handle;     /* of key.uri; 0 when there is none, or it is damaged */
    bool has_ek;         /* false in directories from before there was the file, and where it is damaged */
    uint8_t ek[BM_SHA256_SIZE];
} bm_identity_state;

/*
 * Opens the directory, which is made (mode 0755) when it is not there, and takes its lock, so that two agents never work on the same
 * identity. BM_E_IO. `path` must outlive it.
 */
BM_RESULT bm_identity_open(const char *path, bm_identity *identity);

/* Opens the directory to look at it alone: not made, not locked; stays closed when there is none. BM_E_IO. */
BM_RESULT bm_identity_open_to_read(const char *path, bm_identity *identity);

/* Closes, and gives the lock back. For BM_AUTO. */
void bm_identity_close(bm_identity *identity);

/* Appends the content of a file; `found` is false when there is none. BM_E_IO, also above 64 KiB. */
BM_RESULT bm_identity_read(const bm_identity *identity, const char *name, bm_buf *out, bool *found);

/*
 * Replaces device.key, which is on disk for certain when bm_identity_save has returned: until then no certificate depends on it, and a
 * key whose file a power failure took is replaced by the next run. BM_E_IO.
 */
BM_RESULT bm_identity_save_key(bm_identity *identity, bm_bytes pem);

/*
 * Replaces all the other files from what the server answered to the device with this EK; they and device.key are on disk when this returns.
 * `handle`: of the persistent key; 0: it is in device.key alone. BM_E_IO.
 */
BM_RESULT bm_identity_save(bm_identity *identity, uint32_t handle, const bm_pubkey *ek, const bm_reply_certificate *reply);

/* Replaces another file of the directory, or removes one, which need not be there; done for certain when it returns. BM_E_IO. */
BM_RESULT bm_identity_put(bm_identity *identity, const char *name, mode_t mode, bm_bytes content);
BM_RESULT bm_identity_remove(bm_identity *identity, const char *name);

/*
 * Notes for those who wait for it which certificate is in use: its file's SHA-256, in the file `renewed`. That is replaced only when it says another; so a run after
 * one that was killed can do what that one could not. It is not synced, for the same reason. BM_E_IO.
 */
BM_RESULT bm_identity_note_renewed(bm_identity *identity);

/* The name of an identity's file number i, device.key among them; NULL behind the last. */
const char *bm_identity_file(size_t i);

/* Reads what is there. A damaged certificate counts as none; BM_E_IO. */
BM_RESULT bm_identity_look(const bm_identity *identity, bm_identity_state *state);

/* The handle that a text begins with as key.uri does, handle:0x and eight digits, and how long that is; 0: it does not. */
size_t bm_identity_parse_handle(bm_bytes uri, uint32_t *handle);

/* Is it a complete identity for this key, neither expired nor due for renewal at `now` (seconds since 1970)? */
bool bm_identity_is_current(const bm_identity_state *state, const bm_pubkey *ik, int64_t now);

/* Appends the openssl.cnf with which OpenSSL's programs find the key in the TPM. */
BM_RESULT bm_identity_put_openssl(bm_buf *out);

/* The device's name in its certificate, the common name; "" when there is none that is an identity (text.h). */
void bm_identity_name(const bm_ekc_info *info, char name[BM_IDENTITY_MAX + 1]);

/*
 * The mark that a run is under way which loads keys into a TPM without a resource manager. One that is still there means that the run did
 * not end well, and that the TPM may hold what it left. bm_identity_mark: BM_E_IO. It is not synced: a power cut empties the TPM too.
 */
BM_RESULT bm_identity_mark(bm_identity *identity);
bool bm_identity_is_marked(const bm_identity *identity);
void bm_identity_unmark(bm_identity *identity);

#endif

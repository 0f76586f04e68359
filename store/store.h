/*
 * The database: inventory, identities, certificates, trust anchors, vendors' CRLs, and the hash-chained log. One interface; each back end is a const
 * table of functions (store_sqlite.c; PostgreSQL later). Nothing here knows HTTP, TPMs or keys.
 *
 * An identity and an EK belong together one to one: at most one active device has an identity, and an EK is one device, for good.
 * All calls are made by one thread. Every write is inside a transaction that the caller begins and commits, so that the
 * ledger can commit many at once.
 */
#ifndef BM_STORE_STORE_H
#define BM_STORE_STORE_H

#include "base/text.h"
#include "crypto/hash.h"
#include "x509/anchors.h"
#include "x509/ca.h"

/* A device: an EK, its identity once it has one, and whether an operator put it there. */
typedef enum { BM_DEVICE_ACTIVE = 0, BM_DEVICE_RETIRED } bm_device_status;

typedef struct {
    int64_t id;
    uint8_t ek_sha256[BM_SHA256_SIZE];   /* of the EK's SubjectPublicKeyInfo */
    char identity[BM_IDENTITY_MAX + 1];  /* "" while it has none */
    bool in_inventory;                   /* an operator put it there, rather than a claim */
    bm_device_status status;
    int64_t created;
    int64_t changed;
    int64_t admitted;                    /* when an operator last let it in (bm_store_device_admit); 0: never */
} bm_device;

/* Who has an identity, as seen by an EK that asks for it. */
typedef enum {
    BM_CLAIM_FREE = 0, /* nobody, and nobody retired had it */
    BM_CLAIM_MINE,     /* this EK */
    BM_CLAIM_TAKEN,    /* another EK, active or retired: re-binding is an operator's act */
} bm_claim;

/* What the ledger says to the server about an EK and the identity that it asks for. */
typedef struct {
    bool known; /* there is a device with this EK; else `device` is zero */
    bm_device device;
    bm_claim claim;
    uint64_t anchors_epoch; /* grows whenever the trust anchors or the vendors' CRLs change */
    int64_t last_expiry;    /* when the last of the device's certificates ends, or ended; 0: it never had one */
} bm_store_lookup;

/* A certificate to record, and as it is listed. Views belong to the caller, or to the row's owner (see each call). */
typedef struct {
    uint8_t serial[BM_SERIAL_SIZE];
    uint8_t request_id[BM_SHA256_SIZE]; /* names the getCertificate call: the same call, the same certificate */
    uint8_t ek_sha256[BM_SHA256_SIZE];
    uint8_t ik_spki_sha256[BM_SHA256_SIZE];
    char identity[BM_IDENTITY_MAX + 1];
    char profile[BM_PROFILE_NAME_MAX + 1];
    int64_t issued;
    int64_t not_before;
    int64_t not_after;
    bm_bytes der;
    bm_bytes evidence; /* what was verified, to be checked again later: see docs/protocol */
} bm_store_certificate;

/* Kinds of log entries: append only. */
typedef enum { BM_LOG_ISSUE = 1, BM_LOG_REFUSAL, BM_LOG_OPERATOR } bm_log_kind;

/*
 * An entry of the log. hash = SHA-256("birthmark log v1" | NUL | previous hash | u64 seq | u64 time | u32 kind | sized32 subject |
 * sized32 text | sized32 evidence); the first has 32 zero bytes before it.
 */
typedef struct {
    uint64_t seq;
    int64_t time;
    bm_log_kind kind;
    const char *subject; /* an identity, or an EK's hash in hex, or what an operator's act was about */
    const char *text;    /* a code ("ek-mismatch"), "issued", or the act ("retire device") */
    bm_bytes evidence;
    uint8_t hash[BM_SHA256_SIZE];
} bm_store_log_entry;

/* A trust anchor. `der` belongs to the row's owner. */
typedef struct {
    uint8_t sha256[BM_SHA256_SIZE]; /* of the DER */
    bm_tpm_class class;
    int64_t added;
    char subject[128];
    bm_bytes der;
} bm_store_anchor;

/* A TPM vendor's CRL. `issuer`, `number` and the two views belong to the row's owner; a listing leaves `ids` and `der` empty. */
typedef struct {
    uint8_t sha256[BM_SHA256_SIZE]; /* of the DER */
    uint8_t scope[BM_SHA256_SIZE];  /* bm_crl_scope: one CRL of each is kept */
    const char *issuer;             /* its name in one line */
    bm_bytes number;                /* empty: none */
    int64_t this_update;
    int64_t next_update; /* 0: none */
    int64_t added;
    uint64_t count; /* of the certificates that it revokes */
    bm_bytes ids;   /* theirs, in their order: see x509/revoked.h */
    bm_bytes der;
} bm_store_crl;

/* Called for each row of a listing, in order; rows and their views live during the call only. A result other than BM_OK ends the listing and is returned by it. */
typedef BM_RESULT (*bm_store_device_row)(void *context, const bm_device *device);
typedef BM_RESULT (*bm_store_certificate_row)(void *context, const bm_store_certificate *certificate);
typedef BM_RESULT (*bm_store_log_row)(void *context, const bm_store_log_entry *entry);
typedef BM_RESULT (*bm_store_anchor_row)(void *context, const bm_store_anchor *anchor);
typedef BM_RESULT (*bm_store_crl_row)(void *context, const bm_store_crl *crl);
typedef BM_RESULT (*bm_store_revoked_row)(void *context, bm_bytes ids);

typedef struct bm_store bm_store;

/*
 * Opens the database of a state directory (DIR/database/birthmark.db); `create` makes it with its schema, and refuses where one is. One that an
 * earlier version made is brought up to date. BM_E_STORE (also one of a later version), BM_E_STORE_BUSY, BM_E_STORE_NOT_FOUND.
 */
BM_RESULT bm_store_open(const char *path, bool create, bm_store **store);

/* Closes (rolls back what was not committed); NULL is fine. The second is for BM_AUTO. */
void bm_store_free(bm_store *store);
void bm_store_freep(bm_store **store);

/* How long a call waits for another process's transaction: 5 s until this is called. */
void bm_store_set_patience(bm_store *store, unsigned milliseconds);

/* Was the database found damaged? Then every call fails, and will until it is opened anew: nothing may be built upon what it says. */
bool bm_store_is_damaged(const bm_store *store);

/*
 * Looks at what a damage strikes first, without reading everything: whether commits are missing from the end of the write-ahead log, and whether
 * the last entries of the log (some dozens) are whole, with their certificates. Wants an open transaction. BM_E_STORE: what is wrong.
 */
BM_RESULT bm_store_check_end(bm_store *store);

/*
 * Several reads in one transaction: cheaper than one each (SQLite: BEGIN; two locks instead of two for each statement), and all of one moment. Ended
 * by bm_store_rollback. BM_E_STORE: a transaction is open.
 */
BM_RESULT bm_store_begin_reading(bm_store *store);

/* A write transaction (SQLite: BEGIN IMMEDIATE; waits for another process's). BM_E_STORE_BUSY, BM_E_STORE. */
BM_RESULT bm_store_begin(bm_store *store);
/* Durable when it returns BM_OK. */
BM_RESULT bm_store_commit(bm_store *store);
void bm_store_rollback(bm_store *store);

/* -- what the ledger needs -- */

/* What is known about an EK and the identity that it asks for ("" asks for none). */
BM_RESULT bm_store_look_up(bm_store *store, const uint8_t ek_sha256[BM_SHA256_SIZE], const char *identity, bm_store_lookup *found);

/* The certificate of an earlier getCertificate with this id: appends its DER; BM_E_STORE_NOT_FOUND. */
BM_RESULT bm_store_find_request(bm_store *store, const uint8_t request_id[BM_SHA256_SIZE], bm_buf *der);

/*
 * Records an issue inside the open transaction: binds the identity to the EK if it is not yet (a new device row, or the row's empty
 * identity), adds the certificate and a log entry. When a certificate with this request_id is there already, changes nothing and appends
 * that one's DER to `der`; otherwise appends certificate->der. A failure leaves the open transaction as it was before the call.
 * The log keeps SHA-256 of the DER before the evidence, so that the chain vouches for the certificates as well.
 * BM_E_IDENTITY_TAKEN, BM_E_IDENTITY_MISMATCH (the EK has another), BM_E_DEVICE_RETIRED, BM_E_STORE_CONFLICT (the serial exists, or the
 * request_id is another EK's), BM_E_IDENTITY_INVALID, BM_E_STORE (also when no transaction is open).
 */
BM_RESULT bm_store_record_issue(bm_store *store, const bm_store_certificate *certificate, bm_buf *der);

/* Appends a refusal or an operator's act to the log inside the open transaction; `seq` and `hash` of the entry are ignored and computed. */
BM_RESULT bm_store_record_log(bm_store *store, const bm_store_log_entry *entry);

/* The number that grows when anchors or CRLs change. */
BM_RESULT bm_store_anchors_epoch(bm_store *store, uint64_t *epoch);

/* The ids of what is revoked, CRL by CRL. */
BM_RESULT bm_store_revoked_list(bm_store *store, bm_store_revoked_row row, void *context);

/* -- what the operator needs; each change is written to the log as well, inside the open transaction -- */

/* Adds an anchor; one that is there gets the new class (and nothing happens when it has it already). `added` is the time of the act. */
BM_RESULT bm_store_anchor_add(bm_store *store, const bm_store_anchor *anchor);
/* BM_E_STORE_NOT_FOUND. */
BM_RESULT bm_store_anchor_remove(bm_store *store, const uint8_t sha256[BM_SHA256_SIZE], int64_t now);
BM_RESULT bm_store_anchor_list(bm_store *store, bm_store_anchor_row row, void *context);

/* Adds a CRL, in place of the one with the same scope, if there is one: which of them is newer is for the caller to know. */
BM_RESULT bm_store_crl_add(bm_store *store, const bm_store_crl *crl);
/* BM_E_STORE_NOT_FOUND. */
BM_RESULT bm_store_crl_remove(bm_store *store, const uint8_t sha256[BM_SHA256_SIZE], int64_t now);
BM_RESULT bm_store_crl_list(bm_store *store, bm_store_crl_row row, void *context);

/*
 * Puts a device into the inventory ("" for a row without a serial). An EK that is there (a claim, or a row without identity) becomes an
 * inventory row; the same again is no error and changes nothing (`changed` false). BM_E_IDENTITY_TAKEN: an active device has the serial;
 * BM_E_IDENTITY_MISMATCH: the EK has another; BM_E_DEVICE_RETIRED: the EK was retired; BM_E_IDENTITY_INVALID.
 */
BM_RESULT bm_store_device_add(bm_store *store, const uint8_t ek_sha256[BM_SHA256_SIZE], const char *identity, int64_t now, bool *changed);
/* Retires a device for good: its EK gets nothing any more; its identity is free for a device that an operator adds. Again is no error. BM_E_STORE_NOT_FOUND. */
BM_RESULT bm_store_device_retire(bm_store *store, int64_t id, int64_t now);
/*
 * Lets a device in whose certificates have all ended, whatever its profile says of renewals: `admitted` of
 * the device becomes `now`. BM_E_STORE_NOT_FOUND; BM_E_DEVICE_RETIRED.
 */
BM_RESULT bm_store_device_admit(bm_store *store, int64_t id, int64_t now);
/* By identity (the active one before retired ones) or by EK hash in hex (a prefix of 8 digits or more, if it is the only one). A whole hash is the EK's before it is an identity; BM_E_STORE_NOT_FOUND, BM_E_STORE_CONFLICT (more than one may be meant). */
BM_RESULT bm_store_device_find(bm_store *store, const char *name, bm_device *device);
BM_RESULT bm_store_device_list(bm_store *store, bm_store_device_row row, void *context);

/* The certificates of an identity (NULL: all), oldest first. */
BM_RESULT bm_store_certificate_list(bm_store *store, const char *identity, bm_store_certificate_row row, void *context);
/* By serial in hex (a prefix of 8 digits or more, if it is the only one); the row is called once. BM_E_STORE_NOT_FOUND, BM_E_STORE_CONFLICT. */
BM_RESULT bm_store_certificate_find(bm_store *store, bm_bytes serial, bm_store_certificate_row row, void *context);

/* The log from `from` on. */
BM_RESULT bm_store_log_list(bm_store *store, uint64_t from, bm_store_log_row row, void *context);
/* Recomputes the chain, and compares the certificates with it: `count` entries are good; BM_E_STORE with the first number that is not. */
BM_RESULT bm_store_log_verify(bm_store *store, uint64_t *count);

#endif

/*
 * What birthmarkctl batch and its workers say to each other: datagrams of a type, the number of a request, and length-checked fields. The
 * worker is the one that reads what strangers wrote, so what it says is parsed as if it were the attacker.
 */
#ifndef BM_CTL_BATCH_MESSAGE_H
#define BM_CTL_BATCH_MESSAGE_H

#include "protocol/request.h"
#include "protocol/ticket.h"
#include "x509/anchors.h"

#define BM_CTL_BATCH_MESSAGE_MAX (BM_REQUEST_FILE_MAX + 1024)
#define BM_CTL_BATCH_REVOKED_MAX 4096 /* ids in a message */

typedef enum {
    BM_BATCH_ANCHORS = 1, /* to a worker: forget the anchors; u64 epoch of those that come */
    BM_BATCH_ANCHOR,      /* u8 class | DER */
    BM_BATCH_REVOKED,     /* ids, in their order over all messages */
    BM_BATCH_ANCHORS_END,
    BM_BATCH_JUDGE,       /* u64 time | the request file */
    BM_BATCH_JUDGED,      /* from a worker: bm_ctl_batch_judged */
    BM_BATCH_CREDENTIAL,  /* to a worker: bm_ctl_batch_credential */
    BM_BATCH_CREDENTIAL_MADE /* from a worker: the result, and the body of the reply */
} bm_ctl_batch_type;

/* What a worker found out about a request. Views belong to the message. */
typedef struct {
    uint64_t epoch;   /* of the anchors that it was judged with */
    bm_result result; /* the judgement; its detail is a view that ends with a NUL, or NULL */
    bool parsed;      /* all that follows is there; else the request is no request */
    bm_call call;
    char profile[BM_PROFILE_NAME_MAX + 1];
    uint8_t ek_sha256[BM_SHA256_SIZE];
    char claimed[BM_IDENTITY_MAX + 1];
    bm_ticket_fields fields; /* the hashes alone */
    bm_bytes challenge;      /* of getCertificate, as the two that follow */
    bm_bytes ticket;
    bm_bytes ik_spki;
    bm_bytes ek_public; /* of getChallenge, as the one that follows */
    bm_bytes ik_name;
    bm_bytes evidence;
} bm_ctl_batch_judged;

/* What a worker needs to wrap a ticket. Views belong to the message. */
typedef struct {
    bm_bytes ek_public;
    bm_bytes ik_name;
    bm_bytes ticket;
} bm_ctl_batch_credential;

#define BM_CTL_BATCH_BLOB_MAX 1024 /* of the two that a worker makes */

/* Empties `out` and begins a message. */
BM_RESULT bm_ctl_batch_message_begin(bm_buf *out, bm_ctl_batch_type type, uint32_t id);

/* Opens a message: `body` reads what follows. BM_E_MALFORMED. */
BM_RESULT bm_ctl_batch_message_open(bm_bytes message, bm_ctl_batch_type *type, uint32_t *id, bm_cursor *body);

/* Append and take the two structs and a result; BM_E_MALFORMED unless it is all of the message (the result: what is behind it is left). */
BM_RESULT bm_ctl_batch_message_put_judged(bm_buf *out, const bm_ctl_batch_judged *judged);
BM_RESULT bm_ctl_batch_message_take_judged(bm_cursor *body, bm_ctl_batch_judged *judged);
BM_RESULT bm_ctl_batch_message_put_credential(bm_buf *out, const bm_ctl_batch_credential *credential);
BM_RESULT bm_ctl_batch_message_take_credential(bm_cursor *body, bm_ctl_batch_credential *credential);
BM_RESULT bm_ctl_batch_message_put_result(bm_buf *out, bm_result result);
BM_RESULT bm_ctl_batch_message_take_result(bm_cursor *body, bm_result *result);

#endif

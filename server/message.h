/*
 * What the processes say to each other: typed, length-checked messages over SOCK_SEQPACKET socket pairs, one datagram a message.
 *
 * Every message begins with u16 type | u64 id; the reply to a request carries its id. The other process may be the attacker: everything is
 * parsed strictly, and a message that does not parse is answered with an error or dropped, never acted upon.
 * Requests are idempotent, so that a server may repeat one whose answer did not come (the process behind it was restarted).
 */
#ifndef BM_SERVER_MESSAGE_H
#define BM_SERVER_MESSAGE_H

#include "protocol/ticket.h"
#include "store/store.h"
#include "x509/revoked.h"

#define BM_MESSAGE_MAX 65536
#define BM_MESSAGE_HEAD_SIZE 10
#define BM_MESSAGE_DETAIL_MAX 256

/* Append only. */
typedef enum {
    /* server -> keeper */
    BM_MSG_TICKET = 1, /* the ticket message of protocol/ticket.h; key id 0 in it asks for the newest key */
    BM_MSG_ISSUE,      /* ticket message | 32 bytes presented ticket | sized32 tbs */
    BM_MSG_KEYS,       /* which ticket key is the newest */
    /* keeper -> server */
    BM_MSG_TICKET_REPLY, /* u32 key id that was used | 32 bytes */
    BM_MSG_ISSUE_REPLY,  /* sized32 signature */
    BM_MSG_KEYS_REPLY,   /* u32 key id */
    /* server -> ledger */
    BM_MSG_LOOK_UP,  /* ek sha256 | sized32 identity claimed | 32 bytes request id (zeros: none) */
    BM_MSG_RECORD,   /* a bm_store_certificate */
    BM_MSG_REFUSAL,  /* u32 code | sized32 subject | sized32 evidence; no reply */
    BM_MSG_ANCHORS,  /* u32 index */
    /* ledger -> server */
    BM_MSG_LOOK_UP_REPLY, /* a bm_store_lookup | sized32 certificate of that request id (empty: none) */
    BM_MSG_RECORD_REPLY,  /* sized32 certificate: the one recorded, now or before */
    BM_MSG_ANCHORS_REPLY, /* u64 epoch | u32 total | u32 index | u8 class | sized32 der (empty when index >= total) */
    /* either */
    BM_MSG_ERROR, /* u32 code | sized32 detail (printable) */
    /* server -> ledger */
    BM_MSG_REVOKED, /* u32 index of the first id that is wanted */
    /* ledger -> server */
    BM_MSG_REVOKED_REPLY, /* u64 epoch | u32 total | u32 index | sized32 ids from there on (empty when index >= total) */
    BM_MSG_TYPE_COUNT
} bm_msg_type;

/* The head of a message, and a reader at its body. */
typedef struct {
    bm_msg_type type;
    uint64_t id;
    bm_cursor body;
} bm_message;

/* Parses the head; BM_E_MALFORMED: too short, or no such type. */
BM_RESULT bm_message_open(bm_bytes datagram, bm_message *message);

/* Begins a message in an empty buffer. */
BM_RESULT bm_message_begin(bm_buf *out, bm_msg_type type, uint64_t id);

/* Makes a whole BM_MSG_ERROR of a result, whatever the buffer held; the detail is cut at BM_MESSAGE_DETAIL_MAX. */
BM_RESULT bm_message_put_error(bm_buf *out, uint64_t id, bm_result error);

/* Reads the body of a BM_MSG_ERROR: `error` is what it says (its detail as bm_failf keeps it), never BM_OK. BM_E_MALFORMED. */
BM_RESULT bm_message_take_error(bm_message *message, bm_result *error);

/* What a look-up asks: views are inside the message. */
typedef struct {
    uint8_t ek_sha256[BM_SHA256_SIZE];
    char identity[BM_IDENTITY_MAX + 1]; /* "" for none */
    uint8_t request_id[BM_SHA256_SIZE];
    bool has_request; /* the request id is not zero */
} bm_message_look_up;

/* The body of a BM_MSG_LOOK_UP, all of it. BM_E_MALFORMED: also an identity that is none. */
BM_RESULT bm_message_put_look_up(bm_buf *out, const bm_message_look_up *look_up);
BM_RESULT bm_message_take_look_up(bm_message *message, bm_message_look_up *look_up);

/* The body of a BM_MSG_LOOK_UP_REPLY, all of it; `certificate` is empty for none, and a view when read. BM_E_MALFORMED. */
BM_RESULT bm_message_put_found(bm_buf *out, const bm_store_lookup *found, bm_bytes certificate);
BM_RESULT bm_message_take_found(bm_message *message, bm_store_lookup *found, bm_bytes *certificate);

/* The body of a BM_MSG_RECORD, all of it; DER and evidence are views when read. BM_E_MALFORMED: also names that are none, an empty DER. */
BM_RESULT bm_message_put_certificate(bm_buf *out, const bm_store_certificate *certificate);
BM_RESULT bm_message_take_certificate(bm_message *message, bm_store_certificate *certificate);

/* What a refusal says. Views. */
typedef struct {
    bm_code code;
    bm_bytes subject; /* an EK's hash in hex, or empty */
    bm_bytes evidence;
} bm_message_refusal;

/* The body of a BM_MSG_REFUSAL, all of it. BM_E_MALFORMED: no code, or a subject that is neither empty nor an identity. */
BM_RESULT bm_message_put_refusal(bm_buf *out, const bm_message_refusal *refusal);
BM_RESULT bm_message_take_refusal(bm_message *message, bm_message_refusal *refusal);

/* An anchor as it travels. `der` is a view, empty when there is none of this index. */
typedef struct {
    uint64_t epoch;
    uint32_t total;
    uint32_t index;
    bm_tpm_class class;
    bm_bytes der;
} bm_message_anchor;

/* The body of a BM_MSG_ANCHORS_REPLY, all of it. BM_E_MALFORMED. */
BM_RESULT bm_message_put_anchor(bm_buf *out, const bm_message_anchor *anchor);
BM_RESULT bm_message_take_anchor(bm_message *message, bm_message_anchor *anchor);

/* A piece of the revoked certificates as it travels: ids of x509/revoked.h, in their order. */
typedef struct {
    uint64_t epoch;
    uint32_t total; /* how many there are */
    uint32_t index; /* of the first one here */
    bm_bytes ids;   /* a view; empty when there are none from there on, else some of them, at most BM_MESSAGE_REVOKED_MAX */
} bm_message_revoked;

#define BM_MESSAGE_REVOKED_MAX 4000

/* The body of a BM_MSG_REVOKED_REPLY, all of it. BM_E_MALFORMED: also too many ids, or not as many as there can be. */
BM_RESULT bm_message_put_revoked(bm_buf *out, const bm_message_revoked *revoked);
BM_RESULT bm_message_take_revoked(bm_message *message, bm_message_revoked *revoked);

#endif

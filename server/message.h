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

#define BM_MESSAGE_MAX 65536

/* Append only. */
typedef enum {
    /* server -> keeper */
    BM_MSG_TICKET = 1, /* u32 key id (0: the newest) | the ticket message of protocol/ticket.h with that key id */
    BM_MSG_ISSUE,      /* ticket message | 32 bytes presented ticket | sized32 tbs */
    BM_MSG_KEYS,       /* which ticket key is the newest */
    /* keeper -> server */
    BM_MSG_TICKET_REPLY, /* 32 bytes */
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
    BM_MSG_ANCHORS_REPLY, /* u64 epoch | u32 total | u32 index | u8 class | sized32 der (empty when index == total) */
    /* either */
    BM_MSG_ERROR, /* u32 code | sized32 detail (printable) */
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

#endif

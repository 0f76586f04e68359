/*
 * The ticket: HMAC-SHA256 over fixed-size fields under a key that does nothing else (docs/protocol, "The ticket"). It is the secret inside
 * the credential, and what lets the server keep nothing between the two calls.
 */
#ifndef BM_PROTOCOL_TICKET_H
#define BM_PROTOCOL_TICKET_H

#include "crypto/hash.h"
#include "crypto/pubkey.h"

#define BM_TICKET_SIZE 32
#define BM_TICKET_NONCE_SIZE 32
#define BM_TICKET_CHALLENGE_SIZE 45 /* u8 version | u32 key id | u64 expires | nonce */
#define BM_TICKET_MESSAGE_SIZE 301  /* what is MACed, see bm_ticket_put_message */

/* In which way a ticket was given: each is good in its own way alone. */
typedef enum { BM_TICKET_ONLINE = 0, BM_TICKET_OFFLINE } bm_ticket_way;

/* What a ticket binds. The first three travel in `challenge`; the hashes are recomputed by whoever checks. */
typedef struct {
    bm_ticket_way way; /* in the version of token and message: 1 online, 2 offline */
    uint32_t key_id;
    int64_t expires; /* seconds since 1970 */
    uint8_t nonce[BM_TICKET_NONCE_SIZE];
    uint8_t csr[BM_SHA256_SIZE];            /* SHA-256 of each parameter's bytes as received */
    uint8_t ik_public[BM_SHA256_SIZE];
    uint8_t ek_public[BM_SHA256_SIZE];
    uint8_t ek_certificate[BM_SHA256_SIZE]; /* zeros when the request has none */
    uint8_t ek_chain[BM_SHA256_SIZE];       /* over (u32 size | bytes) of each; zeros when the request has none */
    uint8_t ik_spki[BM_SHA256_SIZE];        /* of the IK's SubjectPublicKeyInfo: what the keeper wants in the certificate */
    uint8_t profile[BM_SHA256_SIZE];        /* of the profile's name */
} bm_ticket_fields;

/*
 * Appends the MACed message: the 32 bytes "birthmark ticket" padded with zeros | u8 version | u32 key id | u64 expires | nonce | the seven
 * hashes in the order of the struct. Every field has a fixed size, so no two requests give the same message.
 */
BM_RESULT bm_ticket_put_message(bm_buf *out, const bm_ticket_fields *fields);

/* Parses such a message (strict, all of it), of an online ticket alone: the keeper makes no others. BM_E_TICKET_INVALID. */
BM_RESULT bm_ticket_parse_message(bm_bytes message, bm_ticket_fields *fields);

/* Appends the challenge token: BM_TICKET_CHALLENGE_SIZE bytes. */
BM_RESULT bm_ticket_put_challenge(bm_buf *out, const bm_ticket_fields *fields);

/* Takes key id, expiry and nonce from the challenge token of an online or of an offline ticket; BM_E_TICKET_INVALID when it is none. */
BM_RESULT bm_ticket_parse_challenge(bm_bytes challenge, bm_ticket_fields *fields);
BM_RESULT bm_ticket_parse_offline_challenge(bm_bytes challenge, bm_ticket_fields *fields);

/*
 * BM_E_TICKET_INVALID unless expires <= now + lifetime: a ticket that ends later was made for a time that is
 * still to come.
 */
BM_RESULT bm_ticket_check_end(const bm_ticket_fields *fields, int64_t now, int64_t lifetime);

/* BM_E_TICKET_INVALID unless now < expires <= now + lifetime (a ticket from the future is as foreign as a stale one). */
BM_RESULT bm_ticket_check_time(const bm_ticket_fields *fields, int64_t now, int64_t lifetime);

/* The name of a getCertificate call: SHA-256 of the MACed message. The same call has the same. */
BM_RESULT bm_ticket_request_id(const bm_ticket_fields *fields, uint8_t id[BM_SHA256_SIZE]);

#endif

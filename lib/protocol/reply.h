/*
 * The replies of the two calls as JSON (docs/protocol, "Replies"): emitted by the server, read strictly by the agent.
 */
#ifndef BM_PROTOCOL_REPLY_H
#define BM_PROTOCOL_REPLY_H

#include "base/text.h"

#define BM_REPLY_CHAIN_MAX 4

/* The reply of getChallenge. Owns its buffers. */
typedef struct {
    bm_buf credential_blob;  /* TPM2B_ID_OBJECT */
    bm_buf encrypted_secret; /* TPM2B_ENCRYPTED_SECRET */
    bm_buf challenge;
    int64_t expires;
} bm_reply_challenge;

/* The reply of getCertificate. Owns its buffers. */
typedef struct {
    bm_buf certificate; /* DER in memory, PEM on the wire */
    bm_buf chain[BM_REPLY_CHAIN_MAX];
    size_t chain_count;
    char device[BM_IDENTITY_MAX + 1];
    int64_t renew_after;
} bm_reply_certificate;

/* Wipe and free what the replies own. */
void bm_reply_challenge_fini(bm_reply_challenge *reply);
void bm_reply_certificate_fini(bm_reply_certificate *reply);

/* Append a reply as text; BM_E_NO_MEMORY. */
BM_RESULT bm_reply_challenge_put(const bm_reply_challenge *reply, bm_buf *body);
BM_RESULT bm_reply_certificate_put(const bm_reply_certificate *reply, bm_buf *body);

/* Parse replies; BM_E_SERVER_REPLY. The reply must be zero; on failure it is left zero. Members that are not known are passed over. */
BM_RESULT bm_reply_challenge_parse(bm_bytes body, bm_reply_challenge *reply);
BM_RESULT bm_reply_certificate_parse(bm_bytes body, bm_reply_certificate *reply);

#endif

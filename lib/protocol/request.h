/*
 * The two calls as JSON (docs/protocol): strict parsing into bytes, and emitting; used by the server and by the agent.
 *
 * Binary members are base64 of the bytes as the TPM or DER has them. Unknown members and members given twice are refused.
 */
#ifndef BM_PROTOCOL_REQUEST_H
#define BM_PROTOCOL_REQUEST_H

#include "base/text.h"
#include "x509/ekc.h"

#define BM_REQUEST_BODY_MAX 65536 /* bytes of a request body that the server reads */

/* The parameters of both calls; `challenge` and `ticket` are empty in getChallenge. Owns its buffers. */
typedef struct {
    bm_buf csr;
    bm_buf ik_public;
    bm_buf ek_public;
    bm_buf ek_certificate; /* empty: none */
    bm_buf ek_chain[BM_EKC_CHAIN_MAX];
    size_t ek_chain_count;
    char profile[BM_PROFILE_NAME_MAX + 1]; /* "default" when the request names none */
    bm_buf challenge;
    bm_buf ticket;
} bm_request;

/* Which of the two calls. */
typedef enum { BM_CALL_CHALLENGE, BM_CALL_CERTIFICATE } bm_call;

/* Frees what it owns. */
void bm_request_fini(bm_request *request);

/*
 * Parses a request body. `request` must be zero; on failure it is left zero. BM_E_REQUEST_MALFORMED: not one JSON object (depth over 8,
 * bad UTF-8, anything behind it); BM_E_FIELD_UNKNOWN; BM_E_FIELD_MISSING; BM_E_FIELD_INVALID, the detail names the member.
 */
BM_RESULT bm_request_parse(bm_call call, bm_bytes body, bm_request *request);

/* Appends a request body; profile "" leaves it out. */
BM_RESULT bm_request_put(bm_call call, const bm_request *request, bm_buf *body);

/* The reply of getChallenge. Owns its buffers. */
typedef struct {
    bm_buf credential_blob;  /* TPM2B_ID_OBJECT */
    bm_buf encrypted_secret; /* TPM2B_ENCRYPTED_SECRET */
    bm_buf challenge;
    int64_t expires;
} bm_challenge_reply;

/* The reply of getCertificate. Owns its buffers. */
typedef struct {
    bm_buf certificate; /* DER in memory, PEM on the wire */
    bm_buf chain[4];
    size_t chain_count;
    char device[BM_IDENTITY_MAX + 1];
    int64_t renew_after;
} bm_certificate_reply;

/* A problem document (RFC 9457) as a client reads it. */
typedef struct {
    int status;
    char code[64];
    char title[256];
    char detail[512];
} bm_problem;

/* Free what it owns. */
void bm_challenge_reply_fini(bm_challenge_reply *reply);
void bm_certificate_reply_fini(bm_certificate_reply *reply);

/* Append a reply. */
BM_RESULT bm_challenge_reply_put(const bm_challenge_reply *reply, bm_buf *body);
BM_RESULT bm_certificate_reply_put(const bm_certificate_reply *reply, bm_buf *body);

/* Parse replies; BM_E_SERVER_REPLY. The reply must be zero; on failure it is left zero. */
BM_RESULT bm_challenge_reply_parse(bm_bytes body, bm_challenge_reply *reply);
BM_RESULT bm_certificate_reply_parse(bm_bytes body, bm_certificate_reply *reply);

/* Appends the problem document of a result: type, title (the advice), status, code, and detail when there is one. */
BM_RESULT bm_problem_put(bm_result result, bm_buf *body);

/* BM_E_SERVER_REPLY when the body is no problem document; its texts are cleaned of control characters. */
BM_RESULT bm_problem_parse(bm_bytes body, bm_problem *problem);

#endif

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
#define BM_REQUEST_FILE_MAX (BM_REQUEST_BODY_MAX + 256) /* bytes of a request as a file */

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

/*
 * A request as a file (docs/protocol, "The exchange by files"): the body of the call, and in the same object two members that say what it is. Parsed
 * and appended as above; BM_E_FIELD_INVALID also for a file of another version, or of another call.
 */
BM_RESULT bm_request_parse_file(bm_bytes text, bm_call *call, bm_request *request);
BM_RESULT bm_request_put_file(bm_call call, const bm_request *request, bm_buf *text);

#endif

/*
 * A getChallenge or a getCertificate on its way through the server: what both calls have in common. Each step either goes on, at once or
 * when an answer of another process is there, or ends the exchange with a refusal. An exchange ends exactly once, and frees itself then.
 *
 *   challenge:    parse - judge - look up - decide - ticket - credential - reply
 *   certificate:  parse - [ticket] - judge again - look up - decide - (earlier certificate) - tbs - issue - record - reply
 *
 * The keeper looks at the ticket when it issues. It is asked for it before that only where something hangs on it: public-key work, an
 * earlier certificate, or a refusal, whose reason is for those alone who have the ticket.
 */
#ifndef BM_SERVER_SERVER_EXCHANGE_H
#define BM_SERVER_SERVER_EXCHANGE_H

#include "protocol/reply.h"
#include "protocol/request.h"
#include "protocol/ticket.h"
#include "protocol/verdict.h"
#include "server/server_http.h"
#include "server/server_peer.h"
#include "x509/issue.h"

typedef struct bm_server_exchange bm_server_exchange;

/* A step of a call: what it does when it is its turn. A failure ends the exchange. */
typedef BM_RESULT (*bm_server_step)(bm_server_exchange *exchange);

struct bm_server_exchange {
    bm_server *server;
    bm_server_connection *connection;
    bm_call call;
    int64_t now; /* when the call came: every check is about this time */
    bm_request request;
    bm_subject subject;
    bool parsed;               /* the subject has its hashes */
    const bm_profile *profile; /* NULL until it is looked for */
    bm_ticket_fields fields;   /* of the ticket: the subject's hashes, and key id, expiry and nonce */
    uint8_t ticket[BM_TICKET_SIZE];
    uint8_t request_id[BM_SHA256_SIZE];
    bm_server_step vouch;      /* how a refusal finds out whether its reason may be told; NULL: it may */
    bm_result refusal;         /* what waits for that, or for the ledger's word that the anchors are the same */
    uint64_t judged_with; /* which set of anchors: see bm_server_anchors_loads */
    bool looked_up;
    bm_store_lookup found;
    bm_buf earlier;                     /* the certificate that this call got before; empty: none */
    char identity[BM_IDENTITY_MAX + 1]; /* "" until it is decided */
    char refusal_detail[BM_MESSAGE_DETAIL_MAX + 1]; /* of `refusal` */
    bm_buf tbs;
    bm_buf certificate;
    bm_issue_fields issue; /* of the certificate; its views are not kept */
    bm_server_step decided;                                         /* what comes after the decision */
    BM_RESULT (*replied)(bm_server_exchange *, bm_message *reply); /* what an answer of another process is for */
};

/* Begins: parses the request, and takes its first step. Everything that goes wrong is answered. */
void bm_server_exchange_begin(bm_server *server, bm_server_connection *connection, bm_call call, bm_bytes body, bm_server_step first);

/* Finds the profile that the request names; BM_E_PROFILE_UNKNOWN. */
BM_RESULT bm_server_exchange_profile(bm_server_exchange *exchange);

/* Judges with the anchors as they are now, looks the EK and its claim up, judges again if the anchors have changed, and only then, decides whose name it is, and takes the step `decided`. */
BM_RESULT bm_server_exchange_judge(bm_server_exchange *exchange, bm_server_step decided);

/* Asks another process; `replied` gets its answer, a failure ends the exchange. */
BM_RESULT bm_server_exchange_ask(bm_server_exchange *exchange, bm_server_peer *peer, bm_msg_type type, bm_msg_type reply, bm_bytes body,
                                 BM_RESULT (*replied)(bm_server_exchange *, bm_message *));

/* The reason of a refusal may be told from now on; the one that waited for that is. */
BM_RESULT bm_server_exchange_vouched(bm_server_exchange *exchange);

/* Ends with a reply. */
void bm_server_exchange_finish(bm_server_exchange *exchange, bm_bytes body);

#endif

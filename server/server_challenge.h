/* POST /v1/getChallenge: everything is checked, and only then is there a ticket. */
#ifndef BM_SERVER_SERVER_CHALLENGE_H
#define BM_SERVER_SERVER_CHALLENGE_H

#include "server/server_http.h"

/* Answers the call. */
void bm_server_challenge_answer(bm_server *server, bm_server_connection *connection, bm_bytes body);

#endif

/* GET /healthz: do the processes behind this server answer? */
#ifndef BM_SERVER_SERVER_HEALTH_H
#define BM_SERVER_SERVER_HEALTH_H

#include "server/server_http.h"

/* Asks the keeper and the ledger and answers {"status":"ok","keeper":"ok","ledger":"ok"} with 200, or with 503 and "unavailable" for what gave no answer within a second. */
void bm_server_health_answer(bm_server *server, bm_server_connection *connection, bm_bytes body);

#endif

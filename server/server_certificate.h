/* POST /v1/getCertificate: the ticket first, then what may have changed since, then the certificate, committed before the reply. */
#ifndef BM_SERVER_SERVER_CERTIFICATE_H
#define BM_SERVER_SERVER_CERTIFICATE_H

#include "server/server_http.h"

/* Answers the call. The same call again gives the same certificate. */
void bm_server_certificate_answer(bm_server *server, bm_server_connection *connection, bm_bytes body);

#endif

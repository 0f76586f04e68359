#include "server/server_routes.h"

#include "server/server_certificate.h"
#include "server/server_challenge.h"
#include "server/server_health.h"
#include "server/server_reply.h"

/* GET /v1/ca: the CA's certificates, as its operator has them. */
static void answer_ca(bm_server *server, bm_server_connection *connection, bm_bytes body)
{
    (void)body;
    bm_server_http_answer(connection, 200, BM_SERVER_REPLY_PEM, bm_buf_view(&server->ca_pem));
}

static const bm_server_route routes[] = {
    {"/v1/getChallenge", BM_METHOD_POST, true, "POST", bm_server_challenge_answer},
    {"/v1/getCertificate", BM_METHOD_POST, true, "POST", bm_server_certificate_answer},
    {"/v1/ca", BM_METHOD_GET, false, "GET", answer_ca},
    {"/healthz", BM_METHOD_GET, false, "GET", bm_server_health_answer},
};

BM_RESULT bm_server_routes_find(const bm_server_head *head, const bm_server_route **route)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (!bm_bytes_equal(head->path, bm_bytes_str(routes[i].path)))
            continue;
        *route = &routes[i];
        BM_CHECK(head->method == routes[i].method, BM_E_METHOD_NOT_ALLOWED, NULL);
        BM_CHECK(head->method != BM_METHOD_POST || head->is_json, BM_E_MEDIA_TYPE, NULL);
        return bm_ok();
    }
    return bm_fail(BM_E_NOT_FOUND, NULL);
}

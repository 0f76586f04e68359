#include "server/server_reply.h"

/* RFC 9110, 15: those that our codes use. */
static const struct {
    int status;
    const char *phrase;
} phrases[] = {
    {200, "OK"},
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
};

static const char *phrase_of(int status)
{
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Other";
}

BM_RESULT bm_server_reply_put(bm_buf *out, const bm_server_reply *reply)
{
    BM_TRY(bm_buf_putf(out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n", reply->status,
                       phrase_of(reply->status), reply->type, reply->body.size));
    if (reply->allow != NULL)
        BM_TRY(bm_buf_putf(out, "Allow: %s\r\n", reply->allow));
    if (reply->retry_after > 0 || reply->status == 503)
        BM_TRY(bm_buf_putf(out, "Retry-After: %u\r\n", reply->retry_after > 0 ? reply->retry_after : 1));
    if (reply->close)
        BM_TRY(bm_buf_put_str(out, "Connection: close\r\n"));
    BM_TRY(bm_buf_put_str(out, "\r\n"));
    return bm_buf_put(out, reply->body);
}

/* What bm_problem_put and bm_server_reply_put would make of BM_E_NO_MEMORY. */
bm_bytes bm_server_reply_out_of_memory(void)
{
    return bm_bytes_str("HTTP/1.1 503 Service Unavailable\r\nContent-Type: " BM_SERVER_REPLY_PROBLEM "\r\nContent-Length: 131\r\n"
                        "Cache-Control: no-store\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
                        "{\"type\":\"urn:birthmark:problem:out-of-memory\",\"title\":\"Memory ran out; try again in a moment.\",\"status\":503,"
                        "\"code\":\"out-of-memory\"}");
}

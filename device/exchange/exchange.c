#include "device/exchange/exchange.h"

#include "crypto/random.h"
#include "device/talk/patience.h"
#include "device/talk/pause.h"
#include "device/talk/sink.h"
#include "program/clock.h"
#include "protocol/problem.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_SECONDS 10L
#define CALL_SECONDS 60L
#define REPLY_MAX 65536

struct bm_exchange {
    const char *server;
    const char *ca;
    CURL *curl;
    struct curl_slist *headers;
    int64_t spent;
    bm_code refusal; /* the last one's code */
    int64_t said;    /* the last one's Retry-After */
    char error[CURL_ERROR_SIZE];
};

static const char *const paths[] = {[BM_CALL_CHALLENGE] = "/v1/getChallenge", [BM_CALL_CERTIFICATE] = "/v1/getCertificate"};

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    bm_buf *body = context;

    if (size * count > REPLY_MAX - body->size || bm_buf_put(body, bm_bytes_of(data, size * count)).code != BM_OK)
        return 0;
    return size * count;
}

static int look_whether_to_stop(void *context, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
    (void)context;
    (void)down_all;
    (void)down;
    (void)up_all;
    (void)up;
    return bm_sink_stops() ? 1 : 0;
}

/* Nothing from the environment or the system's store: the one trust anchor is --ca, and no proxy sees the device. */
static BM_RESULT set_options(bm_exchange *exchange)
{
    CURL *curl = exchange->curl;
    bool set = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_TIMEOUT, CALL_SECONDS) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_HTTPHEADER, exchange->headers) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_whether_to_stop) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, exchange->error) == CURLE_OK;

    if (set && exchange->ca != NULL)
        set = curl_easy_setopt(curl, CURLOPT_CAINFO, exchange->ca) == CURLE_OK;
    BM_CHECK(set, BM_E_INTERNAL, "libcurl does not take an option");
    return bm_ok();
}

static BM_RESULT prepare(bm_exchange *exchange)
{
    BM_CHECK(curl_global_init(CURL_GLOBAL_SSL) == CURLE_OK, BM_E_INTERNAL, "libcurl cannot be initialised");
    exchange->curl = curl_easy_init();
    exchange->headers = curl_slist_append(NULL, "Content-Type: application/json");
    BM_CHECK(exchange->curl != NULL && exchange->headers != NULL, BM_E_NO_MEMORY, NULL);
    return set_options(exchange);
}

BM_RESULT bm_exchange_new(const char *server, const char *ca, bm_exchange **exchange)
{
    bm_exchange *made;
    bm_result result;

    if (ca != NULL && access(ca, R_OK) != 0)
        return bm_failf(BM_E_IO, "%s cannot be read: give with --ca the file that verifies the server", ca);
    made = calloc(1, sizeof(*made));
    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    made->server = server;
    made->ca = ca;
    result = prepare(made);
    if (result.code != BM_OK) {
        bm_exchange_free(made);
        return result;
    }
    *exchange = made;
    return bm_ok();
}

BM_RESULT bm_exchange_trust(bm_exchange *exchange, bm_bytes pem)
{
    /* libcurl does not write to what it copies. */
    struct curl_blob blob = {.data = (void *)(uintptr_t)pem.data, .len = pem.size, .flags = CURL_BLOB_COPY};

    BM_CHECK(curl_easy_setopt(exchange->curl, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK, BM_E_NO_MEMORY, NULL);
    return bm_ok();
}

void bm_exchange_free(bm_exchange *exchange)
{
    if (exchange == NULL)
        return;
    curl_easy_cleanup(exchange->curl);
    curl_slist_free_all(exchange->headers);
    free(exchange);
    curl_global_cleanup();
}

void bm_exchange_freep(bm_exchange **exchange)
{
    bm_exchange_free(*exchange);
    *exchange = NULL;
}

bm_code bm_exchange_refusal(const bm_exchange *exchange)
{
    return exchange->refusal;
}

int64_t bm_exchange_said(const bm_exchange *exchange)
{
    return exchange->said;
}

int64_t bm_exchange_spent(const bm_exchange *exchange)
{
    return exchange->spent;
}

/* A failure that is not told in the words of the protocol: another server's, or that of a proxy before ours. */
static BM_RESULT no_problem(long status)
{
    if (status == 429 || (status >= 502 && status <= 504))
        return bm_failf(BM_E_NETWORK, "the server, or a proxy before it, cannot answer now (status %ld): run it again in a few minutes",
                        status);
    return bm_failf(BM_E_SERVER_REPLY, "the answer has status %ld and is no problem document", status);
}

BM_RESULT bm_exchange_verdict(long status, bm_bytes body)
{
    bm_problem problem;

    if (status == 200)
        return bm_ok();
    if (bm_problem_parse(body, &problem).code != BM_OK)
        return no_problem(status);
    if (problem.detail[0] == 0)
        return bm_failf(BM_E_SERVER_REFUSED, "the server refused (%s): %s", problem.code, problem.title);
    return bm_failf(BM_E_SERVER_REFUSED, "the server refused (%s: %s): %s", problem.code, problem.detail, problem.title);
}

/* A server that has too much to do closes connections before the handshake: OpenSSL has nothing of its own to say then. */
static bool was_cut_off(const bm_exchange *exchange)
{
    return strstr(exchange->error, "SSL routines") == NULL || strstr(exchange->error, "unexpected eof") != NULL;
}

/* Both calls give the same answer again, so what fails in passing is simply sent again: false when it does not pass. */
static bool is_passing(const bm_exchange *exchange, CURLcode code, long status, bm_patience_cause *cause)
{
    *cause = BM_PATIENCE_AWAY;
    if (code == CURLE_OK) {
        if (status == 429 || status == 503)
            *cause = BM_PATIENCE_BUSY;
        return status == 429 || status == 503 || status == 502;
    }
    if (code == CURLE_SSL_CONNECT_ERROR) {
        *cause = BM_PATIENCE_BUSY;
        return was_cut_off(exchange);
    }
    return code == CURLE_COULDNT_CONNECT || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR ||
           code == CURLE_GOT_NOTHING || code == CURLE_PARTIAL_FILE;
}

static BM_RESULT network_error(const bm_exchange *exchange, CURLcode code)
{
    const char *cause = exchange->error[0] != 0 ? exchange->error : curl_easy_strerror(code);
    int status = (int)code;

    BM_CHECK(status != CURLE_ABORTED_BY_CALLBACK, BM_E_INTERRUPTED, NULL);
    BM_CHECK(status != CURLE_OUT_OF_MEMORY, BM_E_NO_MEMORY, NULL);
    BM_CHECK(status != CURLE_WRITE_ERROR, BM_E_SERVER_REPLY, "the answer is longer than any of the protocol");
    BM_CHECK(status != CURLE_UNSUPPORTED_PROTOCOL && status != CURLE_WEIRD_SERVER_REPLY, BM_E_SERVER_REPLY,
             "what answers does not speak HTTP");
    if (status == CURLE_SSL_CACERT_BADFILE)
        return bm_failf(BM_E_IO, "%s is no file of PEM certificates: give with --ca the file that verifies the server",
                        exchange->ca != NULL ? exchange->ca : "what was recorded");
    if (status == CURLE_PEER_FAILED_VERIFICATION)
        return bm_failf(BM_E_NETWORK,
                        "the certificate of %s is not good (%s): check that --ca is this server's, and the clock", exchange->server, cause);
    if (status == CURLE_COULDNT_RESOLVE_HOST)
        return bm_failf(BM_E_NETWORK, "the name in %s is not found: check --server and the name service", exchange->server);
    return bm_failf(BM_E_NETWORK, "%s cannot be reached (%s): check --server, the network, and that birthmarkd runs",
                    exchange->server, cause);
}

/* One try: what libcurl says, the status, and the Retry-After. */
static CURLcode try_once(bm_exchange *exchange, bm_buf *body, long *status, curl_off_t *said)
{
    CURLcode code;

    bm_buf_clear(body);
    exchange->error[0] = 0;
    exchange->said = 0;
    code = curl_easy_perform(exchange->curl);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, status);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(exchange->curl, CURLINFO_RETRY_AFTER, said);
    if (code == CURLE_OK)
        exchange->said = *said;
    return code;
}

static BM_RESULT perform(bm_exchange *exchange, bm_buf *body)
{
    bm_patience patience = {0};

    if (curl_easy_setopt(exchange->curl, CURLOPT_WRITEDATA, body) != CURLE_OK)
        return bm_fail(BM_E_INTERNAL, "libcurl does not take an option");
    for (;;) {
        long status = 0;
        curl_off_t said = 0;
        uint32_t chance;
        int64_t wait;
        bm_patience_cause cause;
        CURLcode code;

        BM_CHECK(!bm_sink_stops(), BM_E_INTERRUPTED, NULL);
        BM_TRY(bm_random((uint8_t *)&chance, sizeof(chance)));
        code = try_once(exchange, body, &status, &said);
        if (is_passing(exchange, code, status, &cause) && bm_patience_next(&patience, cause, said, chance, &wait)) {
            BM_TRY(bm_pause(wait));
            continue;
        }
        if (code != CURLE_OK)
            return network_error(exchange, code);
        return bm_exchange_verdict(status, bm_buf_view(body));
    }
}

/* The server's address without the slashes at its end, and a path behind it; with a NUL. */
static BM_RESULT put_url(const bm_exchange *exchange, const char *path, bm_buf *url)
{
    size_t length = strlen(exchange->server);

    while (length > 0 && exchange->server[length - 1] == '/')
        length--;
    BM_TRY(bm_buf_putf(url, "%.*s%s", (int)length, exchange->server, path));
    return bm_buf_terminate(url);
}

BM_RESULT bm_exchange_look(bm_exchange *exchange)
{
    BM_AUTO_BUF url = BM_BUF_EMPTY;
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    curl_off_t said = 0;
    long status = 0;
    CURLcode code;

    BM_TRY(put_url(exchange, "/healthz", &url));
    if (curl_easy_setopt(exchange->curl, CURLOPT_URL, (const char *)url.data) != CURLE_OK ||
        curl_easy_setopt(exchange->curl, CURLOPT_HTTPGET, 1L) != CURLE_OK ||
        curl_easy_setopt(exchange->curl, CURLOPT_WRITEDATA, &body) != CURLE_OK)
        return bm_fail(BM_E_INTERNAL, "libcurl does not take an option");
    code = try_once(exchange, &body, &status, &said);
    if (code != CURLE_OK)
        return network_error(exchange, code);
    if (status == 503)
        return bm_failf(BM_E_NETWORK, "%s answers and says that it is not well: its operator can see why in its log", exchange->server);
    if (status != 200)
        return bm_failf(BM_E_SERVER_REPLY, "what answers at %s has no /healthz (status %ld)", exchange->server, status);
    return bm_ok();
}

BM_RESULT bm_exchange_call(bm_exchange *exchange, bm_call call, const bm_request *request, bm_buf *reply)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    BM_AUTO_BUF url = BM_BUF_EMPTY;
    BM_AUTO_BUF answer = BM_BUF_EMPTY;
    bm_problem problem;
    int64_t start;
    bm_result result;

    BM_TRY(put_url(exchange, paths[call], &url));
    BM_TRY(bm_request_put(call, request, &body));
    if (curl_easy_setopt(exchange->curl, CURLOPT_URL, (const char *)url.data) != CURLE_OK ||
        curl_easy_setopt(exchange->curl, CURLOPT_POSTFIELDSIZE, (long)body.size) != CURLE_OK ||
        curl_easy_setopt(exchange->curl, CURLOPT_POSTFIELDS, (const char *)body.data) != CURLE_OK)
        return bm_fail(BM_E_INTERNAL, "libcurl does not take the request");
    start = bm_clock_ns();
    result = perform(exchange, &answer);
    exchange->spent += bm_clock_ns() - start;
    if (result.code == BM_E_SERVER_REFUSED && bm_problem_parse(bm_buf_view(&answer), &problem).code == BM_OK)
        exchange->refusal = bm_code_by_name(problem.code);
    BM_TRY(result);
    return bm_buf_put(reply, bm_buf_view(&answer));
}

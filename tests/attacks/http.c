#include "http.h"

#include "protocol/problem.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TRIES 200
#define PAUSE_NS 50000000L
#define CALL_SECONDS 120L
#define REPLY_MAX 1000000

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    bm_buf *body = context;

    if (size * count > REPLY_MAX - body->size)
        return 0;
    atk_need(bm_buf_put(body, bm_bytes_of(data, size * count)), "an answer");
    return size * count;
}

void atk_server_open(atk_server *server, const char *url, const char *ca)
{
    *server = (atk_server){.url = url, .ca = ca, .curl = curl_easy_init()};
    atk_true(server->curl != NULL, "libcurl");
    (void)curl_easy_setopt(server->curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(server->curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(server->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(server->curl, CURLOPT_TIMEOUT, CALL_SECONDS);
    (void)curl_easy_setopt(server->curl, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(server->curl, CURLOPT_MAXCONNECTS, 1L);
    if (ca != NULL)
        atk_true(curl_easy_setopt(server->curl, CURLOPT_CAINFO, ca) == CURLE_OK, ca);
}

void atk_server_close(atk_server *server)
{
    curl_easy_cleanup(server->curl);
    curl_slist_free_all(server->headers);
}

void atk_server_again(atk_server *server)
{
    (void)curl_easy_setopt(server->curl, CURLOPT_FRESH_CONNECT, 1L);
}

static void prepare(atk_server *server, const char *path, const char *type, bm_bytes body)
{
    char text[1024];

    (void)snprintf(text, sizeof(text), "%s%s", server->url, path);
    (void)curl_easy_setopt(server->curl, CURLOPT_URL, text);
    curl_slist_free_all(server->headers);
    server->headers = curl_slist_append(NULL, "Expect:");
    if (type == NULL) {
        (void)curl_easy_setopt(server->curl, CURLOPT_HTTPGET, 1L);
    } else {
        (void)snprintf(text, sizeof(text), "Content-Type: %s", type);
        server->headers = curl_slist_append(server->headers, text);
        (void)curl_easy_setopt(server->curl, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(server->curl, CURLOPT_POSTFIELDS, body.size == 0 ? "" : (const char *)body.data);
        (void)curl_easy_setopt(server->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size);
    }
    (void)curl_easy_setopt(server->curl, CURLOPT_HTTPHEADER, server->headers);
}

/* The code of an answer; an error that is no problem document has none. */
static void read_code(atk_reply *reply, const char *type)
{
    bm_problem problem;
    const char *code = "no-problem-document";

    if (reply->status == 200)
        code = "ok";
    else if (type != NULL && strncmp(type, "application/problem+json", 24) == 0 &&
             bm_problem_parse(bm_buf_view(&reply->body), &problem).code == BM_OK && problem.status == reply->status)
        code = problem.code;
    (void)snprintf(reply->code, sizeof(reply->code), "%s", code);
}

static void perform(atk_server *server, atk_reply *reply)
{
    const char *type = NULL;
    CURLcode code;

    bm_buf_clear(&reply->body);
    (void)curl_easy_setopt(server->curl, CURLOPT_WRITEDATA, &reply->body);
    code = curl_easy_perform(server->curl);
    reply->status = 0;
    (void)curl_easy_getinfo(server->curl, CURLINFO_RESPONSE_CODE, &reply->status);
    /* A server may answer and close before it has read all: then there is an answer, and an error of sending. */
    if (code != CURLE_OK && (reply->status == 0 || reply->body.size == 0)) {
        reply->status = 0;
        (void)snprintf(reply->code, sizeof(reply->code), "no-answer");
        (void)fprintf(stderr, "attacker: %s: %s\n", server->url, curl_easy_strerror(code));
        return;
    }
    (void)curl_easy_getinfo(server->curl, CURLINFO_CONTENT_TYPE, &type);
    read_code(reply, type);
    (void)curl_easy_setopt(server->curl, CURLOPT_FRESH_CONNECT, 0L);
}

void atk_server_post(atk_server *server, const char *path, const char *type, bm_bytes body, atk_reply *reply)
{
    for (unsigned try = 0; try < TRIES; try++) {
        struct timespec pause = {.tv_nsec = PAUSE_NS};
        curl_off_t wait = 0;

        prepare(server, path, type, body);
        perform(server, reply);
        if (reply->status != 429 && reply->status != 503)
            return;
        (void)curl_easy_getinfo(server->curl, CURLINFO_RETRY_AFTER, &wait);
        if (wait > 0 && wait < 10)
            pause = (struct timespec){.tv_sec = (time_t)wait};
        (void)nanosleep(&pause, NULL);
    }
}

void atk_reply_fini(atk_reply *reply)
{
    bm_buf_fini(&reply->body);
}

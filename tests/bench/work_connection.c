/* A device's connection: TLS, getChallenge, the credential opened, getCertificate. None of it is counted. */
#include "work.h"

#include "protocol/reply.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void work_connection_begin(work_connection *c, SSL_CTX *ctx, const struct sockaddr_in *address, swarm_device *device)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    *c = (work_connection){.device = device, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .ssl = SSL_new(ctx)};
    WORK_MUST(c->fd >= 0 && connect(c->fd, (const struct sockaddr *)(const void *)address, sizeof(*address)) == 0);
    /* Its port is free again at once. */
    WORK_MUST(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
    WORK_MUST(fcntl(c->fd, F_SETFL, O_NONBLOCK) == 0);
    WORK_MUST(c->ssl != NULL && SSL_set_fd(c->ssl, c->fd) == 1);
}

void work_connection_end(work_connection *c)
{
    SSL_free(c->ssl);
    (void)close(c->fd);
    bm_buf_fini(&c->reply);
    *c = (work_connection){.phase = WORK_DONE};
}

static void post(work_connection *c, bm_call call)
{
    BM_AUTO_BUF body = BM_BUF_EMPTY;
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;

    WORK_OK(bm_request_put(call, &c->device->made.request, &body));
    WORK_OK(bm_buf_putf(&bytes,
                        "POST /v1/%s HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        call == BM_CALL_CHALLENGE ? "getChallenge" : "getCertificate", body.size));
    WORK_OK(bm_buf_put(&bytes, bm_buf_view(&body)));
    /* A request is less than the socket takes. */
    WORK_MUST(SSL_write(c->ssl, bytes.data, (int)bytes.size) == (int)bytes.size);
    bm_buf_clear(&c->reply);
}

/* Reads what is there. */
static void receive(work_connection *c)
{
    uint8_t bytes[16384];
    int size;

    while ((size = SSL_read(c->ssl, bytes, sizeof(bytes))) > 0)
        WORK_OK(bm_buf_put(&c->reply, bm_bytes_of(bytes, (size_t)size)));
    WORK_MUST(SSL_get_error(c->ssl, size) == SSL_ERROR_WANT_READ);
}

/* The body of a reply of status 200, when all of it is there. */
static bool body_of(work_connection *c, bm_bytes *body)
{
    static const char length[] = "\r\ncontent-length:";
    const char *head, *end, *field;
    size_t at, size;

    WORK_OK(bm_buf_put_u8(&c->reply, 0));
    c->reply.size--;
    head = (const char *)c->reply.data;
    end = strstr(head, "\r\n\r\n");
    if (end == NULL)
        return false;
    field = strcasestr(head, length);
    if (strncmp(head, "HTTP/1.1 200 ", 13) != 0 || field == NULL || field > end) {
        (void)fprintf(stderr, "bench_work: the server says: %s\n", head);
        exit(1);
    }
    size = (size_t)strtoul(field + sizeof(length) - 1, NULL, 10);
    at = (size_t)(end + 4 - head);
    if (c->reply.size < at + size)
        return false;
    *body = bm_bytes_slice(bm_buf_view(&c->reply), at, size);
    return true;
}

/* Opens the credential, as a TPM does. */
static void take_challenge(work_connection *c, bm_bytes body)
{
    BM_AUTO(bm_reply_challenge_fini) bm_reply_challenge reply = {0};
    bm_request *request = &c->device->made.request;

    WORK_OK(bm_reply_challenge_parse(body, &reply));
    bm_buf_clear(&request->ticket);
    bm_buf_clear(&request->challenge);
    WORK_OK(bm_credential_open(&c->device->ek_public, c->device->ek, bm_tpm_public_name_view(&c->device->ik_name),
                               bm_buf_view(&reply.credential_blob), bm_buf_view(&reply.encrypted_secret), &request->ticket));
    WORK_OK(bm_buf_put(&request->challenge, bm_buf_view(&reply.challenge)));
}

static void take_reply(work_connection *c)
{
    BM_AUTO(bm_reply_certificate_fini) bm_reply_certificate reply = {0};
    bm_bytes body;

    receive(c);
    if (!body_of(c, &body))
        return;
    if (c->phase == WORK_CHALLENGE) {
        take_challenge(c, body);
        post(c, BM_CALL_CERTIFICATE);
        c->phase = WORK_CERTIFICATE;
    } else {
        WORK_OK(bm_reply_certificate_parse(body, &reply));
        c->phase = WORK_DONE;
    }
}

void work_connection_turn(work_connection *c)
{
    int rc;

    if (c->phase == WORK_CHALLENGE || c->phase == WORK_CERTIFICATE)
        take_reply(c);
    if (c->phase != WORK_HANDSHAKE)
        return;
    rc = SSL_connect(c->ssl);
    WORK_MUST(rc == 1 || SSL_get_error(c->ssl, rc) == SSL_ERROR_WANT_READ);
    if (rc != 1)
        return;
    post(c, BM_CALL_CHALLENGE);
    c->phase = WORK_CHALLENGE;
}

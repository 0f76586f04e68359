/* The stream of a connection: its client is the other end of a socket pair, plain, or with TLS. */
#include "make_x509.h"
#include "unit.h"

#include "server/server_stream.h"
#include "server/server_tls.h"

#include <event2/event.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define INPUT_MAX 20000
#define LARGE 4000000 /* more than a socket holds */

typedef struct {
    struct event_base *base;
    bm_server_tls *tls;
    bm_server_stream *stream;
    int client;
    SSL_CTX *client_ctx;
    SSL *session; /* NULL: plain */
    unsigned came, sent, ended;
    size_t at_came; /* how much input there was then */
    unsigned ended_before; /* how many ends were told by then */
} fixture;

static void on_came(void *context)
{
    fixture *f = context;

    f->came++;
    f->at_came = bm_server_stream_input(f->stream).size;
    f->ended_before = f->ended;
}

static void on_sent(void *context)
{
    ((fixture *)context)->sent++;
}

static void on_ended(void *context)
{
    ((fixture *)context)->ended++;
}

static void turn(fixture *f)
{
    for (int i = 0; i < 8; i++)
        assert_true(event_base_loop(f->base, EVLOOP_NONBLOCK) >= 0);
}

static bm_server_tls *make_tls(void)
{
    EVP_PKEY *key = make_key(BM_KEY_ECC256);
    X509 *x509 = make_x509(&(make_options){.key = key, .name = "localhost"});
    BIO *pem = BIO_new(BIO_s_mem());
    unsigned char *der = NULL;
    bm_server_tls *tls = NULL;
    char *text;
    long size;
    int der_size = i2d_PrivateKey(key, &der);

    assert_true(der_size > 0 && PEM_write_bio_X509(pem, x509) == 1);
    size = BIO_get_mem_data(pem, &text);
    assert_ok(bm_server_tls_new(bm_bytes_of(text, (size_t)size), bm_bytes_of(text, (size_t)size), bm_bytes_of(der, (size_t)der_size), &tls));
    OPENSSL_free(der);
    BIO_free(pem);
    X509_free(x509);
    EVP_PKEY_free(key);
    return tls;
}

static fixture *begin(bool with_tls)
{
    fixture *f = calloc(1, sizeof(*f));
    int ends[2];

    assert_non_null(f);
    f->base = event_base_new();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    f->client = ends[1];
    if (with_tls)
        f->tls = make_tls();
    assert_ok(bm_server_stream_new(f->base, f->tls, ends[0], INPUT_MAX,
                                   &(bm_server_stream_events){.came = on_came, .sent = on_sent, .ended = on_ended, .context = f}, &f->stream));
    return f;
}

/* The client's end of the handshake, and the server's. */
static void shake_hands(fixture *f)
{
    f->client_ctx = SSL_CTX_new(TLS_client_method());
    f->session = SSL_new(f->client_ctx);
    assert_int_equal(SSL_set_fd(f->session, f->client), 1);
    SSL_set_connect_state(f->session);
    for (int i = 0; i < 10 && SSL_do_handshake(f->session) != 1; i++)
        turn(f);
    assert_true(SSL_is_init_finished(f->session));
    turn(f);
}

static int begin_plain(void **state)
{
    *state = begin(false);
    return 0;
}

static int begin_tls(void **state)
{
    fixture *f = begin(true);

    shake_hands(f);
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;

    bm_server_stream_free(f->stream);
    bm_server_tls_free(f->tls);
    SSL_free(f->session);
    SSL_CTX_free(f->client_ctx);
    event_base_free(f->base);
    if (f->client >= 0)
        (void)close(f->client);
    free(f);
    return 0;
}

static void client_sends(fixture *f, size_t size)
{
    char *bytes = calloc(1, size);

    assert_non_null(bytes);
    if (f->session != NULL)
        assert_int_equal(SSL_write(f->session, bytes, (int)size), (int)size);
    else
        assert_int_equal(send(f->client, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
    free(bytes);
}

/* How many bytes the client can read now. */
static size_t client_reads(fixture *f)
{
    char bytes[65536];
    size_t all = 0;

    for (;;) {
        ssize_t size = f->session != NULL ? SSL_read(f->session, bytes, sizeof(bytes)) : recv(f->client, bytes, sizeof(bytes), 0);

        if (size <= 0)
            return all;
        all += (size_t)size;
    }
}

static void what_came_stays_until_it_is_taken(void **state)
{
    fixture *f = *state;

    client_sends(f, 100);
    turn(f);
    assert_int_equal(f->came, 1);
    assert_int_equal(bm_server_stream_input(f->stream).size, 100);
    bm_server_stream_take(f->stream, 40);
    assert_int_equal(bm_server_stream_input(f->stream).size, 60);
    client_sends(f, 5);
    turn(f);
    assert_int_equal(bm_server_stream_input(f->stream).size, 65);
    bm_server_stream_take(f->stream, 1000);
    assert_int_equal(bm_server_stream_input(f->stream).size, 0);
    assert_int_equal(f->ended, 0);
}

/* Also what TLS has read already, and for which the socket is readable no more. */
static void no_more_is_read_than_there_is_room_for_and_the_rest_when_there_is(void **state)
{
    fixture *f = *state;
    size_t all = 0;

    client_sends(f, 2 * INPUT_MAX + 7);
    for (int i = 0; i < 10; i++) {
        turn(f);
        assert_true(bm_server_stream_input(f->stream).size <= INPUT_MAX);
        all += bm_server_stream_input(f->stream).size;
        if (bm_server_stream_input(f->stream).size == 0)
            break;
        bm_server_stream_take(f->stream, INPUT_MAX);
    }
    assert_int_equal(all, 2 * INPUT_MAX + 7);
}

static void what_came_before_the_end_is_told_first(void **state)
{
    fixture *f = *state;

    client_sends(f, 10);
    if (f->session != NULL)
        (void)SSL_shutdown(f->session);
    (void)shutdown(f->client, SHUT_WR);
    turn(f);
    assert_int_equal(f->came, 1);
    assert_int_equal(f->at_came, 10);
    assert_int_equal(f->ended_before, 0);
    assert_int_equal(f->ended, 1);
}

static void what_the_client_does_not_take_at_once_is_sent_when_it_does(void **state)
{
    fixture *f = *state;
    char *bytes = calloc(1, LARGE);
    size_t all = 0;
    bool sent = true;

    assert_non_null(bytes);
    assert_ok(bm_server_stream_send(f->stream, bm_bytes_of(bytes, LARGE), &sent));
    assert_false(sent);
    turn(f);
    assert_int_equal(f->sent, 0);
    for (int i = 0; i < 1000 && all < LARGE; i++) {
        all += client_reads(f);
        turn(f);
    }
    assert_int_equal(all, LARGE);
    assert_int_equal(f->sent, 1);
    free(bytes);
}

static void what_the_kernel_takes_is_sent_and_no_event_says_it_again(void **state)
{
    fixture *f = *state;
    bool sent = false;

    assert_ok(bm_server_stream_send(f->stream, bm_bytes_str("hello"), &sent));
    assert_true(sent);
    turn(f);
    assert_int_equal(f->sent, 0);
    assert_int_equal(client_reads(f), 5);
    bm_server_stream_call_sent(f->stream);
    assert_int_equal(f->sent, 0);
    turn(f);
    assert_int_equal(f->sent, 1);
}

static void a_client_that_is_gone_is_an_end_and_no_failure_of_sending(void **state)
{
    fixture *f = *state;
    bool sent = true;

    (void)close(f->client);
    f->client = -1;
    assert_ok(bm_server_stream_send(f->stream, bm_bytes_str("hello"), &sent));
    assert_false(sent);
    assert_int_equal(f->ended, 0);
    turn(f);
    assert_int_equal(f->ended, 1);
    bm_server_stream_say_goodbye(f->stream);
}

static void a_goodbye_is_the_end_of_what_the_client_reads(void **state)
{
    fixture *f = *state;
    char byte;

    bm_server_stream_say_goodbye(f->stream);
    assert_int_equal(SSL_read(f->session, &byte, 1), 0);
    assert_int_equal(SSL_get_error(f->session, 0), SSL_ERROR_ZERO_RETURN);
}

/* Else the kernel answers what is not read with a reset, and the client never reads what was said before. */
static void what_comes_behind_the_end_of_sending_is_thrown_away(void **state)
{
    fixture *f = *state;
    bool sent;

    assert_ok(bm_server_stream_send(f->stream, bm_bytes_str("too long"), &sent));
    bm_server_stream_say_goodbye(f->stream);
    bm_server_stream_end_sending(f->stream);
    for (int i = 0; i < 20; i++) {
        client_sends(f, INPUT_MAX);
        turn(f);
    }
    assert_int_equal(bm_server_stream_input(f->stream).size, 0);
    assert_int_equal(f->came, 0);
    assert_int_equal(f->ended, 0);
    assert_int_equal(client_reads(f), 8);
    (void)shutdown(f->client, SHUT_WR);
    turn(f);
    assert_int_equal(f->ended, 1);
}

static void what_is_no_tls_ends_the_stream(void **state)
{
    fixture *f = *state;

    assert_int_equal(send(f->client, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), 18);
    turn(f);
    assert_int_equal(f->ended, 1);
    assert_int_equal(f->came, 0);
}

static int begin_tls_unshaken(void **state)
{
    *state = begin(true);
    return 0;
}

int main(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    const struct CMUnitTest tests[] = {
#define BOTH(test) cmocka_unit_test_setup_teardown(test, begin_plain, end), cmocka_unit_test_setup_teardown(test, begin_tls, end)
        BOTH(what_came_stays_until_it_is_taken),
        BOTH(no_more_is_read_than_there_is_room_for_and_the_rest_when_there_is),
        BOTH(what_came_before_the_end_is_told_first),
        BOTH(what_the_client_does_not_take_at_once_is_sent_when_it_does),
        BOTH(what_the_kernel_takes_is_sent_and_no_event_says_it_again),
        BOTH(a_client_that_is_gone_is_an_end_and_no_failure_of_sending),
        BOTH(what_comes_behind_the_end_of_sending_is_thrown_away),
        cmocka_unit_test_setup_teardown(a_goodbye_is_the_end_of_what_the_client_reads, begin_tls, end),
        cmocka_unit_test_setup_teardown(what_is_no_tls_ends_the_stream, begin_tls_unshaken, end),
    };

    assert_int_equal(sigaction(SIGPIPE, &ignore, NULL), 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

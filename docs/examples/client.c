/* A client with the device's identity: client HOST PORT CA [STATE]. cc client.c $(pkg-config --cflags --libs birthmark) */
#include <birthmark.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One request over a connection that is verified both ways. */
static int talk(BIO *bio, char *host)
{
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    char answer[4096];
    SSL *ssl = NULL;
    int size;

    /* Whom we want: the server's certificate must be for this name. */
    BIO_get_ssl(bio, &ssl);
    if (SSL_set1_host(ssl, host) != 1 || SSL_set_tlsext_host_name(ssl, host) != 1 || BIO_do_connect(bio) != 1)
        return 1;
    if (BIO_write(bio, request, (int)strlen(request)) <= 0)
        return 1;
    while ((size = BIO_read(bio, answer, sizeof(answer))) > 0)
        (void)fwrite(answer, 1, (size_t)size, stdout);
    return 0;
}

int main(int argc, char **argv)
{
    birthmark_options options;
    birthmark_tls_options tls;
    birthmark_error error;
    birthmark *identity = NULL;
    SSL_CTX *ctx = NULL;
    BIO *bio = NULL;
    int failed = 1;

    BIRTHMARK_INIT(options);
    BIRTHMARK_INIT(tls);
    options.state = argc > 4 ? argv[4] : NULL;
    options.tcti = getenv("BIRTHMARK_TCTI");
    tls.ca = argc > 3 ? argv[3] : NULL;
    if (birthmark_open(&options, &identity, &error) != BIRTHMARK_OK || birthmark_get_ssl_ctx(identity, &tls, &ctx, &error) != BIRTHMARK_OK) {
        (void)fprintf(stderr, "client: %s\n", error.sentence);
    } else if ((bio = BIO_new_ssl_connect(ctx)) != NULL) {
        BIO_set_conn_hostname(bio, argv[1]);
        BIO_set_conn_port(bio, argv[2]);
        failed = talk(bio, argv[1]);
        if (failed && birthmark_get_signing_error(identity, &error) != BIRTHMARK_OK)
            (void)fprintf(stderr, "client: %s\n", error.sentence);
        ERR_print_errors_fp(stderr);
    }
    BIO_free_all(bio);
    SSL_CTX_free(ctx);
    birthmark_close(identity);
    return failed;
}

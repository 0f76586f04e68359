#include "server/server_tls.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>

#define CHAIN_MAX 8
#define WARM_UP_ROUNDS 16

struct bm_server_tls {
    SSL_CTX *ctx;
};

/* OpenSSL's queue of errors as one of ours. */
static bm_result openssl_failure(bm_code code, const char *what)
{
    unsigned long error = ERR_get_error();
    const char *reason = error != 0 ? ERR_reason_error_string(error) : NULL;

    ERR_clear_error();
    return bm_failf(code, "%s: %s", what, reason != NULL ? reason : "no reason given");
}

static BM_RESULT configure(SSL_CTX *ctx)
{
    /* Those that are fast: a handshake with P-384 costs five times as much, and the client chooses. The macro wants it writable. */
    char groups[] = "X25519:P-256";
    /* AES-128 first: its handshake hashes with SHA-256, for which processors have instructions. */
    int good = SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
               SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1 &&
               SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 && SSL_CTX_set1_groups_list(ctx, groups) == 1 &&
               SSL_CTX_set_num_tickets(ctx, 0) == 1;

    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                       SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    /* A record in one read, and not its head first. */
    SSL_CTX_set_read_ahead(ctx, 1);
    /* The chain is what use_certificates found: OpenSSL need not look for one at every handshake. */
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return good ? bm_ok() : openssl_failure(BM_E_INTERNAL, "TLS cannot be set up");
}

/* The next certificate of a PEM text; NULL at its end. */
static X509 *next_certificate(BIO *pem)
{
    X509 *certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);

    ERR_clear_error();
    return certificate;
}

/* Adds the certificates of a PEM text to the chain; those that are their own issuer are of no use to a client. */
static unsigned add_chain(SSL_CTX *ctx, BIO *pem)
{
    unsigned added = 0;
    X509 *certificate;

    while (added < CHAIN_MAX && (certificate = next_certificate(pem)) != NULL) {
        if (X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0 ||
            SSL_CTX_add0_chain_cert(ctx, certificate) != 1)
            X509_free(certificate);
        else
            added++;
    }
    return added;
}

static BIO *reader(bm_bytes bytes)
{
    return bytes.size <= INT_MAX ? BIO_new_mem_buf(bytes.data, (int)bytes.size) : NULL;
}

static BM_RESULT use_certificates(SSL_CTX *ctx, bm_bytes certificates, bm_bytes ca)
{
    BIO *own = reader(certificates);
    BIO *issuers = reader(ca);
    X509 *leaf = own != NULL ? next_certificate(own) : NULL;
    int good = leaf != NULL && issuers != NULL && SSL_CTX_use_certificate(ctx, leaf) == 1;

    if (good && add_chain(ctx, own) == 0)
        (void)add_chain(ctx, issuers);
    X509_free(leaf);
    BIO_free(own);
    BIO_free(issuers);
    return good ? bm_ok() : openssl_failure(BM_E_KEY_INVALID, "the TLS certificate cannot be used");
}

static BM_RESULT use_key(SSL_CTX *ctx, bm_bytes key)
{
    const unsigned char *at = key.data;
    EVP_PKEY *pkey = key.size <= LONG_MAX ? d2i_AutoPrivateKey(NULL, &at, (long)key.size) : NULL;
    int good = pkey != NULL && SSL_CTX_use_PrivateKey(ctx, pkey) == 1 && SSL_CTX_check_private_key(ctx) == 1;

    EVP_PKEY_free(pkey);
    return good ? bm_ok() : openssl_failure(BM_E_KEY_INVALID, "the TLS key is not that of the TLS certificate");
}

/* A handshake in memory between two ends, to its end or to no end. */
static bool shake_hands(SSL *server, SSL *client)
{
    bool done = false;

    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    for (int i = 0; i < WARM_UP_ROUNDS && !done; i++) {
        int there = SSL_do_handshake(client);
        int here = SSL_do_handshake(server);

        done = there == 1 && here == 1;
    }
    ERR_clear_error();
    return done;
}

static bool warm_up(SSL_CTX *ctx)
{
    SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
    SSL *server = SSL_new(ctx);
    SSL *client = client_ctx != NULL ? SSL_new(client_ctx) : NULL;
    BIO *near = NULL;
    BIO *far = NULL;
    bool done = false;

    if (server != NULL && client != NULL && BIO_new_bio_pair(&near, 0, &far, 0) == 1) {
        SSL_set_bio(server, near, near);
        SSL_set_bio(client, far, far);
        done = shake_hands(server, client);
    }
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(client_ctx);
    return done;
}

BM_RESULT bm_server_tls_new(bm_bytes certificates, bm_bytes ca, bm_bytes key, bm_server_tls **tls)
{
    bm_server_tls *made = calloc(1, sizeof(*made));
    bm_result result = bm_ok();

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    made->ctx = SSL_CTX_new(TLS_server_method());
    if (made->ctx == NULL)
        result = openssl_failure(BM_E_INTERNAL, "TLS cannot be set up");
    if (result.code == BM_OK)
        result = configure(made->ctx);
    if (result.code == BM_OK)
        result = use_certificates(made->ctx, certificates, ca);
    if (result.code == BM_OK)
        result = use_key(made->ctx, key);
    if (result.code == BM_OK && !warm_up(made->ctx))
        result = bm_fail(BM_E_KEY_INVALID, "no TLS connection can be made with the TLS certificate and key");
    if (result.code != BM_OK) {
        bm_server_tls_free(made);
        return result;
    }
    *tls = made;
    return bm_ok();
}

void bm_server_tls_free(bm_server_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->ctx);
    free(tls);
}

BM_RESULT bm_server_tls_session_new(bm_server_tls *tls, int fd, bm_server_tls_session **session)
{
    SSL *ssl = SSL_new(tls->ctx);

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        ERR_clear_error();
        return bm_fail(BM_E_NO_MEMORY, NULL);
    }
    SSL_set_accept_state(ssl);
    *session = ssl;
    return bm_ok();
}

void bm_server_tls_session_free(bm_server_tls_session *session)
{
    SSL_free(session);
}

/* What a call of OpenSSL that did not succeed means; its errors are of no use to anybody. */
static bm_server_tls_end end_of(const SSL *ssl, int rc)
{
    int error = SSL_get_error(ssl, rc);

    ERR_clear_error();
    if (error == SSL_ERROR_WANT_READ)
        return BM_TLS_WANTS_READ;
    return error == SSL_ERROR_WANT_WRITE ? BM_TLS_WANTS_WRITE : BM_TLS_OVER;
}

bm_server_tls_end bm_server_tls_shake(bm_server_tls_session *session)
{
    int rc = SSL_do_handshake(session);

    return rc == 1 ? BM_TLS_DONE : end_of(session, rc);
}

bm_server_tls_end bm_server_tls_read(bm_server_tls_session *session, uint8_t *to, size_t size, size_t *got)
{
    int rc = SSL_read_ex(session, to, size, got);

    return rc == 1 ? BM_TLS_DONE : end_of(session, rc);
}

bool bm_server_tls_has_more(const bm_server_tls_session *session)
{
    return session != NULL && SSL_has_pending(session) == 1;
}

bm_server_tls_end bm_server_tls_write(bm_server_tls_session *session, bm_bytes bytes, size_t *put)
{
    int rc = SSL_write_ex(session, bytes.data, bytes.size, put);

    return rc == 1 ? BM_TLS_DONE : end_of(session, rc);
}

void bm_server_tls_say_goodbye(bm_server_tls_session *session)
{
    SSL_set_shutdown(session, SSL_RECEIVED_SHUTDOWN);
    (void)SSL_shutdown(session);
    ERR_clear_error();
}

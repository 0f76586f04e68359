#include "swarm/tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct bm_swarm_tls {
    SSL_CTX *ctx;
    bm_swarm_url url;
    bm_buf known; /* the DER of the certificate that was verified last */
};

void bm_swarm_tls_free(bm_swarm_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->ctx);
    bm_buf_fini(&tls->known);
    free(tls);
}

void bm_swarm_tls_freep(bm_swarm_tls **tls)
{
    bm_swarm_tls_free(*tls);
    *tls = NULL;
}

/*
 * The chain is verified when the certificate is another than the last time. That the server has its key is shown in every handshake all the
 * same. It saves a load tool a signature's verification for each device.
 */
static int verify(X509_STORE_CTX *store, void *context)
{
    bm_swarm_tls *tls = context;
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    unsigned char *der = NULL;
    int size = leaf == NULL ? 0 : i2d_X509(leaf, &der);
    bm_bytes bytes = bm_bytes_of(der, size > 0 ? (size_t)size : 0);
    int good = size > 0 && bm_bytes_equal(bytes, bm_buf_view(&tls->known));

    if (!good) {
        good = X509_verify_cert(store) == 1;
        bm_buf_clear(&tls->known);
        if (good && bm_buf_put(&tls->known, bytes).code != BM_OK)
            bm_buf_clear(&tls->known);
    }
    OPENSSL_free(der);
    return good;
}

static BM_RESULT configure(bm_swarm_tls *tls, const char *ca)
{
    tls->ctx = SSL_CTX_new(TLS_client_method());
    if (tls->ctx == NULL || SSL_CTX_set_min_proto_version(tls->ctx, TLS1_3_VERSION) != 1) {
        ERR_clear_error();
        return bm_fail(BM_E_INTERNAL, "TLS cannot be set up");
    }
    if (SSL_CTX_load_verify_file(tls->ctx, ca) != 1) {
        ERR_clear_error();
        return bm_failf(BM_E_IO, "%s cannot be read, or has no PEM certificates: give with --ca the file that verifies the server", ca);
    }
    SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(tls->ctx, verify, tls);
    (void)SSL_CTX_set_session_cache_mode(tls->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(tls->ctx, 1); /* else each record is two calls of read: 19 for a device, not 6 */
    (void)SSL_CTX_set_options(tls->ctx, SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_mode(tls->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return bm_ok();
}

BM_RESULT bm_swarm_tls_new(const char *ca, const bm_swarm_url *url, bm_swarm_tls **tls)
{
    bm_swarm_tls *made = calloc(1, sizeof(*made));
    bm_result result;

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    made->url = *url;
    result = configure(made, ca);
    if (result.code == BM_OK)
        *tls = made;
    else
        bm_swarm_tls_free(made);
    return result;
}

/* Which name the certificate must have. */
static bool set_name(bm_swarm_tls *tls, SSL *ssl)
{
    if (tls->url.is_address)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), tls->url.host) == 1;
    return SSL_set1_host(ssl, tls->url.host) == 1 && SSL_set_tlsext_host_name(ssl, tls->url.host) == 1;
}

SSL *bm_swarm_tls_connect(bm_swarm_tls *tls, int fd)
{
    SSL *ssl = SSL_new(tls->ctx);

    if (ssl != NULL && (!set_name(tls, ssl) || SSL_set_fd(ssl, fd) != 1)) {
        SSL_free(ssl);
        ssl = NULL;
    }
    if (ssl != NULL)
        SSL_set_connect_state(ssl);
    ERR_clear_error();
    return ssl;
}

bool bm_swarm_tls_is_stranger(const SSL *ssl, const char **reason)
{
    unsigned long error = ERR_peek_last_error();
    long verified = SSL_get_verify_result(ssl);
    bool stranger = ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED;
    const char *said = stranger ? X509_verify_cert_error_string(verified) : ERR_reason_error_string(error);

    *reason = said != NULL ? said : "the connection was cut off";
    ERR_clear_error();
    return stranger;
}

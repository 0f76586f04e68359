/* The server's side of a TLS 1.3 handshake in memory, set up as the server's is (server/server_tls.c). */
#include "floor.h"

static SSL_CTX *make_server_ctx(EVP_PKEY *key, X509 *leaf, X509 *issuer)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    char groups[] = "X25519:P-256:P-384";

    FLOOR_MUST(ctx != NULL && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1);
    FLOOR_MUST(SSL_CTX_set1_groups_list(ctx, groups) == 1 && SSL_CTX_set_num_tickets(ctx, 0) == 1);
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    FLOOR_MUST(SSL_CTX_use_certificate(ctx, leaf) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1);
    FLOOR_MUST(SSL_CTX_add1_chain_cert(ctx, issuer) == 1);
    return ctx;
}

void floor_tls_init(floor_tls *tls)
{
    static const char *const options[] = {"subjectAltName", "DNS:localhost", NULL};
    EVP_PKEY *root_key = make_key(BM_KEY_ECC256);
    EVP_PKEY *issuer_key = make_key(BM_KEY_ECC256);
    EVP_PKEY *key = make_key(BM_KEY_ECC256);
    X509 *root = make_x509(&(make_options){.key = root_key, .name = "Root", .options = make_ca_extensions});
    X509 *issuer = make_x509(&(make_options){
        .key = issuer_key, .name = "Issuer", .issuer = root, .signer = root_key, .options = make_ca_extensions});
    X509 *leaf = make_x509(
        &(make_options){.key = key, .name = "localhost", .issuer = issuer, .signer = issuer_key, .options = options});

    *tls = (floor_tls){.server_ctx = make_server_ctx(key, leaf, issuer),
                       .client_ctx = SSL_CTX_new(TLS_client_method()),
                       .to_server = BIO_new(BIO_s_mem()),
                       .to_client = BIO_new(BIO_s_mem())};
    FLOOR_MUST(tls->client_ctx != NULL && tls->to_server != NULL && tls->to_client != NULL);
    (void)BIO_set_mem_eof_return(tls->to_server, -1);
    (void)BIO_set_mem_eof_return(tls->to_client, -1);
    X509_free(root);
    X509_free(issuer);
    X509_free(leaf);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(issuer_key);
    EVP_PKEY_free(key);
}

void floor_tls_fini(floor_tls *tls)
{
    SSL_CTX_free(tls->server_ctx);
    SSL_CTX_free(tls->client_ctx);
    BIO_free(tls->to_server);
    BIO_free(tls->to_client);
}

static SSL *begin(SSL_CTX *ctx, BIO *in, BIO *out)
{
    SSL *ssl = SSL_new(ctx);

    FLOOR_MUST(ssl != NULL && BIO_up_ref(in) == 1 && BIO_up_ref(out) == 1);
    SSL_set0_rbio(ssl, in);
    SSL_set0_wbio(ssl, out);
    return ssl;
}

/* A turn of one end; true when its handshake is done. */
static bool turn(SSL *ssl, int rc)
{
    FLOOR_MUST(rc == 1 || SSL_get_error(ssl, rc) == SSL_ERROR_WANT_READ);
    return rc == 1;
}

__attribute__((noinline)) bool floor_tls_serve(floor_tls *tls)
{
    bool done;

    if (tls->server == NULL)
        tls->server = begin(tls->server_ctx, tls->to_server, tls->to_client);
    done = turn(tls->server, SSL_accept(tls->server));
    if (done) {
        SSL_free(tls->server);
        tls->server = NULL;
    }
    return done;
}

void floor_tls_meet(floor_tls *tls)
{
    if (tls->client == NULL)
        tls->client = begin(tls->client_ctx, tls->to_client, tls->to_server);
    if (turn(tls->client, SSL_connect(tls->client))) {
        FLOOR_MUST(SSL_version(tls->client) == TLS1_3_VERSION);
        SSL_free(tls->client);
        tls->client = NULL;
    }
}

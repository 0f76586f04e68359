/* device/tunnel/tls with a TPM of our own making: which signatures go to servers of TLS 1.2 and 1.3, also from TPMs whose RSA-PSS is odd. */
#include "unit.h"

#include "base/bytes.h"
#include "device/tunnel/tls.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The lab: a device's key, its "TPM" in a thread, and a server. */
typedef struct {
    EVP_PKEY *device_key;
    X509 *device;
    EVP_PKEY *server_key;
    X509 *server;
    bool odd; /* the salt of the TPM's RSA-PSS is as long as it can be (TPM 2.0 Part 1, B.7) */
    int tpm_fd;
    pthread_t tpm;
    bm_tunnel_helper signer;
    bm_tunnel_tls *tls;
} lab;

static X509 *make_certificate(EVP_PKEY *key, const char *name)
{
    X509 *made = X509_new();
    X509_NAME *subject = X509_get_subject_name(made);

    assert_int_equal(X509_set_version(made, 2), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -100);
    X509_gmtime_adj(X509_getm_notAfter(made), 10000);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    assert_int_equal(X509_set_issuer_name(made, subject), 1);
    assert_int_equal(X509_set_pubkey(made, key), 1);
    assert_int_not_equal(X509_sign(made, key, EVP_sha256()), 0);
    return made;
}

static void put_pem(bm_buf *out, X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long size;

    assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
    size = BIO_get_mem_data(bio, &text);
    assert_ok(bm_buf_put(out, bm_bytes_of(text, (size_t)size)));
    BIO_free(bio);
}

static void sign(const lab *self, const bm_tls_wish *wish, bm_buf *signature)
{
    const EVP_MD *md = wish->hash == BM_HASH_SHA256 ? EVP_sha256() : EVP_sha384();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(self->device_key, NULL);
    unsigned char made[512];
    size_t size = sizeof(made);
    int ok = EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1;

    if (wish->scheme != BM_TLS_ECDSA)
        ok = ok && EVP_PKEY_CTX_set_rsa_padding(ctx, wish->scheme == BM_TLS_PSS ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1;
    if (wish->scheme == BM_TLS_PSS)
        ok = ok && EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, self->odd ? RSA_PSS_SALTLEN_MAX : RSA_PSS_SALTLEN_DIGEST) == 1;
    if (ok && EVP_PKEY_sign(ctx, made, &size, wish->digest.bytes, wish->digest.size) == 1)
        bm_result_ignore(bm_buf_put(signature, bm_bytes_of(made, size)));
    EVP_PKEY_CTX_free(ctx);
}

/* The signer's side of the messages. */
static void *be_tpm(void *context)
{
    const lab *self = context;
    bool ended = false;

    while (!ended) {
        BM_AUTO_BUF ask = BM_BUF_EMPTY;
        BM_AUTO_BUF reply = BM_BUF_EMPTY;
        BM_AUTO_BUF signature = BM_BUF_EMPTY;
        bm_tls_wish wish;
        bm_tunnel_ask type;

        if (bm_tunnel_message_receive(self->tpm_fd, &ask, &ended).code != BM_OK || ended || bm_tunnel_message_parse_ask(bm_buf_view(&ask), &type, &wish).code != BM_OK)
            break;
        sign(self, &wish, &signature);
        if (bm_tunnel_message_put_bytes(&reply, bm_buf_view(&signature)).code != BM_OK || bm_tunnel_message_send(self->tpm_fd, bm_buf_view(&reply)).code != BM_OK)
            break;
    }
    return NULL;
}

static void make_tls(lab *self, bm_tunnel_tls **tls)
{
    BM_AUTO(bm_tunnel_message_files_fini) bm_tunnel_files files = {.handle = 0x81020000u};

    put_pem(&files.certificate, self->device);
    put_pem(&files.ca, self->server);
    assert_ok(bm_tunnel_tls_new(&files, "far.lab", &self->signer, self->tls, tls));
}

static void begin(lab *self, bool rsa, bool odd)
{
    int pair[2];

    memset(self, 0, sizeof(*self));
    self->odd = odd;
    self->device_key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    self->server_key = EVP_EC_gen("P-256");
    self->device = make_certificate(self->device_key, "SN-1");
    self->server = make_certificate(self->server_key, "far.lab");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    self->signer.fd = pair[0];
    self->tpm_fd = pair[1];
    assert_int_equal(pthread_create(&self->tpm, NULL, be_tpm, self), 0);
    make_tls(self, &self->tls);
}

static void end(lab *self)
{
    bm_tunnel_tls_unref(self->tls);
    (void)close(self->signer.fd);
    (void)pthread_join(self->tpm, NULL);
    (void)close(self->tpm_fd);
    X509_free(self->device);
    X509_free(self->server);
    EVP_PKEY_free(self->device_key);
    EVP_PKEY_free(self->server_key);
}

static int take_any(X509_STORE_CTX *store, void *context)
{
    (void)context;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

static SSL *make_server(const lab *self, int min, int max, int fd)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL *made;

    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, min), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, max), 1);
    assert_int_equal(SSL_CTX_use_certificate(ctx, self->server), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, self->server_key), 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, take_any, NULL);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    made = SSL_new(ctx);
    SSL_CTX_free(ctx);
    assert_int_equal(SSL_set_fd(made, fd), 1);
    SSL_set_accept_state(made);
    return made;
}

/* One connection. The kind of signature that the server verified, 0: none; `failure` is what the tunnel says of it. */
static int connect_once(lab *self, int min, int max, int *version, char failure[512])
{
    int pair[2];
    SSL *server;
    bm_tunnel_session *session;
    bm_tunnel_step step = BM_TUNNEL_WANTS_READ;
    int done = 0;
    int kind = 0;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    server = make_server(self, min, max, pair[1]);
    assert_ok(bm_tunnel_session_new(self->tls, pair[0], &session));
    for (int i = 0; i < 20 && step != BM_TUNNEL_BROKEN && (done != 1 || step != BM_TUNNEL_DONE); i++) {
        if (step != BM_TUNNEL_DONE)
            step = bm_tunnel_session_shake(session, true);
        if (done != 1)
            done = SSL_do_handshake(server);
    }
    failure[0] = 0;
    if (step == BM_TUNNEL_BROKEN)
        (void)snprintf(failure, 512, "%s", bm_tunnel_session_failure(session));
    if (done == 1 && step == BM_TUNNEL_DONE)
        assert_int_equal(SSL_get_peer_signature_type_nid(server, &kind), 1);
    *version = SSL_version(server);
    bm_tunnel_session_free(session);
    SSL_free(server);
    (void)close(pair[0]);
    (void)close(pair[1]);
    ERR_clear_error();
    return kind;
}

static void test_ecc_keys_sign_for_either_version(void **state)
{
    char failure[512];
    int version;
    lab self;

    (void)state;
    begin(&self, false, true);
    assert_int_equal(connect_once(&self, TLS1_2_VERSION, TLS1_3_VERSION, &version, failure), EVP_PKEY_EC);
    assert_int_equal(version, TLS1_3_VERSION);
    assert_int_equal(connect_once(&self, TLS1_2_VERSION, TLS1_2_VERSION, &version, failure), EVP_PKEY_EC);
    end(&self);
}

static void test_rsa_signs_by_pss_in_tls_1_3_and_by_pkcs1_in_tls_1_2(void **state)
{
    char failure[512];
    int version;
    lab self;

    (void)state;
    begin(&self, true, false);
    assert_int_equal(connect_once(&self, TLS1_2_VERSION, TLS1_3_VERSION, &version, failure), EVP_PKEY_RSA_PSS);
    assert_int_equal(version, TLS1_3_VERSION);
    assert_int_equal(connect_once(&self, TLS1_2_VERSION, TLS1_2_VERSION, &version, failure), EVP_PKEY_RSA);
    end(&self);
}

static void test_a_tpm_with_the_largest_salt_is_noticed_and_talks_tls_1_2_from_then_on(void **state)
{
    char failure[512];
    bm_tunnel_tls *renewed;
    int version;
    lab self;

    (void)state;
    begin(&self, true, true);
    assert_int_equal(connect_once(&self, TLS1_2_VERSION, TLS1_3_VERSION, &version, failure), 0);
    assert_non_null(strstr(failure, "RSA-PSS"));
    assert_non_null(strstr(failure, "from now on it is TLS 1.2"));
    assert_int_equal(connect_once(&self, TLS1_2_VERSION, TLS1_3_VERSION, &version, failure), EVP_PKEY_RSA);
    assert_int_equal(version, TLS1_2_VERSION);
    /* A renewed certificate does not have to learn it again. */
    make_tls(&self, &renewed);
    bm_tunnel_tls_unref(self.tls);
    self.tls = renewed;
    assert_int_equal(connect_once(&self, TLS1_2_VERSION, TLS1_3_VERSION, &version, failure), EVP_PKEY_RSA);
    end(&self);
}

static void test_such_a_tpm_loses_no_connection_to_a_server_of_tls_1_2(void **state)
{
    char failure[512];
    int version;
    lab self;

    (void)state;
    begin(&self, true, true);
    assert_int_equal(connect_once(&self, TLS1_2_VERSION, TLS1_2_VERSION, &version, failure), EVP_PKEY_RSA);
    end(&self);
}

static void test_such_a_tpm_and_a_server_of_tls_1_3_alone_have_no_way_and_it_is_said(void **state)
{
    char failure[512];
    int version;
    lab self;

    (void)state;
    begin(&self, true, true);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(connect_once(&self, TLS1_3_VERSION, TLS1_3_VERSION, &version, failure), 0);
        assert_non_null(strstr(failure, "RSA-PSS"));
        assert_non_null(strstr(failure, "ecc256"));
    }
    end(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ecc_keys_sign_for_either_version),
        cmocka_unit_test(test_rsa_signs_by_pss_in_tls_1_3_and_by_pkcs1_in_tls_1_2),
        cmocka_unit_test(test_a_tpm_with_the_largest_salt_is_noticed_and_talks_tls_1_2_from_then_on),
        cmocka_unit_test(test_such_a_tpm_loses_no_connection_to_a_server_of_tls_1_2),
        cmocka_unit_test(test_such_a_tpm_and_a_server_of_tls_1_3_alone_have_no_way_and_it_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

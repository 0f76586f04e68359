#include "device/tunnel/tls.h"

#include "device/tls/key.h"
#include "device/tls/use.h"
#include "device/tunnel/tls_why.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SESSIONS_MAX 128
#define TLS12_ALGORITHMS "ECDSA+SHA256:ECDSA+SHA384:RSA+SHA256:RSA+SHA384"
/* PKCS#1 v1.5 before PSS: TLS 1.2 takes either, and every TPM makes the first in the same way; TLS 1.3 passes over it. */
#define ALGORITHMS "ECDSA+SHA256:ECDSA+SHA384:RSA+SHA256:RSA+SHA384:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384"

/*
 * A session that a server lets us resume. OpenSSL knows when it was made, but the call that says so is another one in
 * 3.5 than in 3.0.
 */
typedef struct {
    SSL_SESSION *session;
    time_t until;
} kept_session;

struct bm_tunnel_tls {
    unsigned uses;
    bm_tls_key_library library;
    SSL_CTX *ctx;
    EVP_PKEY *key;
    X509 *leaf;
    const char *name;
    bool name_is_address;
    const bm_tunnel_helper *signer;
    bm_tls_wish wish; /* whose signature: handle and key */
    bm_tls_key_hand hand;
    char signing[BM_TUNNEL_WHY_SIZE]; /* what went wrong with the last signature; "": nothing */
    _Atomic bool pss_is_odd; /* the TPM's RSA-PSS is none that TLS takes */
    pthread_mutex_t lock; /* of what follows: sessions come in both threads */
    kept_session sessions[SESSIONS_MAX];
    size_t session_count;
};

struct bm_tunnel_session {
    SSL *ssl;
    bm_tunnel_tls *tls;
    bool may_sign;
    bool asked;   /* the server asked for our certificate */
    bool limited; /* to TLS 1.2 */
    char failure[BM_TUNNEL_WHY_SIZE];
};

static BM_RESULT ask_signer(const bm_tunnel_tls *tls, const bm_tls_wish *wish, bm_buf *signature)
{
    BM_AUTO_BUF ask = BM_BUF_EMPTY;
    BM_AUTO_BUF reply = BM_BUF_EMPTY;

    BM_TRY(bm_tunnel_message_put_wish(&ask, wish));
    BM_TRY(bm_tunnel_helper_ask(tls->signer, bm_buf_view(&ask), &reply));
    return bm_tunnel_message_parse_bytes(bm_buf_view(&reply), signature);
}

/* The hand of the key (tls/key.h). */
static bool sign(void *context, bm_tls_scheme scheme, bm_hash_alg hash, const bm_digest *digest, bm_buf *signature)
{
    bm_tunnel_tls *tls = context;
    bm_tls_wish wish = tls->wish;
    bm_result result;

    wish.scheme = scheme;
    wish.hash = hash;
    wish.digest = *digest;
    result = ask_signer(tls, &wish, signature);
    if (result.code == BM_OK && scheme == BM_TLS_PSS && !bm_tls_use_is_pss(tls->library.ctx, tls->leaf, hash, digest, signature)) {
        tls->pss_is_odd = true;
        result = bm_fail(BM_E_TPM, "the TPM's RSA-PSS signatures are none that TLS 1.3 takes: from now on it is TLS 1.2 with this key; an ECC key "
                                   "('birthmark enroll --renew --key ecc256') has both");
    }
    bm_tunnel_why_of_result(result, tls->signing);
    return result.code == BM_OK;
}

/* OpenSSL asks when the server wants a certificate, just before the signature. */
static int on_certificate_wanted(SSL *ssl, void *context)
{
    bm_tunnel_session *session = SSL_get_app_data(ssl);

    (void)context;
    session->asked = true;
    return session->may_sign ? 1 : -1;
}

static void drop_oldest(bm_tunnel_tls *tls)
{
    SSL_SESSION_free(tls->sessions[0].session);
    tls->session_count--;
    for (size_t i = 0; i < tls->session_count; i++)
        tls->sessions[i] = tls->sessions[i + 1];
}

static int on_session(SSL *ssl, SSL_SESSION *ticket)
{
    bm_tunnel_session *session = SSL_get_app_data(ssl);
    bm_tunnel_tls *tls = session->tls;

    if (SSL_SESSION_is_resumable(ticket) != 1)
        return 0;
    (void)pthread_mutex_lock(&tls->lock);
    if (tls->session_count == SESSIONS_MAX)
        drop_oldest(tls);
    tls->sessions[tls->session_count++] =
        (kept_session){.session = ticket, .until = time(NULL) + SSL_SESSION_get_timeout(ticket)};
    (void)pthread_mutex_unlock(&tls->lock);
    return 1;
}

/* The newest session, which is ours then. One of TLS 1.3 is used once (RFC 8446, C.4), one of TLS 1.2 stays for others, too. */
static SSL_SESSION *take_session(bm_tunnel_tls *tls)
{
    SSL_SESSION *taken = NULL;

    (void)pthread_mutex_lock(&tls->lock);
    while (taken == NULL && tls->session_count > 0) {
        taken = tls->sessions[--tls->session_count].session;
        if (tls->sessions[tls->session_count].until <= time(NULL)) {
            SSL_SESSION_free(taken);
            taken = NULL;
        } else if (SSL_SESSION_get_protocol_version(taken) != TLS1_3_VERSION && SSL_SESSION_up_ref(taken) == 1) {
            tls->session_count++; /* it stays where it was */
        }
    }
    (void)pthread_mutex_unlock(&tls->lock);
    return taken;
}

static bool configure(SSL_CTX *ctx)
{
    char algorithms[] = ALGORITHMS; /* the macro wants it writable */

    /* The order of the algorithms for our signature is ours, not the server's: that is what the "server preference" of a client means to OpenSSL. */
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_cb(ctx, on_certificate_wanted, NULL);
    SSL_CTX_set_read_ahead(ctx, 1);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 && SSL_CTX_set1_client_sigalgs_list(ctx, algorithms) == 1 &&
           SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
}

static BM_RESULT use_identity(bm_tunnel_tls *tls, const bm_tunnel_files *files)
{
    bm_pubkey key;

    BM_TRY(bm_tls_use_read(tls->library.ctx, &files->certificate, &tls->leaf, &key));
    BM_TRY(bm_pubkey_spki_sha256(&key, tls->wish.key));
    tls->hand = (bm_tls_key_hand){.sign = sign, .context = tls};
    tls->wish.handle = files->handle;
    BM_TRY(bm_tls_key_new(tls->library.ctx, &key, &tls->hand, &tls->key));
    return bm_tls_use_identity(tls->library.ctx, tls->ctx, tls->leaf, tls->key, &files->chain);
}

static BM_RESULT fill(bm_tunnel_tls *tls, const bm_tunnel_files *files)
{
    BM_TRY(bm_tls_key_open(&tls->library));
    tls->ctx = SSL_CTX_new_ex(tls->library.ctx, BM_TLS_KEY_QUERY, TLS_client_method());
    if (tls->ctx == NULL || !configure(tls->ctx))
        return bm_tls_use_failure("TLS cannot be set up");
    BM_TRY(bm_tls_use_anchors(tls->library.ctx, tls->ctx, &files->ca));
    return use_identity(tls, files);
}

BM_RESULT bm_tunnel_tls_new(const bm_tunnel_files *files, const char *name, const bm_tunnel_helper *signer, const bm_tunnel_tls *before, bm_tunnel_tls **tls)
{
    bm_tunnel_tls *made = calloc(1, sizeof(*made));
    bm_address address;
    bm_result result;

    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    *made = (bm_tunnel_tls){.uses = 1, .name = name, .signer = signer};
    made->pss_is_odd = before != NULL && before->pss_is_odd;
    made->name_is_address = bm_address_parse(bm_bytes_str(name), &address).code == BM_OK;
    (void)pthread_mutex_init(&made->lock, NULL);
    result = fill(made, files);
    if (result.code != BM_OK) {
        bm_tunnel_tls_unref(made);
        return result;
    }
    *tls = made;
    return bm_ok();
}

bm_tunnel_tls *bm_tunnel_tls_ref(bm_tunnel_tls *tls)
{
    tls->uses++;
    return tls;
}

void bm_tunnel_tls_unref(bm_tunnel_tls *tls)
{
    if (tls == NULL || --tls->uses > 0)
        return;
    while (tls->session_count > 0)
        SSL_SESSION_free(tls->sessions[--tls->session_count].session);
    SSL_CTX_free(tls->ctx);
    EVP_PKEY_free(tls->key);
    X509_free(tls->leaf);
    bm_tls_key_close(&tls->library);
    (void)pthread_mutex_destroy(&tls->lock);
    free(tls);
}

/* Whom the server must be. */
static bool expect(const bm_tunnel_tls *tls, SSL *ssl)
{
    void *name = (void *)(uintptr_t)tls->name; /* as above */

    if (tls->name_is_address)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), tls->name) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, tls->name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

BM_RESULT bm_tunnel_session_new(bm_tunnel_tls *tls, int fd, bm_tunnel_session **session)
{
    bm_tunnel_session *made = calloc(1, sizeof(*made));
    SSL_SESSION *ticket = take_session(tls);
    char algorithms[] = TLS12_ALGORITHMS;
    bool good;

    if (made != NULL) {
        made->ssl = SSL_new(tls->ctx);
        made->tls = bm_tunnel_tls_ref(tls);
    }
    good = made != NULL && made->ssl != NULL && SSL_set_fd(made->ssl, fd) == 1 && SSL_set_app_data(made->ssl, made) == 1 && expect(tls, made->ssl);
    if (good)
        made->limited = tls->pss_is_odd;
    if (good && made->limited)
        good = SSL_set_max_proto_version(made->ssl, TLS1_2_VERSION) == 1 && SSL_set1_client_sigalgs_list(made->ssl, algorithms) == 1;
    if (good && ticket != NULL)
        (void)SSL_set_session(made->ssl, ticket);
    SSL_SESSION_free(ticket);
    ERR_clear_error();
    if (!good) {
        bm_tunnel_session_free(made);
        return bm_fail(BM_E_NO_MEMORY, NULL);
    }
    SSL_set_connect_state(made->ssl);
    *session = made;
    return bm_ok();
}

void bm_tunnel_session_free(bm_tunnel_session *session)
{
    if (session == NULL)
        return;
    /* Else OpenSSL takes the session for damaged, and TLS 1.2 would not resume it. */
    if (session->ssl != NULL && SSL_is_init_finished(session->ssl) == 1)
        SSL_set_shutdown(session->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(session->ssl);
    bm_tunnel_tls_unref(session->tls);
    free(session);
}

/* What a call that did not succeed means. */
static bm_tunnel_step step_of(bm_tunnel_session *session, int rc)
{
    int error = SSL_get_error(session->ssl, rc);

    if (error == SSL_ERROR_WANT_READ)
        return BM_TUNNEL_WANTS_READ;
    if (error == SSL_ERROR_WANT_WRITE)
        return BM_TUNNEL_WANTS_WRITE;
    if (error == SSL_ERROR_WANT_X509_LOOKUP)
        return BM_TUNNEL_WANTS_KEY;
    if (error == SSL_ERROR_ZERO_RETURN)
        return BM_TUNNEL_CLOSED;
    bm_tunnel_why_of_openssl(session->ssl, error, session->tls->name, session->asked, session->limited, session->failure);
    ERR_clear_error();
    return BM_TUNNEL_BROKEN;
}

bm_tunnel_step bm_tunnel_session_shake(bm_tunnel_session *session, bool may_sign)
{
    bm_tunnel_step step;
    int rc;

    ERR_clear_error();
    session->may_sign = may_sign;
    if (may_sign)
        session->tls->signing[0] = 0;
    rc = SSL_do_handshake(session->ssl);
    if (rc == 1)
        return BM_TUNNEL_DONE;
    step = step_of(session, rc);
    if (step == BM_TUNNEL_BROKEN && may_sign && session->tls->signing[0] != 0)
        (void)snprintf(session->failure, sizeof(session->failure), "%s", session->tls->signing);
    /* A server that says goodbye in the middle of a handshake. */
    return step == BM_TUNNEL_CLOSED ? BM_TUNNEL_BROKEN : step;
}

bm_tunnel_step bm_tunnel_session_read(bm_tunnel_session *session, uint8_t *to, size_t size, size_t *got)
{
    int rc;

    *got = 0;
    ERR_clear_error();
    rc = SSL_read_ex(session->ssl, to, size, got);
    return rc == 1 ? BM_TUNNEL_DONE : step_of(session, rc);
}

bm_tunnel_step bm_tunnel_session_write(bm_tunnel_session *session, bm_bytes bytes, size_t *put)
{
    int rc;

    *put = 0;
    ERR_clear_error();
    rc = SSL_write_ex(session->ssl, bytes.data, bytes.size, put);
    return rc == 1 ? BM_TUNNEL_DONE : step_of(session, rc);
}

bool bm_tunnel_session_has_more(const bm_tunnel_session *session)
{
    return SSL_has_pending(session->ssl) == 1;
}

bm_tunnel_step bm_tunnel_session_end(bm_tunnel_session *session)
{
    int rc;

    ERR_clear_error();
    rc = SSL_shutdown(session->ssl);
    return rc >= 0 ? BM_TUNNEL_DONE : step_of(session, rc);
}

bool bm_tunnel_session_was_resumed(const bm_tunnel_session *session)
{
    return SSL_session_reused(session->ssl) == 1;
}

const char *bm_tunnel_session_failure(const bm_tunnel_session *session)
{
    return session->failure[0] != 0 ? session->failure : "the server ended the handshake: look at its log";
}

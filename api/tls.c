#include "api/abi.h"
#include "api/failure.h"
#include "api/handle.h"
#include "api/openssl.h"
#include "api/pipe.h"
#include "device/tls/files.h"
#include "device/tls/use.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

/* What a TPM signs with, without SHA-512, which many do not have; and what a server takes from its clients besides. */
#define OURS_TLS12 "ECDSA+SHA256:ECDSA+SHA384:RSA+SHA256:RSA+SHA384"
#define OURS "ECDSA+SHA256:ECDSA+SHA384:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:RSA+SHA256:RSA+SHA384"
#define THEIRS "ed25519:ECDSA+SHA512:rsa_pss_rsae_sha512:RSA+SHA512:" OURS

/* How the last signature of this thread ended: the code of a failure outlives OpenSSL's saying that the handshake failed. */
static _Thread_local struct {
    const birthmark *identity;
    birthmark_error error;
} signing;

static BM_RESULT sign_wish(bm_handle_key *key, const bm_tls_wish *wish, bm_buf *signature)
{
    BM_AUTO(bm_openssl_leave) bm_openssl stay = {.entered = false};
    birthmark *identity = key->owner;
    bm_pipe pipe;
    bm_result result;

    BM_TRY(bm_openssl_enter(&stay));
    BM_TRY(bm_handle_check(identity));
    bm_handle_lock(identity);
    bm_pipe_hold(&pipe);
    result = bm_handle_read_auth(identity);
    if (result.code == BM_OK)
        result = bm_tls_signer_sign(&identity->signer, wish, signature);
    if (bm_tls_signer_is_greedy(&identity->signer))
        bm_tls_signer_close(&identity->signer);
    bm_pipe_release(&pipe);
    bm_handle_unlock(identity);
    BM_TRY(result);
    if (wish->scheme != BM_TLS_PSS || bm_tls_use_is_pss(identity->library.ctx, key->leaf, wish->hash, &wish->digest, signature))
        return bm_ok();
    key->pss_is_odd = true;
    return bm_fail(BM_E_TPM, "the TPM's RSA-PSS signatures are none that TLS 1.3 takes: another SSL_CTX does TLS 1.2 with this key; an ECC key has both");
}

/* The hand of the key (tls/key.h). */
static bool sign(void *context, bm_tls_scheme scheme, bm_hash_alg hash, const bm_digest *digest, bm_buf *signature)
{
    bm_handle_key *key = context;
    bm_tls_wish wish = key->wish;
    bm_result result;

    wish.scheme = scheme;
    wish.hash = hash;
    wish.digest = *digest;
    result = sign_wish(key, &wish, signature);
    signing.identity = key->owner;
    if (bm_failure_give(result, &signing.error) != BIRTHMARK_OK)
        ERR_raise_data(ERR_LIB_USER, ERR_R_INTERNAL_ERROR, "birthmark: %s", signing.error.sentence);
    return result.code == BM_OK;
}

/* The one for this key, or another one. With the lock. */
static BM_RESULT settle_key(birthmark *identity, const bm_pubkey *public_key, uint32_t handle, X509 *leaf, bm_handle_key **key)
{
    uint8_t digest[BM_SHA256_SIZE];
    bm_handle_key *made;

    BM_TRY(bm_pubkey_spki_sha256(public_key, digest));
    for (made = identity->keys; made != NULL; made = made->next)
        if (made->wish.handle == handle && bm_bytes_equal(BM_BYTES_ARRAY(made->wish.key), BM_BYTES_ARRAY(digest))) {
            *key = made;
            return bm_ok();
        }
    made = calloc(1, sizeof(*made));
    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    if (X509_up_ref(leaf) != 1) {
        free(made);
        return bm_fail(BM_E_INTERNAL, "a certificate cannot be used twice");
    }
    made->owner = identity;
    made->leaf = leaf;
    made->wish.handle = handle;
    bm_result_ignore(bm_bytes_copy_exact(BM_BYTES_ARRAY(digest), made->wish.key, sizeof(made->wish.key)));
    made->hand = (bm_tls_key_hand){.sign = sign, .context = made};
    made->next = identity->keys;
    identity->keys = made;
    *key = made;
    return bm_ok();
}

/* An identity as it is loaded for one call. */
typedef struct {
    bm_tls_files files;
    X509 *leaf;
    EVP_PKEY *pkey;
    bm_handle_key *key;
} loaded;

static void loaded_fini(loaded *self)
{
    bm_tls_files_fini(&self->files);
    X509_free(self->leaf);
    EVP_PKEY_free(self->pkey);
}

static BM_RESULT open_library(birthmark *identity)
{
    bm_result result;

    if (identity->library.ours != NULL)
        return bm_ok();
    result = bm_tls_key_open(&identity->library);
    if (result.code != BM_OK)
        bm_tls_key_close(&identity->library);
    return result;
}

/* With the lock. */
static BM_RESULT load(birthmark *identity, loaded *self)
{
    bm_pubkey public_key;

    BM_TRY(open_library(identity));
    BM_TRY(bm_tls_files_load(identity->state, &self->files));
    BM_TRY(bm_tls_use_read(identity->library.ctx, &self->files.certificate, &self->leaf, &public_key));
    BM_TRY(settle_key(identity, &public_key, self->files.handle, self->leaf, &self->key));
    return bm_tls_key_new(identity->library.ctx, &public_key, &self->key->hand, &self->pkey);
}

static BM_RESULT load_locked(birthmark *identity, loaded *self)
{
    bm_result result;

    bm_handle_lock(identity);
    result = load(identity, self);
    bm_handle_unlock(identity);
    return result;
}

static BM_RESULT get_pkey(birthmark *identity, EVP_PKEY **key, OSSL_LIB_CTX **library)
{
    BM_AUTO(bm_openssl_leave) bm_openssl stay = {.entered = false};
    BM_AUTO(loaded_fini) loaded self = {.leaf = NULL};

    BM_TRY(bm_openssl_enter(&stay));
    BM_TRY(bm_handle_check(identity));
    BM_CHECK(key != NULL, BM_E_USAGE, "there is no place for the key");
    BM_TRY(load_locked(identity, &self));
    *key = self.pkey;
    self.pkey = NULL;
    if (library != NULL)
        *library = identity->library.ctx;
    return bm_ok();
}

birthmark_code birthmark_get_pkey(birthmark *identity, EVP_PKEY **key, OSSL_LIB_CTX **library, birthmark_error *error)
{
    return bm_failure_give(get_pkey(identity, key, library), error);
}

static bool set_versions(SSL_CTX *ctx, bool tls12)
{
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 && (!tls12 || SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION) == 1) &&
           SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
}

static bool set_algorithms(SSL_CTX *ctx, birthmark_role role, bool tls12)
{
    /* The macros want them writable. */
    char ours[] = OURS;
    char ours_tls12[] = OURS_TLS12;
    char theirs[] = THEIRS;

    if (role == BIRTHMARK_CLIENT)
        return SSL_CTX_set1_client_sigalgs_list(ctx, tls12 ? ours_tls12 : ours) == 1;
    return SSL_CTX_set1_sigalgs_list(ctx, tls12 ? ours_tls12 : ours) == 1 && SSL_CTX_set1_client_sigalgs_list(ctx, theirs) == 1;
}

static bool configure(SSL_CTX *ctx, birthmark_role role, bool tls12)
{
    static const unsigned char name[] = "birthmark";

    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_verify(ctx, role == BIRTHMARK_CLIENT ? SSL_VERIFY_PEER : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    /* Without it a server that verifies its clients cannot resume a session. */
    return SSL_CTX_set_session_id_context(ctx, name, sizeof(name) - 1) == 1 && set_versions(ctx, tls12) && set_algorithms(ctx, role, tls12);
}

static BM_RESULT fill(birthmark *identity, const birthmark_tls_options *options, const bm_buf *ca, const loaded *self, SSL_CTX *ctx)
{
    OSSL_LIB_CTX *library = identity->library.ctx;

    if (!configure(ctx, options->role, self->key->pss_is_odd))
        return bm_tls_use_failure("TLS cannot be set up");
    BM_TRY(bm_tls_use_anchors(library, ctx, ca));
    return bm_tls_use_identity(library, ctx, self->leaf, self->pkey, &self->files.chain);
}

static BM_RESULT get_ssl_ctx(birthmark *identity, const birthmark_tls_options *options, SSL_CTX **ctx)
{
    BM_AUTO(bm_openssl_leave) bm_openssl stay = {.entered = false};
    BM_AUTO(loaded_fini) loaded self = {.leaf = NULL};
    BM_AUTO_BUF ca = BM_BUF_EMPTY;
    birthmark_tls_options o;
    SSL_CTX *made;
    bm_result result;

    BM_TRY(bm_openssl_enter(&stay));
    BM_TRY(bm_handle_check(identity));
    BM_TRY(bm_abi_take(options, &o, sizeof(o)));
    BM_CHECK(ctx != NULL, BM_E_USAGE, "there is no place for the SSL_CTX");
    BM_CHECK(o.role == BIRTHMARK_CLIENT || o.role == BIRTHMARK_SERVER_SIDE, BM_E_USAGE, "the role is none: give BIRTHMARK_CLIENT or BIRTHMARK_SERVER_SIDE");
    BM_CHECK(o.ca != NULL, BM_E_USAGE, "the member `ca` is missing: give the file of certificates that verify the other side");
    BM_TRY(bm_tls_files_read_ca(o.ca, &ca));
    BM_TRY(load_locked(identity, &self));
    made = SSL_CTX_new_ex(identity->library.ctx, BM_TLS_KEY_QUERY, o.role == BIRTHMARK_CLIENT ? TLS_client_method() : TLS_server_method());
    if (made == NULL)
        return bm_tls_use_failure("TLS cannot be set up");
    result = fill(identity, &o, &ca, &self, made);
    if (result.code == BM_OK)
        *ctx = made;
    else
        SSL_CTX_free(made);
    return result;
}

birthmark_code birthmark_get_ssl_ctx(birthmark *identity, const birthmark_tls_options *options, SSL_CTX **ctx, birthmark_error *error)
{
    return bm_failure_give(get_ssl_ctx(identity, options, ctx), error);
}

birthmark_code birthmark_get_signing_error(birthmark *identity, birthmark_error *error)
{
    if (signing.identity != identity || identity == NULL)
        return bm_failure_give(bm_ok(), error);
    if (error != NULL)
        *error = signing.error;
    return signing.error.code;
}

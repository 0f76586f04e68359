#include "device/tls/signer.h"

#include "device/identity/identity.h"
#include "device/identity/key_file.h"
#include "device/tpm/ek.h"
#include "device/tpm/session.h"
#include "device/tpm/use.h"
#include "x509/csr.h"

#include <stdio.h>

void bm_tls_signer_close(bm_tls_signer *signer)
{
    bm_tpm_ik_fini(&signer->ik);
    bm_tpm_context_close(&signer->context);
    signer->context = (bm_tpm_context){0};
    signer->open = false;
}

bool bm_tls_signer_is_greedy(const bm_tls_signer *signer)
{
    return signer->open && !signer->context.managed;
}

/* What device.key says; a directory without one is of a key that has nothing but its handle. */
typedef struct {
    bm_tpm_kind kind;
    bm_buf public_area;
    bm_buf private_area;
    bool has_ek; /* `ek` is the SHA-256 of the EK to which the identity is bound */
    uint8_t ek[BM_SHA256_SIZE];
} key_files;

static void key_files_fini(key_files *files)
{
    bm_buf_fini(&files->public_area);
    bm_buf_fini(&files->private_area);
}

static BM_RESULT read_files(const bm_tls_signer *signer, uint32_t handle, key_files *files)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    BM_AUTO_BUF pem = BM_BUF_EMPTY;
    bm_identity_state state;
    bm_result result;
    bool found = false;

    BM_TRY(bm_identity_open_to_read(signer->state, &identity));
    if (identity.fd < 0)
        return bm_failf(BM_E_IO, "%s is not there: check --state", signer->state);
    BM_TRY(bm_identity_look(&identity, &state));
    files->has_ek = state.has_ek;
    BM_TRY(bm_bytes_copy_exact(BM_BYTES_ARRAY(state.ek), files->ek, sizeof(files->ek)));
    result = bm_identity_read(&identity, "device.key", &pem, &found);
    /* Who enrolled alone may read it (0600), and a service has another user: a key at a handle is used without, its value as it was given. */
    if (result.code != BM_E_IO || handle == 0)
        BM_TRY(result);
    files->kind.has_auth = result.code != BM_OK && signer->key_auth.size > 0;
    if (result.code == BM_OK && found && bm_key_file_parse(bm_buf_view(&pem), &files->kind, &files->public_area, &files->private_area).code != BM_OK)
        return bm_failf(BM_E_IO, "%s/device.key is damaged: run 'birthmark enroll --renew'", signer->state);
    files->kind.auth = signer->key_auth;
    return bm_ok();
}

/*
 * A value is proven in a session that is salted to the EK of this identity, so that nobody who records the bus can try values at home. The EK is
 * needed for as long as the session starts.
 */
static BM_RESULT salt(bm_tls_signer *signer, const key_files *files)
{
    BM_AUTO(bm_tpm_ek_fini) bm_tpm_ek ek = {0};
    bm_tpm_handles indices;

    BM_CHECK(files->has_ek, BM_E_EK_MISMATCH, "the state directory does not say to which EK the identity is bound: run 'birthmark enroll --renew'");
    BM_TRY(bm_tpm_ek_indices(&signer->context, &indices));
    BM_TRY(bm_tpm_ek_find_known(&signer->context, &indices, files->ek, &ek));
    BM_CHECK(ek.row != NULL, BM_E_EK_MISMATCH, "the EK to which the identity is bound is not in this TPM: it is another one, or somebody is on its bus");
    return bm_tpm_session_salt(&signer->context, &ek.object, bm_buf_view(&ek.public_area));
}

/* Opens the key at its handle, or loads it. */
static BM_RESULT find_key(bm_tls_signer *signer, const key_files *files)
{
    bool loaded;

    BM_TRY(bm_tpm_kind_check_given(&files->kind, signer->state));
    if (files->kind.has_auth)
        BM_TRY(salt(signer, files));
    if (signer->handle == 0) {
        BM_TRY(bm_tpm_ik_load(&signer->context, &files->kind, bm_buf_view(&files->public_area), bm_buf_view(&files->private_area), &signer->ik, &loaded));
        return bm_ok();
    }
    BM_TRY(bm_tpm_ik_open(&signer->context, signer->handle, &signer->ik));
    if (files->public_area.size == 0 || bm_bytes_equal(bm_buf_view(&files->public_area), bm_buf_view(&signer->ik.public_area)))
        signer->ik.kind = files->kind;
    return bm_ok();
}

static BM_RESULT open_all(bm_tls_signer *signer, uint32_t handle)
{
    BM_AUTO(key_files_fini) key_files files = {.has_ek = false};

    BM_TRY(read_files(signer, handle, &files));
    BM_TRY(bm_tpm_context_open(signer->tcti, &signer->context));
    signer->open = true;
    signer->handle = handle;
    if (signer->auth != NULL)
        bm_tpm_auth_use(&signer->context, signer->auth);
    return find_key(signer, &files);
}

/* What a person calls the place of the key. */
static const char *place_of(const bm_tls_wish *wish, char text[40])
{
    if (wish->handle == 0)
        return "device.key";
    (void)snprintf(text, 40, "the TPM's handle 0x%08x", wish->handle);
    return text;
}

static BM_RESULT open_key(bm_tls_signer *signer, const bm_tls_wish *wish)
{
    uint8_t key[BM_SHA256_SIZE];
    char text[40];

    if (signer->open && signer->handle != wish->handle)
        bm_tls_signer_close(signer);
    if (!signer->open)
        BM_TRY(open_all(signer, wish->handle));
    if (signer->ik.key.type == BM_KEY_NONE)
        return bm_failf(BM_E_TPM_HANDLE_TAKEN, "there is no key at %s, or none that this TPM can load (was the TPM cleared?): run 'birthmark enroll'",
                        place_of(wish, text));
    BM_TRY(bm_pubkey_spki_sha256(&signer->ik.key, key));
    if (!bm_bytes_equal(BM_BYTES_ARRAY(key), BM_BYTES_ARRAY(wish->key)))
        return bm_failf(BM_E_TPM_HANDLE_TAKEN, "the key at %s is not that of device.crt: run 'birthmark enroll'", place_of(wish, text));
    return bm_ok();
}

static BM_RESULT put_signature(bm_buf *out, const TPMT_SIGNATURE *signature, TPM2_ALG_ID wanted)
{
    const TPMS_SIGNATURE_ECDSA *ecdsa = &signature->signature.ecdsa;
    const TPM2B_PUBLIC_KEY_RSA *rsa = wanted == TPM2_ALG_RSAPSS ? &signature->signature.rsapss.sig : &signature->signature.rsassa.sig;

    BM_CHECK(signature->sigAlg == wanted, BM_E_TPM_RESPONSE, "TPM2_Sign gave a signature of another kind");
    if (wanted != TPM2_ALG_ECDSA)
        return bm_buf_put(out, bm_bytes_of(rsa->buffer, rsa->size));
    return bm_csr_put_ecdsa(out, bm_bytes_of(ecdsa->signatureR.buffer, ecdsa->signatureR.size),
                            bm_bytes_of(ecdsa->signatureS.buffer, ecdsa->signatureS.size));
}

static BM_RESULT sign_once(bm_tls_signer *signer, const bm_tls_wish *wish, bm_buf *signature)
{
    static const TPM2_ALG_ID schemes[] = {[BM_TLS_ECDSA] = TPM2_ALG_ECDSA, [BM_TLS_PKCS1] = TPM2_ALG_RSASSA, [BM_TLS_PSS] = TPM2_ALG_RSAPSS};
    TPMT_SIG_SCHEME scheme = {.scheme = schemes[wish->scheme]};
    TPMT_SIGNATURE *made = NULL;
    bm_result result;

    BM_TRY(open_key(signer, wish));
    BM_CHECK((wish->scheme == BM_TLS_ECDSA) == bm_pubkey_is_ecc(signer->ik.key.type), BM_E_INTERNAL, "a signature of another kind than the key");
    scheme.details.any.hashAlg = bm_tpm_public_hash_id(wish->hash);
    result = bm_tpm_use_sign(&signer->ik, &scheme, bm_hash_view(&wish->digest), &made);
    signer->refused = result.code == BM_E_TPM_AUTH && signer->ik.kind.has_auth;
    BM_TRY(result);
    result = put_signature(signature, made, scheme.scheme);
    Esys_Free(made);
    return result;
}

BM_RESULT bm_tls_signer_sign(bm_tls_signer *signer, const bm_tls_wish *wish, bm_buf *signature)
{
    bool was_open = signer->open;
    bm_result result;

    BM_CHECK(!signer->refused, BM_E_TPM_AUTH,
             "the value of --key-auth was refused before, and is not tried again: give the right one, and start the program anew");
    result = sign_once(signer, wish, signature);

    if (result.code != BM_OK)
        bm_tls_signer_close(signer);
    /* A TPM that was restarted, or a key that was replaced, since it was opened. */
    if (result.code != BM_OK && result.code != BM_E_NO_MEMORY && was_open && !signer->refused) {
        bm_buf_clear(signature);
        result = sign_once(signer, wish, signature);
        if (result.code != BM_OK)
            bm_tls_signer_close(signer);
    }
    return result;
}

#include "api/abi.h"
#include "api/failure.h"
#include "api/handle.h"
#include "api/openssl.h"
#include "base/text.h"
#include "device/identity/identity.h"
#include "device/tls/files.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *birthmark_version(void)
{
    return BIRTHMARK_VERSION;
}

void birthmark_init(void *structure, size_t size)
{
    bm_wipe(structure, size);
    if (size >= sizeof(size))
        *(size_t *)structure = size;
}

static BM_RESULT make(const birthmark_options *options, birthmark **identity)
{
    birthmark_options o = {.size = 0};
    birthmark *made;

    BM_CHECK(identity != NULL, BM_E_USAGE, "there is no place for the handle");
    if (options != NULL)
        BM_TRY(bm_abi_take(options, &o, sizeof(o)));
    BM_CHECK(o.key_auth == NULL || strncmp(o.key_auth, "file:", 5) == 0, BM_E_USAGE,
             "an authorisation value is none that is taken: give file:PATH, a file that this user alone can read");
    made = calloc(1, sizeof(*made));
    BM_CHECK(made != NULL, BM_E_NO_MEMORY, NULL);
    made->owner = getpid();
    made->state = strdup(o.state != NULL ? o.state : BIRTHMARK_STATE_DEFAULT);
    made->tcti = strdup(o.tcti != NULL ? o.tcti : BIRTHMARK_TCTI_DEFAULT);
    made->auth_source = o.key_auth != NULL ? strdup(o.key_auth) : NULL;
    (void)pthread_mutex_init(&made->lock, NULL);
    made->signer.tcti = made->tcti;
    made->signer.state = made->state;
    if (made->state == NULL || made->tcti == NULL || (o.key_auth != NULL && made->auth_source == NULL)) {
        birthmark_close(made);
        return bm_fail(BM_E_NO_MEMORY, NULL);
    }
    *identity = made;
    return bm_ok();
}

birthmark_code birthmark_open(const birthmark_options *options, birthmark **identity, birthmark_error *error)
{
    return bm_failure_give(make(options, identity), error);
}

void birthmark_close(birthmark *identity)
{
    BM_AUTO(bm_openssl_leave) bm_openssl stay = {.entered = false};

    if (identity == NULL)
        return;
    /* Without memory for it nothing was opened in it either. */
    bm_result_ignore(bm_openssl_enter(&stay));
    bm_tls_signer_close(&identity->signer);
    while (identity->keys != NULL) {
        bm_handle_key *key = identity->keys;

        identity->keys = key->next;
        X509_free(key->leaf);
        free(key);
    }
    bm_tls_key_close(&identity->library);
    (void)pthread_mutex_destroy(&identity->lock);
    bm_buf_fini(&identity->key_auth);
    free(identity->auth_source);
    free(identity->state);
    free(identity->tcti);
    free(identity);
}

static void take_state(const bm_identity_state *state, birthmark_status *status)
{
    status->enrolled = state->key.type != BM_KEY_NONE;
    if (!status->enrolled)
        return;
    status->complete = state->complete;
    status->not_before = state->info.not_before;
    status->not_after = state->info.not_after;
    status->renew_after = state->renew_after;
    bm_identity_name(&state->info, status->serial);
    (void)snprintf(status->subject, sizeof(status->subject), "%s", state->info.subject);
    (void)snprintf(status->issuer, sizeof(status->issuer), "%s", state->info.issuer);
    (void)snprintf(status->key_type, sizeof(status->key_type), "%s", bm_pubkey_type_name(state->key.type));
    if (state->has_ek)
        bm_text_hex(BM_BYTES_ARRAY(state->ek), status->ek_sha256);
}

static BM_RESULT look(birthmark *identity, birthmark_status *status)
{
    BM_AUTO(bm_openssl_leave) bm_openssl stay = {.entered = false};
    BM_AUTO(bm_identity_close) bm_identity directory = BM_IDENTITY_CLOSED;
    BM_AUTO(bm_tls_files_fini) bm_tls_files files = {.handle = 0};
    birthmark_status found = {.size = sizeof(found)};
    bm_identity_state state;

    BM_TRY(bm_openssl_enter(&stay));
    BM_TRY(bm_handle_check(identity));
    BM_TRY(bm_identity_open_to_read(identity->state, &directory));
    BM_TRY(bm_identity_look(&directory, &state));
    take_state(&state, &found);
    /* Files that are not whole are told by `complete`. */
    if (found.enrolled && bm_tls_files_load(identity->state, &files).code == BM_OK)
        found.handle = files.handle;
    return bm_abi_give(&found, sizeof(found), status);
}

birthmark_code birthmark_get_status(birthmark *identity, birthmark_status *status, birthmark_error *error)
{
    return bm_failure_give(look(identity, status), error);
}

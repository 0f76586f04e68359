#include "api/handle.h"

#include <unistd.h>

BM_RESULT bm_handle_check(const birthmark *identity)
{
    BM_CHECK(identity != NULL, BM_E_USAGE, "there is no handle: get one with birthmark_open");
    /* Two processes on one connection would take each other's answers, and another thread may have held the lock. */
    BM_CHECK(identity->owner == getpid(), BM_E_USAGE, "the handle is another process's: after fork(), get one with birthmark_open");
    return bm_ok();
}

void bm_handle_lock(birthmark *identity)
{
    (void)pthread_mutex_lock(&identity->lock);
}

void bm_handle_unlock(birthmark *identity)
{
    (void)pthread_mutex_unlock(&identity->lock);
}

BM_RESULT bm_handle_read_auth(birthmark *identity)
{
    if (identity->auth_source == NULL || identity->key_auth.size > 0)
        return bm_ok();
    BM_TRY(bm_tpm_kind_read_auth(identity->auth_source, &identity->key_auth));
    identity->signer.key_auth = bm_buf_view(&identity->key_auth);
    return bm_ok();
}

void bm_handle_forget_auth(birthmark *identity)
{
    bm_tls_signer_close(&identity->signer);
    bm_buf_fini(&identity->key_auth);
    identity->signer.key_auth = bm_bytes_of(NULL, 0);
    identity->signer.refused = false;
}

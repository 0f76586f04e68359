#include "device/tunnel/ours.h"

#include "device/identity/identity.h"
#include "device/tls/files.h"

static bool has(const bm_tunnel_ours *ours, uint32_t handle, const uint8_t key[BM_SHA256_SIZE])
{
    for (size_t i = 0; i < ours->count; i++)
        if (ours->keys[i].handle == handle && bm_bytes_equal(BM_BYTES_ARRAY(ours->keys[i].key), bm_bytes_of(key, BM_SHA256_SIZE)))
            return true;
    return false;
}

BM_RESULT bm_tunnel_ours_look(bm_tunnel_ours *ours, const char *state)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    BM_AUTO(bm_tls_files_fini) bm_tls_files files = {.handle = 0};
    bm_identity_state found = {.complete = false};
    bm_tunnel_ours_key now;

    BM_TRY(bm_identity_open_to_read(state, &identity));
    if (identity.fd < 0)
        return bm_failf(BM_E_IO, "%s is not there: run 'birthmark enroll', or check --state", state);
    identity.path = state;
    BM_TRY(bm_tls_files_load(state, &files));
    now.handle = files.handle;
    BM_TRY(bm_identity_look(&identity, &found));
    BM_CHECK(found.key.type != BM_KEY_NONE, BM_E_IO, "device.crt is no certificate in PEM: run 'birthmark enroll'");
    BM_TRY(bm_pubkey_spki_sha256(&found.key, now.key));
    if (has(ours, now.handle, now.key))
        return bm_ok();
    if (ours->count == BM_TUNNEL_OURS_MAX) {
        ours->count--;
        for (size_t i = 0; i < ours->count; i++)
            ours->keys[i] = ours->keys[i + 1];
    }
    ours->keys[ours->count++] = now;
    return bm_ok();
}

BM_RESULT bm_tunnel_ours_check(bm_tunnel_ours *ours, const char *state, const bm_tls_wish *wish)
{
    if (has(ours, wish->handle, wish->key))
        return bm_ok();
    bm_result_ignore(bm_tunnel_ours_look(ours, state));
    if (has(ours, wish->handle, wish->key))
        return bm_ok();
    return bm_failf(BM_E_TPM_HANDLE_TAKEN, "the key at the TPM's handle 0x%08x is not the one that %s names: run 'birthmark enroll'", wish->handle, state);
}

#include "agent/tunnel_ours.h"

#include "base/text.h"

BM_RESULT bm_tunnel_ours_read_handle(const bm_identity *identity, uint32_t *handle)
{
    BM_AUTO_BUF uri = BM_BUF_EMPTY;
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    bm_bytes text;
    bm_cursor cursor;
    bool found;

    BM_TRY(bm_identity_read(identity, "key.uri", &uri, &found));
    if (!found)
        return bm_failf(BM_E_IO, "%s has no key.uri: run 'birthmark enroll', or check --state", identity->path);
    text = bm_buf_view(&uri);
    if (text.size < 17 || !bm_bytes_equal(bm_bytes_slice(text, 0, 9), bm_bytes_str("handle:0x")) ||
        bm_text_from_hex(bm_bytes_slice(text, 9, 8), &bytes).code != BM_OK)
        return bm_failf(BM_E_IO, "%s/key.uri names no handle of the TPM: run 'birthmark enroll'", identity->path);
    cursor = bm_cursor_of(bm_buf_view(&bytes));
    return bm_cursor_u32(&cursor, handle);
}

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
    bm_identity_state found = {.complete = false};
    bm_tunnel_ours_key now;

    BM_TRY(bm_identity_open_to_read(state, &identity));
    if (identity.fd < 0)
        return bm_failf(BM_E_IO, "%s is not there: run 'birthmark enroll', or check --state", state);
    identity.path = state;
    BM_TRY(bm_tunnel_ours_read_handle(&identity, &now.handle));
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

BM_RESULT bm_tunnel_ours_check(bm_tunnel_ours *ours, const char *state, const bm_tunnel_wish *wish)
{
    if (has(ours, wish->handle, wish->key))
        return bm_ok();
    bm_result_ignore(bm_tunnel_ours_look(ours, state));
    if (has(ours, wish->handle, wish->key))
        return bm_ok();
    return bm_failf(BM_E_TPM_HANDLE_TAKEN, "the key at the TPM's handle 0x%08x is not the one that %s names: run 'birthmark enroll'", wish->handle, state);
}
